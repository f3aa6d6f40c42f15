"""Hooks Google's Agent Development Kit: agents, tools and workflows.

Every agent runs through one method of the base class, live ones too; tools override theirs, so that the classes of the
application are hooked as they are made. Read in google-adk 2.13.
"""

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, cast

from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.guard import text_of

__all__ = ["GoogleAdkHooks"]

_RUN = "run_async"


class GoogleAdkHooks(FrameworkHooks):
    """Hooks google.adk."""

    library = "google.adk"
    distribution = "google-adk"

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        if module.__name__ == "google.adk.agents.base_agent":
            self.wrap(module, "BaseAgent._run_with_lifecycle", _agent, parameters=("self", "parent_context"))
        elif module.__name__ == "google.adk.workflow._workflow":
            self.wrap(module, "Workflow._run_impl", _workflow)
        else:
            self.note(module, "BaseTool.run_async", self._hook_tools(getattr(module, "BaseTool", None)))

    def _hook_tools(self, base: Any) -> str | None:
        """What is in the way; `None` when the tools of now and of later are hooked."""
        if base is None or _RUN not in base.__dict__:
            return "not found"
        if "__init_subclass__" in base.__dict__:
            return "has an __init_subclass__ of its own"
        for owner in _with_subclasses(base):
            self._hook_tool(owner)

        def made(cls: type, **options: Any) -> None:
            super(base, cls).__init_subclass__(**options)  # pyright: ignore[reportUnknownMemberType]
            with self.guard:
                self._hook_tool(cls)

        self.add(base, "__init_subclass__", classmethod(made))
        return None

    def _hook_tool(self, owner: type) -> None:
        if callable(owner.__dict__.get(_RUN)):
            self.replace(owner, _RUN, self._around_tool)

    def _around_tool(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def run_async(tool: Any, **kwargs: Any) -> Any:
            # One use of a tool may pass the methods of several classes.
            key = id(kwargs.get("tool_context")), id(tool)
            if not self.is_on or self.sections.inside(key) is not None:
                return await original(tool, **kwargs)
            with self.guard:
                self.sections.begin(key, "tool", text_of(tool.name))
            try:
                result = await original(tool, **kwargs)
            except BaseException as error:
                self.sections.end(key, self.failure(error))
                raise
            self.sections.end(key)
            return result

        return run_async


def _with_subclasses(base: Any) -> Iterator[type]:
    yield base
    for owner in cast("list[type]", base.__subclasses__()):
        yield from _with_subclasses(owner)


def _agent(agent: Any, *_: Any, **__: Any) -> Named:
    return Named("agent", text_of(agent.name))


def _workflow(workflow: Any, *_: Any, **__: Any) -> Named:
    return Named("workflow", text_of(workflow.name))
