"""The context handed to work elsewhere: as a function of this process, or as data for another one."""

import asyncio
import json
import queue
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.rig import Recorded, observed
from loopback.server import Loopback, json_answer

import llmobserve
from llmobserve import context
from llmobserve.context import OpenSpan, Snapshot
from llmobserve.guard import swallowed

PROMPT: Any = [{"role": "user", "content": "Hello"}]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


pytestmark = pytest.mark.usefixtures("spans")


@pytest.fixture
def provider_calls() -> Iterator[tuple[openai.OpenAI, Recorded]]:
    with (
        Loopback(json_answer(chat_completion())) as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        yield client, recorded


def ask(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="m", messages=PROMPT)


def handed_on(data: Any) -> Any:
    """As a queue hands it on: through JSON."""
    return json.loads(json.dumps(data))


def test_everything_that_is_set_goes_along(provider_calls: Any, spans: list[OpenSpan]) -> None:
    client, recorded = provider_calls
    with (
        llmobserve.run("job", customer_id="Müller, & Söhne", user_id="u=1", session_id="s", tags=["a", "b"]) as run,
        llmobserve.metadata(plan="gold"),
        llmobserve.section("agent:a/b"),
        llmobserve.section("tool:t") as tool,
    ):
        llmobserve.set_tenant_id("t1")
        run_id, tool_id = run.run_id, tool.span_id
        sent = handed_on(llmobserve.export_context())
        ask(client)
    with llmobserve.import_context(sent):
        ask(client)
        with llmobserve.section("step:work"):
            ask(client)
            with llmobserve.section("step:deeper"):
                ask(client)
    here, there, work, deeper = (call.context for call in recorded.calls)
    for one in (there, work, deeper):
        assert (one.run_id, one.run_name, one.trace_id) == (run_id, "job", here.trace_id)
        assert (one.customer_id, one.user_id, one.session_id) == ("Müller, & Söhne", "u=1", "s")
        assert one.tags == ("a", "b")
        assert one.metadata == {"plan": "gold", "tenant_id": "t1"}
    assert (there.parent_span_id, there.section_path) == (tool_id, here.section_path) == (tool_id, "agent:a_b/tool:t")
    assert work.section_path == "agent:a_b/tool:t/step:work"
    assert deeper.section_path == "agent:a_b/tool:t/step:work/step:deeper"
    step = next(span for span in spans if span.name == "work")
    assert context.span_context(step).parent_span_id == tool_id
    assert work.parent_span_id == step.span_id


def test_an_outermost_section_is_the_run_there_too(provider_calls: Any) -> None:
    client, recorded = provider_calls
    with llmobserve.section("agent:alone"):
        sent = handed_on(llmobserve.export_context())
        ask(client)
    with llmobserve.import_context(json.dumps(sent)):
        ask(client)
    here, there = (call.context for call in recorded.calls)
    assert replace(there, span_id=None) == replace(here, span_id=None)


def test_a_run_by_its_id_alone(provider_calls: Any) -> None:
    client, recorded = provider_calls
    with llmobserve.customer("c"):
        llmobserve.set_run_id("order-7", "order")
        sent = handed_on(llmobserve.export_context())
        llmobserve.set_run_id(None)
    assert "traceparent" not in sent
    with llmobserve.import_context(sent), llmobserve.section("step:s"):
        ask(client)
    there = recorded.one.context
    assert (there.run_id, there.run_name, there.customer_id) == ("order-7", "order", "c")


def test_outside_of_a_run_the_work_is_a_run_of_its_own(provider_calls: Any) -> None:
    """The process is no parent: a web server's tasks do not all belong to one run."""
    client, recorded = provider_calls
    with llmobserve.customer("c"):
        sent = handed_on(llmobserve.export_context())
    for _ in range(2):
        with llmobserve.import_context(sent), llmobserve.section("step:s"):
            ask(client)
    one, two = (call.context for call in recorded.calls)
    assert one.run_id != two.run_id
    assert one.trace_id != two.trace_id
    assert (one.customer_id, two.customer_id) == ("c", "c")
    assert (one.run_name, one.section_path) == ("s", "step:s")


def test_a_run_begun_there_is_linked(spans: list[OpenSpan]) -> None:
    with llmobserve.run("outer", customer_id="c") as outer:
        outer_id = outer.span_id
        sent = llmobserve.export_context()
    with llmobserve.import_context(sent), llmobserve.run("inner") as inner:
        assert inner.run_id != sent["baggage"]
        assert llmobserve.get_customer_id() == "c"
    assert context.span_context(spans[-1]).parent_span_id == outer_id


def test_what_is_not_set_here_is_not_taken_from_there() -> None:
    with llmobserve.customer("sender"):
        sent = llmobserve.export_context()
    with llmobserve.customer("receiver"), llmobserve.user("receiver's"):
        with llmobserve.import_context(sent):
            assert (llmobserve.get_customer_id(), llmobserve.get_user_id()) == ("sender", None)
            llmobserve.set_user_id("inner")
        assert (llmobserve.get_customer_id(), llmobserve.get_user_id()) == ("receiver", "receiver's")


def test_nothing_to_hand_on() -> None:
    assert llmobserve.export_context() == {}
    with llmobserve.customer("here"):
        for nothing in ({}, None, "", b"", {"other": 1}, "{}"):
            with llmobserve.import_context(nothing):
                assert llmobserve.get_customer_id() == "here"


@pytest.mark.parametrize(
    "wrong",
    [
        7,
        "{",
        "[1]",
        b"\xff",
        {"traceparent": 7},
        {"baggage": ["llmobserve.customer_id=x"]},
        {"tags": "abc"},
        {"tags": {"a": 1}},
        {"metadata": ["a"]},
        {"traceparent": f"00-{TRACE}-{SPAN}-01", "baggage": "llmobserve.run_id=r", "section_path": ["a"]},
    ],
)
def test_what_cannot_be_read_is_counted_and_changes_nothing(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    with llmobserve.customer("here"), llmobserve.import_context(wrong):
        assert llmobserve.get_customer_id() == "here"
    assert swallowed()["context.import_context"][0] == 1


def test_errors_of_the_application_pass() -> None:
    with pytest.raises(ZeroDivisionError), llmobserve.import_context({"tags": ["a"]}):
        print(1 / 0)


def test_hostile_data_are_bounded() -> None:
    data = {
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "baggage": "llmobserve.run_id=r,llmobserve.customer_id=" + "c" * 100_000,
        "section_path": "agent:" + "x" * 100_000,
        "tags": ["t"] * 10_000,
        "metadata": {str(number): "x" * 1000 for number in range(1000)},
    }
    with llmobserve.import_context(data):
        found = context.wire_context(context.current(), None)
    assert found.run_id == "r"
    assert len(found.section_path or "") == 4096
    assert len(found.tags) == 64
    assert sum(map(len, found.metadata.values())) <= 8192


def test_what_starts_its_successor_for_ever_does_not_nest_for_ever() -> None:
    with llmobserve.run("poll", run_id="r"):
        sent = llmobserve.export_context()
    longest = 0
    for _ in range(350):
        with llmobserve.import_context(handed_on(sent)), llmobserve.section("step:poll"):
            now = context.wire_context(context.current(), None)
            assert now.run_id == "r"
            longest = max(longest, (now.section_path or "").count("/") + 1)
            sent = llmobserve.export_context()
    assert longest == 101


def test_a_queue_and_a_thread_that_was_there_before(provider_calls: Any) -> None:
    client, recorded = provider_calls
    jobs: queue.Queue[Any] = queue.Queue()

    def work() -> None:
        while (job := jobs.get()) is not None:
            with llmobserve.import_context(job):
                ask(client)

    worker = threading.Thread(target=work)
    worker.start()
    for customer in ("a", "b", "a"):
        with llmobserve.run("job", customer_id=customer), llmobserve.section("agent:sender"):
            jobs.put(llmobserve.export_context())
    jobs.put(None)
    worker.join()
    places = [(call.context.customer_id, call.context.run_name, call.context.section_path) for call in recorded.calls]
    assert places == [(customer, "job", "agent:sender") for customer in "aba"]
    assert len({call.context.run_id for call in recorded.calls}) == 3


def who(*_: Any) -> str | None:
    return llmobserve.get_customer_id()


class Doubler:
    def __call__(self, number: int) -> tuple[int, str | None]:
        return 2 * number, who()


def in_empty_thread(work: Any) -> Any:
    """In a thread that has no context of its own."""
    found: list[Any] = []

    def run() -> None:
        context.put(Snapshot(None, context.Facts()))
        found.append(work())
        assert who() is None

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_functions_of_every_kind_keep_the_context() -> None:
    async def coroutine(number: int) -> tuple[int, str | None]:
        await asyncio.sleep(0)
        return number, who()

    def generator(number: int) -> Generator[str | None, str, int]:
        yield who()
        llmobserve.set_customer_id((yield who()))
        yield who()
        return number

    async def stream(number: int) -> AsyncGenerator[str | None, None]:
        for _ in range(number):
            await asyncio.sleep(0)
            yield who()

    with llmobserve.customer("c"):
        ways: list[Any] = [
            llmobserve.with_context(one) for one in (who, partial(who, 1), Doubler(), coroutine, generator, stream)
        ]
    plain, bound, called, awaited, stepped, streamed = ways

    assert in_empty_thread(plain) == "c"
    assert in_empty_thread(bound) == "c"
    assert in_empty_thread(lambda: called(4)) == (8, "c")
    assert in_empty_thread(lambda: asyncio.run(awaited(5))) == (5, "c")

    def steps() -> list[Any]:
        iterator = stepped(3)
        found = [next(iterator), who(), iterator.send(None), iterator.send("inner"), who()]
        try:
            next(iterator)
        except StopIteration as end:
            found.append(end.value)
        return found

    assert in_empty_thread(steps) == ["c", None, "c", "inner", None, 3]

    async def collect() -> list[Any]:
        return [(value, who()) async for value in streamed(2)]

    assert in_empty_thread(lambda: asyncio.run(collect())) == [("c", None), ("c", None)]
    assert plain.__name__ == "who"


def test_each_call_of_a_function_begins_in_the_same_context() -> None:
    def change() -> str | None:
        before = who()
        llmobserve.set_customer_id("changed")
        return before

    with llmobserve.customer("c"):
        kept = llmobserve.with_context(change)
    assert [kept(), kept(), who()] == ["c", "c", None]


def test_errors_and_sections_of_a_function_with_context(spans: list[OpenSpan]) -> None:
    @llmobserve.tool("broken")
    def broken() -> None:
        raise ValueError("no")

    with llmobserve.run("r") as run:
        kept = llmobserve.with_context(broken)
        run_id = run.span_id
    with pytest.raises(ValueError, match="no"):
        kept()
    tool = spans[-1]
    assert (tool.name, tool.status) == ("broken", "error")
    assert context.span_context(tool).parent_span_id == run_id
