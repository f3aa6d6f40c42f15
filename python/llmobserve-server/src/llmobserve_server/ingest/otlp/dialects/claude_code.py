"""Claude Code: a log record for each request, tool and prompt, and in its beta also spans of the same requests.

Sources: code.claude.com/docs/en/monitoring-usage (2026-11-21), and spans of version 2.1 as public tests show them.
Input leaves the cache out. What spans call the response id is the id of the request.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve_server.ingest.otlp.dialects.base import Dialect, Found, kinds
from llmobserve_server.ingest.otlp.dialects.errors import http_status_in
from llmobserve_server.ingest.otlp.dialects.otel_genai import OTEL_GENAI, refine_genai
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Kind, Reading, Tokens
from llmobserve_server.ingest.otlp.values import amount, flag, number, text, whole

__all__ = ["CLAUDE_CODE", "claude_code_log"]

_KINDS: Mapping[str, Kind] = {"llm_request": "llm", "tool": "tool", "interaction": "agent", "hook": "step"}
_OF_USER = ("user.account_uuid", "user.account_id", "user.id", "user.email")
_AGENT = "claude-code"


def _kind(found: Found, span: OtlpSpan) -> Kind:
    named = found.get("span_type") or span.name.removeprefix("claude_code.")
    return _KINDS.get(named) or ("step" if named.partition(".")[0] == "tool" else kinds(found, span))


def _refine(reading: Reading, found: Found, span: OtlpSpan) -> None:
    _take_request_id(reading)
    refine_genai(reading, found, span)
    if reading.is_call:
        reading.provider = reading.provider or "anthropic"
        reading.tokens.exclusive = True
    elif reading.kind == "agent":
        reading.section = reading.agent or _AGENT
        reading.input = reading.input or found.get("prompt")
    if flag(found.get("success")) is False and not reading.failed:
        reading.failed = True
        reading.error_message = reading.error_message or text(found.get("error"))
        reading.http_status = reading.http_status or http_status_in(None, reading.error_message)


def _take_request_id(reading: Reading) -> None:
    if reading.response_id is not None and reading.response_id.startswith("req_"):
        reading.request_id, reading.response_id = reading.response_id, None


CLAUDE_CODE = Dialect(
    name="claude_code",
    keys={**OTEL_GENAI.keys, "user_id": (*_OF_USER, "enduser.id")},
    own_keys={
        "span_type": ("span.type",),
        "request_model": ("gen_ai.request.model", "model"),
        "request_id": ("request_id",),
        "tokens.input": ("input_tokens",),
        "tokens.output": ("output_tokens",),
        "tokens.cache_read": ("cache_read_tokens",),
        "tokens.cache_write": ("cache_creation_tokens",),
        "ttft_ms": ("ttft_ms",),
        "finish_reasons": ("stop_reason",),
        "tool_name": ("tool_name", "gen_ai.tool.name"),
        "tool_input": ("tool_input", "tool_parameters"),
        "success": ("success",),
        "error": ("error",),
        "prompt": ("user_prompt",),
        "http_status": ("status_code", "http.response.status_code"),
        "agent": ("agent.name", "agent_type", "gen_ai.agent.name"),
    },
    kind=_kind,
    refine=_refine,
)


def claude_code_log(name: str, attributes: Mapping[str, Any]) -> Reading | None:
    """What a log record of Claude Code says; `None` for one that is only about the program itself.

    `name`: of the event, without `claude_code.`.
    """
    make = _LOGS.get(name)
    if make is None:
        return None
    reading = Reading(name=name, run_name="Claude Code", section_path=f"agent:{_AGENT}")
    reading.session_id = text(attributes.get("session.id"))
    reading.user_id = next((said for key in _OF_USER if (said := text(attributes.get(key)))), None)
    reading.run_id = text(attributes.get("prompt.id")) or reading.session_id
    if (helper := text(attributes.get("agent.name"))) is not None and helper != _AGENT:
        reading.section_path = f"agent:{_AGENT}/agent:{helper.replace('/', '_')}"
    make(reading, attributes)
    return reading


def _add_request(reading: Reading, attributes: Mapping[str, Any]) -> None:
    reading.kind, reading.operation, reading.stream = "llm", "chat", True
    reading.request_model = reading.response_model = text(attributes.get("model"))
    reading.request_id = text(attributes.get("request_id"))
    reading.response_id = text(attributes.get("response_id"))
    _take_request_id(reading)
    reading.ttft_ms = number(attributes.get("ttft_ms"))
    reading.cost_usd = amount(attributes.get("cost_usd"))
    reading.tokens = Tokens(
        input=whole(attributes.get("input_tokens")),
        output=whole(attributes.get("output_tokens")),
        cache_read=whole(attributes.get("cache_read_tokens")),
        cache_write=whole(attributes.get("cache_creation_tokens")),
        exclusive=True,
    )
    if text(attributes.get("speed")) == "fast":
        reading.dimensions["speed"] = "fast"


def _add_error(reading: Reading, attributes: Mapping[str, Any]) -> None:
    _add_request(reading, attributes)
    reading.response_model = None
    reading.failed = True
    reading.http_status = whole(attributes.get("status_code"))
    reading.error_message = text(attributes.get("error"))
    reading.error_type = text(attributes.get("error.type")) or text(attributes.get("error_type"))


def _add_tool(reading: Reading, attributes: Mapping[str, Any]) -> None:
    reading.kind = "tool"
    reading.section = text(attributes.get("tool_name")) or "tool"
    reading.input = attributes.get("tool_input") or attributes.get("tool_parameters")
    if flag(attributes.get("success")) is False:
        reading.failed = True
        reading.error_message = text(attributes.get("error"))
        reading.error_type = text(attributes.get("error_type")) or "tool_error"


def _add_prompt(reading: Reading, attributes: Mapping[str, Any]) -> None:
    reading.kind, reading.section = "step", "prompt"
    reading.input = attributes.get("prompt")


def _add_answer(reading: Reading, attributes: Mapping[str, Any]) -> None:
    reading.kind, reading.section = "step", "answer"
    reading.output = attributes.get("response") or attributes.get("content") or attributes.get("text")


_LOGS = {
    "api_request": _add_request,
    "api_error": _add_error,
    "tool_result": _add_tool,
    "user_prompt": _add_prompt,
    "assistant_response": _add_answer,
}
