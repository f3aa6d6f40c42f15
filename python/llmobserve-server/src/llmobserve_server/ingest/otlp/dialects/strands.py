"""Strands Agents: GenAI names under the provider `strands-agents`, times in milliseconds, sums on every agent.

Source: strands-agents (scope `strands.telemetry.tracer`), 2026-11-21.
"""

from llmobserve_server.ingest.otlp.dialects.base import Dialect
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai

__all__ = ["STRANDS"]

STRANDS = Dialect(
    name="strands",
    keys={
        **{name: keys for name, keys in OTEL_GENAI.keys.items() if name != "ttft_s"},
        "ttft_ms": ("gen_ai.server.time_to_first_token",),
        "ttft_s": ("gen_ai.response.time_to_first_chunk",),
    },
    refine=refine_genai,
)
