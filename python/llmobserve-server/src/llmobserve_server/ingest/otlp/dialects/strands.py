"""Strands Agents: GenAI names under the provider `strands-agents`, times in milliseconds, sums on every agent.

Source: strands-agents 1.62.0 (scope `strands.telemetry.tracer`), 2026-11-21. Its input of Anthropic's models leaves
the cache out, which the stated total tells.
"""

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.dialects.errors import read_error
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Reading

__all__ = ["STRANDS"]


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    # The name of the framework would hide what the model and the error tell.
    if reading.provider == "strands-agents":
        reading.provider = None
    if reading.failed:
        read_error(reading, span)
    refine_genai(reading, found, span)


STRANDS = Dialect(
    name="strands",
    keys={
        **{name: keys for name, keys in OTEL_GENAI.keys.items() if name != "ttft_s"},
        "ttft_ms": ("gen_ai.server.time_to_first_token",),
        "ttft_s": ("gen_ai.response.time_to_first_chunk",),
    },
    refine=_refine,
)
