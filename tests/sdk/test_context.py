"""Context: who sees what, in threads, tasks and blocks that end out of order."""

import asyncio
import contextvars
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import llmobserve
from llmobserve import context
from llmobserve.context import OpenSpan, current, wire_context
from llmobserve.sections import run, section

SPAN = "00f067aa0ba902b7"


def path() -> str | None:
    return wire_context(current(), SPAN).section_path


@pytest.fixture(autouse=True)
def clean_context() -> Iterator[None]:
    before = context.put(context.Snapshot(None, context.Facts()))
    yield
    context.put(before)


def test_sections_nest_and_name_themselves() -> None:
    with run("nightly") as nightly, section("agent:researcher") as researcher:
        with section("tool:search/web"), section("plain"), section("odd:name"):
            wire = wire_context(current(), SPAN)
            assert wire.section_path == "agent:researcher/tool:search_web/step:plain/step:odd:name"
            assert wire.run_name == "nightly"
            assert wire.run_id == nightly.run_id == llmobserve.get_run_id()
        wire = wire_context(current(), SPAN)
        assert wire.section_path == "agent:researcher"
        assert wire.parent_span_id == researcher.span_id
        assert wire.span_id == SPAN
    assert path() is None


def test_ids_are_well_formed_and_differ() -> None:
    seen: set[str] = set()
    for _ in range(2000):
        with run("r") as r, section("s") as s:
            wire = wire_context(current(), SPAN)
            assert wire.trace_id is not None
            assert len(wire.trace_id) == 32
            assert len(s.span_id) == 16
            assert r.run_id[14] == "7"
            assert r.run_id[19] in "89ab"
            seen |= {r.run_id, r.span_id, s.span_id, wire.trace_id}
    assert len(seen) == 8000


def test_outermost_section_is_a_run_of_its_own() -> None:
    with section("agent:a"):
        first = wire_context(current(), SPAN)
        with section("tool:t"):
            assert wire_context(current(), SPAN).run_id == first.run_id
    with section("agent:a"):
        second = wire_context(current(), SPAN)
    assert first.run_name == second.run_name == "a"
    assert first.run_id != second.run_id


def test_outside_of_everything_the_process_is_the_run() -> None:
    wire = wire_context(current(), SPAN)
    assert wire.run_id == llmobserve.get_run_id()
    assert wire.run_name
    assert wire.parent_span_id == context.process_run().span_id


def test_setters_hold_until_the_run_ends() -> None:
    llmobserve.set_customer_id("before")
    with run("r"):
        with section("auth"):
            llmobserve.set_customer_id("acme")
            llmobserve.set_user_id("u1")
        assert llmobserve.get_customer_id() == "acme"
        assert llmobserve.get_user_id() == "u1"
    assert llmobserve.get_customer_id() == "before"
    assert llmobserve.get_user_id() is None


def test_blocks_put_back_only_what_they_changed() -> None:
    with llmobserve.customer("acme"), llmobserve.tags("a", "b"), llmobserve.metadata(plan="pro", seats=3):
        llmobserve.set_session_id("s1")
        with llmobserve.tags("b", "c"):
            wire = wire_context(current(), SPAN)
        assert (wire.customer_id, wire.session_id) == ("acme", "s1")
        assert wire.tags == ("a", "b", "c")
        assert wire.metadata == {"plan": "pro", "seats": "3"}
    wire = wire_context(current(), SPAN)
    assert (wire.customer_id, wire.session_id, wire.tags, wire.metadata) == (None, "s1", (), {})


def test_run_takes_facts_and_an_id_from_elsewhere() -> None:
    with run("job", run_id="job-7", customer_id="acme", session_id="s", user_id="u", tags=["x"], metadata={"n": 1}):
        wire = wire_context(current(), SPAN)
    assert (wire.run_id, wire.run_name, wire.customer_id, wire.tags) == ("job-7", "job", "acme", ("x",))
    assert llmobserve.get_customer_id() is None
    llmobserve.set_run_id("job-8", "other")
    with section("agent:a"):
        wire = wire_context(current(), SPAN)
    assert (wire.run_id, wire.run_name, wire.section_path) == ("job-8", "other", "agent:a")


def test_tenant_travels_as_metadata() -> None:
    llmobserve.set_tenant_id("t9")
    assert llmobserve.get_tenant_id() == "t9"
    assert wire_context(current(), SPAN).metadata == {"tenant_id": "t9"}


def test_defaults_apply_only_where_nothing_is_set() -> None:
    context.set_defaults(customer_id="house", tenant_id=None)
    try:
        assert llmobserve.get_customer_id() == "house"
        assert wire_context(current(), SPAN).customer_id == "house"
        with llmobserve.customer("acme"):
            assert wire_context(current(), SPAN).customer_id == "acme"
    finally:
        context.set_defaults(customer_id=None, tenant_id=None)


