"""Spans that Anthropic's own client libraries make: GenAI names, with the lifetimes of cache writes beside them.

Source: spans of anthropic 2.11.0 (Python), scope `com.anthropic.sdk.python`, 2026-11-21.
"""

from llmobserve_server.ingest.otlp.dialects.base import Dialect
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai

__all__ = ["ANTHROPIC_SDK"]

ANTHROPIC_SDK = Dialect(
    name="anthropic_sdk",
    keys={
        **OTEL_GENAI.keys,
        "request_id": ("anthropic.request.id",),
        "service_tier": ("anthropic.response.service_tier",),
        "tokens.cache_write_5m": ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
        "tokens.cache_write_1h": (
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
            "gen_ai.usage.details.ephemeral_1h_input_tokens",
        ),
        "finish_reasons": ("anthropic.message.stop_reason", "gen_ai.response.finish_reasons"),
    },
    refine=refine_genai,
)
