"""A call that is reported by hand and captured as well is charged once, and none is lost for it."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_completion
from loopback.server import Loopback, json_answer

import llmobserve
from llmobserve.demo_provider import DemoProvider
from llmobserve.observatory import CacheMetadata, Observatory, RoutingDecision
from llmobserve.testing import Captured, captured

MINI, HAIKU = "gpt-4o-mini", "claude-haiku-4-5"
# openai.com/api/pricing, 2026-11: 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths of a dollar.
MINI_USD = Decimal("0.0000312")
# The same without what was read from the cache being said: 120 × 0.15 + 30 × 0.60 = 36 millionths.
MINI_UNCACHED_USD = Decimal("0.000036")
PROMPT: Any = [{"role": "user", "content": "Hello"}]
TOKENS: Any = {"prompt_tokens": 120, "completion_tokens": 30}
"""As the demo provider counts every call."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoProvider]:
    with DemoProvider() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def recorded(provider: DemoProvider) -> Iterator[Captured]:
    with captured() as found:
        yield found


@pytest.fixture
def observatory(recorded: Captured) -> Observatory:
    return Observatory("shop")


def ask(**options: Any) -> Any:
    with openai.OpenAI(max_retries=0) as client:
        return client.chat.completions.create(model=MINI, messages=PROMPT, **options)


def ask_streaming() -> Any:
    client = openai.OpenAI(max_retries=0)
    return client.chat.completions.create(
        model=MINI, messages=PROMPT, stream=True, stream_options={"include_usage": True}
    )


def of_mini(told: dict[str, Any]) -> Any:
    return {"model_name": MINI, **told}


def merged_by(recorded: Captured) -> list[str | None]:
    return [fact.data.get("merged_by") for fact in recorded.facts if fact.kind == "tracking"]


def test_the_answer_object_names_the_captured_call(recorded: Captured, observatory: Observatory) -> None:
    with observatory.start_session("answer"):
        answer = ask()
        tracked = observatory.track_llm_call(
            MINI, response=answer, agent_name="writer", routing_decision=RoutingDecision(chosen_model=MINI)
        )
    assert tracked is not None
    assert (tracked.event_id, tracked.merged_by) == (recorded.call.event_id, "response_id")
    assert recorded.cost_usd == MINI_USD
    assert {fact.kind: fact.target_event_id for fact in recorded.facts} == {
        "tracking": recorded.call.event_id,
        "routing": recorded.call.event_id,
    }
    assert recorded.facts[0].data["agent_name"] == "writer"


@pytest.mark.parametrize("name", ["response_id", "request_id"])
def test_an_id_names_the_captured_call_whatever_else_is_said(name: str) -> None:
    with Loopback(json_answer(chat_completion(), x_request_id="req_1")) as server:
        with captured(hosts={server.netloc: "openai"}) as recorded:
            observatory = Observatory("shop")
            with openai.OpenAI(max_retries=0, base_url=f"{server.url}/v1", api_key="none") as client:
                answer = client.chat.completions.create(model=MINI, messages=PROMPT)
            ids: dict[str, Any] = {"response_id": answer.id, "request_id": answer._request_id}
            assert ids == {"response_id": "chatcmpl-1", "request_id": "req_1"}
            with llmobserve.run("elsewhere"):
                twice = [observatory.track_llm_call("our name", 1, 1, **{name: ids[name]}) for _ in range(2)]
        assert twice == [(recorded.call.event_id, name)] * 2
        assert recorded.cost_usd == MINI_USD


def test_an_id_that_a_server_gives_out_again_is_no_id() -> None:
    other = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    answers = [json_answer(chat_completion(usage=usage)) for usage in (CHAT_USAGE, other)]
    with Loopback(*answers) as server, captured(hosts={server.netloc: "vllm"}) as recorded:
        observatory = Observatory("shop", provider="vllm")
        with openai.OpenAI(max_retries=0, base_url=f"{server.url}/v1", api_key="none") as client:
            first, second = (client.chat.completions.create(model=MINI, messages=PROMPT) for _ in range(2))
        assert first.id == second.id
        tracked = [observatory.track_llm_call(MINI, response=answer) for answer in (first, second)]
        assert tracked == [(call.event_id, "usage") for call in recorded.calls]


@pytest.mark.parametrize(
    "told",
    [
        TOKENS,
        {"prompt_tokens": 56, "completion_tokens": 30},
        {**TOKENS, "cached_tokens": 64, "provider": "openai", "latency_ms": 100_000},
        {**TOKENS, "provider": "a reseller"},
        {**TOKENS, "model_name": "openai/GPT-4o-mini"},
    ],
    ids=["totals", "fresh", "all", "other provider", "prefixed"],
)
def test_without_an_id_model_and_tokens_tell(
    recorded: Captured, observatory: Observatory, told: dict[str, Any]
) -> None:
    with observatory.start_session("answer"):
        ask()
        tracked = observatory.track_llm_call(**of_mini(told))
    assert tracked is not None
    assert (tracked.event_id, tracked.merged_by) == (recorded.call.event_id, "usage")
    assert recorded.cost_usd == MINI_USD


