"""`SpanContext`: session and trace by ids of the application's own; `health_check`: how recording goes."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_trace_id

import llmobserve
from llmobserve import SpanContext, health_check, monitor_llm
from llmobserve.demo_provider import DemoProvider
from llmobserve.monitoring import health_check as same_health_check
from llmobserve.testing import Captured, captured
from llmobserve.transport import MemoryTransport, Reply, TransportError
from llmobserve.wire import SpanEvent

HEX = "4bf92f3577b34da6a3ce929d0e0e4736"
UUID = "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736"
PROMPT: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def recorded() -> Iterator[Captured]:
    with captured() as recorded:
        yield recorded


@monitor_llm("ask")
def ask() -> str:
    return "Hello there"


def steps(recorded: Captured) -> list[SpanEvent]:
    return [span for span in recorded.spans if span.kind == "step"]


@pytest.mark.parametrize("given", [HEX, UUID])
def test_session_and_trace(recorded: Captured, given: str) -> None:
    with SpanContext(session_id="chat-42", trace_id=given) as around:
        assert (around.session_id, around.trace_id) == ("chat-42", given)
        ask()
        ask()
    ask()
    first, second, outside = steps(recorded)
    assert first.context.trace_id == second.context.trace_id == HEX
    assert first.context.run_id != second.context.run_id
    assert (first.context.session_id, first.context.metadata) == ("chat-42", {})
    assert outside.context.session_id is None
    assert outside.context.trace_id != HEX
    runs = [span for span in recorded.spans if span.kind == "run"]
    assert [run.context.trace_id for run in runs[:2]] == [HEX, HEX]
    assert [run.context.parent_span_id for run in runs] == [None, None, None]


def test_a_trace_of_any_name(recorded: Captured) -> None:
    for name in ("order 7", "order 7", "order 8", "0" * 32):
        with SpanContext(trace_id=name):
            ask()
    traces = [span.context.trace_id for span in steps(recorded)]
    assert traces[0] == traces[1]
    assert len({*traces}) == 3
    assert all(trace is not None and len(trace) == 32 and int(trace, 16) for trace in traces)
    assert [span.context.metadata["trace_id"] for span in steps(recorded)] == [
        "order 7",
        "order 7",
        "order 8",
        "0" * 32,
    ]


def test_inside_a_run_the_trace_is_that_of_the_run(recorded: Captured) -> None:
    with llmobserve.run("job", session_id="outer"):
        with SpanContext(trace_id=HEX) as around:
            assert around.session_id == "outer"
            ask()
        with SpanContext("inner"):
            ask()
    first, second = steps(recorded)
    assert first.context.trace_id == second.context.trace_id != HEX
    assert first.context.metadata == {"trace_id": HEX}
    assert (first.context.session_id, second.context.session_id) == ("outer", "inner")


def test_nested_and_shared_between_tasks(recorded: Captured) -> None:
    shared = SpanContext("shared", HEX)
    entered = asyncio.Event()

    async def work(leave: asyncio.Event) -> None:
        async with shared:
            entered.set()
            await leave.wait()
            ask()
        assert SpanContext().session_id is None

    async def main() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(work(first)), asyncio.create_task(work(second))]  # noqa: TID251
        await entered.wait()
        first.set()
        await tasks[0]
        second.set()
        await tasks[1]

    asyncio.run(main())
    with SpanContext("outer"), SpanContext(trace_id=HEX), SpanContext() as innermost:
        assert (innermost.session_id, innermost.trace_id, innermost.span_id) == ("outer", HEX, None)
        ask()
    with pytest.raises(ValueError, match="passes"), SpanContext("s"):
        raise ValueError("passes")
    assert SpanContext().session_id is None
    assert [(span.context.session_id, span.context.trace_id) for span in steps(recorded)] == [
        ("shared", HEX),
        ("shared", HEX),
        ("outer", HEX),
    ]


def test_calls_outside_of_a_run_are_in_the_trace_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with DemoProvider() as provider:
        for name, value in provider.environment().items():
            monkeypatch.setenv(name, value)
        with captured() as recorded, openai.OpenAI(max_retries=0) as client, SpanContext("s", HEX):
            client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
            headers = llmobserve.trace_headers()
    assert (recorded.call.context.session_id, recorded.call.context.trace_id) == ("s", HEX)
    assert headers["traceparent"].split("-")[1] == HEX
    assert headers["traceparent"].split("-")[2] == recorded.call.context.parent_span_id


def test_the_trace_of_opentelemetry_wins(recorded: Captured) -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("outer") as outer, SpanContext(trace_id=HEX):
        ask()
    (span,) = steps(recorded)
    assert span.context.trace_id == format_trace_id(outer.get_span_context().trace_id)


NOT_RUNNING = {"running": False, "queue_size": None, "buffer_size": None, "backend_healthy": None}


def test_health_from_nothing_to_all_sent(tmp_path: Path) -> None:
    assert same_health_check is health_check
    assert health_check() == NOT_RUNNING
    llmobserve.observe(transport=MemoryTransport(), spool_dir=str(tmp_path), flush_interval_ms=60_000)
    assert health_check() == {"running": True, "queue_size": 0, "buffer_size": 0, "backend_healthy": None}
    with llmobserve.run("job"):
        ask()
    # The step and the run wait in memory, until a call takes them along or the sender's thread comes.
    assert health_check() == {"running": True, "queue_size": 2, "buffer_size": 2, "backend_healthy": None}
    assert llmobserve.flush()
    assert health_check() == {"running": True, "queue_size": 0, "buffer_size": 0, "backend_healthy": True}
    llmobserve.shutdown()
    assert health_check() == NOT_RUNNING


def test_health_while_the_collector_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = True

    def answer(batch: dict[str, Any]) -> Reply:
        if away:
            raise TransportError("away")
        return Reply(200)

    llmobserve.observe(transport=MemoryTransport(answer), spool_dir=str(tmp_path), flush_interval_ms=60_000)
    try:
        for number in range(3):
            with llmobserve.run(f"job {number}"):
                ask()
            assert not llmobserve.flush(5)
            # On disk now, a segment each time: two spans a run.
            waiting = {"queue_size": 2 * (number + 1), "buffer_size": 0, "backend_healthy": False}
            assert health_check() == {"running": True, **waiting}
        away = False
        assert llmobserve.flush(5)
        assert health_check() == {"running": True, "queue_size": 0, "buffer_size": 0, "backend_healthy": True}
    finally:
        llmobserve.shutdown(0)


def test_health_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    llmobserve.observe(
        transport=MemoryTransport(lambda _: Reply(503)),
        spool_dir=os.fspath(tmp_path / "file" / "spool"),
        flush_interval_ms=60_000,
    )
    try:
        ask()
        assert not llmobserve.flush(5)
        # A step that stands for a run is two records; both are in memory.
        assert health_check() == {"running": True, "queue_size": 2, "buffer_size": 2, "backend_healthy": False}
    finally:
        llmobserve.shutdown(0)
