"""Decorators on every kind of function: values, exceptions and the context of others stay as they are."""

import asyncio
import contextvars
import functools
import gc
import inspect
import pickle
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from llmobserve.context import OpenSpan, current, wire_context
from llmobserve.sections import agent, run, section, step, tool, trace, wrap_all_tools

FOREIGN: contextvars.ContextVar[str] = contextvars.ContextVar("of the application", default="unset")


def path() -> str | None:
    return wire_context(current(), None).section_path


pytestmark = pytest.mark.usefixtures("spans")


def ends(spans: list[OpenSpan]) -> list[tuple[str, str, str]]:
    return [(span.kind, span.name, span.status) for span in spans]


def test_with_and_without_parentheses(spans: list[OpenSpan]) -> None:
    @agent
    def bare(x: int, *, y: int = 2) -> int:
        """Adds."""
        return x + y

    @tool()
    def called() -> str | None:
        return path()

    @step("renamed")
    def named() -> str | None:
        return path()

    @trace
    def traced() -> str | None:
        return called()

    assert bare(1, y=5) == 6
    assert (bare.__name__, bare.__doc__) == ("bare", "Adds.")
    assert str(inspect.signature(bare)) == "(x: int, *, y: int = 2) -> int"
    assert named() == "step:renamed"
    assert traced() == "workflow:traced/tool:called"
    assert ends(spans) == [
        ("agent", "bare", "ok"),
        ("step", "renamed", "ok"),
        ("tool", "called", "ok"),
        ("workflow", "traced", "ok"),
    ]


def test_methods_partials_callables_and_what_is_refused(spans: list[OpenSpan]) -> None:
    class Bot:
        @agent
        def a(self) -> str | None:
            return path()

        @tool("c")
        @classmethod
        def c(cls) -> tuple[type, str | None]:
            return cls, path()

        @tool("s")
        @staticmethod
        def s() -> str | None:
            return path()

        async def __call__(self) -> str | None:
            return path()

    bot = Bot()
    assert bot.a() == "agent:a"
    assert Bot.c() == (Bot, "tool:c")
    assert bot.s() == "tool:s"
    assert step(functools.partial(path))() == "step:path"
    assert asyncio.run(step(bot)()) == "step:Bot"  # type: ignore[arg-type]
    for wrong in (Bot, 7):
        with pytest.raises(TypeError, match="only functions and methods"):
            agent("x")(wrong)  # type: ignore[type-var]


def test_exceptions_pass_as_they_are(spans: list[OpenSpan]) -> None:
    thrown = ValueError("secret input")

    @tool
    def fails() -> None:
        raise thrown

    with pytest.raises(ValueError) as caught:
        fails()
    assert caught.value is thrown
    assert thrown.__cause__ is None
    assert thrown.__context__ is None
    assert [frame.name for frame in traceback.extract_tb(thrown.__traceback__)][-1] == "fails"
    assert ends(spans) == [("tool", "fails", "error")]
    assert spans[0].error == ("ValueError", "secret input")
    assert path() is None

    @tool
    def stops() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stops()
    assert ends(spans)[1] == ("tool", "stops", "cancelled")


