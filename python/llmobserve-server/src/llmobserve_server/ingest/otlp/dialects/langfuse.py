"""Langfuse: the observations of its SDK 3 to 5.

Sources: langfuse 5.0.4 (`_client/attributes.py`, `langchain/CallbackHandler.py`) and its spans (2026-11-21). Buckets of
usage are free names that do not overlap, and `total` is their sum: https://langfuse.com/docs/observability/features/
token-and-cost-tracking, read 2026-11-21.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.dialects.errors import http_status_in
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.providers import UNKNOWN, provider_of
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import amount, json_or_text, mapping, text, texts, whole

__all__ = ["LANGFUSE", "langfuse_cost", "langfuse_usage"]

_KINDS: Mapping[str, Kind] = {
    "generation": "llm",
    "embedding": "embedding",
    "agent": "agent",
    "tool": "tool",
    "chain": "chain",
    "retriever": "retriever",
    "evaluator": "evaluator",
    "guardrail": "guardrail",
    "span": "step",
    "event": "step",
}
_OF_TRACE, _OF_OBSERVATION = "langfuse.trace.metadata", "langfuse.observation.metadata"
_OPENAI = "OpenAI-"
"""Beginning of the names that the wrapped client of OpenAI gives to its calls; it may ask other hosts."""
_PROVIDER_FIELDS = frozenset(
    ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "promptTokenCount")
)
"""Fields of providers' own usage objects, which none of Langfuse's buckets is called."""
_READ = frozenset(
    (
        "cache_read_input_tokens",
        "input_cache_read",
        "input_cached_tokens",
        "input_cached",
        "cached_tokens",
        "cache_read",
    )
)
_WRITTEN = frozenset(("cache_creation_input_tokens", "input_cache_creation", "input_cache_write", "cache_creation"))
_WRITTEN_5M = frozenset(
    ("input_cache_creation_5m", "cache_creation_ephemeral_5m_input_tokens", "input_ephemeral_5m_input_tokens")
)
_WRITTEN_1H = frozenset(
    ("input_cache_creation_1h", "cache_creation_ephemeral_1h_input_tokens", "input_ephemeral_1h_input_tokens")
)
_REASONING = frozenset(("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning"))


def _kind(found: Found, span: OtlpSpan) -> Kind:
    return _KINDS.get(str(found.get("observation_type")).lower(), "plain")


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    _add_metadata(reading, found.get("rest", {}))
    if found.get("level") == "ERROR":
        reading.failed = True
        reading.error_message = reading.error_message or text(found.get("status_message"))
        reading.http_status = reading.http_status or http_status_in(reading.error_type, reading.error_message)
    if reading.kind == "agent":
        reading.agent = reading.agent or span.name
    if not reading.is_call:
        return
    if reading.failed:
        # Nobody answered: the model is the one that was asked for.
        reading.request_model, reading.response_model = reading.request_model or reading.response_model, None
    langfuse_usage(reading, mapping(found.get("usage_details")))
    reading.cost_usd = reading.cost_usd or langfuse_cost(mapping(found.get("cost_details")))
    if reading.provider is None and span.name.startswith(_OPENAI) and not _is_known(reading):
        reading.provider = "openai"
    tier = text(mapping(found.get("model_parameters")).get("service_tier"))
    if tier is not None and tier != "auto":
        reading.dimensions["service_tier"] = tier
    started_ns = _time_ns(found.get("completion_start_time"))
    if started_ns is not None:
        reading.stream = True
        if started_ns >= span.start_ns:
            reading.ttft_ms = (started_ns - span.start_ns) / 1e6
    if reading.kind == "embedding":
        reading.output = None


def _is_known(reading: Reading) -> bool:
    return provider_of(None, reading.response_model or reading.request_model, None) != UNKNOWN


def langfuse_usage(reading: Reading, details: Mapping[str, Any]) -> None:
    """Take `usage_details`: a provider's own object, or buckets that do not overlap."""
    if not details:
        return
    if _PROVIDER_FIELDS & details.keys() and "input" not in details and "output" not in details:
        reading.usage_raw = details
        return
    tokens = reading.tokens
    counts = {name: n for name, value in details.items() if (n := whole(value)) is not None}
    total_in, total_out, total = counts.get("input"), counts.get("output"), counts.get("total")
    tokens.cache_read, tokens.cache_write = _said(counts, _READ), _said(counts, _WRITTEN)
    tokens.cache_write_5m, tokens.cache_write_1h = _said(counts, _WRITTEN_5M), _said(counts, _WRITTEN_1H)
    tokens.input_audio, tokens.output_audio = _said(counts, _named("input")), _said(counts, _named("output"))
    tokens.reasoning = _said(counts, _REASONING)
    written = max(tokens.cache_write or 0, (tokens.cache_write_5m or 0) + (tokens.cache_write_1h or 0))
    beside_in = (tokens.cache_read or 0) + written + (tokens.input_audio or 0)
    beside_out = (tokens.reasoning or 0) + (tokens.output_audio or 0)
    if total is not None and total == (total_in or 0) + (total_out or 0):
        beside_in = beside_out = 0  # the grand total leaves no room for buckets beside these two
    tokens.input, tokens.output = _plus(total_in, beside_in), _plus(total_out, beside_out)
    if tokens.input is None and tokens.output is None:
        tokens.total = total


