"""For functions whose process is frozen between two requests: AWS Lambda, Vercel, Cloud Run.

The sender's thread stands still while the process is frozen, so what a request has recorded is sent before it is over.
There is no automatic wrapping: `observe()` runs before the platform has looked up the handler.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast, overload

from llmobserve.guard import guarded
from llmobserve.lifecycle import flush

__all__ = ["flush_on_return"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])
_TIMEOUT_MS = 300


@overload
def flush_on_return(handler: _Handler) -> _Handler: ...


@overload
def flush_on_return(*, timeout_ms: int = _TIMEOUT_MS) -> Callable[[_Handler], _Handler]: ...


def flush_on_return(handler: Any = None, *, timeout_ms: int = _TIMEOUT_MS) -> Any:
    """Send what a handler has recorded when it returns or raises; a decorator for functions and coroutines.

    It waits for at most `timeout_ms`. What has not arrived by then is on disk, and is sent when the process is thawed
    for the next request. A sandbox that is thrown away while it is frozen takes its disk with it: such records are
    lost, and nobody can count them.
    """
    if handler is None:
        return functools.partial(flush_on_return, timeout_ms=timeout_ms)
    timeout_s = timeout_ms / 1000
    if inspect.iscoroutinefunction(handler):
        return _asynchronous(handler, timeout_s)

    @functools.wraps(handler)
    def handle(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        finally:
            with guarded("serverless"):
                flush(timeout_s)

    return handle


def _asynchronous(handler: Callable[..., Awaitable[Any]], timeout_s: float) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(handler)
    async def handle(*args: Any, **kwargs: Any) -> Any:
        try:
            return await handler(*args, **kwargs)
        finally:
            with guarded("serverless"):
                # Other requests of the same process go on meanwhile.
                await asyncio.get_running_loop().run_in_executor(None, flush, timeout_s)

    return cast("Callable[..., Awaitable[Any]]", handle)
