"""Sections of a framework that tells begin and end of its work in two separate events, by ids of its own."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from llmobserve.context import OpenSpan, Snapshot, below, current, end, here, put, settled
from llmobserve.guard import guarded
from llmobserve.wire import SpanKind

__all__ = ["RunSections"]

_MOST = 10_000
"""Pieces of work under way at a time; of more, the oldest are taken for lost."""


class _Work(NamedTuple):
    """A piece of work under way."""

    inside: Snapshot
    """The context of what happens in it."""
    before: Snapshot
    """The context that it began in."""
    is_section: bool


class RunSections:
    """The pieces of work that a framework has under way, by the framework's ids.

    The two events may come from different threads and tasks. Where the first one comes from the code that goes on to do
    the work (same thread, same task), provider calls made there are inside the section; `entered=False` where it comes
    from elsewhere. Nothing here raises.
    """

    def __init__(self, library: str) -> None:
        self._guard = guarded(f"frameworks.{library}")
        self._under_way: dict[Hashable, _Work] = {}
        self._sections: set[OpenSpan] = set()
        """Those under way."""

    def begin(
        self,
        key: Hashable,
        kind: SpanKind,
        name: str,
        *,
        parent: Hashable | None = None,
        attributes: Mapping[str, Any] | None = None,
        entered: bool = True,
        deeper: bool = False,
    ) -> None:
        """A piece of work begins that is a section, inside the work `parent`, else inside what is here.

        `deeper`: the framework may name an outer one, so that other work inside `parent` that this code is in wins.
        """
        with self._guard:
            before = current()
            span, inside = below(self._around(parent, before, deeper), kind, name, attributes)
            span.resume = before
            self._sections.add(span)
            self._keep(key, _Work(inside, before, True))
            if entered:
                put(inside)

    def skip(
        self, key: Hashable, *, parent: Hashable | None = None, entered: bool = True, deeper: bool = False
    ) -> None:
        """A piece of work begins that is no section: what happens in it is inside the work `parent`."""
        with self._guard:
            before = current()
            inside = self._around(parent, before, deeper)
            self._keep(key, _Work(inside, before, False))
            if entered and inside.span is not before.span:
                put(inside)

    def end(
        self,
        key: Hashable,
        error: BaseException | tuple[str, str] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        """A piece of work has ended, with this exception, or its type and message where no more is known.

        `name` is given where it is known at the end only. Does nothing for unknown work.
        """
        with self._guard:
            work = self._under_way.pop(key, None)
            if work is None:
                return
            now, span = here(), work.inside.span
            if not work.is_section:
                if now.span is span and span is not work.before.span:
                    put(settled(work.before))
            elif span is not None:
                self._sections.discard(span)
                if name is not None:
                    span.name = name
                end(span, now.facts if now.span is span else span.facts, error)
                if _is_inside(now.span, span):
                    put(settled(now if now.span is span else work.before))

    def end_since(self, before: Snapshot, error: BaseException | tuple[str, str] | None) -> None:
        """End the work that has begun here since the context was `before`, where the framework will not say so.

        Does nothing where this code is not inside `before`.
        """
        with self._guard:
            known = {work.inside.span: key for key, work in self._under_way.items() if work.is_section}
            keys: list[Hashable] = []
            span = here().span
            while span is not None and span is not before.span:
                if span in known:
                    keys.append(known[span])
                span = span.parent
            if span is before.span:
                for key in keys:
                    self.end(key, error)

    def inside(self, key: Hashable) -> Snapshot | None:
        """The context of what happens in a piece of work; `None` for unknown work."""
        work = self._under_way.get(key)
        return None if work is None else work.inside

    def _around(self, parent: Hashable | None, now: Snapshot, deeper: bool) -> Snapshot:
        """The context of the parent; that of this code if sections of the application's have begun in it since."""
        work = None if parent is None else self._under_way.get(parent)
        if work is None:
            return now
        span = now.span
        while span is not work.inside.span:
            if span is None or (span in self._sections and not deeper):
                return work.inside
            span = span.parent
        return now

    def _keep(self, key: Hashable, work: _Work) -> None:
        while len(self._under_way) >= _MOST:
            lost = self._under_way.pop(next(iter(self._under_way)), None)
            if lost is not None and lost.is_section and lost.inside.span is not None:
                self._sections.discard(lost.inside.span)
        self._under_way[key] = work


def _is_inside(span: OpenSpan | None, outer: OpenSpan | None) -> bool:
    while span is not None:
        if span is outer:
            return True
        span = span.parent
    return False
