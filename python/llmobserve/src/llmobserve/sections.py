"""Runs and sections: context managers and decorators that say which part of the application is at work.

Exceptions pass through as they are; for generators see `stepped.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial, wraps
from inspect import isasyncgenfunction, isclass, iscoroutinefunction, isgeneratorfunction, isroutine
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar, cast, get_args, overload

from llmobserve.account import NOTHING, Account, Spend
from llmobserve.context import OpenSpan, Snapshot, enter, enter_run, innermost, leave, run_of
from llmobserve.guard import guarded, text_of
from llmobserve.stepped import around_async_generator, around_generator
from llmobserve.wire import Quantity, SpanKind

__all__ = ["Run", "Section", "agent", "run", "section", "step", "tool", "trace", "what_is_called", "wrap_all_tools"]

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound="_Scope")
Enter = Callable[[], tuple[OpenSpan, Snapshot]]

_MOST_LABELS = 64
"""The collector keeps no more tags and no more metadata."""
_LABELS = guarded("sections.labels")
_KINDS = frozenset(kind for kind in get_args(SpanKind) if kind not in ("run", "other"))


class _Scope(ABC):
    """A part of the application, as a `with` or `async with` block or as a decorator."""

    __slots__ = ("_entered", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._entered: list[tuple[OpenSpan, Snapshot]] = []

    @abstractmethod
    def _enter(self) -> tuple[OpenSpan, Snapshot]:
        """Open the span; gives it and the context before it."""

    def __enter__(self: S) -> S:
        self._entered.append(self._enter())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        entry = self._entry()
        self._entered.remove(entry)
        leave(*entry, error)

    async def __aenter__(self: S) -> S:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, function: F) -> F:
        """Decorate a function: each of its calls is one such block."""
        return _decorated(function, self._enter)

    @property
    def span_id(self) -> str:
        """Id of the span, inside the block. Raises RuntimeError outside."""
        return self._span().span_id

    @property
    def event_id(self) -> str:
        """Id of its record, to be scored by, inside the block. Raises RuntimeError outside."""
        return self._span().event_id

    def _span(self) -> OpenSpan:
        return self._entry()[0]

    def _entry(self) -> tuple[OpenSpan, Snapshot]:
        """The entry that encloses this code: others may have been made meanwhile by other threads and tasks."""
        span = innermost()
        while span is not None:
            for entry in reversed(self._entered):
                if entry[0] is span:
                    return entry
            span = span.parent
        if not self._entered:
            raise RuntimeError(f"{self.name!r} has not been entered: use it in a `with` statement")
        return self._entered[-1]


class Section(_Scope):
    """Made by `section()`."""

    __slots__ = ("_attributes", "kind")

    def __init__(self, kind: SpanKind, name: str, attributes: Mapping[str, Any] | None) -> None:
        super().__init__(name)
        self.kind: SpanKind = kind
        self._attributes = attributes

    def _enter(self) -> tuple[OpenSpan, Snapshot]:
        return enter(self.kind, self.name, self._attributes)


class Run(_Scope):
    """Made by `run()`."""

    __slots__ = ("_account", "_changes", "_run_id")

    def __init__(self, name: str, run_id: str | None, changes: Mapping[str, Any]) -> None:
        super().__init__(name)
        self._run_id = run_id
        self._changes = changes
        self._account: Account | None = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._account = self._span().account
        super().__exit__(kind, error, tb)

    def _enter(self) -> tuple[OpenSpan, Snapshot]:
        return enter_run(self.name, self._run_id, self._changes)

    @property
    def run_id(self) -> str:
        """Id of the run, inside the block. Raises RuntimeError outside."""
        span = self._span()
        return run_of(span, span.facts)[0]

    @property
    def spend(self) -> Spend:
        """What the calls of this run that have ended cost, by the price book of this version; also after the block.

        Runs inside this one have accounts of their own, and so has the work of other processes. Rates and discounts
        that a project has set in the collector are not known here.
        """
        account = self._span().account if self._entered else self._account
        return NOTHING if account is None else account.spend()

    @property
    def cost(self) -> Decimal | None:
        """US dollars so far, exact; `None` when the price of a call is not known. See `spend`."""
        return self.spend.usd

    @property
    def usage(self) -> Mapping[str, Quantity]:
        """Quantities so far by unit, as `input_text_tokens`, which does not count cached tokens."""
        return self.spend.usage

    @property
    def calls(self) -> int:
        """How many calls have ended so far."""
        return self.spend.calls


def section(name: str, *, attributes: Mapping[str, Any] | None = None) -> Section:
    """A part of a run, for `with` and as a decorator. The name is like "agent:researcher".

    The part before the colon is the kind (agent, tool, step, workflow, chain, retriever, mcp, guardrail, evaluator);
    without one it is a step. Sections nest. The outermost one, with no `run()` around it, is a run by itself.
    `attributes` are shown with the section.
    """
    text = text_of(name)
    kind, colon, rest = text.partition(":")
    if colon and rest and kind in _KINDS:
        return Section(cast("SpanKind", kind), rest, attributes)
    return Section("step", text, attributes)


def run(
    name: str,
    *,
    run_id: str | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
    customer_id: str | None = None,
    tags: Iterable[str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Run:
    """One piece of work with a cost of its own, for `with` and as a decorator.

    What is given here holds inside the run. `run_id` is for work that has an id elsewhere; `None` = a new one.
    """
    changes: dict[str, Any] = {}
    for key, value in (("session_id", session_id), ("user_id", user_id), ("customer_id", customer_id)):
        if value is not None:
            changes[key] = text_of(value)
    if tags is not None:
        changes["tags"] = _tags_of(tags)
    if metadata is not None:
        changes["metadata"] = _metadata_of(metadata)
    return Run(text_of(name), None if run_id is None else text_of(run_id), changes)


def _tags_of(tags: Any) -> tuple[str, ...]:
    """The first 64; what is no collection is one tag."""
    with _LABELS:
        if not isinstance(tags, str) and isinstance(tags, Iterable):
            return tuple(text_of(tag) for tag in islice(cast("Iterable[Any]", tags), _MOST_LABELS))
        return (text_of(tags),)
    return ()


def _metadata_of(metadata: Any) -> dict[str, str]:
    """The first 64 entries; nothing of what is no mapping."""
    with _LABELS:
        pairs = islice(cast("Mapping[Any, Any]", metadata).items(), _MOST_LABELS)
        return {text_of(key): text_of(value) for key, value in pairs}
    return {}


class _Decorator:
    """`@agent`, `@agent()` and `@agent("name")`."""

    def __init__(self, kind: SpanKind, doc: str) -> None:
        self._kind: SpanKind = kind
        self.__doc__ = doc

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self, name: str | None = None, /, *, attributes: Mapping[str, Any] | None = None
    ) -> Callable[[F], F]: ...
    def __call__(self, name: Any = None, /, *, attributes: Mapping[str, Any] | None = None) -> Any:
        if name is None or isinstance(name, str):
            return partial(self._decorate, name=name, attributes=attributes)
        return self._decorate(name, None, attributes)

    def _decorate(self, function: F, name: str | None, attributes: Mapping[str, Any] | None) -> F:
        named = name or getattr(_bare(function), "__name__", None) or type(function).__name__
        return _decorated(function, partial(enter, self._kind, named, attributes))


agent = _Decorator("agent", "Each call of the decorated function is an agent at work.")
tool = _Decorator("tool", "Each call of the decorated function is a use of a tool.")
step = _Decorator("step", "Each call of the decorated function is a step.")
trace = _Decorator("workflow", "Each call of the decorated function is a workflow.")


@overload
def wrap_all_tools(tools: Mapping[str, F]) -> dict[str, F]: ...
@overload
def wrap_all_tools(tools: Iterable[F]) -> list[F]: ...
def wrap_all_tools(tools: Any) -> Any:
    """Decorate every function of a list (named after itself) or a mapping (named by its key) with `@tool`.

    Objects that are not functions, such as the tool objects of frameworks, are passed on untouched.
    """
    if isinstance(tools, Mapping):
        pairs = cast("Mapping[str, Any]", tools).items()
        return {key: tool(str(key))(item) if isroutine(item) else item for key, item in pairs}
    return [tool(item) if isroutine(item) else item for item in tools]


def _bare(function: Any) -> Any:
    return cast("Any", function).func if isinstance(function, partial) else function


def _decorated(function: F, enter_scope: Enter) -> F:
    target: Any = function
    if isinstance(target, (staticmethod, classmethod)):
        descriptor: Any = cast("Any", target)
        return type(descriptor)(_decorated(descriptor.__func__, enter_scope))
    if isclass(target) or not callable(target):
        raise TypeError(f"only functions and methods can be decorated as a section, not {target!r}")
    called = what_is_called(target)
    if isasyncgenfunction(called):
        return cast("F", around_async_generator(cast("Any", target), lambda *_, **__: enter_scope()))
    if isgeneratorfunction(called):
        return cast("F", around_generator(cast("Any", target), lambda *_, **__: enter_scope()))
    around = _around_coroutine if iscoroutinefunction(called) else _around_function
    return cast("F", around(cast("Any", target), enter_scope))


def what_is_called(target: Any) -> Any:
    """The function behind a callable: of an object its `__call__`."""
    if isroutine(target) or isinstance(target, partial):
        return cast("Any", target)
    return cast("Any", type(target)).__call__


def _around_function(function: Callable[..., Any], enter_scope: Enter) -> Callable[..., Any]:
    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        span, before = enter_scope()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            leave(span, before, error)
            raise
        leave(span, before, None)
        return result

    return inside


def _around_coroutine(function: Callable[..., Awaitable[Any]], enter_scope: Enter) -> Callable[..., Any]:
    @wraps(function)
    async def inside(*args: Any, **kwargs: Any) -> Any:
        span, before = enter_scope()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            leave(span, before, error)
            raise
        leave(span, before, None)
        return result

    return inside
