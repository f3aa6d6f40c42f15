"""LiteLLM's callback: one call a request, its Python texts, its own ids and its prices of nothing."""

from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, records_of, span, span_of, usd

UUID = "172384a2-bed7-4464-bf75-eda8e79adf13"
CALL: dict[str, Any] = {
    "llm.request.type": "acompletion",
    "litellm.provider.model": "anthropic/claude-haiku-4-5",
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-haiku-4-5",
    "gen_ai.usage.input_tokens": 150,
    "gen_ai.usage.output_tokens": 45,
}


def litellm(**more: Any) -> Any:
    attributes = {**CALL, **{name.replace("__", "."): value for name, value in more.items()}}
    return call_of(span(attributes, name="litellm_request", scope="litellm"))


def test_usage_as_a_python_literal() -> None:
    usage = (
        "{'completion_tokens': 45, 'prompt_tokens': 150, 'total_tokens': 195, 'completion_tokens_details': None, "
        "'prompt_tokens_details': {'audio_tokens': None, 'cached_tokens': 80, 'cache_creation_tokens': 30, "
        "'cache_creation_token_details': {'ephemeral_5m_input_tokens': 10, 'ephemeral_1h_input_tokens': 20}}, "
        "'cache_creation_input_tokens': 30, 'cache_read_input_tokens': 80}"
    )
    call = litellm(metadata__usage_object=usage, llm__is_streaming="True", llm__user="u1")
    # 40 fresh; claude-haiku-4-5 (claude.com/pricing, 2026-11):
    # 40 × 1 + 80 × 0.10 + 10 × 1.25 + 20 × 2 + 45 × 5 = 325.5 millionths.
    assert usd(call) == Decimal("0.0003255")
    assert (call.provider, call.operation, call.stream, call.context.user_id) == ("anthropic", "messages", True, "u1")


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({"gen_ai__cost__total_cost": 0.0002124}, Decimal("0.0002124")),
        ({"hidden_params": '{"response_cost": 0.0005}'}, Decimal("0.0005")),
        ({"gen_ai__cost__total_cost": 0.0, "hidden_params": '{"response_cost": 0.0}'}, None),
        ({"hidden_params": "{'response_cost': None}"}, None),
    ],
)
def test_cost_of_nothing_is_unknown(costs: dict[str, Any], expected: Decimal | None) -> None:
    assert litellm(**costs).reported_cost_usd == expected


@pytest.mark.parametrize(
    ("provider", "kind", "response_id", "kept"),
    [
        ("anthropic", "completion", f"chatcmpl-{UUID}", None),
        ("anthropic", "completion", "msg_1", "msg_1"),
        ("openai", "completion", "chatcmpl-DGq1", "chatcmpl-DGq1"),
        ("groq", "completion", f"chatcmpl-{UUID}", f"chatcmpl-{UUID}"),
        ("openai", "completion", UUID, None),
        ("openai", "aembedding", "2f3b", None),
    ],
)
def test_ids_of_its_own_join_nothing(provider: str, kind: str, response_id: str, kept: str | None) -> None:
    told = {"gen_ai__system": provider, "llm__request__type": kind, "gen_ai__response__id": response_id}
    assert litellm(litellm__call_id=UUID, **told).response_id == kept


def test_inside_of_a_request_is_no_call() -> None:
    attributes = {"llm.anthropic.messages": "[{'role': 'user'}]", "llm.anthropic.usage": "{'input_tokens': 56}"}
    for name in ("raw_gen_ai_request", "self", "postgres"):
        (record,) = records_of(span(attributes, name=name, scope="litellm"))
        assert (record.type, record.kind, record.name) == ("span", "other", name)
        assert "role" not in str(record)


@pytest.mark.parametrize(
    ("request_type", "kind"),
    [("embedding", "embedding"), ("aimage_generation", "image"), ("atranscription", "audio"), ("arerank", "rerank")],
)
def test_kinds(request_type: str, kind: str) -> None:
    assert litellm(llm__request__type=request_type).kind == kind


def test_refused_call() -> None:
    attributes = {
        **CALL,
        "error.code": "429",
        "error.type": "RateLimitError",
        "error.message": "litellm.RateLimitError: slow down",
        "error.stack_trace": "  File ...",
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
    }
    call = call_of(span(attributes, name="litellm_request", scope="litellm", status=2))
    assert (call.status, call.http_status, call.usage.units) == ("error", 429, {})
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("RateLimitError", "litellm.RateLimitError: slow down")


def test_metadata_of_the_proxy() -> None:
    told = {
        "metadata__user_api_key_team_alias": "blue",
        "metadata__user_api_key_hash": "",
        "metadata__applied_guardrails": "[]",
        "metadata__user_api_key_end_user_id": "u2",
    }
    context = litellm(**told).context
    assert context.metadata == {"user_api_key_team_alias": "blue", "user_api_key_end_user_id": "u2"}
    assert context.user_id == "u2"


def test_span_without_any_attribute() -> None:
    assert span_of(span({}, name="auth", scope="litellm")).kind == "other"
