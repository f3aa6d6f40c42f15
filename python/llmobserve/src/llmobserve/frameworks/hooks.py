"""Base of the hooks of one framework: its methods become sections, and what could not be hooked is reported."""

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import ModuleType
from typing import Any, ClassVar, Literal, NamedTuple

from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.context import OpenSpan, Snapshot, enter, leave
from llmobserve.frameworks.run_sections import RunSections
from llmobserve.guard import guarded
from llmobserve.stepped import around_async_generator, around_generator
from llmobserve.wire import SpanKind

__all__ = ["Describe", "FrameworkHooks", "Named"]

Flow = Literal["function", "coroutine", "generator", "async_generator"]


class Named(NamedTuple):
    """The section that a call of the framework is."""

    kind: SpanKind
    name: str
    attributes: Mapping[str, Any] | None = None
    """Shown with it. Never content: arguments and results stay out."""


Describe = Callable[..., Named | None]
"""Gets the arguments of a call, `self` first; `None` = this call is no section. May raise: then it is none either."""


class FrameworkHooks(TransportHooks):
    """Hooks the modules of a framework. Nothing here charges money: spans only."""

    library: ClassVar[str]
    """Import name, as it is shown."""
    distribution: ClassVar[str]
    """Name of the package, whose version is reported."""
    no_errors: ClassVar[frozenset[str]] = frozenset()
    """Names of the exceptions that the framework raises to pass on control, as when it waits for an approval."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = guarded(f"frameworks.{self.library}")
        """Around everything of ours that runs in the framework's calls."""
        self.sections = RunSections(self.library)
        self._undo: list[Callable[[], None]] = []

    @property
    def is_on(self) -> bool:
        """False before `observe()`, after `unobserve()` and where only wrapped clients are observed."""
        engine = self.engine
        return engine is not None and not engine.only_wrapped

    def wrap(
        self,
        module: ModuleType,
        target: str,
        describe: Describe,
        *,
        parameters: Sequence[str] = ("self",),
        flow: Flow | None = None,
    ) -> None:
        """Make each call of the method `target` ("Class.method") a section, and report how that went.

        Generators are sections from their first step to their last, and keep their context to themselves.

        `parameters`: names that the positional parameters must begin with; with others the method is not touched and
        reported as missing. `flow`: what a call gives, where the method does not show it (a plain function that
        returns a coroutine or a generator).
        """
        class_name, _, name = target.partition(".")
        owner: Any = getattr(module, class_name, None)
        function = getattr(owner, "__dict__", {}).get(name)
        detail = _unlike(function, parameters)
        if detail is None:
            makers = {
                "function": self._around_function,
                "coroutine": self._around_coroutine,
                "generator": self._around_generator,
                "async_generator": self._around_async_generator,
            }
            make = makers[flow or _flow_of(function)]
            self.replace(owner, name, lambda original: make(original, describe))
        self.note(module, target, detail)

    def hook_method(
        self,
        module: ModuleType,
        target: str,
        make_wrapper: Callable[[Any], Any],
        *,
        parameters: Sequence[str] = ("self",),
    ) -> None:
        """Replace the method `target` ("Class.method") by a wrapper of your own, and report how that went."""
        class_name, _, name = target.partition(".")
        owner: Any = getattr(module, class_name, None)
        detail = _unlike(getattr(owner, "__dict__", {}).get(name), parameters)
        if detail is None:
            self.replace(owner, name, make_wrapper)
        self.note(module, target, detail)

    def note(self, module: ModuleType, target: str, detail: str | None) -> None:
        """Report a hook of `module`: active where `detail` is `None`, else missing, and why."""
        self.report(
            module.__name__,
            PatchHealth(
                library=self.library,
                version=self._version(),
                target=target,
                state="active" if detail is None else "missing",
                detail=detail,
            ),
        )

    def failure(self, error: BaseException) -> BaseException | None:
        """The exception if it is a failure, `None` if it passes on control."""
        names = {base.__name__ for base in type(error).__mro__}
        return None if names & self.no_errors else error

    def undo(self, action: Callable[[], None]) -> None:
        """Have `action` called by `unpatch`: it takes back what is no replaced attribute."""
        self._undo.append(action)

    def unpatch(self) -> None:
        """Take back what can be taken back."""
        actions, self._undo = self._undo, []
        for action in actions:
            with self.guard:
                action()
        super().unpatch()

    def _version(self) -> str | None:
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None

    def _enter(self, describe: Describe, args: Any, kwargs: Any) -> tuple[OpenSpan, Snapshot] | None:
        if self.is_on:
            with self.guard:
                named = describe(*args, **kwargs)
                if named is not None:
                    return enter(named.kind, named.name, named.attributes)
        return None

    def _around_function(self, original: Callable[..., Any], describe: Describe) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            entered = self._enter(describe, args, kwargs)
            if entered is None:
                return original(*args, **kwargs)
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                leave(*entered, self.failure(error))
                raise
            leave(*entered, None)
            return result

        return call

    def _around_coroutine(self, original: Callable[..., Any], describe: Describe) -> Callable[..., Any]:
        @functools.wraps(original)
        async def call(*args: Any, **kwargs: Any) -> Any:
            entered = self._enter(describe, args, kwargs)
            if entered is None:
                return await original(*args, **kwargs)
            try:
                result = await original(*args, **kwargs)
            except BaseException as error:
                leave(*entered, self.failure(error))
                raise
            leave(*entered, None)
            return result

        return call

    def _around_generator(self, original: Callable[..., Any], describe: Describe) -> Callable[..., Any]:
        return around_generator(original, lambda *args, **kwargs: self._enter(describe, args, kwargs))

    def _around_async_generator(self, original: Callable[..., Any], describe: Describe) -> Callable[..., Any]:
        return around_async_generator(original, lambda *args, **kwargs: self._enter(describe, args, kwargs))


def _flow_of(function: Any) -> Flow:
    if isasyncgenfunction(function):
        return "async_generator"
    if isgeneratorfunction(function):
        return "generator"
    return "coroutine" if iscoroutinefunction(function) else "function"


def _unlike(function: Any, parameters: Sequence[str]) -> str | None:
    """What is not as expected of a method; `None` when it can be hooked."""
    if function is None:
        return "not found"
    if not callable(function):
        return "no plain method"
    names = positional_names(function)
    if names is not None and names[: len(parameters)] != tuple(parameters):
        return f"takes {', '.join(names) or 'nothing'}"
    return None
