"""Keeps the context of a route for what its response does later: streamed bodies and background tasks.

A `def` route runs in a thread with a copy of the context, so that what it sets is lost when its body is streamed; and
middleware may run either one elsewhere (Starlette 1.10, FastAPI 0.165).
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import PatchHealth
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.context import attached, current, is_outside
from llmobserve.guard import guarded

__all__ = ["StarletteHooks"]

_KEPT = "_llmobserve_snapshot"
_KEEP = guarded("context.response")
# Module, class, and the coroutine that does its work.
_TARGETS = (
    ("starlette.responses", "StreamingResponse", "stream_response"),
    ("starlette.background", "BackgroundTask", "__call__"),
)


class StarletteHooks(TransportHooks):
    """Hooks starlette, and so FastAPI."""

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        for name, class_name, method in _TARGETS:
            if name != module.__name__:
                continue
            owner: Any = getattr(module, class_name, None)
            is_there = {"__init__", method} <= getattr(owner, "__dict__", {}).keys()
            if is_there:
                self.replace(owner, "__init__", self._around_init)
                self.replace(owner, method, self._around_work)
            self.report(
                name,
                PatchHealth(
                    library="starlette",
                    version=None,
                    target=f"{class_name}.{method}",
                    state="active" if is_there else "missing",
                ),
            )

    def _around_init(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def made(response: Any, *args: Any, **kwargs: Any) -> None:
            original(response, *args, **kwargs)
            if self.engine is not None:
                with _KEEP:
                    snapshot = current()
                    if not is_outside(snapshot):
                        response.__dict__[_KEPT] = snapshot

        return made

    def _around_work(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def work(response: Any, *args: Any, **kwargs: Any) -> Any:
            snapshot = response.__dict__.get(_KEPT)
            if snapshot is None:
                return await original(response, *args, **kwargs)
            with attached(snapshot):
                return await original(response, *args, **kwargs)

        return work
