"""Vercel's AI SDK in both of its modes: `ai.*` (versions 3 to 6, and 7 as `LegacyOpenTelemetry`) and GenAI names (7).

Sources: spans of ai 7.0.173 with @ai-sdk/otel 1.0.173 and its source (2026-11-21); for versions 4 and 5
https://ai-sdk.dev/docs/ai-sdk-core/telemetry, read 2026-11-21.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found, kinds
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, add_usage_units, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import json_or_text, mapping, text, whole

__all__ = ["VERCEL_GENAI", "VERCEL_LEGACY"]

_CALLS: Mapping[str, Kind] = {
    "doGenerate": "llm",
    "doStream": "llm",
    "doEmbed": "embedding",
    "doRerank": "rerank",
}
"""By the end of `ai.operationId`: these ask a provider. What encloses them states their sum again."""
_WHOLE_CALLS: Mapping[str, Kind] = {
    "ai.generateSpeech": "audio",
    "ai.transcribe": "audio",
    "ai.streamTranscribe": "audio",
    "ai.generateImage": "image",
}
"""Operations that are one span."""
_CONTEXT = ("ai.settings.context.", "ai.telemetry.metadata.")
_AUDIO_DETAIL = "usage.input_token_details.audio_tokens"
_DROPPED = ("ai.request.headers.", "ai.embedding", "ai.settings.")
_EXCLUSIVE = ("anthropic", "bedrock")
"""Providers that do not count cached tokens as input."""
_CACHED = ("cacheReadInputTokens", "cacheCreationInputTokens")


def _kind(found: Found, span: OtlpSpan) -> Kind:
    operation = str(found.get("ai_operation"))
    if operation in _WHOLE_CALLS:
        return _WHOLE_CALLS[operation]
    if operation == "ai.toolCall":
        return "tool"
    called = _CALLS.get(operation.rpartition(".")[2])
    if called is not None:
        return called
    return "agent" if "Text" in operation or "Object" in operation or "gent" in operation else "step"


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    rest: Mapping[str, Any] = found.get("rest", {})
    _add_context(reading, rest)
    operation = text(found.get("ai_operation")) or span.name
    if not reading.is_call:
        tokens = reading.tokens
        reading.is_sum = tokens.input is not None or tokens.output is not None or tokens.total is not None
        if reading.kind == "tool":
            reading.section = text(found.get("tool_name")) or reading.section
            reading.input = found.get("tool_input", reading.input)
            reading.output = found.get("tool_output", reading.output)
        else:
            reading.section = (reading.agent if reading.kind == "agent" else None) or operation
        return
    if operation.endswith("doStream"):
        reading.stream = True
    _take_usage(reading, found)
    # Until version 5 the input was what the provider calls so; since 6 the details of all stand beside it.
    provider = (reading.provider or "").lower()
    reading.tokens.exclusive = "fresh" not in found and any(name in provider for name in _EXCLUSIVE)
    if reading.kind == "audio":
        _take_audio(reading, rest, operation)
        add_usage_units(reading, found)
    if reading.output is None:
        calls = json_or_text(found.get("tool_calls"))
        reading.output = {"tool_calls": calls} if calls else None
    if reading.kind == "embedding":
        reading.input, reading.output = found.get("values", reading.input), None


def _take_usage(reading: Reading, found: Found) -> None:
    """The provider's own usage where the metadata has it, else what the metadata says of the cache."""
    metadata = mapping(found.get("provider_metadata"))
    own = mapping(metadata.get("anthropic"))
    usage = mapping(own.get("usage"))
    if "input_tokens" in usage:
        reading.usage_raw = usage
        return
    tokens = reading.tokens
    read, written = (whole(own.get(name)) for name in _CACHED)
    tokens.cache_read = tokens.cache_read if tokens.cache_read is not None else read
    tokens.cache_write = tokens.cache_write if tokens.cache_write is not None else written


def _take_audio(reading: Reading, rest: Mapping[str, Any], operation: str) -> None:
    """Tokens of speech: made ones are audio, and so are those of what is written down, where nothing splits them."""
    tokens = reading.tokens
    if operation == "ai.generateSpeech":
        tokens.output_audio = tokens.output
        return
    stated = next((whole(value) for key, value in rest.items() if key.endswith(_AUDIO_DETAIL)), None)
    tokens.input_audio = tokens.input if stated is None else stated


