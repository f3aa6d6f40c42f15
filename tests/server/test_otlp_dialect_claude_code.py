"""Spans of Claude Code: input leaves the cache out, and what is called response id is that of the request."""

from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, content_of, span, span_of, usd

SCOPE = "com.anthropic.claude_code.tracing"
REQUEST: dict[str, Any] = {
    "span.type": "llm_request",
    "session.id": "s1",
    "user.account_uuid": "u1",
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "model": "claude-sonnet-4-5",
    "gen_ai.response.id": "req_1",
    "input_tokens": 400,
    "output_tokens": 45,
    "cache_read_tokens": 80,
    "cache_creation_tokens": 30,
    "ttft_ms": 120,
    "success": True,
    "stop_reason": "tool_use",
}


def test_request() -> None:
    call = call_of(span(REQUEST, name="claude_code.llm_request", scope=SCOPE, parent="00f067aa0ba902b7"))
    # claude-sonnet-4-5 (claude.com/pricing, 2026-11): 400 x 3 + 80 x 0.30 + 30 x 3.75 + 45 x 15 = 2011.5 millionths
    assert usd(call) == Decimal("0.0020115")
    assert (call.request_id, call.response_id, call.time_to_first_token_ms) == ("req_1", None, 120)
    assert (call.context.session_id, call.context.user_id) == ("s1", "u1")
    assert call.attributes is not None
    assert call.attributes["finish_reasons"] == ["tool_use"]


def test_a_request_that_had_no_success_has_failed() -> None:
    failed = {**REQUEST, "success": False, "error": "Overloaded", "status_code": 529}
    for counter in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"):
        del failed[counter]
    call = call_of(span(failed, name="claude_code.llm_request", scope=SCOPE, status=0))
    assert (call.status, call.http_status, usd(call)) == ("error", 529, 0)
    assert call.error is not None
    assert call.error.message == "Overloaded"


@pytest.mark.parametrize(
    ("kind", "ours", "path"),
    [
        ("interaction", "agent", "agent:claude-code"),
        ("tool", "tool", "tool:Bash"),
        ("tool.execution", "step", "step:claude_code.tool.execution"),
    ],
)
def test_what_is_around_requests(kind: str, ours: str, path: str) -> None:
    attributes = {"span.type": kind, "tool_name": "Bash", "user_prompt": "Fix it"}
    sent = span(attributes, name=f"claude_code.{kind}", scope=SCOPE)
    found = span_of(sent)
    assert (found.kind, found.context.section_path) == (ours, path)
    if kind == "interaction":
        assert content_of(sent)["input"] == "Fix it"
