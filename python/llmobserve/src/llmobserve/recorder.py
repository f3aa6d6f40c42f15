"""Turns ended calls and spans into records in the spool, in the right order and within bounds.

A call is on disk when `record_call` returns. Spans wait in memory for the next call or the next tick of the sender.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count, islice
from math import isfinite
from typing import Any, cast

from llmobserve import context, privacy
from llmobserve.context import OpenSpan, Snapshot
from llmobserve.guard import guarded, text_of
from llmobserve.secret_patterns import REPLACED
from llmobserve.settings import Settings
from llmobserve.spool.writer import Spool
from llmobserve.wire import (
    CallEvent,
    ContentRecord,
    ErrorInfo,
    FactRecord,
    ScoreRecord,
    Source,
    SpanEvent,
    new_trace_id,
    record_to_json,
)
from llmobserve.wire.codec import to_builtins

__all__ = ["Look", "Recorder"]

_SPANS_IN_MEMORY = 50_000
_SPANS_PER_CALL = 8
"""Waiting spans that a call takes along: more would be felt by the caller, none would lose them to a kill."""
_RECORD_BYTES = 1024 * 1024
_MESSAGE_CHARACTERS = 300
_ATTRIBUTES = 128
_ATTRIBUTE_CHARACTERS = 1000

_CALL, _SPAN, _DRAIN = guarded("recorder.call"), guarded("recorder.span"), guarded("recorder.drain")
_ANNOUNCE, _ENCODE, _CONTENT = guarded("recorder.announce"), guarded("recorder.encode"), guarded("recorder.content")

_ATTRIBUTES_OF, _ACCOUNT = guarded("recorder.attributes"), guarded("recorder.account")
_ATTACHED = guarded("recorder.attached")

Look = Callable[[CallEvent, ContentRecord | None, Snapshot], tuple[CallEvent, ContentRecord | None]]


class _Tally:
    """Counts from any number of threads without a lock: `next` of a `count` is one step of the interpreter."""

    __slots__ = ("_looks", "_numbers", "add", "first_us", "last_us")

    def __init__(self) -> None:
        self._numbers = count()
        self._looks = 0
        self.add = self._numbers.__next__
        self.first_us: int | None = None
        self.last_us: int | None = None

    def total(self) -> int:
        """How often `add` was called; to be asked by one thread at a time, since a look takes a number too."""
        total = next(self._numbers) - self._looks
        self._looks += 1
        return total


class Recorder:
    """Takes what is observed in this process and keeps it safe for the sender."""

    def __init__(self, settings: Settings, *, wake: Callable[[], None], forked: Callable[[], None]) -> None:
        """`wake` is called when there is something to send; it must be cheap and must not block.

        `forked` is called in a child whose fork ran no hooks of Python (uWSGI) and has to call `after_fork`.
        """
        self._settings = settings
        self._wake = wake
        self._forked = forked
        self.look: Look | None = None
        """Sees each call before it is written and says what is to be: set while calls are reported by hand, too."""
        self.spool = Spool(settings.spool_dir, self.source, fsync=settings.durability == "fsync")
        self._begin()

    def _begin(self) -> None:
        self._ended: deque[OpenSpan] = deque()
        self._sequence = count()
        self._process_id = new_trace_id()
        self._looking = threading.Lock()
        self._calls: dict[str, _Tally] = {}
        self._spans = _Tally()
        privacy.restart()

    def after_fork(self) -> None:
        """In the child: begin empty. What the parent has not delivered stays with the parent."""
        context.renew_process()
        context.forget_accounts()
        self.spool.after_fork()
        self._begin()

    def source(self) -> dict[str, Any]:
        """The wire form of this process."""
        import platform  # with the first record only; observe() is to be quick

        from llmobserve import __version__

        source = Source(
            process_id=self._process_id,
            sdk_version=__version__,
            language=f"python {platform.python_version()}",
            service=self._settings.service,
            environment=self._settings.environment,
            host=platform.node() or None,
        )
        return to_builtins(source)

    def record_call(self, call: CallEvent, content: ContentRecord | None, snapshot: Snapshot) -> None:
        """Write an ended call, the spans around it that are not known yet, and what was said in it."""
        with _CALL:
            if snapshot.facts.suppressed:
                return
            if self.spool.stale:
                self._forked()
            if self.look is not None:
                call, content = self.look(call, content, snapshot)
            payloads = self._waiting(_SPANS_PER_CALL) if self._ended else []
            # What cannot be encoded must not take along what can.
            around = context.process_run() if snapshot.span is None else snapshot.span
            if not around.announced:
                with _ANNOUNCE:
                    payloads += self._announcements(around, snapshot)
            span: OpenSpan | None = around
            while span is not None:
                span.last_call_id = call.event_id
                span = span.parent
            around_it = len(payloads)
            with _ENCODE:
                payloads.append(record_to_json(call, next(self._sequence)))
                self._count(call)
            if len(payloads) == around_it:
                self.spool.refuse("not_encodable")
            if content is not None:
                with _CONTENT:
                    payloads += self._content_record(content)
            self.spool.write(payloads)
            with _ACCOUNT:
                context.account_in(snapshot).add(call)
            self._wake()

    def record_attached(self, records: Iterable[ScoreRecord | FactRecord]) -> None:
        """Write what was said about calls, runs and sessions."""
        with _ATTACHED:
            if self.spool.stale:
                self._forked()
            payloads = [record_to_json(record, next(self._sequence)) for record in records]
            self.spool.write(payloads)
            self._wake()

    def _count(self, call: CallEvent) -> None:
        library = call.transport or ""
        tally = self._calls.get(library)
        if tally is None:
            tally = self._calls.setdefault(library, _Tally())
            tally.first_us = tally.first_us or call.start_time_us
        tally.add()
        tally.last_us = call.start_time_us

    @property
    def process_id(self) -> str:
        """Id of this process on the wire."""
        return self._process_id

    @property
    def calls(self) -> int:
        """Calls that were recorded."""
        return sum(total for total, _, _ in self.calls_by_library().values())

    @property
    def spans(self) -> int:
        """Ended spans that were recorded."""
        with self._looking:
            return self._spans.total()

    def calls_by_library(self) -> dict[str, tuple[int, int | None, int | None]]:
        """Calls by the library that moved them: how many, start of the first and of the last, microseconds UTC."""
        with self._looking:
            tallies = list(self._calls.items())
            return {library: (tally.total(), tally.first_us, tally.last_us) for library, tally in tallies}

    def _content_record(self, content: ContentRecord) -> list[bytes]:
        payload = record_to_json(content)
        if len(payload) <= _RECORD_BYTES:
            return [payload]
        self.spool.refuse("content_too_big")
        return []

    def span_ended(self, span: OpenSpan) -> None:
        """Keep an ended span until the next tick. Cheap; beyond 50,000 waiting spans it is dropped and counted."""
        if len(self._ended) >= _SPANS_IN_MEMORY:
            self.spool.refuse("spans_full")
            return
        self._ended.append(span)
        self._wake()

    def drain(self) -> None:
        """Write all waiting spans."""
        with _DRAIN:
            if self.spool.stale:
                self._forked()
            while payloads := self._waiting(256):
                self.spool.write(payloads)

    @property
    def waiting(self) -> bool:
        """True while spans wait in memory."""
        return bool(self._ended)

    @property
    def waiting_spans(self) -> int:
        """How many."""
        return len(self._ended)

    def end_process_run(self) -> None:
        """End the run of calls outside of any run, if there was one."""
        run = context.process_run()
        if run.announced and run.status == "running":
            run.status = "ok"
            run.duration_ns = time.perf_counter_ns() - run.start_ns
            self.span_ended(run)

    def _waiting(self, most: int) -> list[bytes]:
        payloads: list[bytes] = []
        for _ in range(most):
            try:
                span = self._ended.popleft()
            except IndexError:
                break
            with _SPAN:
                if span.stands_for_run:
                    payloads.append(self._run_record(span))
                payloads.append(self._span_record(span))
                self._spans.add()
        return payloads

    def _announcements(self, around: OpenSpan, snapshot: Snapshot) -> list[bytes]:
        """Records of the enclosing spans that the collector does not know yet, from the outermost."""
        if snapshot.span is None and snapshot.facts.run_id is not None:
            return []  # a run that is known by its id alone
        span: OpenSpan | None = around
        fresh: list[OpenSpan] = []
        while span is not None and not span.announced:
            span.announced = True
            # An ended one has sent, or will send, its end, unless nothing had happened in it until now.
            if span.status == "running" or span.quiet:
                fresh.append(span)
            span = span.parent
        payloads: list[bytes] = []
        for span in reversed(fresh):
            if span.stands_for_run:
                payloads.append(self._run_record(span))
            payloads.append(self._span_record(span))
        return payloads

    def _span_record(self, span: OpenSpan) -> bytes:
        event = SpanEvent(
            event_id=span.event_id,
            kind=span.kind,
            name=privacy.label(span.name),
            start_time_us=span.start_us,
            duration_ms=_duration_ms(span),
            status=span.status,
            error=self._error(span),
            attributes=_plain(span.attributes) if span.attributes is not None else {},
            context=context.span_context(span),
        )
        return record_to_json(event, next(self._sequence))

    def _run_record(self, section: OpenSpan) -> bytes:
        """The run that an outermost section stands for: same name, same time."""
        event = SpanEvent(
            event_id=section.run_event_id,
            kind="run",
            name=privacy.label(section.name),
            start_time_us=section.start_us,
            duration_ms=_duration_ms(section),
            status=section.status,
            error=self._error(section),
            context=context.run_context(section),
        )
        return record_to_json(event, next(self._sequence))

    def _error(self, span: OpenSpan) -> ErrorInfo | None:
        if span.error is None:
            return None
        kind, message = span.error
        # Messages of exceptions quote inputs (pydantic does): they are content.
        if not (self._settings.capture_content and message):
            return ErrorInfo(type=kind)
        message = privacy.clean(message, "error")[:_MESSAGE_CHARACTERS]
        if privacy.rules().redactor is not None:
            from llmobserve.redactor import asked_about

            origin = privacy.Origin("exception", span.kind, None, privacy.label(span.name))
            return ErrorInfo(type=kind, message=asked_about(message, origin))
        return ErrorInfo(type=kind, message=message)


def _duration_ms(span: OpenSpan) -> float | None:
    return None if span.status == "running" else round(span.duration_ns / 1_000_000, 3)


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The first 128 attributes as JSON can carry them: other values as text, cut at 1,000 characters; no secrets."""
    plain: dict[str, Any] = {}
    with _ATTRIBUTES_OF:
        # A copy first: the application may be changing them.
        for key, value in islice(tuple(attributes.items()), _ATTRIBUTES):
            name = privacy.label(text_of(key))
            kind = cast("type[Any]", type(value))
            if value is not None and kind is not bool and privacy.is_secret_name(name):
                privacy.note("label")
                plain[name] = REPLACED
            elif (
                value is None
                or kind is bool
                or (kind is int and abs(value) < 2**63)
                or (kind is float and isfinite(value))
            ):
                plain[name] = value
            else:
                plain[name] = privacy.label(text_of(value), _ATTRIBUTE_CHARACTERS)
        return plain
    plain["llmobserve.note"] = "attributes cannot be read"
    return plain
