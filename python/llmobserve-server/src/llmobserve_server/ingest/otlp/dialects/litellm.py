"""LiteLLM's `otel` callback: one span `litellm_request` a call, and spans of its inside that are no calls.

Source: spans of litellm 1.106.2 (2026-11-21). Its details are texts of Python objects (`metadata.usage_object`).
"""

import re
from collections.abc import Mapping
from typing import Any

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading, Tokens
from llmobserve_server.ingest.otlp.values import amount, mapping, text, whole

__all__ = ["LITELLM"]

_CALL = "litellm_request"
_KINDS: tuple[tuple[str, Kind], ...] = (
    ("embedding", "embedding"),
    ("rerank", "rerank"),
    ("image", "image"),
    ("speech", "audio"),
    ("transcription", "audio"),
    ("moderation", "moderation"),
    ("vector_store", "vector_db"),
    ("search", "search"),
    ("video", "video"),
)
"""By a word in `llm.request.type`, the name of LiteLLM's function: `aimage_generation`. Any other asks a model."""
_METADATA, _RAW = "metadata.", "llm."
_OWN_METADATA = frozenset(("usage_object", "user_agent", "cold_storage_object_key", "requester_custom_headers"))
_OWN_ID = re.compile(r"(?:chatcmpl-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_IDS_OF_ITS_OWN = frozenset(("anthropic", "bedrock", "cohere", "cohere_chat", "gemini", "vertex_ai", "vertex_ai_beta"))
"""Providers whose own id LiteLLM puts one of its making in the place of."""


def _kind(found: Found, span: OtlpSpan) -> Kind:
    if span.name != _CALL:
        return "plain"
    kind = str(found.get("request_type")).lower()
    for word, ours in _KINDS:
        if word in kind:
            return ours
    return "llm"


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    rest: Mapping[str, Any] = found.get("rest", {})
    if not reading.is_call:
        reading.input = reading.output = None  # as the call above has it, in the provider's form
        return
    metadata = {key[len(_METADATA) :]: value for key, value in rest.items() if key.startswith(_METADATA)}
    _take_usage(reading.tokens, mapping(metadata.get("usage_object")))
    reading.metadata |= {
        key: said
        for key, value in metadata.items()
        if key not in _OWN_METADATA and value != "[]" and (said := text(value)) is not None
    }
    reading.user_id = reading.user_id or text(metadata.get("user_api_key_end_user_id"))
    if reading.cost_usd is None:
        reading.cost_usd = amount(mapping(found.get("hidden_params")).get("response_cost"))
    model = text(found.get("provider_model"))
    if model is not None and "/" in model and reading.provider is None:
        reading.provider = model.split("/", 1)[0]
    response_id = reading.response_id
    if response_id is not None and _is_own(response_id, reading, text(found.get("call_id"))):
        reading.response_id = None
    if reading.kind == "embedding":
        reading.output = None


def _is_own(response_id: str, reading: Reading, call_id: str | None) -> bool:
    """Whether LiteLLM made the id itself: then it joins no other record of the call."""
    if response_id == call_id or reading.kind == "embedding":
        return True
    return (reading.provider or "").lower() in _IDS_OF_ITS_OWN and _OWN_ID.fullmatch(response_id) is not None


def _take_usage(tokens: Tokens, usage: Mapping[str, Any]) -> None:
    """Details of LiteLLM's usage, in OpenAI's shape for every provider; the counts include them."""
    into, out = mapping(usage.get("prompt_tokens_details")), mapping(usage.get("completion_tokens_details"))
    lifetimes = mapping(into.get("cache_creation_token_details"))
    stated = {
        "input": (usage.get("prompt_tokens"),),
        "output": (usage.get("completion_tokens"),),
        "cache_read": (usage.get("cache_read_input_tokens"), into.get("cached_tokens")),
        "cache_write": (
            usage.get("cache_creation_input_tokens"),
            into.get("cache_creation_tokens"),
            into.get("cache_write_tokens"),
        ),
        "cache_write_5m": (lifetimes.get("ephemeral_5m_input_tokens"),),
        "cache_write_1h": (lifetimes.get("ephemeral_1h_input_tokens"),),
        "input_audio": (into.get("audio_tokens"),),
        "input_image": (into.get("image_tokens"),),
        "output_audio": (out.get("audio_tokens"),),
        "output_image": (out.get("image_tokens"),),
        "reasoning": (out.get("reasoning_tokens"),),
    }
    for name, values in stated.items():
        found = [count for value in values if (count := whole(value)) is not None]
        if found and getattr(tokens, name) is None:
            setattr(tokens, name, max(found))


LITELLM = Dialect(
    name="litellm",
    keys={
        "request_type": ("llm.request.type",),
        "provider_model": ("litellm.provider.model",),
        "call_id": ("litellm.call_id",),
        "stream": ("llm.is_streaming",),
        "user_id": ("llm.user",),
        "cost_usd": ("gen_ai.cost.total_cost",),
        "hidden_params": ("hidden_params",),
        "http_status": ("http.response.status_code", "error.code"),
        "error_message": ("error.message",),
        "_": ("error.stack_trace", "error.llm_provider", "gen_ai.cost.original_cost"),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(_METADATA, _RAW),
)
