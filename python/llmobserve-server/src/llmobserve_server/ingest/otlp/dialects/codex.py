"""Codex: log records of the stream of each answer, of tools and prompts.

Source: what openai/codex writes in its `otel` crate, as its documentation and public tests show it (2026-11-21). Counts
are OpenAI's: input has the cached tokens in it, output the reasoning. Its spans have no usage.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve_server.ingest.otlp.reading import Reading, Tokens
from llmobserve_server.ingest.otlp.values import flag, text, whole

__all__ = ["codex_log"]

_AGENT = "codex"
_FIRST_ERROR = 400


def codex_log(name: str, attributes: Mapping[str, Any]) -> Reading | None:
    """What a log record of Codex says; `None` for one that is only about the program itself, and for single events.

    `name`: of the event, without `codex.`.
    """
    reading = Reading(name=name, run_name="Codex", section_path=f"agent:{_AGENT}")
    reading.session_id = reading.run_id = text(attributes.get("conversation.id"))
    reading.user_id = text(attributes.get("user.account_id")) or text(attributes.get("user.email"))
    if name == "sse_event" and text(attributes.get("event.kind")) == "response.completed":
        _add_answer(reading, attributes)
    elif name == "api_request" and _failed(attributes):
        _add_failure(reading, attributes)
    elif name == "tool_result":
        _add_tool(reading, attributes)
    elif name == "user_prompt":
        reading.kind, reading.section = "step", "prompt"
        reading.input = attributes.get("prompt")
    else:
        return None
    return reading


def _add_answer(reading: Reading, attributes: Mapping[str, Any]) -> None:
    _add_call(reading, attributes)
    reading.response_model = reading.request_model
    reading.response_id = text(attributes.get("response.id")) or text(attributes.get("response_id"))
    reading.tokens = Tokens(
        input=whole(attributes.get("input_token_count")),
        output=whole(attributes.get("output_token_count")),
        cache_read=whole(attributes.get("cached_token_count")),
        cache_write=whole(attributes.get("cache_write_token_count")),
        reasoning=whole(attributes.get("reasoning_token_count")),
    )
    tier = text(attributes.get("service_tier"))
    if tier is not None and tier != "auto":
        reading.dimensions["service_tier"] = tier


def _add_call(reading: Reading, attributes: Mapping[str, Any]) -> None:
    reading.kind, reading.operation, reading.api, reading.stream = "llm", "chat", "responses", True
    reading.request_model = text(attributes.get("model"))
    reading.provider = "openai"


def _failed(attributes: Mapping[str, Any]) -> bool:
    status = whole(attributes.get("http.response.status_code"))
    return bool(text(attributes.get("error.message"))) or (status is not None and status >= _FIRST_ERROR)


def _add_failure(reading: Reading, attributes: Mapping[str, Any]) -> None:
    _add_call(reading, attributes)
    reading.failed = True
    reading.http_status = whole(attributes.get("http.response.status_code"))
    reading.error_message = text(attributes.get("error.message"))


def _add_tool(reading: Reading, attributes: Mapping[str, Any]) -> None:
    reading.kind = "tool"
    reading.section = text(attributes.get("tool_name")) or "tool"
    reading.input, reading.output = attributes.get("arguments"), attributes.get("output")
    if flag(attributes.get("success")) is False:
        reading.failed, reading.error_type = True, "tool_error"
