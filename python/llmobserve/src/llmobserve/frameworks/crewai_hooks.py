"""Hooks CrewAI at its event bus: crews, tasks, agents, tools, flows and their methods, knowledge and memory.

Listeners of the bus run in a pool of threads, where they cannot say what the emitting code does next; so `emit` itself
is hooked (CrewAI 1.15). CrewAI pairs the events: what ends a piece of work names the event that began it. Work that is
cancelled has no such event: what started it ends its sections.
"""

import functools
import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any

from llmobserve.context import here
from llmobserve.frameworks.hooks import FrameworkHooks, Named

__all__ = ["CrewaiHooks"]

_STARTS = {
    "crewai.crew": ("Crew", ("kickoff", "akickoff")),
    "crewai.flow.runtime": ("Flow", ("kickoff_async",)),
}
"""By module the class, and its methods that start work."""
Begin = Callable[[Any, Any], "Named | None"]
"""Gets the source of an event and the event."""


class CrewaiHooks(FrameworkHooks):
    """Hooks crewai."""

    library = "crewai"
    distribution = "crewai"

    def hook(self, module: ModuleType) -> None:
        """Hook the event bus, or what `module` defines of that which starts work."""
        name = next((name for name in _STARTS if sys.modules.get(name) is module), None)
        if name is not None:
            class_name, methods = _STARTS[name]
            named = ModuleType(name)  # CrewAI overwrites the name of some of its modules (crewai/__init__.py)
            setattr(named, class_name, getattr(module, class_name, None))
            for method in methods:
                self.hook_method(named, f"{class_name}.{method}", self._around_start)
            return
        parameters = ("self", "source", "event")
        self.hook_method(module, "CrewAIEventsBus.emit", self._around_emit, parameters=parameters)
        self.hook_method(module, "CrewAIEventsBus.aemit", self._around_aemit, parameters=parameters)

    def _around_emit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def emit(bus: Any, source: Any, event: Any) -> Any:
            result = original(bus, source, event)
            if self.is_on:
                with self.guard:
                    self._take(source, event)
            return result

        return emit

    def _around_aemit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def aemit(bus: Any, source: Any, event: Any) -> Any:
            result = await original(bus, source, event)
            if self.is_on:
                with self.guard:
                    self._take(source, event)
            return result

        return aemit

    def _around_start(self, original: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(original):

            @functools.wraps(original)
            async def start_async(*args: Any, **kwargs: Any) -> Any:
                before = here()
                try:
                    return await original(*args, **kwargs)
                except BaseException as error:
                    self.sections.end_since(before, error)
                    raise

            return start_async

        @functools.wraps(original)
        def start(*args: Any, **kwargs: Any) -> Any:
            before = here()
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                self.sections.end_since(before, error)
                raise

        return start

    def _take(self, source: Any, event: Any) -> None:
        begun = event.started_event_id
        if begun is not None:
            inside = self.sections.inside(begun)
            if inside is not None:
                failure = _failure(event)
                self.sections.end_since(inside, failure)  # work in it whose end was not told
                self.sections.end(begun, failure)
            return
        begin = _BEGINNINGS.get(event.type)
        named = None if begin is None else begin(source, event)
        if named is not None:
            # The context says what is around: the code that emits is the one that does the work.
            self.sections.begin(event.event_id, named.kind, named.name)


def _crew(_: Any, event: Any) -> Named:
    return Named("workflow", event.crew_name or "crew")


def _task(_: Any, event: Any) -> Named:
    # Without a name it has only its description, which is content.
    return Named("step", getattr(event.task, "name", None) or "task")


def _agent(_: Any, event: Any) -> Named:
    return Named("agent", event.agent.role.strip())


def _lite_agent(_: Any, event: Any) -> Named:
    return Named("agent", event.agent_info["role"].strip())


def _evaluation(_: Any, event: Any) -> Named:
    return Named("evaluator", event.agent_role.strip())


def _tool(_: Any, event: Any) -> Named:
    return Named("tool", event.tool_name)


def _flow(source: Any, event: Any) -> Named | None:
    return None if _is_internal(source) else Named("workflow", event.flow_name)


def _method(source: Any, event: Any) -> Named | None:
    return None if _is_internal(source) else Named("step", event.method_name)


def _is_internal(flow: Any) -> bool:
    """True for flows of CrewAI's own: its agents are made of one."""
    return type(flow).__module__.partition(".")[0] == "crewai"


def _always(named: Named) -> Begin:
    def begin(source: Any, event: Any) -> Named:
        return named

    return begin


_BEGINNINGS: dict[str, Begin] = {
    "crew_kickoff_started": _crew,
    "task_started": _task,
    "agent_execution_started": _agent,
    "lite_agent_execution_started": _lite_agent,
    "agent_evaluation_started": _evaluation,
    "agent_reasoning_started": _always(Named("step", "reasoning")),
    "tool_usage_started": _tool,
    "flow_started": _flow,
    "method_execution_started": _method,
    "knowledge_query_started": _always(Named("retriever", "knowledge")),
    "memory_retrieval_started": _always(Named("retriever", "memory")),
    "memory_query_started": _always(Named("retriever", "memory query")),
    "memory_save_started": _always(Named("step", "memory save")),
    "llm_guardrail_started": _always(Named("guardrail", "guardrail")),
}


def _failure(event: Any) -> BaseException | tuple[str, str] | None:
    if not event.type.endswith(("_failed", "_error")):
        return None
    error = getattr(event, "error", None)
    if isinstance(error, BaseException):
        return error
    kind = getattr(event, "error_type", None)
    return (kind.__qualname__ if isinstance(kind, type) else "Error", str(error))
