"""Takes the context of here to where the work goes on: other threads, a queue, another process or machine."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeVar, cast

from llmobserve.context import Facts, Snapshot, SpanElsewhere, attached, current, is_outside, put
from llmobserve.guard import guarded, text_of
from llmobserve.privacy import label, labels
from llmobserve.propagation import headers_of, read
from llmobserve.sections import what_is_called
from llmobserve.stepped import around_async_generator, around_generator

__all__ = ["export_context", "import_context", "imported", "with_context"]

F = TypeVar("F", bound=Callable[..., Any])

_WRITE, _READ = guarded("context.export_context"), guarded("context.import_context")
_MOST_CHARACTERS = 8192
"""Of the metadata of a context, all together; what is beyond is left out."""
_LONGEST_PATH = 4096
_DEEPEST = 100
_MOST_TAGS = 64


def export_context() -> dict[str, Any]:
    """The context here and now, for `import_context` where the work goes on.

    A plain dictionary that can be sent as JSON: trace, run, session, user, customer, tenant, tags, metadata (8,192
    characters of it) and the enclosing section. Empty where nothing is set. Nothing in it is secret from the receiver,
    and whoever writes it decides whose cost the work is: only for queues and processes of your own.

    Below a hundred sections the work is handed on as a part of the run, not of the section: a task that starts its
    successor for ever does not nest for ever.
    """
    with _WRITE:
        return _exported(current())
    return {}


def _exported(snapshot: Snapshot) -> dict[str, Any]:
    if is_outside(snapshot):
        return {}
    span, facts, link = snapshot
    data: dict[str, Any] = dict(headers_of(snapshot))
    path = None if span is None else span.path
    too_deep = path is not None and (path.count("/") >= _DEEPEST or len(path) > _LONGEST_PATH)
    if too_deep or (span is None and link is None):  # without a section the process is no parent
        del data["traceparent"]
    elif path is not None:
        data["section_path"] = path
    if facts.tags:
        data["tags"] = [label(tag) for tag in facts.tags[:_MOST_TAGS]]
    if facts.metadata and (metadata := _bounded(labels(facts.metadata))):
        data["metadata"] = metadata
    return data


def _bounded(metadata: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    left = _MOST_CHARACTERS
    for key, value in metadata.items():
        left -= len(key) + len(value)
        if left >= 0:
            kept[key] = value
    return kept


@contextmanager
def import_context(data: Mapping[str, Any] | str | bytes | None) -> Generator[None]:
    """What happens in the block belongs to the context that `export_context` has given, as it is or as JSON.

    It replaces the context of here; without one (`None`, empty) this stays as it is. So it does with data that cannot
    be read, which are counted as an internal error: `llmobserve doctor` shows it. Never raises.
    """
    snapshot = imported(data)
    if snapshot is None:
        yield
        return
    with attached(snapshot):
        yield


def imported(data: object) -> Snapshot | None:
    """The context that exported data say; `None` where they are empty, or cannot be read."""
    with _READ:
        return _imported(data)
    return None


def _imported(data: object) -> Snapshot | None:
    if not data:
        return None
    said: Any = json.loads(data) if isinstance(data, (str, bytes)) else data
    if not isinstance(said, Mapping):
        raise TypeError(f"a context is a mapping, not {type(said).__name__}")
    given = cast("Mapping[str, Any]", said)
    wanted = {key: given[key] for key in ("traceparent", "baggage") if key in given}
    link, known = read({key: _text(value, key) for key, value in wanted.items()})
    tags: Any = given.get("tags", ())
    metadata: Any = given.get("metadata", {})
    if not isinstance(tags, (list, tuple)) or not isinstance(metadata, Mapping):
        raise TypeError("tags are a list and metadata a mapping")
    if not (link or known or tags or metadata):
        return None
    whole = Facts(
        **cast("dict[str, Any]", known),
        tags=tuple(text_of(tag) for tag in cast("list[Any]", tags)[:_MOST_TAGS]),
        metadata=_bounded({text_of(key): text_of(value) for key, value in cast("Any", metadata).items()}),
    )
    if link is None or whole.run_id is None:
        return Snapshot(None, whole, link)
    path = given.get("section_path")
    inside = replace(whole, run_id=None, run_name=None)
    run = whole.run_id, whole.run_name or ""
    return Snapshot(SpanElsewhere(run, link, None if path is None else _path(path), inside), inside)


def _path(path: object) -> str:
    return label(_text(path, "section_path"), _LONGEST_PATH)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    return value


def with_context(function: F) -> F:
    """The function, to be called anywhere in this process: it runs in the context of here and now.

    For functions, coroutines and generators of both kinds; each call begins in that context. It cannot be pickled: for
    another process see `export_context`.
    """
    snapshot = current()
    target: Any = function
    called = what_is_called(target)
    if isasyncgenfunction(called):
        return cast("F", around_async_generator(target, lambda *_, **__: (None, put(snapshot))))
    if isgeneratorfunction(called):
        return cast("F", around_generator(target, lambda *_, **__: (None, put(snapshot))))
    if iscoroutinefunction(called):

        @wraps(target)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with attached(snapshot):
                return await target(*args, **kwargs)

        return cast("F", coroutine)

    @wraps(target)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with attached(snapshot):
            return target(*args, **kwargs)

    return cast("F", inside)