@pytest.mark.parametrize(
    "told",
    [
        {**TOKENS, "model_name": "gpt-4o"},
        {**TOKENS, "completion_tokens": 31},
        {**TOKENS, "prompt_tokens": 119},
        {"prompt_tokens": 120},
        {},
        {**TOKENS, "response_id": "chatcmpl-of-another-call"},
        {**TOKENS, "start_time": datetime(2026, 1, 1, tzinfo=timezone.utc), "latency_ms": 100},
    ],
    ids=["model", "output", "input", "no output", "no tokens", "id", "time"],
)
def test_a_call_that_differs_is_one_of_its_own(
    recorded: Captured, observatory: Observatory, told: dict[str, Any]
) -> None:
    with observatory.start_session("answer"):
        ask()
        tracked = observatory.track_llm_call(**of_mini(told))
    assert tracked is not None
    assert tracked.merged_by is None
    assert [call.event_id for call in recorded.calls][1:] == [tracked.event_id]
    assert recorded.calls[1].transport == "manual"


def test_a_captured_call_is_claimed_once(recorded: Captured, observatory: Observatory, provider: DemoProvider) -> None:
    with observatory.start_session("answer"):
        ask()
        ask()
        tracked = [observatory.track_llm_call(MINI, **TOKENS) for _ in range(3)]
    assert [one and one.merged_by for one in tracked] == ["usage", "usage", None]
    assert len({one.event_id for one in tracked if one}) == 3
    assert len(provider.ledger) == 2
    # Two that were captured, and one that says nothing about the cache.
    assert recorded.cost_usd == 2 * MINI_USD + MINI_UNCACHED_USD


def test_the_call_of_the_same_section_is_preferred(recorded: Captured, observatory: Observatory) -> None:
    with observatory.start_session("answer"), llmobserve.section("agent:outer"):
        ask()
        with llmobserve.section("agent:inner"):
            ask()  # the later one
        tracked = observatory.track_llm_call(MINI, **TOKENS)
    by_path = {call.context.section_path: call.event_id for call in recorded.calls}
    assert set(by_path) == {"agent:outer", "agent:outer/agent:inner"}
    assert tracked == (by_path["agent:outer"], "usage")


def test_another_run_keeps_its_call(recorded: Captured, observatory: Observatory) -> None:
    with llmobserve.run("one"):
        ask()
    with llmobserve.run("two"):
        tracked = observatory.track_llm_call(MINI, **TOKENS)
    assert tracked is not None
    assert tracked.merged_by is None
    assert {call.context.run_name for call in recorded.calls} == {"one", "two"}


def test_a_report_without_a_run_finds_the_call_of_any(recorded: Captured, observatory: Observatory) -> None:
    with llmobserve.run("one"):
        ask()
    assert observatory.track_llm_call(MINI, **TOKENS) == (recorded.call.event_id, "usage")


def test_a_report_to_a_session_finds_a_call_whose_thread_had_no_context(
    recorded: Captured, observatory: Observatory
) -> None:
    found: list[Any] = []
    with observatory.start_session("answer") as session:

        def work() -> None:
            ask()
            found.append(session.track_llm_call(MINI, **TOKENS))

        with llmobserve.attached(EMPTY):
            thread = threading.Thread(target=work)
            thread.start()
        thread.join()
    assert found == [(recorded.call.event_id, "usage")]


def test_a_report_before_the_end_of_a_stream_is_replaced_by_the_captured_call(
    recorded: Captured, observatory: Observatory
) -> None:
    with observatory.start_session("answer"):
        with ask_streaming() as stream:
            chunks = iter(stream)
            next(chunks)
            tracked = observatory.track_llm_call(MINI, **TOKENS, agent_name="writer", metadata={"k": "v"})
            assert tracked is not None
            assert tracked.merged_by is None
            list(chunks)
        assert llmobserve.last_call_id() == tracked.event_id
        later = observatory.track_llm_call(MINI, **TOKENS)
    call = next(one for one in recorded.calls if one.event_id == tracked.event_id)
    assert (call.transport, call.response_id) == ("httpx2", "chatcmpl_demo_1")
    assert recorded.cost_of(call).usd == MINI_USD
    assert {fact.target_event_id for fact in recorded.facts} >= {tracked.event_id}
    # A second report says that there was a second call.
    assert later is not None
    assert (later.merged_by, len(recorded.calls)) == (None, 2)
    assert observatory.counts["adopted"] >= 1


def test_a_report_with_an_id_before_the_end_of_a_stream(recorded: Captured, observatory: Observatory) -> None:
    with ask_streaming() as stream:
        chunks = iter(stream)
        first = next(chunks)
        observatory.track_llm_call(MINI, response_id=first.id)
        list(chunks)
    assert recorded.call.transport == "httpx2"
    assert recorded.cost_usd == MINI_USD


