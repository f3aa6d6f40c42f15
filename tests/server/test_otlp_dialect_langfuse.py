"""Langfuse observations: every form of its usage, its quoted times and values, and its costs."""

import json
from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, records_of, span, span_of, usd

GENERATION: dict[str, Any] = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "claude-haiku-4-5",
}


def generation(**more: Any) -> Any:
    return call_of(span({**GENERATION, **{f"langfuse.observation.{name}": value for name, value in more.items()}}))


PARTS = {"input_text_tokens": 40, "cache_read_text_tokens": 80, "output_text_tokens": 45}


@pytest.mark.parametrize(
    ("usage", "units"),
    [
        # OpenAI's own, chat and Responses: the input includes what was cached.
        (
            {
                "prompt_tokens": 120,
                "completion_tokens": 45,
                "total_tokens": 165,
                "prompt_tokens_details": {"cached_tokens": 80},
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            PARTS,
        ),
        (
            {"input_tokens": 120, "input_tokens_details": {"cached_tokens": 80}, "output_tokens": 45},
            PARTS,
        ),
        # Anthropic's own: it does not.
        ({"input_tokens": 40, "cache_read_input_tokens": 80, "output_tokens": 45}, PARTS),
        # Buckets of Langfuse do not overlap, by hand and by its LangChain handler.
        ({"input": 40, "output": 45, "cache_read_input_tokens": 80}, PARTS),
        ({"input": 40, "input_cache_read": 80, "output": 25, "output_reasoning": 20, "total": 165}, PARTS),
        ({"input": 40, "input_cached_tokens": 80, "output": 25, "output_reasoning_tokens": 20}, PARTS),
        # A total of just these two says that the rest is inside of them.
        ({"input": 120, "input_cached_tokens": 80, "output": 45, "output_reasoning_tokens": 20, "total": 165}, PARTS),
        (
            {"input": 40, "cache_creation_input_tokens": 30, "input_cache_creation_1h": 20, "output": 45},
            {"input_text_tokens": 40, "cache_write_1h_tokens": 20, "cache_write_tokens": 10, "output_text_tokens": 45},
        ),
        ({"input": 16}, {"input_text_tokens": 16}),
        ({"total": 16}, {"input_text_tokens": 16}),
        ({"input": -1, "output": "x"}, {}),
        ({}, {}),
        ([1], {}),
    ],
)
def test_usage(usage: Any, units: dict[str, int]) -> None:
    assert generation(usage_details=json.dumps(usage)).usage.units == units


def test_cost_by_our_prices() -> None:
    # claude-haiku-4-5 (claude.com/pricing, 2026-11): 40 × 1 + 80 × 0.10 + 45 × 5 = 273 millionths.
    call = generation(usage_details='{"input": 40, "output": 45, "cache_read_input_tokens": 80}')
    assert (call.provider, call.operation) == ("anthropic", "messages")
    assert usd(call) == Decimal("0.000273")


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({"total": 0.001}, Decimal("0.001")),
        ({"input": 0.001, "output": 0.002}, Decimal("0.003")),
        ({"input": 0, "output": 0, "total": 0}, None),
        ({"total": "free"}, None),
    ],
)
def test_supplied_cost(costs: dict[str, Any], expected: Decimal | None) -> None:
    assert generation(cost_details=json.dumps(costs)).reported_cost_usd == expected


def test_first_token_by_a_quoted_time() -> None:
    call = generation(completion_start_time='"2026-11-10T12:00:00.125Z"')
    assert (call.stream, call.time_to_first_token_ms) == (True, 125)
    assert generation(completion_start_time='"soon"').time_to_first_token_ms is None
    early = generation(completion_start_time='"2026-11-10T11:59:59Z"')
    assert early.time_to_first_token_ms is None


def test_context() -> None:
    attributes = {
        **GENERATION,
        "session.id": "s1",
        "user.id": "u1",
        "langfuse.trace.tags": ["a"],
        "langfuse.trace.metadata.customer_id": '"c1"',
        "langfuse.trace.metadata.count": "3",
        "langfuse.observation.metadata.step": '"two"',
        "langfuse.observation.prompt.name": "greet",
        "langfuse.observation.prompt.version": 4,
        "langfuse.observation.model.parameters": '{"temperature": 1, "service_tier": "priority"}',
    }
    call = call_of(span(attributes))
    context = call.context
    assert (context.session_id, context.user_id, context.customer_id, context.tags) == ("s1", "u1", "c1", ("a",))
    assert context.metadata == {"customer_id": "c1", "count": "3", "step": "two"}
    assert call.dimensions == {"service_tier": "priority"}
    assert call.attributes == {"prompt_name": "greet", "prompt_version": "4"}


def test_streamed_response_has_its_id_in_its_metadata() -> None:
    attributes = {
        **GENERATION,
        "langfuse.observation.model.name": "gpt-4o-mini",
        "langfuse.observation.metadata.id": '"resp_1"',
        "langfuse.observation.metadata.object": '"response"',
        "langfuse.trace.metadata.team": '"blue"',
    }
    call = call_of(span(attributes))
    assert (call.response_id, call.operation, call.context.metadata) == ("resp_1", "responses", {"team": "blue"})


def test_refused_call() -> None:
    attributes = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "my-model",
        "langfuse.observation.level": "ERROR",
        "langfuse.observation.status_message": "Error code: 429 - slow down",
        "langfuse.observation.cost_details": '{"input": 0, "output": 0, "total": 0}',
    }
    call = call_of(span(attributes, name="OpenAI-generation", status=0))
    assert (call.status, call.http_status, call.provider) == ("error", 429, "openai")
    assert (call.request_model, call.response_model) == ("my-model", None)
    assert (call.usage.units, call.reported_cost_usd) == ({}, None)
    assert call.error is not None
    assert call.error.message == "Error code: 429 - slow down"


@pytest.mark.parametrize(
    ("kind", "ours"),
    [("span", "step"), ("agent", "agent"), ("tool", "tool"), ("retriever", "retriever"), ("x", "other")],
)
def test_other_observations(kind: str, ours: str) -> None:
    sent = span({"langfuse.observation.type": kind, "langfuse.observation.input": '{"a": 1}'}, name="one")
    assert (span_of(sent).kind, span_of(sent).name) == (ours, "one")
    assert [record.type for record in records_of(sent)] == ["span", "content"]