class Meeting:
    """Lets tasks go on when all have come (`asyncio.Barrier` is not in Python 3.10)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._came = 0
        self._all_here = asyncio.Event()

    async def wait(self) -> None:
        self._came += 1
        here = self._all_here
        if self._came == self._size:
            self._came, self._all_here = 0, asyncio.Event()
            here.set()
        await here.wait()


def test_tasks_have_their_own_context() -> None:
    async def work(name: str, ready: Meeting) -> str | None:
        async with section(f"agent:{name}"):
            await ready.wait()
            llmobserve.set_customer_id(name)
            await ready.wait()
            assert llmobserve.get_customer_id() == name
            return path()

    async def main() -> list[str | None]:
        ready = Meeting(3)
        with section("workflow:all"):
            found = await asyncio.gather(*(work(name, ready) for name in "abc"))
            assert path() == "workflow:all"
            assert llmobserve.get_customer_id() is None
        return found

    assert asyncio.run(main()) == [f"workflow:all/agent:{name}" for name in "abc"]


def test_threads_start_empty_and_can_be_given_a_snapshot() -> None:
    with section("agent:a"), ThreadPoolExecutor(1) as pool:
        snapshot = current()
        assert pool.submit(path).result() is None

        def inside() -> str | None:
            with llmobserve.attached(snapshot), section("tool:t"):
                return path()

        assert pool.submit(inside).result() == "agent:a/tool:t"
        assert pool.submit(path).result() is None


def test_block_left_in_another_context_harms_neither() -> None:
    scope = section("agent:a")
    other = contextvars.copy_context()
    other.run(scope.__enter__)
    with section("agent:b"):
        scope.__exit__(None, None, None)
        assert path() == "agent:b"
    assert path() is None


def test_suppression_covers_the_block_alone() -> None:
    assert not context.suppressed()
    with context.suppress():
        assert context.suppressed()
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(context.suppressed()))
        thread.start()
        thread.join()
        assert seen == [False]
    assert not context.suppressed()


def test_names_of_other_threads_do_not_repeat_ids() -> None:
    def ids() -> list[str]:
        found: list[str] = []
        for _ in range(500):
            with section("s") as s:
                found.append(s.span_id)
        return found

    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda _: ids(), range(4)))
    assert len({span_id for found in lists for span_id in found}) == 2000


TRACE_NUMBER, SPAN_NUMBER = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7


@pytest.fixture
def otel(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """What of OpenTelemetry's API is read: `get_current_span().get_span_context()`."""
    active = types.SimpleNamespace(is_valid=True, trace_id=TRACE_NUMBER, span_id=SPAN_NUMBER)
    module = types.ModuleType("opentelemetry.trace")
    span = types.SimpleNamespace(get_span_context=lambda: active)
    module.get_current_span = lambda: span  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    return active


def test_joins_the_active_trace_of_opentelemetry(otel: types.SimpleNamespace) -> None:
    with run("r") as r:
        wire = wire_context(current(), SPAN)
        assert wire.trace_id == "0af7651916cd43dd8448eb211c80319c"
        assert wire.parent_span_id == r.span_id
        snapshot = current()
        assert snapshot.span is not None
        own = context.span_context(snapshot.span)
        assert (own.trace_id, own.parent_span_id) == (wire.trace_id, "00f067aa0ba902b7")
    otel.is_valid = False
    assert wire_context(current(), SPAN).trace_id != "0af7651916cd43dd8448eb211c80319c"


def test_nested_run_remembers_where_it_was_started() -> None:
    with run("outer") as outer, section("agent:a") as a:
        with run("inner") as inner:
            snapshot = current()
            assert snapshot.span is not None
            wire = context.span_context(snapshot.span)
            assert wire.run_id == inner.run_id != outer.run_id
            assert wire.parent_span_id == a.span_id
            assert wire.section_path is None
        assert llmobserve.get_run_id() == outer.run_id


def test_a_task_that_starts_its_successor_inside_a_section_does_not_nest_for_ever() -> None:
    spans: list[OpenSpan] = []

    async def poll(turns: int) -> None:
        with section("step:poll"):
            span = current().span
            assert span is not None
            spans.append(span)
            if turns:
                tasks.append(asyncio.get_running_loop().create_task(poll(turns - 1)))

    async def main() -> None:
        await poll(400)
        while tasks:
            await tasks.pop()

    tasks: list[asyncio.Task[None]] = []
    asyncio.run(main())
    assert len(spans) == 401
    assert max((span.path or "").count("/") for span in spans) <= 100


def test_sections_that_run_nest_as_deep_as_they_are() -> None:
    def down(levels: int) -> str | None:
        with section("step:s"):
            return down(levels - 1) if levels else path()

    assert (down(150) or "").count("/") == 150
