"""Threads and pools of threads work for the run and customer of the code that started them, unless told otherwise."""

import asyncio
import concurrent.futures
import copy
import inspect
import multiprocessing.pool
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.rig import Recorded, observed
from loopback.server import Loopback, json_answer

import llmobserve
from llmobserve import capture, context
from llmobserve.capture.patching import MARKER
from llmobserve.settings import load


def who() -> str | None:
    return llmobserve.get_customer_id()


@pytest.fixture
def watched() -> Iterator[None]:
    with Loopback() as server, observed(server):
        yield


def in_thread(work: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.usefixtures("watched")
def test_every_way_to_another_thread() -> None:
    async def loop_ways() -> list[str | None]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            task = loop.create_task(asyncio.to_thread(who))
            return [await loop.run_in_executor(None, who), await loop.run_in_executor(pool, who), await task]

    class Own(threading.Thread):
        found: str | None = None

        def run(self) -> None:
            self.found = who()

    with llmobserve.customer("acme"), ThreadPoolExecutor(2) as pool:
        assert in_thread(who) == "acme"
        assert pool.submit(who).result() == "acme"
        assert list(pool.map(lambda _: who(), range(3))) == ["acme"] * 3
        own = Own()
        own.start()
        own.join()
        assert own.found == "acme"
        timed: list[str | None] = []
        timer = threading.Timer(0.001, lambda: timed.append(who()))
        timer.start()
        timer.join()
        assert timed == ["acme"]
        assert asyncio.run(loop_ways()) == ["acme"] * 3
        assert in_thread(lambda: in_thread(who)) == "acme"


@pytest.mark.usefixtures("watched")
def test_a_pool_belongs_to_nobody() -> None:
    """Its threads are started by the first request, and serve the others."""
    with ThreadPoolExecutor(1) as pool:
        with llmobserve.customer("first"):
            assert pool.submit(who).result() == "first"
        assert pool.submit(who).result() is None
        with llmobserve.customer("second"):
            assert pool.submit(who).result() == "second"
    with llmobserve.customer("first"):
        other = multiprocessing.pool.ThreadPool(1)
    with other:
        assert other.apply(who) is None


@pytest.mark.usefixtures("watched")
def test_what_a_thread_sets_is_its_own() -> None:
    def work() -> str | None:
        llmobserve.set_customer_id("inner")
        return who()

    with llmobserve.customer("acme"), ThreadPoolExecutor(1) as pool:
        assert in_thread(work) == "inner"
        assert pool.submit(work).result() == "inner"
        assert who() == "acme"
        assert pool.submit(who).result() == "acme"


@pytest.mark.usefixtures("watched")
def test_the_application_sees_its_own_threads_and_errors() -> None:
    class Named(threading.Thread):
        def run(self) -> None:
            seen.append(("run" in self.__dict__, self.run.__func__ is Named.run))

    seen: list[tuple[bool, bool]] = []
    with llmobserve.customer("acme"):
        thread = Named(name="mine", daemon=True)
        thread.start()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
        assert "run" not in thread.__dict__
        own_run = threading.Thread()
        own_run.run = lambda: seen.append((True, False))  # type: ignore[method-assign]
        own_run.start()
        own_run.join()
    assert seen == [(False, True), (True, False)]
    thrown = KeyError("k")

    def fails() -> None:
        raise thrown

    with llmobserve.customer("acme"), ThreadPoolExecutor(1) as pool:
        future = pool.submit(fails)
        assert future.exception() is thrown
        assert pool.submit(dict, a=1).result() == {"a": 1}
        with pytest.raises(TypeError) as ours:
            pool.submit()  # type: ignore[call-arg]
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError) as bare:
        pool.submit()  # type: ignore[call-arg]
    assert str(ours.value) == str(bare.value)


@pytest.mark.parametrize(
    ("owner", "name"), [(threading.Thread, "start"), (ThreadPoolExecutor, "submit")], ids=["start", "submit"]
)
def test_hooks_are_functions_and_are_taken_back(owner: type, name: str) -> None:
    bare = owner.__dict__[name]
    with Loopback() as server, observed(server):
        hook = owner.__dict__[name]
        assert getattr(hook, MARKER) is True
        assert inspect.isfunction(hook)
        assert inspect.signature(hook) == inspect.signature(bare)
        assert pickle.loads(pickle.dumps(hook)) is hook
        assert copy.deepcopy(hook) is hook
    assert owner.__dict__[name] is bare


def test_turned_off() -> None:
    settings = load({"thread_context": False}, {})
    start = threading.Thread.start
    capture.install(sink=Recorded().take, settings=settings)
    try:
        assert threading.Thread.start is start
        with llmobserve.customer("acme"), ThreadPoolExecutor(1) as pool:
            assert in_thread(who) is None
            assert pool.submit(who).result() is None
    finally:
        capture.uninstall()


def test_another_tools_wrapper_of_start_stays_and_ours_passes_through() -> None:
    bare = threading.Thread.start
    try:
        with Loopback() as server, observed(server):
            ours = threading.Thread.start

            def foreign(thread: threading.Thread) -> None:
                ours(thread)

            threading.Thread.start = foreign  # type: ignore[method-assign]
        assert threading.Thread.start is foreign
        with llmobserve.customer("acme"):
            assert in_thread(who) is None
            with Loopback() as server, observed(server):
                assert in_thread(who) == "acme"
    finally:
        threading.Thread.start = bare  # type: ignore[method-assign]
        capture.uninstall()


def test_calls_in_a_pool_have_parent_and_customer() -> None:
    prompt: Any = [{"role": "user", "content": "Hello"}]
    with (
        Loopback(json_answer(chat_completion())) as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
        ThreadPoolExecutor(4) as pool,
    ):
        for customer in ("a", "b"):
            with llmobserve.run("fan-out", customer_id=customer), llmobserve.section(f"agent:{customer}"):
                waiting = [pool.submit(client.chat.completions.create, model="m", messages=prompt) for _ in range(4)]
                concurrent.futures.wait(waiting)
        seen = sorted((call.context.customer_id, call.context.section_path) for call in recorded.calls)
        assert seen == [("a", "agent:a")] * 4 + [("b", "agent:b")] * 4


_LATE = """
import sys
from llmobserve import capture, customer, get_customer_id
from llmobserve.settings import load
capture.install(sink=print, settings=load({}, {}))
assert "concurrent.futures.thread" not in sys.modules
from concurrent.futures import ThreadPoolExecutor
with customer("acme"), ThreadPoolExecutor(1) as pool:
    print(pool.submit(get_customer_id).result())
"""


def test_pools_that_are_imported_later() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", _LATE], capture_output=True, text=True, check=False)
    assert done.stdout == "acme\n", done.stderr


def test_nothing_is_handed_on_where_nothing_was_said() -> None:
    before = context.put(context.Snapshot(None, context.Facts()))
    try:
        with Loopback() as server, observed(server):
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
            assert context.is_outside(context.current())
    finally:
        context.put(before)
