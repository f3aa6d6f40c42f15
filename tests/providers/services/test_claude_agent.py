"""The Claude Agent SDK: the real package with a stand-in for its program, which tells tokens and cost by model."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, ClaudeSDKClient, ResultMessage, query
from loopback.agent_program import program
from loopback.rig import Recorded, observed

import llmobserve
from llmobserve.pricing import price_event

NOWHERE: Any = SimpleNamespace(netloc="127.0.0.1:9")
SESSION = "5b0d3c1e-0000-4000-8000-000000000001"
OPUS, HAIKU = "claude-opus-4-7", "claude-haiku-4-5-20251001"


def totals(tokens_in: int, out: int, read: int, written: int, usd: float, **fields: Any) -> dict[str, Any]:
    return {
        "inputTokens": tokens_in,
        "outputTokens": out,
        "cacheReadInputTokens": read,
        "cacheCreationInputTokens": written,
        "webSearchRequests": 0,
        "costUSD": usd,
        "contextWindow": 200000,
        "maxOutputTokens": 32000,
        "provider": "firstParty",
        **fields,
    }


def assistant(number: int, usage: dict[str, Any], text: str = "Hi") -> dict[str, Any]:
    return {
        "type": "assistant",
        "session_id": SESSION,
        "parent_tool_use_id": None,
        "message": {
            "id": f"msg_{number}",
            "model": OPUS,
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
            "usage": usage,
        },
    }


def result(number: int, cost: float | None, models: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": "result",
        "subtype": "success",
        "duration_ms": 2500,
        "duration_api_ms": 2000,
        "is_error": False,
        "num_turns": 1,
        "session_id": SESSION,
        "uuid": f"result-{number}",
        "result": "the secret answer",
        "total_cost_usd": cost,
        "usage": {"input_tokens": 10, "output_tokens": 20},
        **fields,
    }
    return said if models is None else {**said, "modelUsage": models}


FIRST = assistant(1, {"input_tokens": 10, "output_tokens": 1})


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*turns: list[dict[str, Any]]) -> ClaudeAgentOptions:
        return ClaudeAgentOptions(cli_path=program(tmp_path), env={"AGENT_TURNS": json.dumps(turns)})

    return make


def ask(options: ClaudeAgentOptions, *, content: bool = False) -> tuple[list[Any], Recorded]:
    async def run() -> list[Any]:
        return [message async for message in query(prompt="Hello", options=options)]

    with observed(NOWHERE, content=content) as recorded:
        return asyncio.run(run()), recorded


def test_one_call_for_each_model_with_the_stated_cost(options: Any) -> None:
    models = {OPUS: totals(10, 20, 3000, 400, 0.0125), HAIKU: totals(7, 5, 0, 0, 0.000032)}
    with llmobserve.section("agent:coder"):
        seen, recorded = ask(options([FIRST, result(1, 0.012532, models)]))
    assert isinstance(seen[-1], ResultMessage) and seen[-1].total_cost_usd == 0.012532
    opus, haiku = recorded.calls
    assert (opus.provider, opus.operation, opus.kind, opus.transport, opus.status) == (
        "anthropic",
        "agent.result",
        "llm",
        "claude_agent_sdk",
        "ok",
    )
    assert (opus.request_model, haiku.request_model) == (OPUS, HAIKU)
    assert dict(opus.usage.units) == {
        "input_text_tokens": 10,
        "output_text_tokens": 20,
        "cache_read_text_tokens": 3000,
        "cache_write_tokens": 400,
    }
    costs = [price_event(call) for call in recorded.calls]
    assert [(cost.state, cost.usd) for cost in costs] == [
        ("provider_reported", Decimal("0.0125")),
        ("provider_reported", Decimal("0.000032")),
    ]
    assert opus.context.session_id == SESSION
    assert opus.context.section_path is not None and "coder" in opus.context.section_path
    assert opus.duration_ms is not None and 2500 <= opus.duration_ms < 60_000
    assert "secret" not in repr(recorded.calls)


def test_results_of_one_process_are_running_totals(options: Any) -> None:
    turns = (
        [FIRST, result(1, 0.01, {OPUS: totals(10, 20, 0, 0, 0.01)})],
        [FIRST, result(2, 0.03, {OPUS: totals(15, 26, 100, 0, 0.025), HAIKU: totals(1, 1, 0, 0, 0.005)})],
        [FIRST, result(3, 0.03, {OPUS: totals(15, 26, 100, 0, 0.025), HAIKU: totals(1, 1, 0, 0, 0.005)})],
        [FIRST, result(4, 0.002, {OPUS: totals(4, 4, 0, 0, 0.002)})],  # totals have begun anew
    )

    async def run() -> None:
        async with ClaudeSDKClient(options(*turns)) as client:
            for _ in turns:
                with llmobserve.session("mine"):
                    await client.query("Hello")
                    assert [type(message) async for message in client.receive_response()][-1] is ResultMessage

    with observed(NOWHERE) as recorded:
        asyncio.run(run())
    facts = [(call.request_model, dict(call.usage.units), call.reported_cost_usd) for call in recorded.calls]
    assert facts == [
        (OPUS, {"input_text_tokens": 10, "output_text_tokens": 20}, Decimal("0.01")),
        # 15 - 10, 26 - 20, 0.025 - 0.01
        (
            OPUS,
            {"input_text_tokens": 5, "output_text_tokens": 6, "cache_read_text_tokens": 100},
            Decimal("0.015"),
        ),
        (HAIKU, {"input_text_tokens": 1, "output_text_tokens": 1}, Decimal("0.005")),
        (OPUS, {"input_text_tokens": 4, "output_text_tokens": 4}, Decimal("0.002")),
    ]
    assert {call.context.session_id for call in recorded.calls} == {"mine"}


def test_lifetimes_of_what_is_cached_are_taken_from_the_turn(options: Any) -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_creation_input_tokens": 400,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_1h_input_tokens": 400, "ephemeral_5m_input_tokens": 0},
    }
    _, recorded = ask(options([FIRST, result(1, 0.01, {OPUS: totals(10, 20, 0, 400, 0.01)}, usage=usage)]))
    assert recorded.units == {"input_text_tokens": 10, "output_text_tokens": 20, "cache_write_1h_tokens": 400}


def test_other_platforms_are_named(options: Any) -> None:
    _, recorded = ask(options([FIRST, result(1, 0.01, {"m": totals(1, 1, 0, 0, 0.01, provider="bedrock")})]))
    assert recorded.one.dimensions["platform"] == "bedrock"


def test_programs_that_do_not_tell_models_apart(options: Any) -> None:
    _, recorded = ask(options([FIRST, result(1, 0.01, None)]))
    assert (recorded.one.request_model, recorded.one.reported_cost_usd) == (OPUS, Decimal("0.01"))
    assert recorded.units == {"input_text_tokens": 10, "output_text_tokens": 20}


def test_a_failed_turn_costs_what_was_done(options: Any) -> None:
    failure = result(1, 0.01, {OPUS: totals(10, 20, 0, 0, 0.01)}, subtype="error_max_turns", is_error=True, result=None)
    _, recorded = ask(options([FIRST, failure]))
    call = recorded.one
    assert (call.status, call.error and call.error.type) == ("error", "error_max_turns")
    assert price_event(call).usd == Decimal("0.01")


def test_an_unanswered_turn_costs_nothing(options: Any) -> None:
    said = {"is_error": True, "api_error_status": 529, "result": "API Error: overloaded"}
    _, recorded = ask(options([result(1, 0.0, {}, **said)]))
    call = recorded.one
    assert (call.status, call.http_status) == ("error", 529)
    assert call.error is not None and call.error.message == "API Error: overloaded"
    assert price_event(call).state == "free"


def test_a_turn_that_is_left_early_is_told_by_its_messages(options: Any) -> None:
    second = assistant(2, {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 50})

    async def run() -> None:
        async with ClaudeSDKClient(options([FIRST, FIRST, second, FIRST])) as client:
            await client.query("Hello")
            messages: Any = client.receive_response()
            for _ in range(3):
                assert isinstance(await anext(messages), AssistantMessage)
            await messages.aclose()

    with observed(NOWHERE) as recorded:
        asyncio.run(run())
    call = recorded.one
    assert (call.status, call.request_model) == ("cancelled", OPUS)
    # 10 + 3, 1 + 4
    assert recorded.units == {"input_text_tokens": 13, "output_text_tokens": 5, "cache_read_text_tokens": 50}
    assert "partial" in call.usage.flags and call.reported_cost_usd is None


def test_what_is_said_only_if_wanted(options: Any) -> None:
    turn = [FIRST, result(1, 0.01, {OPUS: totals(10, 20, 0, 0, 0.01)})]
    assert ask(options(turn))[1].contents == []
    _, recorded = ask(options(turn), content=True)
    assert recorded.contents[0].output == "the secret answer"


@pytest.mark.parametrize(
    "models",
    [{OPUS: None}, {OPUS: {"inputTokens": -1, "costUSD": "NaN"}}, {OPUS: {"outputTokens": 1e400}}, []],
)
def test_senseless_totals_do_no_harm(options: Any, models: Any) -> None:
    seen, recorded = ask(options([FIRST, result(1, None, models, usage=None)]))
    assert isinstance(seen[-1], ResultMessage)
    assert all(not call.usage.units and call.reported_cost_usd is None for call in recorded.calls)
