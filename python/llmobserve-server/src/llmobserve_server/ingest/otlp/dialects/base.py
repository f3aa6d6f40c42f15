"""What a dialect is: a table of attribute names, and small functions for what a table cannot say.

A dialect lists, for each field of a `Reading`, the attributes that may hold it, the best first. `compiled()` adds to
its table the attributes of the other dialects as what fills gaps: a field is taken from one attribute, never added up.
What no field takes stays as an attribute of the record.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmobserve_server.ingest.otlp.dialects.errors import read_error
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import amount, flag, mapping, number, text, texts, whole

__all__ = ["Compiled", "Dialect", "Found", "Keys", "compiled", "kinds", "read_span", "text_metadata"]

Found = dict[str, Any]
"""Field → value of the best attribute that was there, as it came."""
Keys = Mapping[str, tuple[str, ...]]
"""Field → attributes that may hold it, the best first."""


def _same(value: Any) -> Any:
    return value


def _ms_of_seconds(value: Any) -> float | None:
    seconds = number(value)
    return None if seconds is None else seconds * 1000


_TOKENS: Mapping[str, Callable[[Any], Any]] = dict.fromkeys(
    (
        *("input", "output", "total", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning"),
        *("input_audio", "input_image", "cache_read_audio", "output_audio", "output_image"),
    ),
    whole,
)
"""Fields of `Tokens`; in a table they stand as `tokens.input` and so on."""
_TEXTS = (
    *("operation", "provider", "request_model", "response_model", "response_id", "request_id", "host", "api"),
    *("run_id", "session_id", "user_id", "customer_id", "agent", "section", "section_path"),
    *("prompt_name", "prompt_version", "error_type", "error_message", "name"),
)
_CONVERTERS: dict[str, tuple[str, Callable[[Any], Any], bool]] = {
    **{f"tokens.{name}": (name, convert, True) for name, convert in _TOKENS.items()},
    **{name: (name, text, False) for name in _TEXTS},
    **{name: (name, _same, False) for name in ("usage_raw", "input", "system", "tools", "output")},
    "cost_usd": ("cost_usd", amount, False),
    "finish_reasons": ("finish_reasons", texts, False),
    "http_status": ("http_status", whole, False),
    "port": ("port", whole, False),
    "stream": ("stream", flag, False),
    "tags": ("tags", texts, False),
    "ttft_ms": ("ttft_ms", number, False),
    "ttft_s": ("ttft_ms", _ms_of_seconds, False),
}
"""Field of a table → attribute of the reading, how its value is read, and whether it is one of the tokens.

`ttft_s` is in seconds. `metadata` and `service_tier` are read apart; any other field of a table stays in `Found` for
the functions of the dialect."""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How one instrumentation writes spans."""

    name: str
    keys: Keys
    """Attributes by field; also what fills gaps of other dialects."""
    own_keys: Keys = field(default_factory=dict[str, "tuple[str, ...]"])
    """Attributes by field whose names mean something else elsewhere (`model`)."""
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Makes other attributes of the span's, before they are looked up: where all values are JSON texts."""
    kind: Callable[[Found, OtlpSpan], Kind] | None = None
    """What the span is; `None`: by the operation, as OpenTelemetry names it."""
    refine: Callable[[Reading, Found, OtlpSpan], None] | None = None
    """Sets what the table cannot: sums, prefixes, units that differ, events."""
    prefixes: tuple[str, ...] = ()
    """Beginnings of attributes that `refine` reads itself: they reach it in `found["rest"]` and are not kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A dialect with all attributes that are looked up in its spans."""

    dialect: Dialect
    places: Mapping[str, tuple[str, int]]
    """Attribute → field, and its rank there."""


_RANKS = 100
"""More than any field has attributes in one table."""


def compiled(dialect: Dialect, ours: Dialect, others: Iterable[Dialect]) -> Compiled:
    """`dialect` behind our own attributes, and before those of `others`, in this order, which fill its gaps."""
    places: dict[str, tuple[str, int]] = {}
    tables = (ours.keys, dialect.own_keys, dialect.keys, *(other.keys for other in others))
    for at, table in enumerate(tables):
        for name, keys in table.items():
            for rank, key in enumerate(keys):
                places.setdefault(key, (name, at * _RANKS + rank))
    return Compiled(dialect, places)


