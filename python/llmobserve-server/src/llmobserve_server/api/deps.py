"""Runs the blocking questions to the store away from the event loop, a bounded number at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from fastapi import Request

from llmobserve_server.errors import Overloaded

__all__ = ["Readers", "in_reader"]

P = ParamSpec("P")
T = TypeVar("T")


class Readers:
    """Threads that read the store. More than `waiting_max` questions at once are refused, so that none waits long."""

    def __init__(self, *, threads: int = 4, waiting_max: int = 64) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="llmobserve-reader")
        self._waiting_max = waiting_max
        self._waiting = 0

    async def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Result of `fn` in a reader thread. Raises Overloaded when too many questions wait already."""
        if self._waiting >= self._waiting_max:
            raise Overloaded("Too many questions at once. Ask again in a moment.", retry_after_s=2)
        context = copy_context()
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: context.run(fn, *args, **kwargs))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for running questions and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def in_reader(request: Request, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Result of `fn` in a reader thread of this application. Raises Overloaded, and whatever `fn` raises."""
    readers: Readers = request.app.state.readers
    return await readers.run(fn, *args, **kwargs)