def _refine_genai(reading: Reading, found: Found, span: OtlpSpan) -> None:
    _add_context(reading, found.get("rest", {}))
    if reading.is_call:
        _take_usage(reading, found)
        if reading.kind == "audio":
            _take_audio(reading, found.get("rest", {}), text(found.get("operation")) or "")
        if reading.ttft_ms is not None:
            reading.stream = True  # only streams have it
    refine_genai(reading, found, span)


def _kind_genai(found: Found, span: OtlpSpan) -> Kind:
    operation = str(found.get("operation"))
    if operation in _WHOLE_CALLS:
        return _WHOLE_CALLS[operation]
    kind = kinds(found, span)
    if kind in ("embedding", "rerank") and "tokens.input" not in found:
        # `embed` is a span around one or more spans of the same name: only these ask, and only these have usage.
        # Of a failed one with a parent either may be meant: it is kept, and falls together with the other.
        return kind if span.status_code == _ERROR and span.parent_span_id is not None else "step"
    return kind


_ERROR = 2


def _add_context(reading: Reading, rest: Mapping[str, Any]) -> None:
    for prefix in _CONTEXT:
        for key, value in rest.items():
            said = text(value) if key.startswith(prefix) else None
            if said is not None:
                reading.metadata.setdefault(key[len(prefix) :], said)


_SHARED: dict[str, tuple[str, ...]] = {
    "session_id": tuple(f"{prefix}{name}" for name in ("sessionId", "session_id") for prefix in _CONTEXT),
    "user_id": tuple(f"{prefix}{name}" for name in ("userId", "user_id") for prefix in _CONTEXT),
    "customer_id": tuple(f"{prefix}{name}" for name in ("customerId", "customer_id") for prefix in _CONTEXT),
    "provider_metadata": ("ai.response.providerMetadata",),
    "fresh": ("ai.usage.inputTokenDetails.noCacheTokens",),
    "values": ("ai.values", "ai.value"),
}

VERCEL_LEGACY = Dialect(
    name="vercel",
    keys={
        **_SHARED,
        "ai_operation": ("ai.operationId",),
        "provider": ("ai.model.provider",),
        "request_model": ("gen_ai.request.model", "ai.model.id"),
        "response_model": ("ai.response.model",),
        "response_id": ("ai.response.id",),
        "tokens.input": ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.input_tokens"),
        "tokens.output": ("ai.usage.outputTokens", "ai.usage.completionTokens", "ai.usage.output_tokens"),
        "tokens.total": ("ai.usage.totalTokens", "ai.usage.tokens", "ai.usage.total_tokens"),
        "tokens.cache_read": ("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
        "tokens.cache_write": ("ai.usage.inputTokenDetails.cacheWriteTokens",),
        "tokens.reasoning": ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
        "characters": ("ai.usage.characters",),
        "seconds": ("ai.usage.seconds",),
        "ttft_ms": ("ai.response.msToFirstChunk",),
        "finish_reasons": ("ai.response.finishReason",),
        "input": ("ai.prompt.messages", "ai.prompt", "ai.request.text"),
        "output": ("ai.response.text", "ai.response.object"),
        "tool_calls": ("ai.response.toolCalls",),
        "tools": ("ai.prompt.tools",),
        "tool_name": ("ai.toolCall.name",),
        "tool_input": ("ai.toolCall.args",),
        "tool_output": ("ai.toolCall.result",),
        "agent": ("ai.telemetry.functionId", "resource.name"),
        "_": ("operation.name", "ai.response.timestamp", "ai.toolCall.id"),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(*_CONTEXT, *_DROPPED, "ai.usage.", "gen_ai.usage."),
)
VERCEL_GENAI = replace(
    OTEL_GENAI,
    name="vercel_genai",
    keys={
        **OTEL_GENAI.keys,
        **_SHARED,
        # A detail that its option `usage` adds; the names of OpenTelemetry have none for it here.
        "tokens.reasoning": ("ai.usage.outputTokenDetails.reasoningTokens",),
    },
    kind=_kind_genai,
    refine=_refine_genai,
    prefixes=(*_CONTEXT, *_DROPPED, "gen_ai.usage.", "ai.usage."),
)
