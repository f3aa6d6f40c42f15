"""MLflow: the spans of its autologging, whose attributes are all JSON texts, strings in quotes included.

Sources: spans of mlflow 3.17.2 for openai and anthropic (2026-11-21) and `mlflow/tracing/constant.py` there.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve_server.ingest.otlp.dialects.answers import answer_in, take_answer
from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import amount, json_or_text, mapping, text, whole

__all__ = ["MLFLOW"]

_KINDS: Mapping[str, Kind] = {
    "CHAT_MODEL": "llm",
    "LLM": "llm",
    "EMBEDDING": "embedding",
    "RERANKER": "rerank",
    "AGENT": "agent",
    "TOOL": "tool",
    "CHAIN": "chain",
    "WORKFLOW": "workflow",
    "RETRIEVER": "retriever",
    "EVALUATOR": "evaluator",
    "GUARDRAIL": "guardrail",
    "PARSER": "step",
    "TASK": "step",
    "MEMORY": "step",
}
_AS_THEY_ARE = frozenset(("mlflow.spanInputs", "mlflow.spanOutputs"))
_TAG = "mlflow.traceTag."
_FIRST_CHUNK = "mlflow.chunk.item.0"
_SUMMING = frozenset(("agent", "chain", "workflow", "step"))


def _prepare(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value if key in _AS_THEY_ARE else json_or_text(value) for key, value in attributes.items()}


def _kind(found: Found, span: OtlpSpan) -> Kind:
    return _KINDS.get(str(found.get("mlflow_type")).upper(), "plain")


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    tags = {key[len(_TAG) :]: value for key, value in found.get("rest", {}).items()}
    reading.metadata |= {
        key: said for key, value in tags.items() if not key.startswith("mlflow.") and (said := text(value)) is not None
    }
    _take_usage(reading, mapping(found.get("token_usage")))
    if not reading.is_call:
        tokens = reading.tokens
        reading.is_sum = reading.kind in _SUMMING and (tokens.input is not None or tokens.output is not None)
        if reading.kind == "agent":
            reading.agent = reading.agent or span.name
        return
    named = text(found.get("model_name"))
    if reading.failed:
        reading.request_model = reading.request_model or named
    else:
        reading.response_model = named
    take_answer(reading, answer_in(reading.output))
    reading.request_model = reading.request_model or answer_in(reading.input).model
    if reading.cost_usd is None:
        reading.cost_usd = amount(mapping(found.get("cost")).get("total_cost")) or amount(found.get("cost"))
    if reading.kind == "embedding":
        reading.output = None  # vectors
    for event in span.events:
        if event.name == _FIRST_CHUNK and event.time_ns >= span.start_ns:
            reading.stream = True
            reading.ttft_ms = (event.time_ns - span.start_ns) / 1e6


def _take_usage(reading: Reading, usage: Mapping[str, Any]) -> None:
    """Counts of `mlflow.chat.tokenUsage`, where the input includes what was read from and written to a cache."""
    tokens = reading.tokens
    tokens.input = whole(usage.get("input_tokens"))
    tokens.output = whole(usage.get("output_tokens"))
    tokens.total = whole(usage.get("total_tokens"))
    tokens.cache_read = whole(usage.get("cache_read_input_tokens"))
    tokens.cache_write = whole(usage.get("cache_creation_input_tokens"))


MLFLOW = Dialect(
    name="mlflow",
    keys={
        "mlflow_type": ("mlflow.spanType",),
        "provider": ("mlflow.llm.provider", "mlflow.message.format"),
        "model_name": ("mlflow.llm.model",),
        "token_usage": ("mlflow.chat.tokenUsage",),
        "cost": ("mlflow.llm.cost",),
        "input": ("mlflow.spanInputs",),
        "output": ("mlflow.spanOutputs",),
        "tools": ("mlflow.chat.tools",),
        "session_id": ("mlflow.trace.session",),
        "user_id": ("mlflow.trace.user",),
        "_": ("mlflow.traceRequestId", "mlflow.spanLogLevel"),
    },
    own_keys={"request_model": ("model",), "stream": ("stream",), "_tools": ("tools",)},
    prepare=_prepare,
    kind=_kind,
    refine=_refine,
    prefixes=(_TAG,),
)
