"""`@monitor_llm`: a step for each call, with figures; callers get what functions give, whatever collectors do."""

import asyncio
import importlib
import inspect
import threading
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import openai
import pytest

import llmobserve
from llmobserve import CollectorRegistry, MetricCollector, monitor_llm
from llmobserve.context import suppress
from llmobserve.demo_provider import DemoProvider
from llmobserve.monitoring import registry
from llmobserve.monitoring.measuring import Measurement
from llmobserve.monitoring.text_metrics import TextCollector
from llmobserve.testing import Captured, captured
from llmobserve.wire import SpanEvent

# "Hello there": 11 characters, 2 words, 1 line, 11 bytes.
HELLO = {
    "metrics.text.characters": 11,
    "metrics.text.words": 2,
    "metrics.text.lines": 1,
    "metrics.text.bytes": 11,
}


@pytest.fixture
def recorded() -> Iterator[Captured]:
    with captured() as recorded:
        yield recorded


@pytest.fixture(autouse=True)
def no_collectors_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_refused", {})
    monkeypatch.setattr(registry, "_entry_points", None)


@pytest.fixture
def swallowing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a user's process: what our own code, or a collector, raises is counted."""
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")


def step(recorded: Captured) -> SpanEvent:
    """The only step."""
    (found,) = [span for span in recorded.spans if span.kind == "step"]
    return found


class Arguments(MetricCollector):
    """Figures from what the function was given, and from its place."""

    metric_type = "arguments"  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def collect(
        self, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], context: llmobserve.SpanContext
    ) -> Mapping[str, Any]:
        return {
            "result": result,
            "positional": len(args),
            "names": {"first": min(kwargs, default=None), "all": {"count": len(kwargs)}},
            "session": context.session_id,
            "operation": context.operation,
            "unknown": None,
        }


