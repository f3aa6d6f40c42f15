"""What a run has cost so far, told by the run itself: exact, complete, and only its own."""

import asyncio
import os
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

import llmobserve
from llmobserve.account import Account, fold_waiting
from llmobserve.demo_provider import DemoProvider
from llmobserve.testing import captured
from llmobserve.wire import CallEvent, Usage, new_event_id, now_us

MINI, HAIKU = "gpt-4o-mini", "claude-haiku-4-5"
# openai.com/api/pricing, 2026-11: 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths of a dollar.
MINI_USD = Decimal("0.0000312")
# claude.com/pricing, 2026-11: 56 × 1 + 64 × 0.10 + 30 × 5 = 212.4 millionths.
HAIKU_USD = Decimal("0.0002124")
PROMPT: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoProvider]:
    with DemoProvider() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        with captured():
            yield running


def ask(model: str = MINI) -> None:
    with openai.OpenAI(max_retries=0) as client:
        client.chat.completions.create(model=model, messages=PROMPT)


def ask_claude() -> None:
    with anthropic.Anthropic(max_retries=0) as client:
        client.messages.create(model=HAIKU, max_tokens=9, messages=PROMPT)


def test_a_run_tells_what_it_costs_while_it_runs_and_after(provider: DemoProvider) -> None:
    with llmobserve.run("job") as run:
        assert (run.cost, run.calls, dict(run.usage)) == (Decimal(0), 0, {})
        ask()
        assert (run.cost, run.calls) == (MINI_USD, 1)
        with llmobserve.section("agent:writer"):
            ask_claude()
            assert llmobserve.current_cost() == MINI_USD + HAIKU_USD
        assert llmobserve.current_spend().states == {"priced": 2}
    assert run.cost == MINI_USD + HAIKU_USD
    assert dict(run.usage) == {"input_text_tokens": 112, "cache_read_text_tokens": 128, "output_text_tokens": 60}
    assert len(provider.ledger) == run.calls == 2


def test_a_call_without_a_price_makes_the_cost_unknown_and_not_less(provider: DemoProvider) -> None:
    with llmobserve.run("job") as run:
        ask()
        ask("model-of-tomorrow")
    assert run.cost is None
    assert (run.spend.known_usd, run.spend.unpriced, run.calls) == (MINI_USD, 1, 2)
    assert run.spend.states == {"priced": 1, "unpriced": 1}


def test_refused_calls_are_counted_and_free(provider: DemoProvider) -> None:
    with llmobserve.run("job") as run, pytest.raises(openai.RateLimitError):
        ask("error-429")
    assert (run.cost, run.calls) == (Decimal(0), 1)


def test_a_run_inside_another_has_an_account_of_its_own(provider: DemoProvider) -> None:
    with llmobserve.run("outer") as outer:
        ask()
        with llmobserve.run("inner") as inner:
            ask_claude()
            assert llmobserve.current_cost() == HAIKU_USD
        assert llmobserve.current_cost() == MINI_USD
    assert (outer.cost, inner.cost) == (MINI_USD, HAIKU_USD)


def test_threads_and_tasks_of_a_run_are_in_its_account_and_in_no_other(provider: DemoProvider) -> None:
    costs: dict[int, Decimal | None] = {}

    def work(number: int) -> None:
        with llmobserve.run(f"job {number}") as run:
            snapshot = llmobserve.current()

            def part() -> None:
                with llmobserve.attached(snapshot):
                    ask()

            threads = [threading.Thread(target=part) for _ in range(number)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        costs[number] = run.cost

    workers = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert costs == {number: MINI_USD * number for number in range(1, 5)}

    async def asynchronous() -> tuple[Decimal | None, Decimal | None]:
        async def job(times: int) -> Decimal | None:
            async with llmobserve.run("job") as run, openai.AsyncOpenAI(max_retries=0) as client:
                asked = [client.chat.completions.create(model=MINI, messages=PROMPT) for _ in range(times)]
                await asyncio.gather(*asked)
            return run.cost

        one, three = await asyncio.gather(job(1), job(3))
        return one, three

    assert asyncio.run(asynchronous()) == (MINI_USD, MINI_USD * 3)


def test_a_run_as_a_decorator(provider: DemoProvider) -> None:
    @llmobserve.run("job")
    def job() -> Decimal | None:
        ask()
        return llmobserve.current_cost()

    assert [job(), job()] == [MINI_USD, MINI_USD]


def test_runs_that_are_known_by_their_id(provider: DemoProvider) -> None:
    llmobserve.set_run_id("order-1")
    try:
        ask()
        assert llmobserve.current_cost() == MINI_USD
        with llmobserve.section("agent:writer"):
            ask()
        assert llmobserve.current_cost() == MINI_USD * 2
        llmobserve.set_run_id("order-2")
        assert llmobserve.current_cost() == Decimal(0)
    finally:
        llmobserve.set_run_id(None)


def test_a_forked_child_begins_at_nothing(provider: DemoProvider) -> None:
    with llmobserve.run("job") as run:
        ask()
        child = os.fork()
        if child == 0:
            try:
                ask()
                os._exit(0 if run.cost == MINI_USD else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert run.cost == MINI_USD


def job_event(event_id: str, revision: int, **usage: Any) -> CallEvent:
    return CallEvent(
        event_id=event_id,
        revision=revision,
        kind="llm",
        provider="openai",
        operation="responses",
        response_model=MINI,
        start_time_us=now_us(),
        usage=Usage(**usage),
    )


def test_a_job_that_ends_later_counts_once() -> None:
    account, event_id = Account(), new_event_id()
    account.add(job_event(event_id, 0))
    assert (account.spend().usd, account.spend().calls) == (None, 1)
    for revision in (1, 2):
        account.add(job_event(event_id, revision, units={"input_text_tokens": 1_000_000}, source="response"))
        # A million tokens at 0.15.
        assert account.spend() == (1, Decimal("0.15"), {"priced": 1}, {"input_text_tokens": 1_000_000})


def test_many_calls_do_not_pile_up() -> None:
    account = Account()
    for _ in range(5_000):
        account.add(job_event(new_event_id(), 0, units={"input_text_tokens": 10}, source="response"))
        fold_waiting()
    assert len(account._waiting) < 256
    # 50,000 tokens at 0.15 a million.
    assert (account.spend().usd, account.spend().calls) == (Decimal("0.0075"), 5_000)
