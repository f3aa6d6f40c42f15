"""Google's Agent Development Kit: GenAI names, with requests and answers of calls and tools under names of its own.

Source: google-adk 2.13.0 (scope `gcp.vertex.agent`). Usage is on `generate_content`; older releases put it on
`call_llm`, which has no operation.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found, kinds
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading
from llmobserve_server.ingest.otlp.values import mapping

__all__ = ["GOOGLE_ADK"]

_PREFIX = "gcp.vertex.agent."
_IDS = ("event_id", "invocation_id", "session_id")


def _kind(found: Found, span: OtlpSpan) -> Kind:
    if "operation" not in found and span.name == "call_llm":
        return "llm"
    return kinds(found, span)


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    rest = found["rest"]
    kept: dict[str, Any] = {f"{_PREFIX}{name}": rest[key] for name in _IDS if (key := f"{_PREFIX}{name}") in rest}
    reading.attributes = {**reading.attributes, **kept}
    refine_genai(reading, found, span)
    if reading.is_call:
        _add_messages(reading, mapping(rest.get(f"{_PREFIX}llm_request")), rest.get(f"{_PREFIX}llm_response"))
    elif reading.kind == "tool":
        reading.input = reading.input or rest.get(f"{_PREFIX}tool_call_args")
        reading.output = reading.output or rest.get(f"{_PREFIX}tool_response")


def _add_messages(reading: Reading, request: Mapping[str, Any], answer: Any) -> None:
    if request and reading.input is None:
        reading.input = request.get("contents")
        reading.system = reading.system or mapping(request.get("config")).get("system_instruction")
        reading.request_model = reading.request_model or request.get("model")
    response = mapping(answer)
    if reading.output is None:
        reading.output = response.get("content") or answer
    if reading.usage_raw is None and reading.tokens.input is None:
        reading.usage_raw = response.get("usage_metadata") or response.get("usageMetadata")


GOOGLE_ADK = Dialect(
    name="google_adk",
    keys={
        **OTEL_GENAI.keys,
        "session_id": (*OTEL_GENAI.keys["session_id"], f"{_PREFIX}session_id"),
    },
    kind=_kind,
    refine=_refine,
    prefixes=(_PREFIX,),
)
