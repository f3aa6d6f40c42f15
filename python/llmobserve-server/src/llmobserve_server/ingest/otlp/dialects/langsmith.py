"""LangSmith in its OpenTelemetry mode: GenAI names, details as texts of Python objects, all metadata beside.

Source: spans of langsmith 0.15.0 with wrapped clients and LangChain (2026-11-21).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from llmobserve_server.ingest.otlp.dialects.answers import answer_in, is_own_metadata, take_answer, take_usage_metadata
from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found
from llmobserve_server.ingest.otlp.dialects.errors import http_status_in, read_error
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import mapping, text

__all__ = ["LANGSMITH"]

_KINDS: Mapping[str, Kind] = {
    "llm": "llm",
    "embedding": "embedding",
    "tool": "tool",
    "chain": "chain",
    "retriever": "retriever",
    "prompt": "step",
    "parser": "step",
}
_FAILED = 2
_METADATA = "langsmith.metadata."
_ERROR = re.compile(r"(\w+)\((.*)\)\s*(?:\n|$)")
"""`RateLimitError('Error code: 429 - …')`, then a traceback: the type of every exception is `Exception`."""


def _kind(found: Found, span: OtlpSpan) -> Kind:
    return _KINDS.get(str(found.get("langsmith_kind")).lower(), "plain")


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    metadata = {key[len(_METADATA) :]: value for key, value in found.get("rest", {}).items()}
    reading.metadata |= {
        key: said for key, value in metadata.items() if not is_own_metadata(key) and (said := text(value)) is not None
    }
    _read_error(reading, span)
    if not reading.is_call:
        if reading.kind == "tool":
            reading.section = reading.section or span.name
        return
    reading.provider = text(metadata.get("ls_provider")) or reading.provider
    asked = text(metadata.get("ls_model_name"))
    reading.request_model = reading.request_model or asked
    usage = mapping(metadata.get("usage_metadata"))
    if not usage:  # the same, as texts of Python objects
        into, out = mapping(found.get("input_details")), mapping(found.get("output_details"))
        usage = {"input_token_details": into, "output_token_details": out}
    take_usage_metadata(reading.tokens, usage)
    take_answer(reading, answer_in(reading.output))
    if reading.kind == "embedding":
        reading.output = None  # vectors


def _read_error(reading: Reading, span: OtlpSpan) -> None:
    # A run that was sent before it ended was marked as right then, and OpenTelemetry lets nobody take that back.
    if not reading.failed and any(event.name == "exception" for event in span.events):
        read_error(reading, replace(span, status_code=_FAILED))
    if not reading.failed or not reading.error_message:
        return
    told = _ERROR.match(reading.error_message)
    if told is not None:
        reading.error_type, message = told[1], told[2].strip("'\"")
        reading.error_message = message
        reading.http_status = reading.http_status or http_status_in(told[1], message)


LANGSMITH = Dialect(
    name="langsmith",
    keys={
        "langsmith_kind": ("langsmith.span.kind",),
        "stream": ("langsmith.request.streaming",),
        "input_details": ("gen_ai.usage.input_token_details",),
        "output_details": ("gen_ai.usage.output_token_details",),
        "input": ("gen_ai.prompt",),
        "output": ("gen_ai.completion",),
        "session_id": (
            "langsmith.metadata.session_id",
            "langsmith.metadata.thread_id",
            "langsmith.metadata.conversation_id",
            "langsmith.trace.session_id",
        ),
        "user_id": ("langsmith.metadata.user_id",),
        "customer_id": ("langsmith.metadata.customer_id",),
        "tags": ("langsmith.span.tags",),
        "_": ("langsmith.request.headers", "gen_ai.serialized.name"),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(_METADATA,),
)
