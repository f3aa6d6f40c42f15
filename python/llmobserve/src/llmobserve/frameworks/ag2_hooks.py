"""Hooks AG2 (ag2 1.0 and later): agents and their tools.

Tools by AG2's own middleware, which is added to each turn; an agent's turn by what drives it, so that the middlewares
that call models themselves are inside. The classic AG2 with its module `autogen` is another package.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.context import leave
from llmobserve.frameworks.hooks import FrameworkHooks, Named

__all__ = ["Ag2Hooks"]


class Ag2Hooks(FrameworkHooks):
    """Hooks ag2."""

    library = "ag2"
    distribution = "ag2"

    def hook(self, module: ModuleType) -> None:
        """Hook the turns of the agents that `module` defines."""
        base: Any = getattr(module, "BaseMiddleware", None)
        if not isinstance(base, type) or not hasattr(base, "on_tool_execution"):
            self.note(module, "BaseMiddleware.on_tool_execution", "not found")
            return
        middleware = type("Sections", (base,), {"on_tool_execution": self._tool_execution()})
        self.hook_method(
            module,
            "Agent._drive_scope",
            lambda original: self._around_scope(original, middleware),
            parameters=("self", "event"),
        )

    def _around_scope(self, original: Callable[..., Any], middleware: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def drive_scope(agent: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.is_on:
                return original(agent, *args, **kwargs)
            given = kwargs.pop("additional_middleware", ())
            scope = original(agent, *args, **kwargs, additional_middleware=(*given, middleware))
            return _Scope(scope, lambda drive: self._around_coroutine(drive, lambda: Named("agent", agent.name)))

        return drive_scope

    def _tool_execution(self) -> Callable[..., Any]:
        async def on_tool_execution(_: Any, call_next: Callable[..., Any], event: Any, context: Any) -> Any:
            entered = self._enter(lambda: Named("tool", event.name), (), {})
            if entered is None:
                return await call_next(event, context)
            try:
                result = await call_next(event, context)
            except BaseException as error:
                leave(*entered, error)
                raise
            failure = getattr(result, "error", None)  # errors of tools are events
            leave(*entered, failure if isinstance(failure, BaseException) else None)
            return result

        return on_tool_execution


class _Scope:
    """The scope of a turn, whose `drive` is the agent's section."""

    def __init__(self, scope: Any, around: Callable[[Any], Any]) -> None:
        self._scope = scope
        self._around = around

    async def __aenter__(self) -> Any:
        return self._around(await self._scope.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        return await self._scope.__aexit__(*error)
