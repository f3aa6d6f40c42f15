"""Traceloop's instrumentations and its SDK (OpenLLMetry): GenAI names, associations, and a tree of named entities.

Source: opentelemetry-instrumentation-openai 0.62.4 and traceloop-sdk 0.62.4; older releases wrote messages one
attribute a field (`gen_ai.prompt.0.content`) and said what was done in `llm.request.type`. Counts include the cache.
"""

from collections.abc import Mapping

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found, kinds
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, indexed_messages, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import text

__all__ = ["TRACELOOP"]

_ENTITIES: Mapping[str, Kind] = {"workflow": "workflow", "agent": "agent", "task": "step", "tool": "tool"}
_REQUEST_TYPES: Mapping[str, Kind] = {
    "chat": "llm",
    "completion": "llm",
    "embedding": "embedding",
    "rerank": "rerank",
}
_PROPERTIES = "traceloop.association.properties."
_OF_CONTEXT = frozenset(
    f"{_PROPERTIES}{name}"
    for name in ("session_id", "thread_id", "user_id", "customer", "customer_id", "tenant", "tenant_id")
)


def _kind(found: Found, span: OtlpSpan) -> Kind:
    entity = _ENTITIES.get(found.get("entity_kind", ""))
    if entity is not None:
        return entity
    if "operation" not in found and "request_type" in found:
        return _REQUEST_TYPES.get(found["request_type"], "plain")
    return kinds(found, span)


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    rest = found["rest"]
    for key, value in rest.items():
        if key.startswith(_PROPERTIES) and key not in _OF_CONTEXT and (said := text(value)) is not None:
            reading.metadata[key[len(_PROPERTIES) :]] = said
    if reading.is_call:
        if reading.input is None:
            reading.input = indexed_messages(rest.items(), "gen_ai.prompt.") or None
        if reading.output is None:
            reading.output = indexed_messages(rest.items(), "gen_ai.completion.") or None
    refine_genai(reading, found, span)
    if not reading.is_call:
        reading.section = text(found.get("entity_name")) or reading.section
        reading.input = found.get("entity_input", reading.input)
        reading.output = found.get("entity_output", reading.output)
        reading.is_sum = False
    _add_path(reading, found)


def _add_path(reading: Reading, found: Found) -> None:
    """The workflow and the agent around a span, which it names itself."""
    if reading.section_path is not None or reading.kind == "workflow":
        return
    parts = [f"workflow:{workflow}"] if (workflow := text(found.get("workflow_name"))) else []
    if reading.agent is not None and reading.kind != "agent":
        parts.append(f"agent:{reading.agent}")
    reading.section_path = "/".join(part.replace("/", "_") for part in parts) or None


TRACELOOP = Dialect(
    name="traceloop",
    keys={
        **OTEL_GENAI.keys,
        "request_type": ("llm.request.type",),
        "entity_kind": ("traceloop.span.kind",),
        "entity_name": ("traceloop.entity.name",),
        "entity_input": ("traceloop.entity.input",),
        "entity_output": ("traceloop.entity.output",),
        "workflow_name": ("traceloop.workflow.name",),
        "stream": ("gen_ai.is_streaming", "llm.is_streaming", "gen_ai.request.stream"),
        "tools": ("gen_ai.tool.definitions",),
        "session_id": (
            f"{_PROPERTIES}session_id",
            f"{_PROPERTIES}thread_id",
            *OTEL_GENAI.keys["session_id"],
        ),
        "user_id": (f"{_PROPERTIES}user_id", *OTEL_GENAI.keys["user_id"], "llm.user"),
        "customer_id": tuple(f"{_PROPERTIES}{name}" for name in ("customer_id", "customer", "tenant_id", "tenant")),
        "prompt_name": ("traceloop.prompt.key", "gen_ai.prompt.name"),
        "prompt_version": ("traceloop.prompt.version", "gen_ai.prompt.version"),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(_PROPERTIES, "gen_ai.prompt.", "gen_ai.completion."),
)