def test_a_call_that_begins_after_a_report_is_another_one(recorded: Captured, observatory: Observatory) -> None:
    with observatory.start_session("answer"):
        observatory.track_llm_call(MINI, **TOKENS)
        time.sleep(0.002)
        ask()
    assert [call.transport for call in recorded.calls] == ["manual", "httpx2"]
    assert recorded.cost_usd == MINI_UNCACHED_USD + MINI_USD


def test_a_stream_that_did_not_state_its_usage_is_not_charged_again(
    recorded: Captured, observatory: Observatory
) -> None:
    with observatory.start_session("answer"):
        client = openai.OpenAI(max_retries=0)
        stream = client.chat.completions.create(model=MINI, messages=PROMPT, stream=True)
        assert len(list(stream)) > 1
        tracked = observatory.track_llm_call(MINI, 119, 31)
    assert tracked is not None
    assert tracked.merged_by == "usage"
    assert recorded.facts[0].data["prompt_tokens"] == 119


def test_a_hit_of_the_own_cache_is_free_and_takes_no_captured_call(
    recorded: Captured, observatory: Observatory
) -> None:
    with observatory.start_session("answer"):
        answer = ask()
        hit = observatory.track_llm_call(
            MINI,
            **TOKENS,
            response=answer,
            cache_metadata=CacheMetadata(hit=True, cache_type="semantic", similarity=0.97),
        )
        tracked = observatory.track_llm_call(MINI, **TOKENS, cache_metadata={"hit": False})
        prompt_cache = CacheMetadata(hit=True, cache_type="provider")
        again = observatory.track_llm_call(MINI, response=answer, cache_metadata=prompt_cache)
    assert hit is not None
    assert tracked is not None
    assert again is not None
    assert (hit.merged_by, tracked.merged_by, again.merged_by) == (None, "usage", "response_id")
    free = next(call for call in recorded.calls if call.event_id == hit.event_id)
    cost = recorded.cost_of(free)
    assert (cost.state, cost.usd) == ("free", 0)
    assert (free.response_id, dict(free.usage.units)) == (None, {})
    assert recorded.cost_usd == MINI_USD
    fact = next(fact for fact in recorded.facts if fact.kind == "cache" and fact.target_event_id == hit.event_id)
    assert fact.data == {"hit": True, "cache_type": "semantic", "similarity": "0.97"}


def test_refused_calls_are_merged_as_well(provider: DemoProvider, recorded: Captured, observatory: Observatory) -> None:
    tracked = None
    with observatory.start_session("answer"):
        try:
            with openai.OpenAI(max_retries=0, base_url=provider.openai_url + "/nowhere") as client:
                client.chat.completions.create(model=MINI, messages=PROMPT)
        except openai.APIStatusError as error:
            tracked = observatory.track_llm_call(MINI, error=error, latency_ms=5)
    assert recorded.call.status == "error"
    assert tracked == (recorded.call.event_id, "usage")


def test_anthropic_counts_what_is_cached_beside_the_input(recorded: Captured, observatory: Observatory) -> None:
    with observatory.start_session("answer"):
        with anthropic.Anthropic(max_retries=0) as client:
            message = client.messages.create(model=HAIKU, max_tokens=9, messages=PROMPT)
        usage = message.usage
        tracked = observatory.track_llm_call(HAIKU, usage.input_tokens, usage.output_tokens, provider="anthropic")
        by_object = observatory.track_llm_call(HAIKU, response=message)
    assert tracked == (recorded.call.event_id, "usage")
    assert by_object == (recorded.call.event_id, "response_id")


def test_reports_of_many_tasks_and_threads_pair_up(
    provider: DemoProvider, recorded: Captured, observatory: Observatory
) -> None:
    def one(number: int) -> None:
        with observatory.session(f"job {number}"):
            ask()
            observatory.track_llm_call(MINI, **TOKENS)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def other(number: int, client: openai.AsyncOpenAI) -> None:
        async with observatory.session(f"task {number}"):
            await client.chat.completions.create(model=MINI, messages=PROMPT)
            await asyncio.sleep(0)
            observatory.track_llm_call(MINI, **TOKENS)

    async def all_of_them() -> None:
        async with openai.AsyncOpenAI(max_retries=0) as client:
            await asyncio.gather(*(other(number, client) for number in range(8)))

    asyncio.run(all_of_them())
    assert len(recorded.calls) == len(provider.ledger) == 16
    assert recorded.cost_usd == 16 * MINI_USD
    assert merged_by(recorded) == ["usage"] * 16
    names = {call.event_id: call.context.run_name for call in recorded.calls}
    assert all(names[fact.target_event_id] == fact.context.run_name for fact in recorded.facts)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_reports_without_waiting_for_a_lock(recorded: Captured, observatory: Observatory) -> None:
    from llmobserve.observatory import delivery

    with delivery._matcher._lock:
        child = os.fork()
        if child == 0:
            tracked = observatory.track_llm_call(MINI, **TOKENS)
            os._exit(0 if tracked is not None else 1)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child waits for ever")
    assert os.waitstatus_to_exitcode(status) == 0


EMPTY = llmobserve.current()
