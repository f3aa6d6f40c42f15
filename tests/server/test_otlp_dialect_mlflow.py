"""MLflow spans, whose attributes are JSON in JSON: usage out of them, and where there is none."""

import json
from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, content_of, event, records_of, span, span_of, usd

USAGE = '{"input_tokens": 120, "output_tokens": 30, "total_tokens": 150, "cache_read_input_tokens": 64}'
CALL = {
    "mlflow.spanType": '"CHAT_MODEL"',
    "mlflow.message.format": '"openai"',
    "mlflow.llm.model": '"gpt-4o-mini-2024-07-18"',
    "mlflow.spanInputs": '{"model": "gpt-4o-mini", "messages": [{"role": "user"}]}',
    "model": '"gpt-4o-mini"',
    "temperature": "0.2",
}


def test_call() -> None:
    attributes = {
        **CALL,
        "mlflow.chat.tokenUsage": USAGE,
        "stream": "true",
        "mlflow.trace.session": '"s1"',
        "mlflow.trace.user": '"u1"',
        "mlflow.traceTag.customer_id": '"c1"',
        "mlflow.traceTag.mlflow.source": '"x"',
        "mlflow.llm.cost": '{"input_cost": 0.00001, "total_cost": 0.00003}',
    }
    call = call_of(span(attributes, event("mlflow.chunk.item.0", 40, mlflow__chunk__value="{}")))
    assert (call.provider, call.request_model, call.response_model) == (
        "openai",
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    )
    assert call.usage.units == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    # gpt-4o-mini (openai.com/api/pricing, 2026-11): 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths.
    assert (usd(call), call.reported_cost_usd) == (Decimal("0.0000312"), Decimal("0.00003"))
    assert (call.stream, call.time_to_first_token_ms) == (True, 40)
    assert (call.context.session_id, call.context.user_id, call.context.customer_id) == ("s1", "u1", "c1")
    assert call.context.metadata == {"customer_id": "c1"}
    assert call.attributes == {"temperature": 0.2}


def test_answer_tells_what_the_attributes_do_not() -> None:
    usage = {
        "prompt_tokens": 120,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }
    answer = {"id": "resp_1", "object": "response", "service_tier": "flex", "usage": usage}
    call = call_of(span({**CALL, "mlflow.chat.tokenUsage": USAGE, "mlflow.spanOutputs": json.dumps(answer)}))
    assert (call.response_id, call.operation, call.dimensions) == ("resp_1", "responses", {"service_tier": "flex"})
    assert call.usage.details == {"reasoning_tokens": 12}


def test_embeddings_have_their_usage_in_the_answer_alone() -> None:
    answer = {"data": [{"embedding": [0.25] * 1536}], "usage": {"prompt_tokens": 16, "total_tokens": 16}}
    attributes = {
        "mlflow.spanType": '"EMBEDDING"',
        "mlflow.llm.model": '"text-embedding-3-small"',
        "mlflow.spanInputs": '{"input": ["a", "b"]}',
        "mlflow.spanOutputs": json.dumps(answer),
    }
    call = call_of(span(attributes))
    assert (call.kind, call.provider, call.usage.units) == ("embedding", "openai", {"input_text_tokens": 16})
    assert content_of(span(attributes)) == {"input": {"input": ["a", "b"]}, "output": None}


def test_anthropic_with_both_lifetimes() -> None:
    # 40 fresh + 80 read + 10 + 20 written; claude-haiku-4-5 (claude.com/pricing, 2026-11):
    # 40 × 1 + 80 × 0.10 + 10 × 1.25 + 20 × 2 + 45 × 5 = 325.5 millionths.
    usage = {
        "input_tokens": 40,
        "output_tokens": 45,
        "cache_read_input_tokens": 80,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    }
    attributes = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.llm.provider": '"anthropic"',
        "mlflow.llm.model": '"claude-haiku-4-5"',
        "mlflow.spanInputs": '{"model": "claude-haiku-4-5"}',
        "mlflow.spanOutputs": json.dumps({"id": "msg_1", "usage": usage}),
    }
    call = call_of(span(attributes))
    assert (call.provider, call.request_model, call.response_id) == ("anthropic", "claude-haiku-4-5", "msg_1")
    assert usd(call) == Decimal("0.0003255")


def test_stream_object_that_says_nothing() -> None:
    attributes = {**CALL, "mlflow.spanOutputs": '"<anthropic.Stream object at 0x7f71cd2f8c90>"'}
    call = call_of(span(attributes))
    assert (call.usage.units, call.usage.source, usd(call)) == ({}, "unknown", None)


def test_refused_call() -> None:
    thrown = event("exception", 1, exception__type="RateLimitError", exception__message="Error code: 429 - slow")
    call = call_of(span({**CALL, "mlflow.llm.model": '"gpt-4o-mini"'}, thrown, status=2))
    assert (call.status, call.http_status, call.request_model, call.response_model) == (
        "error",
        429,
        "gpt-4o-mini",
        None,
    )


@pytest.mark.parametrize(
    ("kind", "ours"),
    [("CHAIN", "chain"), ("TOOL", "tool"), ("AGENT", "agent"), ("PARSER", "step"), ("UNKNOWN", "other")],
)
def test_other_spans(kind: str, ours: str) -> None:
    assert span_of(span({"mlflow.spanType": json.dumps(kind)}, name="one")).kind == ours


@pytest.mark.parametrize(
    "hostile",
    [
        {"mlflow.spanType": "CHAT_MODEL"},
        {"mlflow.chat.tokenUsage": "{" * 10_000},
        {"mlflow.chat.tokenUsage": '"120"', "mlflow.spanOutputs": "[1]"},
        {"mlflow.spanOutputs": '{"usage": {"prompt_tokens": -1}}', "model": "[1]"},
        {"temperature": "1e999", "stream": '"maybe"'},
    ],
)
def test_hostile_attributes_are_survived(hostile: dict[str, Any]) -> None:
    assert records_of(span({**CALL, **hostile}))[0].type == "call"
