"""OpenInference spans as calls, sums and tools, with the traps of real ones."""

import json
from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, content_of, event, records_of, span, span_of, usd

LLM: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o-mini"}
COUNTS = {
    "llm.token_count.prompt": 120,
    "llm.token_count.completion": 30,
    "llm.token_count.prompt_details.cache_read": 64,
}


def test_call() -> None:
    attributes = {
        **LLM,
        **COUNTS,
        "llm.invocation_parameters": '{"model": "gpt-4o-mini", "stream": true}',
        "llm.token_count.completion_details.reasoning": 12,
        "session.id": "s1",
        "user.id": "u1",
        "metadata": '{"customer_id": "c1", "ls_provider": "openai", "team": "blue"}',
        "tag.tags": ["a", "b"],
        "llm.finish_reason": "stop",
        "output.value": '{"id": "chatcmpl-1", "service_tier": "flex", "choices": []}',
    }
    call = call_of(span(attributes, event("First Token Stream Event", 40)))
    assert (call.kind, call.provider, call.operation) == ("llm", "openai", "chat.completions")
    assert (call.request_model, call.response_model, call.response_id) == ("gpt-4o-mini", "gpt-4o-mini", "chatcmpl-1")
    assert call.usage.units == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    assert call.usage.details == {"reasoning_tokens": 12}
    assert (call.stream, call.time_to_first_token_ms, call.duration_ms) == (True, 40, 250)
    assert call.dimensions == {"service_tier": "flex"}
    context = call.context
    assert (context.session_id, context.user_id, context.customer_id) == ("s1", "u1", "c1")
    assert (context.tags, context.metadata) == (("a", "b"), {"customer_id": "c1", "team": "blue"})


def test_cost_of_anthropics_two_lifetimes_of_a_cache() -> None:
    # The attributes have no lifetimes; the answer beside them has: 40 fresh + 80 read + 10 for 5 minutes + 20 for an
    # hour. claude-haiku-4-5 (claude.com/pricing, 2026-11): 40 × 1 + 80 × 0.10 + 10 × 1.25 + 20 × 2 + 45 × 5 = 325.5.
    usage = {
        "input_tokens": 40,
        "cache_read_input_tokens": 80,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 45,
    }
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.provider": "anthropic",
        "llm.model_name": "claude-haiku-4-5",
        "llm.token_count.prompt": 150,
        "llm.token_count.completion": 45,
        "llm.token_count.prompt_details.cache_read": 80,
        "llm.token_count.prompt_details.cache_write": 30,
        "output.value": json.dumps({"id": "msg_1", "type": "message", "content": [], "usage": usage}),
    }
    call = call_of(span(attributes))
    assert call.response_id == "msg_1"
    assert usd(call) == Decimal("0.0003255")


def test_counts_that_leave_out_the_cache() -> None:
    # More was read from the cache than there is input: the count cannot include it.
    counts = {"llm.token_count.prompt": 40, "llm.token_count.prompt_details.cache_read": 80}
    call = call_of(span({**LLM, **counts, "llm.token_count.completion": 45}))
    assert call.usage.units == {"input_text_tokens": 40, "cache_read_text_tokens": 80, "output_text_tokens": 45}


def test_messages_are_rebuilt_whatever_their_indices() -> None:
    attributes = {
        **LLM,
        "llm.input_messages.10.message.role": "tool",
        "llm.input_messages.10.message.content": "three",
        "llm.input_messages.2.message.role": "assistant",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "search",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"q": 1}',
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.text": "Hello",
        "llm.output_messages.0.message.content": "Hi",
        "llm.tools.0.tool.json_schema": '{"name": "search"}',
        "input.value": "replaced by the messages",
    }
    content = content_of(span(attributes))
    assert content["input"]["messages"] == [
        {"role": "user", "contents": [{"text": "Hello"}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "search", "arguments": '{"q": 1}'}}]},
        {"role": "tool", "content": "three"},
    ]
    assert content["output"] == [{"content": "Hi"}]
    assert content["input"]["tools"] == ['{"name": "search"}']


def test_vectors_are_left_out() -> None:
    vector = [0.25] * 1536
    attributes = {
        "openinference.span.kind": "EMBEDDING",
        "llm.system": "openai",
        "embedding.model_name": "text-embedding-3-small",
        "llm.token_count.prompt": 16,
        "embedding.embeddings.0.embedding.text": "a",
        "embedding.embeddings.0.embedding.vector": vector,
        "embedding.embeddings.1.embedding.text": "b",
        "embedding.embeddings.1.embedding.vector": vector,
        "output.value": json.dumps({"data": [{"embedding": vector}], "usage": {"prompt_tokens": 16}}),
    }
    call = call_of(span(attributes))
    assert (call.kind, call.operation, call.usage.units) == ("embedding", "embeddings", {"input_text_tokens": 16})
    assert usd(call) == Decimal("0.00000032")  # 16 × 0.02 a million (openai.com/api/pricing, 2026-11)
    assert content_of(span(attributes)) == {"input": {"messages": ["a", "b"]}, "output": None}
    assert "0.25" not in str(call.attributes)


