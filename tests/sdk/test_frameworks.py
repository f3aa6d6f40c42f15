"""Hooks of frameworks: what becomes a section, which are on, and that a release which breaks one is told of."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import wrapt

from llmobserve import context
from llmobserve.capture.engine import Engine
from llmobserve.context import OpenSpan, current, wire_context
from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.frameworks.libraries import FRAMEWORKS as LIBRARIES
from llmobserve.frameworks.libraries import wanted
from llmobserve.frameworks.run_sections import RunSections
from llmobserve.sections import section
from llmobserve.settings import FRAMEWORKS, SettingError, load

ALL = frozenset(FRAMEWORKS)


def path() -> str | None:
    return wire_context(current(), None).section_path


class Boom(Exception):
    """Of the application."""


class Wait(Exception):
    """Of the framework: it goes on later."""


class Work:
    """A framework."""

    def call(self, error: Exception | None = None) -> str | None:
        if error is not None:
            raise error
        return path()

    async def acall(self) -> str | None:
        await asyncio.sleep(0)
        return path()

    def stream(self) -> Generator[str | None]:
        yield path()
        yield path()

    async def astream(self) -> AsyncGenerator[str | None]:
        yield path()
        yield path()

    def later(self) -> Any:
        return asyncio.sleep(0, path())

    def quiet(self) -> str | None:
        return path()

    def odd(self) -> str | None:
        return path()

    def renamed(self, text: str) -> str:
        return text


def named(work: Any, *_: Any, **__: Any) -> Named:
    return Named("agent", type(work).__name__)


def odd(work: Any) -> Named:
    raise RuntimeError("not as it used to be")


class WorkHooks(FrameworkHooks):
    """Hooks the framework above."""

    library = "pytest"
    distribution = "pytest"
    no_errors = frozenset({"Wait"})

    def hook(self, module: ModuleType) -> None:
        for target in ("Work.call", "Work.acall", "Work.stream", "Work.astream"):
            self.wrap(module, target, named)
        self.wrap(module, "Work.later", named, flow="coroutine")
        self.wrap(module, "Work.quiet", lambda work: None)
        self.wrap(module, "Work.odd", odd)
        self.wrap(module, "Work.renamed", named, parameters=("self", "prompt"))
        self.wrap(module, "Work.gone", named)
        self.wrap(module, "Gone.call", named)


@pytest.fixture
def hooks() -> Iterator[WorkHooks]:
    made = WorkHooks()
    made.engine = Engine(lambda call, content, snapshot: None, load({}, {}))
    made.patch(sys.modules[__name__])
    yield made
    made.unpatch()


def test_calls_are_sections_in_every_flow(hooks: WorkHooks, spans: list[OpenSpan]) -> None:
    work = Work()
    assert work.call() == asyncio.run(work.acall()) == asyncio.run(work.later()) == "agent:Work"
    for value in work.stream():
        assert value == "agent:Work"
        assert path() is None, "what reads a stream is not in it"

    async def read() -> None:
        async for value in work.astream():
            assert value == "agent:Work"
            assert path() is None

    asyncio.run(read())
    assert work.quiet() is None
    assert [(span.name, span.status) for span in spans] == [("Work", "ok")] * 5


def test_failures_pass_and_are_recorded(hooks: WorkHooks, spans: list[OpenSpan]) -> None:
    with pytest.raises(Boom):
        Work().call(Boom("secret"))
    with pytest.raises(Wait):
        Work().call(Wait())
    assert [(span.status, span.error) for span in spans] == [("error", ("Boom", "secret")), ("ok", None)]


def test_what_cannot_be_described_is_called_all_the_same(
    hooks: WorkHooks, spans: list[OpenSpan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMOBSERVE_RAISE_INTERNAL", "0")
    assert Work().odd() is None
    assert spans == []


def test_only_wrapped_clients_have_no_sections_of_frameworks(hooks: WorkHooks, spans: list[OpenSpan]) -> None:
    assert hooks.engine is not None
    hooks.engine.only_wrapped = True
    assert Work().call() is None
    hooks.engine.only_wrapped = False
    assert Work().call() == "agent:Work"
    hooks.unpatch()
    assert Work().call() is None
    assert len(spans) == 1


def test_what_is_not_as_expected_is_missing(hooks: WorkHooks) -> None:
    health = {one.target: one for one in hooks.health(__name__)}
    assert {target: one.detail for target, one in health.items() if one.state == "missing"} == {
        "Work.renamed": "takes self, text",
        "Work.gone": "not found",
        "Gone.call": "not found",
    }
    assert {one.version for one in health.values()} == {pytest.__version__}
    assert Work().renamed("as ever") == "as ever"


def test_work_that_is_told_in_two_events(spans: list[OpenSpan]) -> None:
    runs = RunSections("tests")
    runs.begin("a", "agent", "A")
    runs.skip("between", parent="a")
    runs.begin("t", "tool", "T", parent="between")
    assert path() == "agent:A/tool:T"
    with section("own"):
        runs.begin("inner", "agent", "B", parent="t")
        assert path() == "agent:A/tool:T/step:own/agent:B"
        runs.end("inner", ("SpanError", "as told"), name="Bee")
    assert path() == "agent:A/tool:T"
    runs.end("t", Boom("no"))
    runs.end("between")
    runs.end("a")
    runs.end("a")
    runs.end("unknown")
    assert path() is None
    assert [(span.name, span.error) for span in spans] == [
        ("Bee", ("SpanError", "as told")),
        ("own", None),
        ("T", ("Boom", "no")),
        ("A", None),
    ]


def test_parents_by_id_wherever_the_events_come_from(spans: list[OpenSpan]) -> None:
    runs = RunSections("tests")
    runs.begin("a", "agent", "A")
    runs.begin("b", "agent", "B", parent="a", entered=False)
    runs.begin("c", "agent", "C", parent="a")
    assert path() == "agent:A/agent:C"
    seen: list[str | None] = []

    def elsewhere() -> None:
        runs.skip("model", parent="b")
        seen.append(path())
        runs.end("model")
        seen.append(path())
        runs.end("b")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == ["agent:A/agent:B", None]
    runs.end("a")  # before its child
    assert path() is None
    runs.end("c")
    assert path() is None
    assert {span.name: (span.parent.name if span.parent else None) for span in spans} == {"A": None, "B": "A", "C": "A"}


@pytest.mark.parametrize(("deeper", "inside"), [(False, "agent:A/tool:T"), (True, "agent:A/step:S/tool:T")])
def test_frameworks_that_name_an_outer_parent(spans: list[OpenSpan], deeper: bool, inside: str) -> None:
    runs = RunSections("tests")
    runs.begin("a", "agent", "A")
    runs.begin("s", "step", "S", parent="a")
    runs.skip("m", parent="a", deeper=deeper)
    assert path() == inside.removesuffix("/tool:T")
    runs.end("m")
    runs.begin("t", "tool", "T", parent="a", deeper=deeper)
    assert path() == inside
    for key in ("t", "s", "a"):
        runs.end(key)
    assert path() is None


def test_a_section_that_ends_in_another_task_is_left_where_it_began(spans: list[OpenSpan]) -> None:
    runs = RunSections("tests")

    async def ends() -> None:
        runs.end("a")

    async def main() -> None:
        with section("outer"):
            runs.begin("a", "agent", "A")
            context.change(customer_id="acme")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(ends())
            assert path() == "step:outer"
            assert current().facts.customer_id == "acme"
            with section("next"):
                assert path() == "step:outer/step:next"
        assert path() is None

    asyncio.run(main())
    assert [(span.name, span.path) for span in spans] == [
        ("A", "step:outer/agent:A"),
        ("next", "step:outer/step:next"),
        ("outer", "step:outer"),
    ]


def test_work_that_never_ends_is_forgotten_some_day(spans: list[OpenSpan]) -> None:
    runs = RunSections("tests")
    for number in range(10_050):
        runs.begin(number, "step", "lost", entered=False)
    assert runs.inside(49) is None
    assert runs.inside(50) is not None
    assert (len(runs._under_way), len(runs._sections)) == (10_000, 10_000)


@pytest.mark.parametrize(
    ("given", "variable", "on"),
    [
        (None, "", ALL),
        (True, "", ALL),
        (False, "", frozenset()),
        (["mcp"], "", {"mcp"}),
        (None, "0", frozenset()),
        (None, "langchain, MCP", {"langchain", "mcp"}),
    ],
)
def test_what_is_on(given: Any, variable: str, on: set[str]) -> None:
    settings = load({"frameworks": given}, {"LLMOBSERVE_FRAMEWORKS": variable})
    assert settings.frameworks == on
    assert {library.instrumentor for library in wanted(settings)} == on


@pytest.mark.parametrize("given", ["perhaps", ["redis"], []])
def test_other_values_are_refused(given: Any) -> None:
    with pytest.raises(SettingError, match=re.escape("frameworks cannot be")):
        load({"frameworks": given}, {})


def test_every_name_has_hooks_and_every_hook_a_name() -> None:
    assert {library.instrumentor for library in LIBRARIES} == ALL
    for library in LIBRARIES:
        hooks: Any = library.make_hooks()
        assert hooks.library == library.name


def release_that_breaks(folder: Path) -> None:
    """A pydantic-ai of some day, which is made in another way."""
    package = folder / "pydantic_ai"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "agent.py").write_text("class Agent:\n    def run(self): ...\n")
    (package / "tool_manager.py").write_text("class ToolManager:\n    async def execute_tool_call(self, call): ...\n")
    info = folder / "pydantic_ai_slim-99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: pydantic-ai-slim\nVersion: 99.0\n")


def test_the_doctor_tells_of_a_release_that_breaks_us(tmp_path: Path) -> None:
    release_that_breaks(tmp_path)
    done = subprocess.run(
        [Path(sys.executable).with_name("llmobserve"), "doctor", "--json", "--offline"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "LLMOBSERVE_FRAMEWORKS": "pydantic_ai"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert [problem for problem in report["problems"] if "pydantic_ai" in problem] == [
        "pydantic_ai 99.0: _PreparedAgentRun.open is missing: not found.",
        "pydantic_ai 99.0: ToolManager.execute_tool_call is missing: takes self, call.",
    ]
    notes = [note for note in report["notes"] if note.startswith("pydantic_ai")]
    assert len(notes) == 1 and "99.0 is not among the tested versions" in notes[0]


def test_work_whose_end_is_not_told_is_ended_by_what_has_started_it() -> None:
    runs = RunSections("tests")
    with section("workflow:outer"):
        before = current()
        runs.begin("crew", "workflow", "crew")
        runs.begin("agent", "agent", "one")
        inner = current().span
        assert inner is not None
        assert inner.parent is not None
        spans = [inner, inner.parent]
        thread = threading.Thread(target=lambda: runs.end_since(before._replace(span=spans[0]), Boom()))
        thread.start()
        thread.join()
        assert [span.status for span in spans] == ["running", "running"], "not for those elsewhere"
        runs.end_since(before, Boom("no more"))
        assert [(span.status, span.error) for span in spans] == [("error", ("Boom", "no more"))] * 2
        assert current().span is before.span


def test_other_wrappers_below_ours_know_the_object(monkeypatch: pytest.MonkeyPatch, spans: list[OpenSpan]) -> None:
    known: list[Any] = []

    def pass_on(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        known.append(instance)
        return wrapped(*args, **kwargs)

    for name in ("call", "acall", "stream", "astream"):
        monkeypatch.setattr(Work, name, Work.__dict__[name])  # to be as it was
        wrapt.wrap_function_wrapper(Work, name, pass_on)
    hooks = WorkHooks()
    hooks.engine = Engine(lambda call, content, snapshot: None, load({}, {}))
    hooks.patch(sys.modules[__name__])
    work = Work()

    async def read() -> list[str | None]:
        return [value async for value in work.astream()]

    assert work.call() == asyncio.run(work.acall()) == "agent:Work"
    assert [*work.stream(), *asyncio.run(read())] == ["agent:Work"] * 4
    assert known == [work] * 4
    hooks.unpatch()
    assert work.call() is None
    assert known == [work] * 5
