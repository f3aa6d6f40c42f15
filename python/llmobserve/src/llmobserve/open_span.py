"""A run or section as it is kept while it is at work, and the snapshot that says where the code is."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from itertools import count
from typing import Any, NamedTuple

from llmobserve.account import Account
from llmobserve.guard import guarded
from llmobserve.privacy import label
from llmobserve.span_ids import event_id_of, span_id_of
from llmobserve.wire import Context, SpanKind, Status
from llmobserve.wire.values import value_class

__all__ = ["Facts", "Inside", "Link", "OpenSpan", "Snapshot", "SpanElsewhere", "renew_numbers"]

_NAME = guarded("context.name")
_RUN_BIT = 1 << 63
"""Set in the number of the run that an outermost section stands for; plain numbers stay below it."""


@value_class
class Facts:
    """What the application said about the work at hand. `None` = not said."""

    run_id: str | None = None
    """Only when set by `set_run_id`: replaces the run that follows from the sections."""
    run_name: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    customer_id: str | None = None
    tenant_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    suppressed: bool = False
    """Nothing is recorded: the SDK's own traffic."""


Link = tuple[str, str | None]
"""A trace that others have a part in, and the span in it under which this part stands; `None` = under none."""


class OpenSpan:
    """A run or section that has been entered. Its ids follow from one number, so they cost nothing until asked for."""

    __slots__ = (
        "account",
        "announced",
        "attributes",
        "depth",
        "duration_ns",
        "end_facts",
        "error",
        "facts",
        "given_run_id",
        "inside",
        "kind",
        "last_call_id",
        "link",
        "name",
        "naming",
        "number",
        "parent",
        "quiet",
        "resume",
        "start_ns",
        "start_us",
        "status",
    )

    def __init__(
        self, kind: SpanKind, name: str, parent: "OpenSpan | None", facts: Facts, attributes: Mapping[str, Any] | None
    ) -> None:
        self.kind: SpanKind = kind
        self.name = name
        self.parent = parent
        self.facts = facts
        """As they were on entry; they decide which run the span belongs to."""
        self.attributes = attributes
        self.depth = 0 if parent is None else parent.depth + 1
        self.announced = False
        self.status: Status = "running"
        self.error: tuple[str, str] | None = None
        """Type and message of the exception that ended it."""
        self.end_facts = facts
        self.link: Link | None = None
        """Trace and span outside of the run that it was started in."""
        self.given_run_id: str | None = None
        self.naming: Callable[[], str | None] | None = None
        """Tells the name as soon as it is known (the route of a request); `None` = it is final."""
        self.quiet = False
        """Its end is not recorded unless something happened in it: most requests make no call."""
        self.resume: Snapshot | None = None
        """The context around a section that may end in another task or thread than it began in: where it began, it
        is left by `settled`."""
        self.inside: Inside | None = None
        self.last_call_id: str | None = None
        """Of the call that ended last in it or below it."""
        self.account: Account | None = None
        """Of a root: what the calls of the run cost. `None` before the first."""
        self.duration_ns = 0
        self.number = next(_numbers)
        self.start_us = time.time_ns() // 1000
        self.start_ns = time.perf_counter_ns()

    @property
    def root(self) -> "OpenSpan":
        """The outermost span of the same run."""
        span = self
        while span.parent is not None:
            span = span.parent
        return span

    def settle(self) -> None:
        """Take the name, if it is known by now."""
        if self.naming is not None:
            with _NAME:
                name = self.naming()
                if name is not None:
                    self.name, self.naming = name, None

    @property
    def stands_for_run(self) -> bool:
        """True for an outermost section with no run around it: the run is then made from it."""
        return self.parent is None and self.kind != "run" and self.facts.run_id is None

    @property
    def span_id(self) -> str:
        """Sixteen hexadecimal digits."""
        return span_id_of(self.number)

    @property
    def event_id(self) -> str:
        """UUID of its records, the same for announcement and end."""
        return event_id_of(self.start_us, self.number)

    @property
    def run_span_id(self) -> str:
        """Span id of the run that this outermost section stands for."""
        return span_id_of(self.number | _RUN_BIT)

    @property
    def run_event_id(self) -> str:
        """Event id of that run, which is also its run id."""
        return event_id_of(self.start_us, self.number | _RUN_BIT)

    @property
    def path(self) -> str | None:
        """The section path down to and including this span; `None` for a run."""
        parts: list[str] = []
        span: OpenSpan | None = self
        while span is not None and span.kind != "run":
            parts.append(f"{span.kind}:{label(span.name).replace('/', '_')}")
            span = span.parent
        if isinstance(span, SpanElsewhere) and span.path:
            parts.append(span.path)
        return "/".join(reversed(parts)) or None


class SpanElsewhere(OpenSpan):
    """The innermost section of another process whose work goes on here: the root of its run here. It ends there."""

    __slots__ = ("_path", "_span_id")

    def __init__(self, run: tuple[str, str], link: tuple[str, str], path: str | None, facts: Facts) -> None:
        """`run`: id and name of its run. `link`: its trace and its own id."""
        super().__init__("run", run[1], None, facts, None)
        self.given_run_id = run[0]
        self.link, self._span_id = link, link[1]
        self._path = path
        self.depth = 0 if path is None else path.count("/") + 1
        self.announced = True

    @property
    def span_id(self) -> str:
        """As it is there."""
        return self._span_id

    @property
    def path(self) -> str | None:
        """The section path there."""
        return self._path


class Inside(NamedTuple):
    """The context of the calls in a span, and what it was made from: most calls there have the same."""

    facts: Facts
    defaults: Facts
    link: Link | None
    context: Context


class Snapshot(NamedTuple):
    """The whole context at one moment. Immutable: keep it, hand it to another thread, attach it there."""

    span: OpenSpan | None
    facts: Facts
    link: Link | None = None
    """Trace and span id from outside: OpenTelemetry's when the snapshot was taken, or those of `continue_trace`."""


def renew_numbers() -> None:
    """Begin with new numbers, from which ids are made: in a forked child, and when observation ends."""
    global _numbers
    _numbers = count(int.from_bytes(os.urandom(8), "big") >> 3)


_numbers = count(int.from_bytes(os.urandom(8), "big") >> 3)