def test_exception_whose_text_fails(spans: list[OpenSpan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(Odd), section("s"):
        raise Odd
    assert ends(spans) == [("step", "s", "error")]


def test_coroutines(spans: list[OpenSpan]) -> None:
    @agent("a")
    async def work(n: int) -> str | None:
        await asyncio.sleep(0)
        with section(f"tool:{n}"):
            await asyncio.sleep(0)
            return path()

    async def main() -> list[str | None]:
        assert inspect.iscoroutinefunction(work)
        return await asyncio.gather(*(work(n) for n in range(3)))

    assert asyncio.run(main()) == [f"agent:a/tool:{n}" for n in range(3)]
    assert sorted(ends(spans)) == [("agent", "a", "ok")] * 3 + [("tool", str(n), "ok") for n in range(3)]


def test_cancelled_coroutine(spans: list[OpenSpan]) -> None:
    @agent("a")
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ends(spans) == [("agent", "a", "cancelled")]


def test_interleaved_generators_keep_their_parents(spans: list[OpenSpan]) -> None:
    @agent
    def speaker(name: str) -> Generator[str | None, None, str]:
        for number in range(2):
            with section(f"tool:{name}{number}"):
                yield path()
        return name

    with section("workflow:w"):
        one, two = speaker("x"), speaker("y")
        assert inspect.isgeneratorfunction(speaker)
        assert inspect.isgenerator(one)
        seen = [next(one), next(two)]
        assert path() == "workflow:w"
        with section("step:between"):
            seen += [next(two), next(one)]
            assert path() == "workflow:w/step:between"
        for generator, name in ((one, "x"), (two, "y")):
            with pytest.raises(StopIteration) as stopped:
                next(generator)
            assert stopped.value.value == name
        assert path() == "workflow:w"
    prefix = "workflow:w/agent:speaker/tool:"
    assert seen == [prefix + "x0", prefix + "y0", prefix + "y1", prefix + "x1"]
    assert {status for _, _, status in ends(spans)} == {"ok"}


def test_variables_of_the_application_behave_as_without_us() -> None:
    def plain() -> Generator[str, None, None]:
        yield FOREIGN.get()
        FOREIGN.set("inner")
        yield FOREIGN.get()

    def seen(function: Callable[[], Generator[str, None, None]]) -> list[str]:
        FOREIGN.set("unset")
        generator = function()
        FOREIGN.set("first")
        found = [next(generator)]
        FOREIGN.set("second")
        found += [next(generator), FOREIGN.get()]
        generator.close()
        return found

    assert seen(step(plain)) == seen(plain) == ["first", "inner", "inner"]


def echo() -> Generator[Any, Any, str]:
    got: list[Any] = []
    while True:
        try:
            received = yield tuple(got)
        except KeyError as error:
            got.append(f"caught {error.args[0]}")
        except GeneratorExit:
            got.append("closed")
            raise
        else:
            if received == "end":
                return "returned"
            got.append(received)


def drive(generator: Generator[Any, Any, str]) -> list[Any]:
    seen = [next(generator), generator.send(1), generator.throw(KeyError("k")), generator.send(2)]
    try:
        generator.send("end")
    except StopIteration as stop:
        seen.append(stop.value)
    return seen


def test_send_and_throw_reach_the_generator() -> None:
    assert drive(step(echo)()) == drive(echo()) == [(), (1,), (1, "caught k"), (1, "caught k", 2), "returned"]


def test_uncaught_throw_ends_the_generator_with_that_exception(spans: list[OpenSpan]) -> None:
    generator = step(echo)()
    next(generator)
    thrown = OSError("x")
    with pytest.raises(OSError) as caught:
        generator.throw(thrown)
    assert caught.value is thrown
    assert ends(spans) == [("step", "echo", "error")]
    with pytest.raises(StopIteration):
        next(generator)
    assert len(spans) == 1


@pytest.mark.parametrize("way", ["close", "collected"])
def test_generator_that_is_not_read_to_its_end(spans: list[OpenSpan], way: str) -> None:
    cleaned: list[str | None] = []

    @step
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(path())

    with section("agent:a"):
        generator = stream()
        assert next(generator) == 1
        if way == "close":
            generator.close()
        else:
            del generator
            gc.collect()
        assert path() == "agent:a"
    assert cleaned == ["agent:a/step:stream"]
    assert ends(spans)[0] == ("step", "stream", "cancelled")


def test_generator_that_is_never_read_leaves_nothing(spans: list[OpenSpan]) -> None:
    step(echo)().close()
    assert spans == []


def test_async_generators_interleave(spans: list[OpenSpan]) -> None:
    @agent
    async def speaker(name: str) -> AsyncGenerator[str | None, None]:
        for number in range(2):
            with section(f"tool:{name}{number}"):
                await asyncio.sleep(0)
                yield path()

    async def main() -> None:
        assert inspect.isasyncgenfunction(speaker)
        with section("workflow:w"):
            one, two = speaker("x"), speaker("y")
            seen = [await anext(one), await anext(two), await anext(two), await anext(one)]
            assert path() == "workflow:w"
            with pytest.raises(StopAsyncIteration):
                await anext(one)
            with pytest.raises(StopAsyncIteration):
                await anext(two)
            assert path() == "workflow:w"
        prefix = "workflow:w/agent:speaker/tool:"
        assert seen == [prefix + "x0", prefix + "y0", prefix + "y1", prefix + "x1"]

    asyncio.run(main())
    assert {status for _, _, status in ends(spans)} == {"ok"}


async def async_echo() -> AsyncGenerator[Any, Any]:
    got: list[Any] = []
    while True:
        try:
            received = yield tuple(got)
        except KeyError as error:
            got.append(f"caught {error.args[0]}")
        else:
            if received == "end":
                return
            got.append(received)


def test_asend_athrow_aclose_pass(spans: list[OpenSpan]) -> None:
    async def drive_async(generator: AsyncGenerator[Any, Any]) -> list[Any]:
        seen = [await anext(generator), await generator.asend(1), await generator.athrow(KeyError("k"))]
        try:
            await generator.asend("end")
        except StopAsyncIteration:
            seen.append("stopped")
        return seen

    async def main() -> None:
        mine, plain = await drive_async(step(async_echo)()), await drive_async(async_echo())
        assert mine == plain == [(), (1,), (1, "caught k"), "stopped"]
        thrown = OSError("x")
        generator = step(async_echo)()
        await anext(generator)
        with pytest.raises(OSError) as caught:
            await generator.athrow(thrown)
        assert caught.value is thrown
        generator = step(async_echo)()
        await anext(generator)
        await generator.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    asyncio.run(main())
    assert [status for _, _, status in ends(spans)] == ["ok", "error", "cancelled"]


def test_async_generator_closed_by_another_task(spans: list[OpenSpan]) -> None:
    async def main() -> None:
        generator = step(async_echo)()
        with section("agent:a"):
            await anext(generator)

        async def close() -> str | None:
            with section("agent:other"):
                await generator.aclose()
                return path()

        assert await asyncio.get_running_loop().create_task(close()) == "agent:other"
        assert path() is None

    asyncio.run(main())
    assert ends(spans)[1][2] == "cancelled"


def module_level() -> str | None:
    return path()


module_level = tool("pickled")(module_level)


def test_decorated_function_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_scopes_as_decorators_and_again_in_themselves(spans: list[OpenSpan]) -> None:
    @run("nightly")
    def job(depth: int) -> str:
        return wire_context(current(), None).run_id or "" if depth == 0 else job(depth - 1)

    assert job(0) != job(1)
    scope = section("agent:a")
    with scope, scope:
        assert path() == "agent:a/agent:a"
    with scope:
        assert path() == "agent:a"
    with pytest.raises(RuntimeError, match="has not been entered"):
        scope.span_id  # noqa: B018


def test_wrap_all_tools() -> None:
    class ToolObject:
        def __call__(self) -> None: ...

    other = ToolObject()
    first, second = wrap_all_tools([module_level.__wrapped__, other])  # type: ignore[attr-defined]
    assert first() == "tool:module_level"
    assert second is other
    assert wrap_all_tools({"search": path})["search"]() == "tool:search"


def test_one_section_object_in_two_threads_at_once(spans: list[OpenSpan]) -> None:
    shared = section("agent:shared")
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()
    seen: dict[str, str | None] = {}

    def first() -> None:
        with shared:
            seen["first"] = shared.span_id
            first_is_in.set()
            assert second_is_in.wait(5)
            assert shared.span_id == seen["first"]
        seen["after first"] = path()
        first_is_out.set()

    def second() -> None:
        assert first_is_in.wait(5)
        with shared:
            seen["second"] = shared.span_id
            second_is_in.set()
            assert first_is_out.wait(5)
            with section("step:inner"):
                assert shared.span_id == seen["second"]
        seen["after second"] = path()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen["after first"] is seen["after second"] is None
    assert [span.span_id for span in spans if span.name == "shared"] == [seen["first"], seen["second"]]
