"""Hooks Haystack at its tracing interface: pipelines, components, agents, their steps and tools.

Every traced place asks `haystack.tracing.tracer`, a proxy of whatever tracer is in use (Haystack 3.4): that proxy is
hooked, so that a tracer of the application's is not replaced.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from llmobserve.context import OpenSpan, innermost, leave
from llmobserve.frameworks.hooks import FrameworkHooks, Named

__all__ = ["HaystackHooks"]

_COMPONENT_TYPE = "component_type"


class HaystackHooks(FrameworkHooks):
    """Hooks haystack."""

    library = "haystack"
    distribution = "haystack-ai"

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        if module.__name__ == "haystack.tracing.tracer":
            parameters = ("self", "operation_name", "tags", "parent_span")
            self.hook_method(module, "ProxyTracer.trace", self._around_trace, parameters=parameters)
        else:
            # Its traced work lies between its steps: what it sets must not show in the code that iterates it.
            self.wrap(module, "Pipeline.run_async_generator", lambda *_, **__: None)

    def _around_trace(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        @contextmanager
        def trace(tracer: Any, operation_name: str, tags: Any = None, *args: Any, **kwargs: Any) -> Any:
            entered = self._enter(_section, (operation_name, tags), {})
            if entered is None:
                with original(tracer, operation_name, tags, *args, **kwargs) as span:
                    yield span
                return
            try:
                with original(tracer, operation_name, tags, *args, **kwargs) as span:
                    yield span
            except BaseException as error:
                leave(*entered, error)
                raise
            leave(*entered, None)

        return trace


def _section(operation_name: str, given: Mapping[str, Any] | None) -> Named | None:
    tags: Mapping[str, Any] = given or {}
    if operation_name == "haystack.component.run":
        return _component(tags["haystack.component.name"], tags["haystack.component.type"])
    if operation_name == "haystack.pipeline.run":
        metadata: Mapping[str, Any] = tags.get("haystack.pipeline.metadata") or {}
        return Named("workflow", metadata.get("name") or "Pipeline")
    if operation_name == "haystack.agent.run":
        return None if _is_component_of_agent(innermost()) else Named("agent", "Agent")
    if operation_name == "haystack.agent.step":
        return Named("step", f"Step {int(tags['haystack.agent.step']) + 1}")
    if operation_name == "haystack.agent.step.tool":
        return Named("tool", tags["haystack.tool.name"])
    return None


def _is_component_of_agent(around: OpenSpan | None) -> bool:
    """True in the section of an agent that is a component: there it has a name."""
    return around is not None and around.kind == "agent" and _COMPONENT_TYPE in (around.attributes or {})


def _component(name: str, kind: str) -> Named:
    shown = {_COMPONENT_TYPE: kind}
    if kind == "Agent":
        return Named("agent", name, shown)
    return Named("retriever" if kind.endswith("Retriever") else "step", name, shown)
