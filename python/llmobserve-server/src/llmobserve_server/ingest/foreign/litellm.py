"""LiteLLM's `generic_api` callback: its standard logging payload as the span that its `otel` callback would write.

Source: https://docs.litellm.ai/docs/proxy/logging_spec (read November 2026): one payload for each call, success or
failure; times in seconds since 1970; `response_cost` in US dollars, 0 where it knows no price.
"""

from typing import Any
from uuid import UUID

from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.foreign.entrance import listed
from llmobserve_server.ingest.foreign.parts import (
    json_of,
    nanoseconds,
    object_of,
    span_id_of,
    stated,
    text_of,
    trace_id_of,
)
from llmobserve_server.ingest.otlp.messages import OtlpSpan, Sender
from llmobserve_server.ingest.otlp.unreadable import MAX_RECORDS, UnreadableError, refuse_count

__all__ = ["LITELLM_SENDER", "litellm_payloads", "litellm_span"]

LITELLM_SENDER = Sender({}, "litellm")
_CALL, _FROM_CACHE = "litellm_request", "litellm_cache_hit"
_CLIENT, _OK, _ERROR = 3, 1, 2
_NAMED_METADATA = ("user_api_key_alias", "user_api_key_team_alias", "user_api_key_org_id", "user_api_key_user_id")


def litellm_payloads(body: bytes) -> list[dict[str, Any]]:
    """The payloads of a body in any of the three layouts: a JSON list, one object, or an object a line.

    A line that is no object stands among them as what cannot be read. Raises BadRequest, PayloadTooLarge.
    """
    lines = body.strip().splitlines()
    if len(lines) < 2 or not all(line.lstrip().startswith(b"{") for line in lines[:2]) or lines[0].strip() == b"{":
        return listed(body)
    if len(lines) > MAX_RECORDS:
        refuse_count()
    return [_line(line) for line in lines if line.strip()]


def _line(line: bytes) -> dict[str, Any]:
    try:
        value = json_of(line)
    except BadRequest as error:
        return {"_": str(error)}
    return value if isinstance(value, dict) else {"_": value}  # pyright: ignore[reportUnknownVariableType]


def litellm_span(payload: dict[str, Any]) -> OtlpSpan:
    """The span of a payload. Raises UnreadableError for one without an id or a start."""
    own_id = text_of(payload.get("id"))
    start_ns = nanoseconds(payload.get("startTime"))
    if own_id is None or not start_ns:
        raise UnreadableError("it is no payload of LiteLLM: `id` and `startTime` are missing")
    failed = payload.get("status") == "failure"
    # What came from a cache of LiteLLM was asked of nobody, and is not a call.
    name = _FROM_CACHE if payload.get("cache_hit") is True else _CALL
    error = object_of(payload.get("error_information"))
    return OtlpSpan(
        trace_id=trace_id_of(text_of(payload.get("trace_id")) or own_id),
        span_id=span_id_of(own_id),
        parent_span_id=None,
        name=name,
        kind=_CLIENT,
        start_ns=start_ns,
        end_ns=max(nanoseconds(payload.get("endTime")), start_ns),
        attributes=_attributes(payload, own_id, error, failed=failed),
        events=(),
        status_code=_ERROR if failed else _OK,
        status_message=str(payload.get("error_str") or error.get("error_message") or "") if failed else "",
        sender=LITELLM_SENDER,
    )


def _attributes(payload: dict[str, Any], own_id: str, error: Any, *, failed: bool) -> dict[str, Any]:
    metadata = object_of(payload.get("metadata"))
    # What the caller sent along, and what its key was given.
    said = {**object_of(metadata.get("spend_logs_metadata")), **object_of(metadata.get("requester_metadata"))}
    answer = object_of(payload.get("response"))
    hidden, asked = object_of(payload.get("hidden_params")), object_of(payload.get("model_parameters"))
    session = payload.get("session_id") or said.pop("session_id", None) or _own_name(payload.get("trace_id"))
    return stated(
        {
            "llm.request.type": payload.get("call_type"),
            "gen_ai.request.model": payload.get("model"),
            "gen_ai.provider.name": payload.get("custom_llm_provider"),
            "gen_ai.response.model": answer.get("model"),
            "gen_ai.response.id": None if failed else own_id,
            "litellm.call_id": payload.get("litellm_call_id") or hidden.get("litellm_call_id"),
            "litellm.model_group": payload.get("model_group"),
            "gen_ai.usage.input_tokens": payload.get("prompt_tokens") if not failed else None,
            "gen_ai.usage.output_tokens": payload.get("completion_tokens") if not failed else None,
            "gen_ai.response.time_to_first_chunk": _first_token_s(payload),
            "gen_ai.input.messages": payload.get("messages"),
            "gen_ai.output.messages": payload.get("response"),
            "gen_ai.cost.total_cost": payload.get("response_cost"),
            "server.address": payload.get("api_base") or hidden.get("api_base"),
            "llm.is_streaming": payload.get("stream"),
            "llm.user": payload.get("end_user") or metadata.get("user_api_key_end_user_id") or asked.get("user"),
            "http.response.status_code": error.get("error_code"),
            "error.type": error.get("error_class"),
            "error.message": error.get("error_message"),
            "session.id": session,
            "llmobserve.customer_id": said.pop("customer_id", None),
            "llmobserve.tags": payload.get("request_tags") or None,
            "metadata.usage_object": answer.get("usage") or metadata.get("usage_object"),
            **{f"metadata.{name}": metadata.get(name) for name in _NAMED_METADATA},
            **{f"metadata.{name}": value for name, value in said.items()},
        }
    )


def _own_name(trace_id: Any) -> str | None:
    """A trace id that LiteLLM did not make: the session that the application named (litellm 1.106.2)."""
    try:
        UUID(str(trace_id))
    except ValueError:
        return text_of(trace_id)
    return None


def _first_token_s(payload: dict[str, Any]) -> float | None:
    first, start = payload.get("completionStartTime"), payload.get("startTime")
    if payload.get("stream") and isinstance(first, (int, float)) and isinstance(start, (int, float)):
        return max(first - start, 0.0)
    return None
