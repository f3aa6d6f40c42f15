"""Rules of a project that change what the price book says: own rates, discounts, free models, mappings. Only data."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

__all__ = ["RULE_PRICE_PREFIX", "InForce", "OwnRate", "PriceOverlay", "PriceRule", "PriceRuleKind", "describe"]

PriceRuleKind = Literal["override", "discount", "free", "mapping"]
"""`override`: own rates of a model. `discount`: percent off. `free`: costs nothing. `mapping`: one name means another
model."""

RULE_PRICE_PREFIX = "rule:"
"""What the price id of an own rate begins with; the rule's id follows."""

_EVER = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_REMEMBERED_SPANS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRate:
    """What a project pays for `per` of one unit."""

    unit: str
    usd: Decimal
    per: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRule:
    """One rule. It holds for calls that start from `from_us` on and before `until_us`."""

    id: str
    kind: PriceRuleKind
    provider: str | None = None
    """`None`: any, which only a discount may say."""
    model: str | None = None
    """A name as calls have it, or a model of the price book; in any case. `None`: every model of the provider."""
    from_us: int
    """Microseconds since 1970 UTC."""
    until_us: int | None = None
    """Exclusive; `None`: until further notice."""
    to_provider: str | None = None
    to_model: str | None = None
    """Of a mapping: the model of the price book that the name means."""
    rates: tuple[OwnRate, ...] = ()
    """Of an override."""
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of an override: conditions under which its rates hold, with the values of the price book or those of calls."""
    above_input_tokens: int | None = None
    """Of an override: its rates hold for requests with more input tokens than this; `None`: for requests of any
    length."""
    percent: Decimal | None = None
    """Of a discount: from 0 to 100."""
    units: frozenset[str] | None = None
    """Of a discount: the units that it is about; `None`: all."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules that hold during one span of time."""

    from_us: int
    until_us: int
    rules: tuple[PriceRule, ...]


class PriceOverlay:
    """All rules of a project, past and future ones too. Thread-safe; never changes: other rules are another overlay."""

    def __init__(self, rules: Iterable[PriceRule]) -> None:
        self.rules = tuple(rules)
        self.plans: dict[Any, Any] = {}
        """What look-ups found so far; emptied when it grows large."""
        self._spans: Sequence[InForce] = ()
        self._lock = threading.Lock()

    def at(self, at_us: int) -> InForce:
        """The rules in force at a moment."""
        for span in self._spans:
            if span.from_us <= at_us < span.until_us:
                return span
        with self._lock:
            span = self._make(at_us)
            self._spans = (span, *self._spans[: _REMEMBERED_SPANS - 1])
        return span

    def _make(self, at_us: int) -> InForce:
        edges = {edge for rule in self.rules for edge in (rule.from_us, rule.until_us) if edge is not None}
        return InForce(
            max((edge for edge in edges if edge <= at_us), default=-_EVER),
            min((edge for edge in edges if edge > at_us), default=_EVER),
            tuple(
                rule
                for rule in self.rules
                if rule.from_us <= at_us and (rule.until_us is None or at_us < rule.until_us)
            ),
        )


def describe(rule: PriceRule) -> str:
    """What a receipt says of a rule: its effect, its end and its id."""
    until = "" if rule.until_us is None else f" until {_moment(rule.until_us)}"
    if rule.kind == "discount":
        what = f"project discount of {_plain(rule.percent or Decimal(0))} %{until}"
    elif rule.kind == "override":
        what = f"own rate of the project{until}"
    elif rule.kind == "free":
        what = f"free by a rule of the project{until}"
    else:
        what = f"{rule.model} is mapped to {rule.to_provider}/{rule.to_model} by the project{until}"
    return f"{what} (rule {rule.id})"


def _plain(amount: Decimal) -> str:
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(at_us: int) -> str:
    moment = _EPOCH + timedelta(microseconds=at_us)
    is_midnight = (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
    return moment.strftime("%Y-%m-%d" if is_midnight else "%Y-%m-%d %H:%M:%S UTC")
