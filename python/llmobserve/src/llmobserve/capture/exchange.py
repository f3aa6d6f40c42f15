"""One wire attempt from the moment it is sent to the one event that it becomes."""

import time
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from llmobserve.capture.attempts import Attempt
from llmobserve.capture.call_record import (
    content_of,
    dimensions_of,
    error_message,
    name_of,
    query_fields,
    request_id_of,
    revision_of,
)
from llmobserve.capture.payload import Payload
from llmobserve.context import Snapshot, wire_context
from llmobserve.guard import guarded, text_of
from llmobserve.privacy import label
from llmobserve.providers.base import Endpoint, Provider, ProviderRequest, Reader, Reading
from llmobserve.wire import CallEvent, ErrorInfo, Status, Usage
from llmobserve.wire.ids import event_id_for_remote

if TYPE_CHECKING:
    import re

    from llmobserve.capture.engine import Engine

__all__ = ["Ending", "Exchange", "SentRequest"]

Ending = Literal["exhausted", "closed", "failed", "abandoned"]

_OBSERVE = guarded("capture.observe")
_FINISH = guarded("capture.finish")
_READ = guarded("capture.read")


class SentRequest(Protocol):
    """What an exchange asks of the request of a client library, lazily and at most once."""

    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    def query(self) -> str:
        """The query of the URL, without `?`."""
        ...

    def content(self) -> Hashable | None:
        """The body if it is in memory, or what is equal for equal bodies; `None` when sending it consumes it."""
        ...

    def body(self, content_type: str) -> Any:
        """The decoded body: JSON, or the text fields of a form; `None` when neither."""
        ...


class Answer(Protocol):
    """What an exchange asks of the answer at its end: bytes (`Payload`) or messages (`Messages`)."""

    mode: Literal["json", "stream", "binary"]
    first_content_ns: int | None
    problem: str | None

    @property
    def reader(self) -> Reader:
        """The provider's reader of this exchange."""
        ...

    def finish(self) -> bool:
        """Take the end; True when the answer is complete as far as it can tell."""
        ...

    def take_unreadable(self) -> None:
        """Tell the reader that there is an answer which cannot be read."""
        ...