def _named(side: str) -> frozenset[str]:
    return frozenset((f"{side}_audio_tokens", f"{side}_audio"))


def _said(counts: Mapping[str, int], names: frozenset[str]) -> int | None:
    """The largest of the counts that say the same under several names; `None` for none."""
    return max((counts[name] for name in names if name in counts), default=None)


def _plus(count: int | None, more: int) -> int | None:
    return count + more if count is not None else more or None


def langfuse_cost(details: Mapping[str, Any]) -> Decimal | None:
    """US dollars: `total`, else the sum of the parts. 0 is unknown: it is written where no price was known."""
    total = amount(details.get("total"))
    if total is not None:
        return total
    parts = (amount(value) for name, value in details.items() if name != "total")
    return sum((part for part in parts if part is not None), start=Decimal(0)) or None


def _add_metadata(reading: Reading, rest: Mapping[str, Any]) -> None:
    """Metadata of the trace, and of the observation where the trace has none of that name. Values are JSON texts."""
    kept: dict[str, Any] = {}
    for prefix in (_OF_OBSERVATION, _OF_TRACE):
        kept |= mapping(rest.get(prefix))
        start = f"{prefix}."
        kept |= {key[len(start) :]: json_or_text(value) for key, value in rest.items() if key.startswith(start)}
    own_id = kept.get("id")
    if reading.is_call and kept.get("object") == "response" and isinstance(own_id, str):
        reading.response_id = reading.response_id or own_id
        # A stream of Responses: the fields of the answer stand as metadata of the observation.
        kept = {name: value for name, value in kept.items() if f"{_OF_OBSERVATION}.{name}" not in rest}
    reasons = texts(kept.get("finish_reason"))
    if reading.is_call and reasons:
        reading.finish_reasons = reading.finish_reasons or reasons
    reading.metadata |= {key: said for key, value in kept.items() if (said := text(value)) is not None}


def _time_ns(value: Any) -> int | None:
    """Nanoseconds since 1970 of an ISO time, which may stand in quotes of its own."""
    said = json_or_text(value)
    if not isinstance(said, str):
        return None
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


LANGFUSE = Dialect(
    name="langfuse",
    keys={
        "observation_type": ("langfuse.observation.type",),
        "response_model": ("langfuse.observation.model.name", "langfuse.observation.model"),
        "model_parameters": ("langfuse.observation.model.parameters",),
        "usage_details": ("langfuse.observation.usage_details",),
        "cost_details": ("langfuse.observation.cost_details",),
        "completion_start_time": ("langfuse.observation.completion_start_time",),
        "level": ("langfuse.observation.level",),
        "status_message": ("langfuse.observation.status_message",),
        "input": ("langfuse.observation.input", "langfuse.trace.input"),
        "output": ("langfuse.observation.output", "langfuse.trace.output"),
        "session_id": ("langfuse.session.id", "session.id"),
        "user_id": ("langfuse.user.id", "user.id"),
        "tags": ("langfuse.trace.tags",),
        "prompt_name": ("langfuse.observation.prompt.name",),
        "prompt_version": ("langfuse.observation.prompt.version",),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(_OF_TRACE, _OF_OBSERVATION),
)