def langchain(**metadata: Any) -> str:
    message = {"kwargs": {"id": "lc_run--1", "response_metadata": metadata}}
    return json.dumps({"generations": [[{"message": message}]], "llm_output": None, "type": "LLMResult"})


def test_langchain_has_the_providers_id_in_its_metadata() -> None:
    call = call_of(span({**LLM, **COUNTS, "output.value": langchain(id="chatcmpl-7", service_tier="priority")}))
    assert call.response_id == "chatcmpl-7"
    assert call.dimensions == {"service_tier": "priority"}
    assert call.usage.units == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    assert call_of(span({**LLM, **COUNTS, "output.value": langchain()})).response_id is None


def test_refused_call() -> None:
    thrown = event("exception", 5, exception__type="openai.RateLimitError", exception__message="Error code: 429 - slow")
    call = call_of(span(LLM, thrown, status=2, message="RateLimitError: Error code: 429 - slow"))
    assert (call.status, call.http_status, call.request_model, call.response_model) == (
        "error",
        429,
        "gpt-4o-mini",
        None,
    )
    assert call.error is not None
    assert call.error.type == "openai.RateLimitError"
    assert (call.usage.units, call.usage.source) == ({}, "unknown")


def test_refusal_that_langchain_kept() -> None:
    call = call_of(span({**LLM, "output.value": langchain(status_code=429)}, status=2, message="OpenAIError('slow')"))
    assert (call.http_status, call.usage.units) == (429, {})


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({"llm.cost.total": 0.0012}, Decimal("0.0012")),
        ({"llm.cost.prompt": 0.001, "llm.cost.completion": 0.0005}, Decimal("0.0015")),
        ({"llm.cost.total": 0.0, "llm.cost.prompt": 0}, None),
        ({"llm.cost.total": "none"}, None),
    ],
)
def test_supplied_cost(costs: dict[str, Any], expected: Decimal | None) -> None:
    assert call_of(span({**LLM, **COUNTS, **costs})).reported_cost_usd == expected


def test_chain_with_tokens_is_a_sum() -> None:
    sent = span({"openinference.span.kind": "CHAIN", **COUNTS, "llm.model_name": "gpt-4o-mini"}, name="LangGraph")
    assert span_of(sent).kind == "chain"
    assert call_of(sent).usage.flags == ("aggregate",)


@pytest.mark.parametrize(
    ("kind", "ours"),
    [("AGENT", "agent"), ("RETRIEVER", "retriever"), ("GUARDRAIL", "guardrail"), ("PROMPT", "step"), ("?", "other")],
)
def test_spans_that_are_no_calls(kind: str, ours: str) -> None:
    (record,) = records_of(span({"openinference.span.kind": kind}, name="one"))
    assert (record.type, record.kind, record.name) == ("span", ours, "one")


def test_tool() -> None:
    attributes = {"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": "cats", "output.value": "3"}
    assert span_of(span(attributes, name="run")).context.section_path == "tool:search"
    assert content_of(span(attributes)) == {"input": "cats", "output": "3"}


@pytest.mark.parametrize(
    "hostile",
    [
        {"llm.input_messages." + "9" * 400 + ".message.role": "user"},
        {"llm.input_messages." + ".".join(["a"] * 500): "deep"},
        {"llm.input_messages.0": "leaf", "llm.input_messages.0.message.role": "user"},
        {"llm.input_messages.": "no name", "llm.output_messages..": 1},
        {"output.value": "[" * 100_000},
        {"output.value": '{"id": {"a": 1}, "usage": [1], "generations": 7}'},
        {"output.value": '{"generations": [[{"message": [1]}]], "llm_output": "x"}'},
        {"llm.invocation_parameters": "{'model': __import__('os')}", "metadata": "[1, 2]"},
        {"llm.token_count.prompt": -5, "llm.token_count.completion": "many"},
        {"openinference.span.kind": ["LLM"]},
    ],
)
def test_hostile_attributes_are_survived(hostile: dict[str, Any]) -> None:
    records = records_of(span({**LLM, **hostile}))
    assert records[0].type in ("call", "span")