class Broken(MetricCollector):
    @property
    def metric_type(self) -> str:
        return "broken"

    def collect(self, result: Any, *_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{result} is content")


def test_a_bare_decorator_measures_text(recorded: Captured) -> None:
    @monitor_llm
    def answer(question: str, *, loud: bool = False) -> str:
        """Answers."""
        return "HELLO THERE" if loud else "Hello there"

    assert answer("?", loud=True) == "HELLO THERE"
    assert (answer.__name__, answer.__doc__) == ("answer", "Answers.")
    assert str(inspect.signature(answer)) == "(question: str, *, loud: bool = False) -> str"
    found = step(recorded)
    assert (found.name, found.status, found.context.section_path) == ("answer", "ok", "step:answer")
    assert found.attributes == HELLO


@pytest.mark.parametrize("given", [{"operation": "named"}, {}])
def test_operation_and_attributes(recorded: Captured, given: Any) -> None:
    @monitor_llm(collectors=[], custom_attributes={"team": "search", "retries": 2}, **given)
    def answer() -> str:
        return "Hello there"

    assert answer() == "Hello there"
    assert step(recorded).name == given.get("operation", "answer")
    assert step(recorded).attributes == {"team": "search", "retries": 2}


def test_the_result_is_the_very_object(recorded: Captured) -> None:
    result = {"answer": ["Hello there"]}

    @monitor_llm("named")
    def answer() -> dict[str, list[str]]:
        return result

    class Bot:
        @monitor_llm("method")
        def answer(self) -> "Bot":
            return self

        @monitor_llm("static")
        @staticmethod
        def still() -> str:
            return "a"

        @classmethod
        @monitor_llm("class")
        def kind(cls) -> type:
            return cls

    bot = Bot()
    assert answer() is result
    assert bot.answer() is bot
    assert (Bot.still(), Bot.kind()) == ("a", Bot)
    assert [span.name for span in recorded.spans if span.kind == "step"] == ["named", "method", "static", "class"]
    with pytest.raises(TypeError, match="only functions and methods"):
        monitor_llm("x")(Bot)


def test_coroutines(recorded: Captured) -> None:
    @monitor_llm("ask")
    async def answer() -> str:
        await asyncio.sleep(0)
        return "Hello there"

    assert asyncio.run(answer()) == "Hello there"
    assert inspect.iscoroutinefunction(answer)
    assert step(recorded).attributes == HELLO


def test_generators_are_measured_as_one_text(recorded: Captured) -> None:
    @monitor_llm("stream")
    def words() -> Generator[str, str | None, str]:
        got = yield "Hello"
        assert got == "sent"
        try:
            yield " "
        except KeyError:
            yield "there"
        return "returned"

    generator = words()
    assert inspect.isgeneratorfunction(words)
    assert next(generator) == "Hello"
    assert generator.send("sent") == " "
    assert generator.throw(KeyError("k")) == "there"
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    assert stopped.value.value == "returned"
    assert step(recorded).attributes == HELLO


def test_asynchronous_generators(recorded: Captured) -> None:
    @monitor_llm("stream")
    async def words() -> AsyncGenerator[str, str | None]:
        got = yield "Hello"
        assert got == "sent"
        try:
            yield " "
        except KeyError:
            yield "there"

    async def main() -> None:
        generator = words()
        assert await anext(generator) == "Hello"
        assert await generator.asend("sent") == " "
        assert await generator.athrow(KeyError("k")) == "there"
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    asyncio.run(main())
    assert inspect.isasyncgenfunction(words)
    assert step(recorded).attributes == HELLO


def test_what_came_before_the_end_of_a_generator_is_measured(recorded: Captured) -> None:
    closed: list[str] = []

    @monitor_llm("left")
    def words() -> Generator[str]:
        try:
            yield "Hello there"
            yield "never asked for"
        finally:
            closed.append("closed")

    @monitor_llm("failed")
    async def broken() -> AsyncGenerator[str]:
        yield "Hello there"
        raise ValueError("no")

    async def main() -> None:
        async for _ in broken():
            pass

    for word in words():
        assert word == "Hello there"
        break
    with pytest.raises(ValueError, match="no"):
        asyncio.run(main())
    assert closed == ["closed"]
    found = {span.name: span for span in recorded.spans if span.kind == "step"}
    assert (found["left"].status, found["failed"].status) == ("cancelled", "error")
    assert found["left"].attributes == found["failed"].attributes == HELLO


def test_a_generator_that_yields_too_much_is_not_measured(recorded: Captured) -> None:
    @monitor_llm(custom_attributes={"team": "x"})
    def chunks() -> Generator[bytes]:
        for _ in range(9):
            yield b"a" * 1024 * 1024

    assert len(b"".join(chunks())) == 9 * 1024 * 1024
    attributes = step(recorded).attributes
    assert attributes["team"] == "x"
    assert list(attributes) == ["team", "metrics.not_measured"]


def test_exceptions_pass_through_and_are_recorded(recorded: Captured) -> None:
    error = KeyError("missing")

    @monitor_llm("fails", collectors=["text"], custom_attributes={"team": "x"})
    def fails() -> str:
        raise error

    with pytest.raises(KeyError) as raised:
        fails()
    assert raised.value is error
    found = step(recorded)
    assert (found.status, found.attributes) == ("error", {"team": "x"})
    assert found.error is not None
    assert found.error.type == "KeyError"


def test_a_collector_of_ones_own(recorded: Captured) -> None:
    CollectorRegistry.register("arguments", Arguments)

    @monitor_llm("ask", collectors=["arguments", Arguments()])
    def answer(*_: Any, **__: Any) -> str:
        return "yes"

    with llmobserve.SpanContext(session_id="s-1"):
        answer(1, 2, b=1, a=2)
    assert step(recorded).attributes == {
        "metrics.arguments.result": "yes",
        "metrics.arguments.positional": 2,
        "metrics.arguments.names.first": "a",
        "metrics.arguments.names.all.count": 2,
        "metrics.arguments.session": "s-1",
        "metrics.arguments.operation": "ask",
    }


@pytest.mark.usefixtures("swallowing")
def test_what_collectors_raise_is_counted_and_others_still_run(
    recorded: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    class NoMapping(Broken):
        def collect(self, result: Any, *_: Any, **__: Any) -> Any:
            return [result]

    class NoStart(Broken):
        def __init__(self) -> None:
            raise OSError("no model")

    CollectorRegistry.register("broken", Broken)

    @monitor_llm("ask", collectors=["broken", "absent", NoMapping, NoStart, "text"])
    def answer() -> str:
        return "Hello there"

    for _ in range(5):
        assert answer() == "Hello there"
    assert all(span.attributes == HELLO for span in recorded.spans if span.kind == "step")
    status = llmobserve.status()
    assert status is not None
    assert status["internal_errors"] == {
        "collector.broken": 5,
        "collector.absent": 5,
        "collector.NoMapping": 5,
        "collector.NoStart": 5,
    }
    assert "collector.broken" in caplog.text
    assert "is content" not in caplog.text


@pytest.mark.usefixtures("swallowing")
def test_results_that_cannot_be_looked_at_arrive_all_the_same(recorded: Captured) -> None:
    class NoText(str):
        def __len__(self) -> int:
            raise RuntimeError("no")

    class NoItems(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("no")

    class NoClass:
        @property
        def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            raise RuntimeError("no")

    results: list[Any] = [NoText("a"), NoItems(a=1), NoClass()]

    @monitor_llm("ask", collectors=["text", "image", "audio"])
    def answer(number: int) -> Any:
        return results[number]

    for number, result in enumerate(results):
        assert answer(number) is result
    assert [span.attributes for span in recorded.spans if span.kind == "step"] == [{}, {}, {}]
    status = llmobserve.status()
    assert status is not None
    assert status["internal_errors"] == {"collector.text": 3, "collector.image": 3, "collector.audio": 3}


@pytest.mark.usefixtures("swallowing")
def test_figures_that_cannot_be_read_do_no_harm(recorded: Captured) -> None:
    class Hostile(Broken):
        def collect(self, result: Any, *_: Any, **__: Any) -> Any:
            class NoText:
                def __repr__(self) -> str:
                    raise RuntimeError("no")

            deep: dict[str, Any] = {}
            deep["deep"] = deep
            return {"object": NoText(), "deep": deep, **{str(number): number for number in range(1000)}}

    @monitor_llm("ask", collectors=["text", Hostile])
    def answer() -> str:
        return "Hello there"

    assert answer() == "Hello there"
    attributes = step(recorded).attributes
    assert attributes["metrics.broken.object"] == "[NoText]"
    assert attributes.items() >= HELLO.items()
    assert len(attributes) == 100


def test_the_registry() -> None:
    assert CollectorRegistry.names() == ["audio", "image", "text"]
    CollectorRegistry.register("text", Arguments)
    CollectorRegistry.register("mine", Arguments)
    assert CollectorRegistry.get("text") is CollectorRegistry.get("mine") is Arguments
    assert CollectorRegistry.get("image").__name__ == "ImageCollector"
    assert CollectorRegistry.names() == ["audio", "image", "mine", "text"]
    with pytest.raises(LookupError, match="there is no collector 'other'; there are audio, image, mine, text"):
        CollectorRegistry.get("other")
    with pytest.raises(TypeError, match="subclass of MetricCollector"):
        CollectorRegistry.register("no", dict)  # pyright: ignore[reportArgumentType]


ENTRY_POINTS = """[llmobserve.collectors]
sentences = sentence_metrics:Sentences
gone = sentence_metrics:Gone
number = sentence_metrics:NUMBER
"""
SENTENCES = """
from llmobserve import MetricCollector
NUMBER = 3
class Sentences(MetricCollector):
    metric_type = "sentences"
    def collect(self, result, args, kwargs, context):
        return {"count": result.count(".")}
"""


@pytest.mark.usefixtures("swallowing")
def test_collectors_of_other_packages(recorded: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "sentence_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sentence-metrics\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "sentence_metrics.py").write_text(SENTENCES)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()

    @monitor_llm("ask", collectors=["gone", "number", "sentences", "text"])
    def answer() -> str:
        return "One. Two."

    assert answer() == answer() == "One. Two."
    found = [span.attributes for span in recorded.spans if span.kind == "step"]
    assert [attributes["metrics.sentences.count"] for attributes in found] == [2, 2]
    status = llmobserve.status()
    assert status is not None
    assert status["internal_errors"] == {"collector.gone": 2, "collector.number": 2}
    assert CollectorRegistry.names() == ["audio", "gone", "image", "number", "sentences", "text"]
    with pytest.raises(LookupError, match="cannot be loaded from sentence_metrics:Gone"):
        CollectorRegistry.get("gone")


def test_calls_inside_are_below_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    with DemoProvider() as provider:
        for name, value in provider.environment().items():
            monkeypatch.setenv(name, value)
        with captured() as recorded, openai.OpenAI(max_retries=0) as client:

            @monitor_llm("ask")
            def ask() -> str | None:
                messages: Any = [{"role": "user", "content": "Hello"}]
                return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content

            with llmobserve.run("job"):
                assert ask() == "Hello there"
            assert recorded.call.context.parent_span_id == step(recorded).context.span_id
            assert recorded.call.context.section_path == "step:ask"
    assert step(recorded).attributes == HELLO


def test_short_texts_are_measured_by_another_thread(recorded: Captured) -> None:
    seen: list[tuple[int, bool]] = []

    class Watched(TextCollector):
        def measure(self, result: Any) -> Mapping[str, Any]:
            seen.append((len(result), threading.current_thread() is threading.main_thread()))
            return super().measure(result)

    @monitor_llm("ask", collectors=[Watched])
    def answer(length: int) -> str:
        return "a" * length

    @monitor_llm("both", collectors=[Watched, Arguments])
    def both() -> str:
        return "a"

    # The first call makes the collector; a long text is not kept; another collector may look at what can change.
    lengths = [1, 2, 16_384, 16_385]
    for length in lengths:
        answer(length)
    both()
    both()
    found = [span.attributes["metrics.text.characters"] for span in recorded.spans if span.kind == "step"]
    assert found == [*lengths, 1, 1]
    assert sorted(seen) == [(1, True), (1, True), (1, True), (2, False), (16_384, False), (16_385, True)]


def test_nothing_is_measured_where_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(Measurement, "take", fail)

    @monitor_llm
    def answer() -> str:
        return "Hello there"

    @monitor_llm
    def words() -> Generator[str]:
        yield "Hello there"

    @monitor_llm
    async def later() -> AsyncGenerator[str]:
        yield "Hello there"

    async def main() -> list[str]:
        return [word async for word in later()]

    assert (answer(), list(words()), asyncio.run(main())) == ("Hello there", ["Hello there"], ["Hello there"])
    with captured() as recorded, suppress():
        assert answer() == "Hello there"
    assert recorded.spans == []