class Exchange:
    """Follows one attempt. Whatever ends it first makes the event; later endings do nothing."""

    __slots__ = (
        "__weakref__",
        "_answer",
        "_ended_ns",
        "_match",
        "_method",
        "_payload",
        "_refusal",
        "_request",
        "_request_headers",
        "_snapshot",
        "_start_ns",
        "_start_us",
        "_watch",
        "attempt",
        "endpoint",
        "engine",
        "host",
        "http_status",
        "path",
        "provider",
        "response_headers",
        "transport",
    )

    def __init__(
        self,
        engine: "Engine",
        found: "tuple[Provider, Endpoint, re.Match[str]]",
        request: SentRequest,
        *,
        method: str,
        host: str,
        path: str,
        transport: str,
        snapshot: Snapshot,
        attempt: Attempt,
        request_headers: Mapping[str, str],
    ) -> None:
        self.engine = engine
        self.provider, self.endpoint, self._match = found
        self._method = method
        self.host = host
        self.path = path
        self.transport = transport
        self.attempt = attempt
        self.http_status: int | None = None
        self.response_headers: Mapping[str, str] = {}
        self._request = request
        self._request_headers = request_headers
        self._snapshot = snapshot
        self._answer: Answer | None = None
        self._payload: Payload | None = None
        self._refusal: tuple[str, str | None] | None = None
        self._watch: weakref.ref[Any] | None = None
        self._ended_ns = 0
        self._start_us = time.time_ns() // 1000
        self._start_ns = time.perf_counter_ns()

    def started_at(self, start_us: int, start_ns: int) -> None:
        """Say when it began (microseconds UTC, and by `time.perf_counter_ns`), if not just now."""
        self._start_us, self._start_ns = start_us, start_ns

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Take status and headers (names in lower case) of the answer."""
        self.http_status = status
        self.response_headers = headers
        self._payload = self._answer = Payload(
            self.endpoint, status, headers, self.open_reader, want_content=self.engine.capture_content
        )

    def answered_by(self, answer: Answer | None) -> None:
        """Say that the answer does not come as bytes and through `feed`, but is what `answer` has at the end.

        `None` takes that back: there is no answer.
        """
        self._answer = answer

    def watch(self, response: Any) -> None:
        """Notice when `response` is dropped without having been closed."""
        self._watch = weakref.ref(response, self._dropped)

    def watch_instead(self, holder: Any) -> None:
        """Watch the object through which the application holds the response, unless the body has ended already."""
        if self._watch is not None:
            self.watch(holder)

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body as it came from the wire."""
        payload = self._payload
        if payload is not None:
            with _OBSERVE:
                payload.feed(chunk)

    @property
    def hold(self) -> Callable[[bytes], None] | None:
        """As `Payload.hold`: takes chunks that need not be looked at."""
        payload = self._payload
        return payload.hold if payload is not None else None

    def decoded(self) -> None:
        """Say that the body comes without its content encoding."""
        payload = self._payload
        if payload is not None:
            with _OBSERVE:
                payload.drop_encoding()

    def feed_whole(self, body: bytes) -> None:
        """Take a whole body that is decoded already."""
        self.decoded()
        self.feed(body)

    def exhausted(self) -> None:
        """The body was read to its end."""
        self._end("exhausted", None)

    def closed(self) -> None:
        """The application closed the response, perhaps before its end."""
        self._end("closed", None)

    def released(self) -> None:
        """The file of the body was closed: by the application, or because the watched object is being collected."""
        watched = self._watch() if self._watch is not None else None
        if watched is None:
            return
        # Set by CPython before it closes a file that nobody closed.
        if getattr(watched, "_finalizing", False):
            self._dropped(watched)
        else:
            self.closed()

    def failed(self, error: BaseException) -> None:
        """Sending or reading raised."""
        self._end("closed" if isinstance(error, GeneratorExit) else "failed", error)

    def refused(self, kind: str, message: str | None) -> None:
        """The protocol itself says that the call failed, and why."""
        self._refusal = kind, message
        self._end("failed", None)

    def abandoned(self) -> None:
        """Nobody will end it any more: the response is gone, or the process ends."""
        self._end("abandoned", None)

    def discard(self) -> None:
        """It was no call (a redirect): record nothing."""
        self.engine.forget(self)

    def _dropped(self, _: object) -> None:
        # Garbage collection may run inside any lock of ours, so the event is made later.
        self._ended_ns = time.perf_counter_ns()
        self.engine.leave_behind(self)

    def _end(self, ending: Ending, error: BaseException | None) -> None:
        if self.engine.forget(self):
            self._watch = None
            with _FINISH:
                self._conclude(ending, error)

    def open_reader(self) -> Reader:
        """The provider's reader for the request."""
        request = ProviderRequest(
            method=self._method,
            host=self.host,
            path=self.path,
            query=query_fields(self._request.query()),
            headers=self._request_headers,
            body=self._request.body(self._request_headers.get("content-type", "")),
        )
        return self.endpoint.reader(request, self._match, want_content=self.engine.capture_content)

    def _conclude(self, ending: Ending, error: BaseException | None) -> None:
        duration_ms = ((self._ended_ns or time.perf_counter_ns()) - self._start_ns) / 1e6
        answer = self._answer
        complete, reading = ending == "exhausted", None
        with _READ:
            complete, reading = self._read(ending)
        if reading is None:  # what cannot be read must not cost the fact that there was a call
            reading = Reading(usage=Usage(flags=("unreadable",)))
        if self._refusal is not None and reading.error_type is None:
            reading.error_type, reading.error_message = self._refusal
        failed_status = self.http_status is not None and self.http_status >= 400
        status = _status(ending, error, complete=complete, failed=failed_status or reading.error_type is not None)
        info = self._error_info(reading, error if status != "ok" else None, failed=failed_status)
        self.attempt.ended(failed=status == "error")
        if answer is not None and answer.problem is not None:
            usage = reading.usage
            reading.usage = replace(usage, flags=(*usage.flags, "undecodable"))
        ready: list[Reading] = [] if reading.pending and status == "ok" else [reading]
        for reading_of_event in (*ready, *reading.items):
            self._emit(reading_of_event, reading, status, info, duration_ms)

    def _read(self, ending: Ending) -> tuple[bool, Reading]:
        """Whether the answer is complete, and the facts in it."""
        answer = self._answer
        if answer is None:
            reading = self.open_reader().reading(ended_early=True)
            reading.usage = Usage()
            return False, reading
        complete = answer.finish()
        if not complete and ending == "exhausted" and (answer.mode != "stream" or self.endpoint.unmarked_end):
            if answer.mode == "binary":
                answer.take_unreadable()
            complete = True
        return complete, answer.reader.reading(ended_early=not complete)

    def _error_info(self, reading: Reading, error: BaseException | None, *, failed: bool) -> ErrorInfo | None:
        if reading.error_type is not None:
            return ErrorInfo(type=label(reading.error_type), message=error_message(reading.error_message))
        if failed:
            return ErrorInfo(type=f"http_{self.http_status}")
        if error is not None and not isinstance(error, GeneratorExit):
            return ErrorInfo(type=type(error).__name__, message=error_message(text_of(error)))
        return None

    def _emit(
        self, reading: Reading, main: Reading, status: Status, info: ErrorInfo | None, duration_ms: float
    ) -> None:
        is_main = reading is main
        answer = self._answer
        first_ns = answer.first_content_ns if answer is not None else None
        attempt = self.attempt
        if reading.remote_id is not None:
            event_id = event_id_for_remote(self.provider.name, reading.remote_id)
        else:
            event_id = attempt.event_id if is_main else attempt.further_event_id()
        call = CallEvent(
            event_id=event_id,
            revision=revision_of(reading),
            kind=reading.kind or self.endpoint.kind,
            provider=self.provider.name,
            operation=reading.operation or self.endpoint.operation,
            request_model=name_of(reading.request_model),
            response_model=name_of(reading.response_model),
            start_time_us=self._start_us,
            duration_ms=duration_ms,
            time_to_first_token_ms=None if first_ns is None else (first_ns - self._start_ns) / 1e6,
            status=status if is_main else "ok",
            error=info if is_main else None,
            http_status=self.http_status,
            # A list of charges (the lines of a batch) is no streamed answer.
            stream=answer is not None and answer.mode == "stream" and not main.pending,
            attempt=attempt.number,
            logical_call_id=attempt.logical_call_id(),
            response_id=reading.response_id,
            request_id=request_id_of(self.provider, self.response_headers),
            usage=reading.usage,
            dimensions=dimensions_of(self.provider, self.host, reading),
            reported_cost_usd=reading.reported_cost_usd,
            host=self.host,
            transport=self.transport,
            # The end of the event id is random enough to be the id in the tree as well.
            context=wire_context(self._snapshot, event_id[19:23] + event_id[24:]),
        )
        content = content_of(event_id, reading) if self.engine.capture_content else None
        self.engine.sink(call, content, self._snapshot)


def _status(ending: Ending, error: BaseException | None, *, complete: bool, failed: bool) -> Status:
    if failed:
        return "error"
    if complete or ending == "exhausted":
        return "ok"
    if ending == "abandoned":
        return "abandoned"
    # What stops code from outside (cancellation by asyncio or trio, Ctrl-C, a closed generator) is no `Exception`.
    if ending == "closed" or not isinstance(error, Exception):
        return "cancelled"
    return "error"
