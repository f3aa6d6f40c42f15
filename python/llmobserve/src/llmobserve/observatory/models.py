"""What an application can say about a call beside its usage: how it was routed, cached and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any, TypeVar, cast

from llmobserve.guard import text_of
from llmobserve.privacy import LONGEST_VALUE, is_secret_name, label, note
from llmobserve.secret_patterns import REPLACED

__all__ = [
    "AgentRole",
    "CacheMetadata",
    "Number",
    "QualityEvaluation",
    "RoutingDecision",
    "data_of",
    "model_of",
    "plain_data",
    "plain_value",
]

Number = int | float | str | Decimal
"""A number; what is no whole number is kept as a decimal."""

_MOST = 64
"""Entries of a list or mapping that are kept."""
_ROOM = 48_000
"""Characters of one fact: the collector takes 64 KB of JSON."""
_DEPTH = 4
_WHOLE = 2**53
M = TypeVar("M", "RoutingDecision", "CacheMetadata", "QualityEvaluation")


class AgentRole(str, Enum):
    """Usual parts that agents play; any other word will do as well."""

    ORCHESTRATOR = "orchestrator"
    PLANNER = "planner"
    ROUTER = "router"
    RESEARCHER = "researcher"
    ANALYST = "analyst"
    WRITER = "writer"
    CODER = "coder"
    REVIEWER = "reviewer"
    CRITIC = "critic"
    SUMMARIZER = "summarizer"
    EXECUTOR = "executor"
    ASSISTANT = "assistant"


@dataclass(frozen=True, kw_only=True)
class RoutingDecision:
    """Why this model was asked. `None` = not said."""

    chosen_model: str | None = None
    chosen_provider: str | None = None
    alternatives: Sequence[str] = ()
    """Models that could have been chosen."""
    strategy: str | None = None
    """The rule that decided: `cheapest`, `complexity`, …"""
    reason: str | None = None
    confidence: Number | None = None
    """Of the router, 0 to 1."""
    complexity: Number | None = None
    """Of the request, as the router sees it, 0 to 1."""
    estimated_cost_usd: Number | None = None
    """As the router estimates it, before the call."""
    baseline_cost_usd: Number | None = None
    """The same for the model that would have been asked otherwise."""
    estimated_saving_usd: Number | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, kw_only=True)
class CacheMetadata:
    """What a cache did. `None` = not said."""

    hit: bool
    """True when the answer came from the cache."""
    cache_type: str | None = None
    """`exact`, `semantic`, … With `provider` it is the provider's own prompt cache: the provider was called. After a
    hit in any other cache it was not, and the call costs nothing."""
    source: str | None = None
    """Which cache: `redis`, `memory`, …"""
    key: str | None = None
    cluster_id: str | None = None
    """Group of prompts that the cache takes for alike."""
    similarity: Number | None = None
    """0 to 1."""
    ttl_s: Number | None = None
    age_s: Number | None = None
    saved_tokens: int | None = None
    saved_cost_usd: Number | None = None
    saved_latency_ms: Number | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def spared_the_call(self) -> bool:
        """True when the provider was not called."""
        return bool(self.hit) and text_of(self.cache_type).lower() not in {"provider", "prompt"}


@dataclass(frozen=True, kw_only=True)
class QualityEvaluation:
    """What a judge says about an answer. `None` = not said."""

    score: Number | None = None
    """Over all; kept as the score `quality`."""
    scores: Mapping[str, Number | bool] = field(default_factory=dict[str, "Number | bool"])
    """By criterion (`faithfulness`); each is kept as a score of that name."""
    judge_model: str | None = None
    judge_provider: str | None = None
    evaluator: str | None = None
    """Name of the program, where it was no model."""
    passed: bool | None = None
    hallucination: bool | None = None
    factual_error: bool | None = None
    error_category: str | None = None
    failure_reason: str | None = None
    feedback: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


def data_of(model: object) -> dict[str, Any]:
    """The `data` of a fact: what was said, without secrets and within bounds."""
    # Scores are records of their own.
    without = {"score", "scores"} if isinstance(model, QualityEvaluation) else set[str]()
    names = (spec.name for spec in fields(cast("Any", model)))
    return plain_data({name: getattr(model, name) for name in names if name not in without})


def plain_data(said: Mapping[str, object]) -> dict[str, Any]:
    """The same of names that have no model. What is above 48,000 characters is left out, and `truncated` says so."""
    plain = _Plain()
    found = {name: plain.value(value) for name, value in said.items()}
    if plain.left <= 0:
        found["truncated"] = True
    return {name: value for name, value in found.items() if value is not None and value != [] and value != {}}


def model_of(kind: type[M], given: "M | Mapping[str, Any] | None") -> M | None:
    """The model; made from a mapping where one was given, with names of the application's own under `metadata`."""
    if given is None or isinstance(given, kind):
        return given
    known = {spec.name for spec in fields(kind)}
    values = {name: value for name, value in given.items() if name in known}
    own = {text_of(name): value for name, value in given.items() if name not in known}
    if own:
        said = values.get("metadata")
        values["metadata"] = {**cast("Mapping[str, object]", said), **own} if isinstance(said, Mapping) else own
    if kind is CacheMetadata:
        values.setdefault("hit", False)
    return kind(**values)


def plain_value(value: object) -> Any:
    """A value as JSON can carry it: fractions as decimal strings, other objects as text; `None` for no number."""
    return _Plain().value(value)


class _Plain:
    """Makes values plain until there is no room left for more."""

    def __init__(self) -> None:
        self.left = _ROOM

    def value(self, value: object, depth: int = 0) -> Any:
        self.left -= 8
        if value is None or isinstance(value, bool) or self.left <= 0:
            return value if isinstance(value, bool) else None
        if isinstance(value, Enum):
            return self.value(value.value, depth)
        if isinstance(value, (int, float, Decimal)):
            return _number(value)
        if isinstance(value, Mapping) and depth < _DEPTH:
            return self._mapping(cast("Mapping[Any, Any]", value), depth)
        if isinstance(value, (list, tuple, set, frozenset)) and depth < _DEPTH:
            items = islice(cast("Sequence[Any]", value), _MOST)
            return [self.value(item, depth + 1) for item in items]
        text = label(text_of(cast("object", value)), LONGEST_VALUE)
        self.left -= len(text)
        return text

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, item in islice(tuple(value.items()), _MOST):
            name = label(text_of(key))
            self.left -= len(name)
            if item and is_secret_name(name):
                note("label")
                out[name] = REPLACED
            else:
                out[name] = self.value(item, depth + 1)
        return out


def _number(value: float | Decimal) -> int | str | None:
    if isinstance(value, int) and abs(value) < _WHOLE:
        return value
    number = Decimal(repr(float(value))) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) >= _MOST:
        return None
    return format(number, "f")
