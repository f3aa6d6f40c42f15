"""Hooks pydantic-ai: runs of agents and executions of their tools.

Whatever way an agent is run (`run`, `run_sync`, `run_stream`, `run_stream_events`, `iter`), it is opened once. Read in
pydantic-ai 2.68.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import ModuleType, TracebackType
from typing import Any

from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.guard import text_of

__all__ = ["PydanticAiHooks"]


class PydanticAiHooks(FrameworkHooks):
    """Hooks pydantic_ai."""

    library = "pydantic_ai"
    distribution = "pydantic-ai-slim"
    no_errors = frozenset({"CallDeferred", "ApprovalRequired"})

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        if module.__name__ == "pydantic_ai.agent":
            self.hook_method(module, "_PreparedAgentRun.open", self._around_open)
        else:
            self.wrap(module, "ToolManager.execute_tool_call", _tool, parameters=("self", "validated"))

    def _around_open(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def open_run(run: Any, *args: Any, **kwargs: Any) -> Any:
            opened = original(run, *args, **kwargs)
            return _Opened(self, run, opened) if self.is_on else opened

        return open_run


class _Opened(AbstractAsyncContextManager[Any, Any]):
    """A run of an agent, in its section from begin to end."""

    def __init__(self, hooks: PydanticAiHooks, run: Any, inner: AbstractAsyncContextManager[Any, Any]) -> None:
        self._hooks = hooks
        self._run = run
        self._inner = inner

    async def __aenter__(self) -> Any:
        with self._hooks.guard:
            self._hooks.sections.begin(self, "agent", text_of(self._run.agent_name))
        try:
            return await self._inner.__aenter__()
        except BaseException as error:
            self._hooks.sections.end(self, error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> Any:
        try:
            is_handled = await self._inner.__aexit__(kind, error, tb)
        except BaseException as failure:
            self._hooks.sections.end(self, failure)
            raise
        self._hooks.sections.end(self, None if is_handled else error)
        return is_handled


def _tool(_: Any, validated: Any, **__: Any) -> Named:
    return Named("tool", text_of(validated.call.tool_name))
