"""Logfire and pydantic-ai: GenAI names with the provider's own usage object beside them, and names filled in.

Source: logfire 5.2.0 (scopes `logfire.openai`, `logfire.anthropic`) and pydantic-ai (scope `pydantic-ai`). What a
stream consumed comes with a span of no length after it, `logfire.span_type=log`, which has no id of the answer.
"""

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Reading
from llmobserve_server.ingest.otlp.values import number, text

__all__ = ["LOGFIRE"]


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    refine_genai(reading, found, span)
    if reading.is_call:
        if found.get("span_type") == "log":
            reading.is_carrier = True
            reading.stream = True
            took_s = number(found.get("took_s"))
            reading.took_ms = None if took_s is None else took_s * 1000
    elif reading.kind == "agent":
        reading.input = reading.input or found.get("all_messages")
        reading.output = reading.output or found.get("final_result")
        reading.section = reading.agent or text(found.get("agent_name"))
        reading.agent = reading.section


LOGFIRE = Dialect(
    name="logfire",
    keys={
        **OTEL_GENAI.keys,
        "name": ("logfire.msg",),
        "span_type": ("logfire.span_type",),
        "took_s": ("duration",),
        "usage_raw": ("gen_ai.usage.raw",),
        "cost_usd": ("operation.cost",),
        "tokens.cache_write_1h": ("gen_ai.usage.details.ephemeral_1h_input_tokens",),
        "tokens.cache_write_5m": ("gen_ai.usage.details.ephemeral_5m_input_tokens",),
        "all_messages": ("pydantic_ai.all_messages", "all_messages_events"),
        "final_result": ("final_result",),
        "agent_name": ("agent_name",),
        "tool_input": ("gen_ai.tool.call.arguments", "tool_arguments"),
        "tool_output": ("gen_ai.tool.call.result", "tool_response"),
        "input": ("gen_ai.input.messages",),
        "tags": ("logfire.tags",),
    },
    refine=_refine,
)
