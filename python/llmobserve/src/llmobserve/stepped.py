"""Steps generators inside a snapshot of their own.

What a generator sets never shows in the code that iterates it, and interleaved generators keep their own parents.
Exceptions pass through as they are.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from typing import Any, cast

from llmobserve.context import OpenSpan, Snapshot, end, here, put

__all__ = ["Enter", "around_async_generator", "around_generator"]

Enter = Callable[..., tuple[OpenSpan | None, Snapshot] | None]
"""Gets the arguments of the call at its first step; gives the section that was entered and the context before it.
`None`: no section, only a context of its own; without a section but with a context before it, another context."""


def around_generator(
    function: Callable[..., Generator[Any, Any, Any]], enter_scope: Enter
) -> Callable[..., Generator[Any, Any, Any]]:
    """A function whose generators each are a section."""

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = _Steps(function(*args, **kwargs), enter_scope(*args, **kwargs))
        return (yield from cast("Generator[Any, Any, Any]", steps))

    return inside


def around_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], enter_scope: Enter
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """A function whose asynchronous generators each are a section."""

    @wraps(function)
    async def inside(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        steps = _AsyncSteps(enter_scope(*args, **kwargs))
        try:
            value = await steps.take(inner.__anext__)
            while True:
                try:
                    sent = yield value
                except GeneratorExit as error:
                    await steps.close(inner.aclose, error)
                    raise
                except BaseException as error:  # noqa: BLE001 (what the iterating code threw in belongs to the generator)
                    value = await steps.take(inner.athrow, error)
                else:
                    value = await steps.take(inner.asend, sent)
        except StopAsyncIteration:
            return

    return inside


class _Inside:
    """The snapshot inside a generator, kept between its steps."""

    __slots__ = ("_open", "_snapshot", "_span")

    def __init__(self, entered: tuple[OpenSpan | None, Snapshot] | None) -> None:
        self._span = None if entered is None else entered[0]
        self._snapshot = here() if entered is None else put(entered[1])
        self._open = True

    def _finish(self, error: BaseException | None) -> None:
        """Must be called while the snapshot is not attached."""
        if self._open and self._span is not None:
            self._open = False
            end(self._span, self._snapshot.facts, error)


class _Steps(_Inside):
    """A generator whose every step runs in its own snapshot; what `yield from` needs of an iterator."""

    __slots__ = ("_generator",)

    def __init__(self, generator: Generator[Any, Any, Any], entered: tuple[OpenSpan | None, Snapshot] | None) -> None:
        super().__init__(entered)
        self._generator = generator

    def __iter__(self) -> "_Steps":
        return self

    def __next__(self) -> Any:
        return self._take(self._generator.__next__)

    def send(self, value: Any) -> Any:
        return self._take(self._generator.send, value)

    def throw(self, *error: Any) -> Any:
        return self._take(self._generator.throw, *error)

    def close(self) -> None:
        self._take(self._generator.close)
        self._finish(GeneratorExit())

    def _take(self, resume: Callable[..., Any], *args: Any) -> Any:
        before = put(self._snapshot)
        failure: BaseException | None = None
        finished = False
        try:
            return resume(*args)
        except StopIteration:
            finished = True
            raise
        except BaseException as error:
            failure, finished = error, True
            raise
        finally:
            self._snapshot = put(before)
            if finished:
                self._finish(failure)
            del failure


class _AsyncSteps(_Inside):
    """The same for an asynchronous generator."""

    __slots__ = ()

    async def take(self, resume: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        before = put(self._snapshot)
        failure: BaseException | None = None
        finished = False
        try:
            return await resume(*args)
        except StopAsyncIteration:
            finished = True
            raise
        except BaseException as error:
            failure, finished = error, True
            raise
        finally:
            self._snapshot = put(before)
            if finished:
                self._finish(failure)
            del failure

    async def close(self, close: Callable[[], Awaitable[Any]], reason: BaseException) -> None:
        await self.take(close)
        self._finish(reason)
