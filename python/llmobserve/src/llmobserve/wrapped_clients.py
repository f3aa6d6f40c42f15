"""Clients that are observed by themselves: with `observe()` they carry labels, without it only they are recorded.

A wrapped client is of a subclass of its own class in which every request, of whatever resource, is marked on its way.
"""

import functools
import inspect
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar, cast

from llmobserve.capture.wrapped import WRAPPED
from llmobserve.context import changed, current
from llmobserve.guard import guarded, text_of
from llmobserve.lifecycle import observe_wrapped

__all__ = ["observed_class", "wrap_anthropic", "wrap_openai"]

_T = TypeVar("_T")
_START = guarded("wrapped_clients.start")
_LABELS = "_llmobserve_labels"


def wrap_openai(
    client: _T,
    *,
    customer_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
) -> _T:
    """A client that shares everything with `client` and whose requests are recorded, with these labels.

    Works for `OpenAI`, `AsyncOpenAI`, their Azure classes and subclasses. Labels of the client win over those of the
    code around a request; tags and metadata are added to them. `client` itself stays as it is.

    Raises:
        TypeError: it is no client of the openai library.
    """
    return _wrapped("openai", client, _Labels.of(customer_id, user_id, session_id, tags, metadata))


def wrap_anthropic(
    client: _T,
    *,
    customer_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
) -> _T:
    """As `wrap_openai`, for `Anthropic`, `AsyncAnthropic`, their classes for Bedrock, Vertex and others.

    Raises:
        TypeError: it is no client of the anthropic library.
    """
    return _wrapped("anthropic", client, _Labels.of(customer_id, user_id, session_id, tags, metadata))


@dataclass(frozen=True, slots=True)
class _Labels:
    """What a wrapped client says about all its requests."""

    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(
        cls,
        customer_id: str | None,
        user_id: str | None,
        session_id: str | None,
        tags: Iterable[str],
        metadata: Mapping[str, object] | None,
    ) -> "_Labels | None":
        given = {"customer_id": customer_id, "user_id": user_id, "session_id": session_id}
        facts = {name: text_of(value) for name, value in given.items() if value is not None}
        names = (tags,) if isinstance(tags, str) else tags
        labels = cls(
            facts, tuple(map(text_of, names)), {key: text_of(value) for key, value in (metadata or {}).items()}
        )
        return labels if facts or labels.tags or labels.metadata else None

    def changes(self) -> dict[str, Any]:
        """The facts of a request, given those of the code around it."""
        changes: dict[str, Any] = dict(self.facts)
        around = current().facts
        if self.tags:
            changes["tags"] = (*around.tags, *(name for name in self.tags if name not in around.tags))
        if self.metadata:
            changes["metadata"] = {**around.metadata, **self.metadata}
        return changes


@contextmanager
def _marked(client: Any) -> Generator[None]:
    """What is sent in the block is sent by this client."""
    with _START:
        observe_wrapped()
    labels: _Labels | None = getattr(client, _LABELS, None)
    before = WRAPPED.get()
    WRAPPED.set(True)
    try:
        if labels is None:
            yield
        else:
            with changed(**labels.changes()):
                yield
    finally:
        WRAPPED.set(before)


class _Wrapped:
    """What the classes of wrapped clients have in common. Clients copy themselves for `with_options()`."""

    def copy(self, /, *args: Any, **kwargs: Any) -> Any:
        made = cast("Any", super()).copy(*args, **kwargs)
        if (labels := getattr(self, _LABELS, None)) is not None:
            setattr(made, _LABELS, labels)
        return made

    with_options = copy


class _Sync(_Wrapped):
    def request(self, /, *args: Any, **kwargs: Any) -> Any:
        with _marked(self):
            return cast("Any", super()).request(*args, **kwargs)


class _Async(_Wrapped):
    async def request(self, /, *args: Any, **kwargs: Any) -> Any:
        with _marked(self):
            return await cast("Any", super()).request(*args, **kwargs)


@functools.cache
def _class_for(kind: type) -> type:
    base = _Async if inspect.iscoroutinefunction(cast("Any", kind).request) else _Sync
    return type(kind.__name__, (base, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})


def observed_class(library: str, name: str, module: str) -> type:
    """A subclass of a client class of the library whose instances are wrapped from the start, to stand in `module`.

    Raises:
        ImportError: the library is not installed.
    """
    kind: type = getattr(import_module(library), name)
    return type(name, (_class_for(kind),), {"__module__": module, "__doc__": kind.__doc__})


def _wrapped(library: str, client: _T, labels: _Labels | None) -> _T:
    kind = type(client)
    if not any(one.__module__ == f"{library}._base_client" for one in kind.__mro__):
        raise TypeError(f"wrap_{library}() takes a client of the {library} library, not {kind.__name__}")
    wrapped_kind: Any = kind if issubclass(kind, _Wrapped) else _class_for(kind)
    made: Any = object.__new__(wrapped_kind)
    held: dict[str, Any] = cast("Any", client).__dict__
    for name, value in held.items():
        # Resources hold the client that made them: they are made anew.
        if not isinstance(inspect.getattr_static(kind, name, None), functools.cached_property):
            made.__dict__[name] = value
    if labels is not None:
        setattr(made, _LABELS, labels)
    return cast("_T", made)
