"""OpenInference: the spans of Arize Phoenix's instrumentors and of the frameworks that follow them.

Sources: openinference-semantic-conventions 0.1.42, and spans of openinference-instrumentation-openai 0.1.66,
-anthropic 3.1.0 and -langchain 0.1.80 (2026-11-21).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve_server.ingest.otlp.dialects.answers import answer_in, is_own_metadata, take_answer
from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.dialects.flattened import unflattened
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import amount, flag, mapping, text

__all__ = ["OPENINFERENCE"]

_KINDS: Mapping[str, Kind] = {
    "LLM": "llm",
    "EMBEDDING": "embedding",
    "RERANKER": "rerank",
    "AGENT": "agent",
    "TOOL": "tool",
    "CHAIN": "chain",
    "RETRIEVER": "retriever",
    "PROMPT": "step",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
}
_INPUTS, _OUTPUTS, _TOOLS = "llm.input_messages.", "llm.output_messages.", "llm.tools."
_EMBEDDED = "embedding.embeddings."
_WRAPPERS = ("message", "message_content", "tool_call", "tool", "embedding", "document")
_FIRST_TOKEN = "First Token Stream Event"
_SUMMING = frozenset(("agent", "chain", "workflow", "step"))


def _kind(found: Found, span: OtlpSpan) -> Kind:
    return _KINDS.get(str(found.get("openinference_kind")).upper(), "plain")


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    rest: Mapping[str, Any] = found.get("rest", {})
    reading.metadata = {name: value for name, value in reading.metadata.items() if not is_own_metadata(name)}
    if reading.is_call:
        _refine_call(reading, found, span, rest)
    else:
        tokens = reading.tokens
        reading.is_sum = reading.kind in _SUMMING and (tokens.input is not None or tokens.output is not None)
        if reading.kind == "tool":
            reading.section = text(found.get("tool_span_name")) or reading.section
        elif reading.kind == "agent":
            reading.agent = reading.agent or span.name
            reading.section = reading.agent


def _refine_call(reading: Reading, found: Found, span: OtlpSpan, rest: Mapping[str, Any]) -> None:
    asked = mapping(found.get("invocation_parameters"))
    answer = answer_in(found.get("output"))
    take_answer(reading, answer)
    if reading.request_model is None:
        reading.request_model = text(asked.get("model")) or text(asked.get("model_name"))
    if reading.failed and answer.response_id is None:
        # Nobody answered: the only model there is, is the one that was asked for.
        reading.request_model, reading.response_model = reading.request_model or reading.response_model, None
    if reading.stream is None:
        reading.stream = flag(asked.get("stream"))
    reading.provider = reading.provider or text(mapping(found.get("metadata")).get("ls_provider"))
    if reading.cost_usd is None:
        parts = amount(found.get("cost_input")), amount(found.get("cost_output"))
        reading.cost_usd = sum((part for part in parts if part is not None), start=Decimal(0)) or None
    if reading.kind == "embedding":
        texts = unflattened({key: value for key, value in rest.items() if not key.endswith(".vector")}, _EMBEDDED)
        reading.input = _unwrapped_texts(texts) or reading.input
        reading.output = None  # vectors
    else:
        reading.input = unflattened(rest, _INPUTS, _WRAPPERS) or reading.input
        reading.output = unflattened(rest, _OUTPUTS, _WRAPPERS) or reading.output
        reading.tools = unflattened(rest, _TOOLS, ("tool", "json_schema")) or reading.tools
    for event in span.events:
        if event.name == _FIRST_TOKEN and event.time_ns >= span.start_ns:
            reading.stream = True
            if reading.ttft_ms is None:
                reading.ttft_ms = (event.time_ns - span.start_ns) / 1e6


def _unwrapped_texts(embedded: Any) -> list[Any]:
    found = [mapping(mapping(item).get("embedding")).get("text") for item in embedded or ()]
    return [said for said in found if said is not None]


OPENINFERENCE = Dialect(
    name="openinference",
    keys={
        "openinference_kind": ("openinference.span.kind",),
        "provider": ("llm.provider", "llm.system"),
        "request_model": ("llm.request.model_name",),
        "response_model": (
            "llm.response.model_name",
            "llm.model_name",
            "embedding.model_name",
            "reranker.model_name",
        ),
        "invocation_parameters": ("llm.invocation_parameters", "embedding.invocation_parameters"),
        "tokens.input": ("llm.token_count.prompt",),
        "tokens.output": ("llm.token_count.completion",),
        "tokens.total": ("llm.token_count.total",),
        "tokens.cache_read": ("llm.token_count.prompt_details.cache_read",),
        "tokens.cache_write": ("llm.token_count.prompt_details.cache_write",),
        "tokens.input_audio": ("llm.token_count.prompt_details.audio",),
        "tokens.output_audio": ("llm.token_count.completion_details.audio",),
        "tokens.reasoning": ("llm.token_count.completion_details.reasoning",),
        "cost_usd": ("llm.cost.total",),
        "cost_input": ("llm.cost.prompt",),
        "cost_output": ("llm.cost.completion",),
        "finish_reasons": ("llm.finish_reason",),
        "input": ("input.value",),
        "output": ("output.value",),
        "tool_span_name": ("tool.name",),
        "session_id": ("session.id",),
        "user_id": ("user.id",),
        "agent": ("agent.name",),
        "tags": ("tag.tags",),
        "metadata": ("metadata",),
        "prompt_name": ("prompt.id",),
        "prompt_version": ("llm.prompt_template.version",),
        "_": ("input.mime_type", "output.mime_type"),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(_INPUTS, _OUTPUTS, _TOOLS, _EMBEDDED),
)
