"""`@monitor_llm`: each call of a function is a step of its run, with figures about what it returned."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping
from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeVar, cast, overload

from llmobserve.context import recorded_span
from llmobserve.guard import text_of
from llmobserve.monitoring.measuring import Chosen, Measurement
from llmobserve.monitoring.yields import Yields
from llmobserve.sections import Section, what_is_called

__all__ = ["monitor_llm"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def monitor_llm(operation: F, /) -> F: ...
@overload
def monitor_llm(
    operation: str | None = None,
    *,
    collectors: Iterable[Chosen] = ("text",),
    custom_attributes: Mapping[str, Any] | None = None,
) -> Callable[[F], F]: ...
def monitor_llm(
    operation: Any = None,
    *,
    collectors: Iterable[Chosen] = ("text",),
    custom_attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Record each call of the decorated function as a step, with figures about its result as attributes.

    For functions, coroutines, generators and asynchronous generators, with or without arguments. The caller gets what
    the function returns, and its exceptions, as they are. Calls to providers inside it are recorded below it.

    Args:
        operation: name of the step; `None` = that of the function.
        collectors: names (`text`, `image`, `audio`, those of `CollectorRegistry`), or objects and subclasses of
            MetricCollector. They run one after another, before the step ends, and in a generator when it ends; what
            one raises is counted and does not keep the others from running. A name is looked up with the first call.
        custom_attributes: further attributes of each step.
    """
    if operation is None or isinstance(operation, str):
        chosen = (collectors,) if isinstance(collectors, str) else tuple(collectors)
        return partial(_monitored, operation=operation, collectors=chosen, custom=dict(custom_attributes or {}))
    return _monitored(operation, None, ("text",), {})


def _monitored(function: F, operation: str | None, collectors: tuple[Chosen, ...], custom: Mapping[str, Any]) -> F:
    target: Any = function
    if isinstance(target, (staticmethod, classmethod)):
        descriptor: Any = cast("Any", target)
        return type(descriptor)(_monitored(descriptor.__func__, operation, collectors, custom))
    named = operation or getattr(function, "__name__", None) or type(function).__name__
    step = Section("step", text_of(named), custom)
    if isinstance(target, type) or not callable(target):
        return step(function)  # says what can be decorated
    measurement = Measurement(step.name, collectors, custom)
    return cast("F", step(_measured(target, measurement)))


def _measured(function: Any, measurement: Measurement) -> Callable[..., Any]:
    called = what_is_called(function)
    if isasyncgenfunction(called):
        return _measured_async_generator(function, measurement)
    if isgeneratorfunction(called):
        return _measured_generator(function, measurement)
    if iscoroutinefunction(called):
        return _measured_coroutine(function, measurement)
    return _measured_function(function, measurement)


def _measured_function(function: Callable[..., Any], measurement: Measurement) -> Callable[..., Any]:
    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        span = recorded_span()
        result = function(*args, **kwargs)
        if span is not None:
            measurement.take(span, result, args, kwargs)
        return result

    return inside


def _measured_coroutine(function: Callable[..., Awaitable[Any]], measurement: Measurement) -> Callable[..., Any]:
    @wraps(function)
    async def inside(*args: Any, **kwargs: Any) -> Any:
        span = recorded_span()
        result = await function(*args, **kwargs)
        if span is not None:
            measurement.take(span, result, args, kwargs)
        return result

    return inside


def _measured_generator(
    function: Callable[..., Generator[Any, Any, Any]], measurement: Measurement
) -> Callable[..., Generator[Any, Any, Any]]:
    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        span = recorded_span()
        if span is None:
            return (yield from generator)
        yields = Yields()
        try:
            return (yield from cast("Generator[Any, Any, Any]", _Kept(generator, yields)))
        finally:
            measurement.take_yields(span, yields, args, kwargs)

    return inside


class _Kept:
    """A generator whose yields are kept; what `yield from` needs of an iterator."""

    __slots__ = ("_add", "_generator", "close")

    def __init__(self, generator: Generator[Any, Any, Any], yields: Yields) -> None:
        self._generator = generator
        self._add = yields.add
        self.close = generator.close

    def __iter__(self) -> "_Kept":
        return self

    def __next__(self) -> Any:
        value = next(self._generator)
        self._add(value)
        return value

    def send(self, value: Any) -> Any:
        value = self._generator.send(value)
        self._add(value)
        return value

    def throw(self, *error: Any) -> Any:
        value = self._generator.throw(*error)
        self._add(value)
        return value


def _measured_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], measurement: Measurement
) -> Callable[..., AsyncGenerator[Any, Any]]:
    @wraps(function)
    async def inside(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        span = recorded_span()
        yields = Yields()
        try:
            value = await inner.__anext__()
            while True:
                if span is not None:
                    yields.add(value)
                try:
                    sent = yield value
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 (what the iterating code threw in belongs to the generator)
                    value = await inner.athrow(error)
                else:
                    value = await inner.asend(sent)
        except StopAsyncIteration:
            return
        finally:
            if span is not None:
                measurement.take_yields(span, yields, args, kwargs)

    return inside
