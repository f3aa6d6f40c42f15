"""LangSmith's OpenTelemetry mode: details as texts of Python objects, types of errors in their messages."""

from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, event, records_of, span, span_of, usd

CALL: dict[str, Any] = {
    "langsmith.span.kind": "llm",
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "langchain",
    "langsmith.metadata.ls_provider": "anthropic",
    "langsmith.metadata.ls_model_name": "claude-haiku-4-5",
    "gen_ai.usage.input_tokens": 150,
    "gen_ai.usage.output_tokens": 45,
}
LIFETIMES = "'cache_read': 80, 'cache_creation': 30, 'ephemeral_5m_input_tokens': 10, 'ephemeral_1h_input_tokens': 20"


def test_details_as_a_python_literal() -> None:
    attributes = {
        **CALL,
        "gen_ai.usage.input_token_details": f"{{{LIFETIMES}}}",
        "gen_ai.usage.output_token_details": "{'reasoning': 20, 'audio': None}",
    }
    call = call_of(span(attributes))
    assert (call.provider, call.request_model) == ("anthropic", "claude-haiku-4-5")
    assert call.usage.details == {"reasoning_tokens": 20}
    # 40 fresh; claude-haiku-4-5 (claude.com/pricing, 2026-11):
    # 40 × 1 + 80 × 0.10 + 10 × 1.25 + 20 × 2 + 45 × 5 = 325.5 millionths.
    assert usd(call) == Decimal("0.0003255")


def test_details_in_the_metadata_alone() -> None:
    usage = f'{{"input_tokens": 150, "output_tokens": 45, "input_token_details": {{{LIFETIMES}}}}}'.replace("'", '"')
    attributes = {**CALL, "langsmith.metadata.usage_metadata": usage}
    assert usd(call_of(span(attributes))) == Decimal("0.0003255")


@pytest.mark.parametrize(
    "details",
    [
        "__import__('os').system('true')",
        "{'cache_read': __import__('os')}",
        "{'cache_read': 1 + 1}",
        "{'cache_read': 80" + " " * 70_000 + "}",
        "{" * 100,
        "cache_read: 80",
    ],
)
def test_literals_are_read_and_never_run(details: str) -> None:
    call = call_of(span({**CALL, "gen_ai.usage.input_token_details": details}))
    assert call.usage.units == {"input_text_tokens": 150, "output_text_tokens": 45}


def test_other_service_tiers_have_other_names() -> None:
    details = "{'priority_cache_read': 64, 'priority': 56}"
    attributes = {**CALL, "gen_ai.usage.input_tokens": 120, "gen_ai.usage.input_token_details": details}
    assert call_of(span(attributes)).usage.units["cache_read_text_tokens"] == 64


def test_context_and_settings_of_the_library() -> None:
    attributes = {
        **CALL,
        "langsmith.metadata.thread_id": "s1",
        "langsmith.metadata.user_id": "u1",
        "langsmith.metadata.customer_id": "c1",
        "langsmith.metadata.team": "blue",
        "langsmith.metadata.LANGSMITH_ENDPOINT": "http://127.0.0.1",
        "langsmith.metadata.temperature": 0.5,
        "langsmith.span.tags": "a, b",
    }
    context = call_of(span(attributes)).context
    assert (context.session_id, context.user_id, context.customer_id, context.tags) == ("s1", "u1", "c1", ("a", "b"))
    assert context.metadata == {"team": "blue"}


def test_type_of_an_error_out_of_its_message() -> None:
    message = "RateLimitError('Error code: 429 - slow down')\n\nTraceback (most recent call last):\n  File"
    thrown = event("exception", 1, exception__type="Exception", exception__message=message)
    # Sent before it ended, a run has been marked as right: then the exception alone tells.
    for status in (2, 1):
        call = call_of(span(CALL, thrown, status=status))
        assert call.error is not None
        assert (call.error.type, call.error.message) == ("RateLimitError", "Error code: 429 - slow down")
        assert (call.status, call.http_status) == ("error", 429)


@pytest.mark.parametrize(("kind", "ours"), [("chain", "chain"), ("tool", "tool"), ("parser", "step"), ("?", "other")])
def test_other_runs(kind: str, ours: str) -> None:
    sent = span({"langsmith.span.kind": kind, "gen_ai.operation.name": kind, "gen_ai.system": "langchain"}, name="one")
    assert (span_of(sent).kind, span_of(sent).name) == (ours, "one")
    assert len(records_of(sent)) == 1