def read_span(form: Compiled, span: OtlpSpan) -> Reading:
    """What `span` says in this dialect."""
    dialect = form.dialect
    attributes = span.attributes if dialect.prepare is None else dialect.prepare(span.attributes)
    found, rest = _looked_up(form.places, attributes)
    reading = Reading(name=span.name, attributes=rest)
    tokens = reading.tokens
    for name, value in found.items():
        place = _CONVERTERS.get(name)
        if place is None:
            continue
        target, convert, is_tokens = place
        read = convert(value)
        if read is not None:
            setattr(tokens if is_tokens else reading, target, read)
    if "service_tier" in found:
        _add_tier(reading, found["service_tier"])
    if reading.usage_raw is not None:
        _add_conditions(reading)
    if "metadata" in found:
        reading.metadata = text_metadata(found["metadata"])
    reading.kind = kinds(found, span) if dialect.kind is None else dialect.kind(found, span)
    if span.status_code == _ERROR or span.events:
        read_error(reading, span)
    if dialect.refine is not None:
        if dialect.prefixes:
            found["rest"] = _taken_out(reading, dialect.prefixes)
        dialect.refine(reading, found, span)
    if reading.metadata:
        _add_context(reading)
    return reading


_ERROR = 2


def _looked_up(places: Mapping[str, tuple[str, int]], attributes: Mapping[str, Any]) -> tuple[Found, dict[str, Any]]:
    found: Found = {}
    ranks: dict[str, int] = {}
    rest: dict[str, Any] = {}
    for key, value in attributes.items():
        place = places.get(key)
        if place is None:
            rest[key] = value
        elif value is not None:
            name, rank = place
            if name not in found or rank < ranks[name]:
                found[name], ranks[name] = value, rank
    return found, rest


def _taken_out(reading: Reading, prefixes: tuple[str, ...]) -> dict[str, Any]:
    """Attributes with these beginnings, out of those that are kept."""
    rest = {key: value for key, value in reading.attributes.items() if key.startswith(prefixes)}
    if rest:
        reading.attributes = {key: value for key, value in reading.attributes.items() if key not in rest}
    return rest


def _add_tier(reading: Reading, value: Any) -> None:
    tier = text(value)
    if tier == "batch":
        reading.dimensions["batch"] = "true"
    elif tier is not None and tier != "auto":
        reading.dimensions["service_tier"] = "default" if tier == "standard" else tier


def _add_conditions(reading: Reading) -> None:
    """What the provider's own usage object says about the price (Anthropic's: tier, speed, place)."""
    fields = mapping(reading.usage_raw)
    if "service_tier" in fields and not reading.dimensions:
        _add_tier(reading, fields["service_tier"])
    speed, place = text(fields.get("speed")), text(fields.get("inference_geo"))
    if speed is not None and speed != "standard":
        reading.dimensions["speed"] = speed
    if place is not None and place != "not_available":
        reading.dimensions["inference_geo"] = place


_IN_METADATA: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("customer_id", ("customer_id", "customerId", "customer", "tenant_id", "tenant")),
    ("user_id", ("user_id", "userId")),
    ("session_id", ("session_id", "sessionId", "thread_id", "conversation_id")),
)
"""Who a span is for, where an instrumentation has no field for it and the application put it into its metadata."""


def _add_context(reading: Reading) -> None:
    for field_name, keys in _IN_METADATA:
        if getattr(reading, field_name) is None:
            said = next((reading.metadata[key] for key in keys if reading.metadata.get(key)), None)
            if said is not None:
                setattr(reading, field_name, said)


def text_metadata(value: Any) -> dict[str, str]:
    """An object, or JSON of one, with texts as values."""
    return {str(key): said for key, item in mapping(value).items() if (said := text(item)) is not None}


_KINDS: Mapping[str, Kind] = {
    "chat": "llm",
    "completion": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "responses": "llm",
    "embeddings": "embedding",
    "embedding": "embedding",
    "rerank": "rerank",
    "image_generation": "image",
    "image": "image",
    "generate_image": "image",
    "audio": "audio",
    "speech": "audio",
    "transcription": "audio",
    "moderation": "moderation",
    "retrieval": "retriever",
    "retrieve": "retriever",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "workflow",
    "invoke_swarm": "workflow",
    "invoke_graph": "workflow",
    "workflow": "workflow",
    "agent": "agent",
    "evaluate": "evaluator",
}


def kinds(found: Found, span: OtlpSpan) -> Kind:
    """What a span is by `gen_ai.operation.name`, whose further values are steps.

    Without one `plain`, unless it states a model and tokens: what else would that be.
    """
    operation = found.get("operation")
    if operation is None:
        has_model = "request_model" in found or "response_model" in found
        return "llm" if has_model and ("tokens.input" in found or "tokens.output" in found) else "plain"
    return _KINDS.get(operation) or "step"
