"""One WebSocket connection from its handshake to its end, and the events of what was billed in it."""

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmobserve.capture.call_record import (
    content_of,
    dimensions_of,
    error_message,
    name_of,
    query_fields,
    request_id_of,
    revision_of,
)
from llmobserve.context import Facts, Snapshot, current, wire_context
from llmobserve.guard import guarded, text_of
from llmobserve.privacy import label
from llmobserve.providers.base import Provider, ProviderRequest, Reading
from llmobserve.providers.sockets import Charge, EndedBy, SessionEnd, SessionReader, SocketEndpoint
from llmobserve.wire import CallEvent, ErrorInfo, Status, new_event_id
from llmobserve.wire.ids import event_id_for_remote

if TYPE_CHECKING:
    import re

    from llmobserve.capture.engine import Engine

__all__ = ["Session"]

_OBSERVE = guarded("capture.observe")
_FINISH = guarded("capture.finish")
_NO_FACTS = Facts()
_JSON_BEGINS = (b"{", b"[", b" ", b"\n")
_SWITCHING_PROTOCOLS = 101
_NORMAL_CODES = frozenset({1000, 1001, 1005})
"""Close codes that say nothing went wrong: normal, going away, none given (RFC 6455, section 7.4.1)."""
_UNFINISHED: Mapping[EndedBy, Status] = {
    "here": "cancelled",
    "there": "error",
    "lost": "error",
    "abandoned": "abandoned",
}


class Session:
    """Follows one connection. Messages may come from several threads; whatever ends it first concludes it."""

    __slots__ = (
        "__weakref__",
        "_ended_ns",
        "_lock",
        "_match",
        "_opened_ns",
        "_reader",
        "_received_bytes",
        "_received_parts",
        "_sent_bytes",
        "_sent_parts",
        "_snapshot",
        "_start_ns",
        "_start_us",
        "_watch",
        "answer_headers",
        "charges",
        "endpoint",
        "engine",
        "host",
        "http_status",
        "path",
        "provider",
        "query",
        "transport",
    )

    def __init__(
        self,
        engine: "Engine",
        found: "tuple[Provider, SocketEndpoint, re.Match[str]]",
        *,
        host: str,
        path: str,
        query: str,
        transport: str,
        snapshot: Snapshot,
    ) -> None:
        self.engine = engine
        self.provider, self.endpoint, self._match = found
        self.host = host
        self.path = path
        self.query = query
        """Of the address, without `?`. A library that learns it late may set it until the handshake is answered."""
        self.transport = transport
        self.http_status: int | None = None
        self.answer_headers: Mapping[str, str] = {}
        self.charges = 0
        """Calls that were made of this session so far."""
        self._snapshot = snapshot
        self._reader: SessionReader | None = None
        self._lock = threading.Lock()
        self._sent_bytes = self._received_bytes = 0
        self._sent_parts: list[bytes] = []
        self._received_parts: list[bytes] = []
        self._watch: weakref.ref[Any] | None = None
        self._ended_ns = 0
        self._start_us = time.time_ns() // 1000
        self._start_ns = self._opened_ns = time.perf_counter_ns()

    def opened(self, status: int, headers: Mapping[str, str]) -> None:
        """The handshake was answered; names of headers in lower case."""
        self._opened_ns = time.perf_counter_ns()
        self.http_status = status
        self.answer_headers = headers

    def watch(self, connection: Any) -> None:
        """Notice when `connection` is dropped without having been closed."""
        self._watch = weakref.ref(connection, self._dropped)

    def sent(self, data: str | bytes, *, is_text: bool, is_last: bool = True) -> None:
        """Take a message to the provider, or a part of one when it is not the last."""
        if not self.engine.holds(self):
            return
        if not is_text and self._is_media(self._sent_parts, data):
            with self._lock:
                self._sent_bytes += len(data)
            return
        with _OBSERVE:
            with self._lock:
                text = _whole(self._sent_parts, data, is_last=is_last)
                charges = () if text is None else self.reader.sent(text, current)
            if charges:
                self._emit_all(charges)

    def received(self, data: str | bytes, *, is_text: bool, is_last: bool = True) -> None:
        """Take a message from the provider, or a part of one when it is not the last."""
        if not self.engine.holds(self):
            return
        if not is_text and self._is_media(self._received_parts, data):
            with self._lock:
                self._received_bytes += len(data)
            return
        with _OBSERVE:
            with self._lock:
                text = _whole(self._received_parts, data, is_last=is_last)
                charges = () if text is None else self.reader.received(text)
            if charges:
                self._emit_all(charges)

    def refused(self, error: BaseException | None, status: int | None = None) -> None:
        """The handshake failed, with this status if it was answered."""
        self.http_status = status
        self._end(lambda: self._fail(_refusal(error, status)))

    def ended(self, by: EndedBy, code: int | None = None, reason: str | None = None) -> None:
        """The connection is closed, with the code and reason of whoever closed it first."""
        self._end(lambda: self._conclude(by, code, reason))

    def abandoned(self) -> None:
        """Nobody will end it any more: the connection is gone, or the process ends."""
        self.ended("abandoned")

    def discard(self) -> None:
        """It was no session (a redirect): record nothing."""
        self.engine.forget(self)

    @property
    def reader(self) -> SessionReader:
        """The provider's reader, opened on first use."""
        if self._reader is None:
            request = ProviderRequest(method="GET", host=self.host, path=self.path, query=query_fields(self.query))
            self._reader = self.endpoint.reader(
                request, self._match, self.answer_headers, want_content=self.engine.capture_content
            )
        return self._reader

    def _is_media(self, parts: list[bytes], data: str | bytes) -> bool:
        """True for a binary message that is only counted: where media are sent so, and where it cannot be JSON."""
        return self.endpoint.raw_audio or (not parts and data[:1] not in _JSON_BEGINS)

    def _dropped(self, _: object) -> None:
        # Garbage collection may run inside any lock of ours, so the events are made later.
        self._ended_ns = time.perf_counter_ns()
        self.engine.leave_behind(self)

    def _end(self, conclude: Callable[[], None]) -> None:
        if self.engine.forget(self):
            self._watch = None
            with _FINISH:
                conclude()

    def _conclude(self, by: EndedBy, code: int | None, reason: str | None) -> None:
        ended_ns = self._ended_ns or time.perf_counter_ns()
        is_normal = by != "lost" and (code is None or code in _NORMAL_CODES)
        was_open = self.http_status == _SWITCHING_PROTOCOLS
        if was_open:
            with self._lock:
                end = SessionEnd(
                    by=by,
                    is_normal=is_normal,
                    seconds=Decimal(ended_ns - self._opened_ns) / 1_000_000_000,
                    sent_bytes=self._sent_bytes,
                    received_bytes=self._received_bytes,
                )
                charges = self.reader.ended(end)
            self._emit_all(charges, by, _closing(by, code, reason))
        if not self.charges and by != "abandoned" and not (was_open and (is_normal or by == "here")):
            self._fail(_closing(by, code, reason))

    def _fail(self, info: ErrorInfo) -> None:
        """Record that the session came to nothing."""
        charge = Charge(reading=self.reader.blank(), complete=False)
        self._emit(charge, "error", info)

    def _emit_all(self, charges: Iterable[Charge], by: EndedBy = "abandoned", closing: ErrorInfo | None = None) -> None:
        for charge in charges:
            for reading in (charge.reading, *charge.reading.items):
                status, info = _outcome(charge, reading, by, closing)
                self._emit(charge, status, info, reading)

    def _emit(self, charge: Charge, status: Status, info: ErrorInfo | None, part: Reading | None = None) -> None:
        self.charges += 1
        reading = part or charge.reading
        if reading.pending:
            return
        start_ns = charge.start_ns or self._start_ns
        first_ns = charge.first_content_ns
        remote_id = reading.remote_id
        event_id = new_event_id() if remote_id is None else event_id_for_remote(self.provider.name, remote_id)
        place = charge.place
        snapshot: Snapshot = place if isinstance(place, Snapshot) and _says_something(place) else self._snapshot
        call = CallEvent(
            event_id=event_id,
            revision=revision_of(reading),
            kind=reading.kind or self.endpoint.kind,
            provider=self.provider.name,
            operation=reading.operation or self.endpoint.operation,
            request_model=name_of(reading.request_model),
            response_model=name_of(reading.response_model),
            start_time_us=self._start_us + (start_ns - self._start_ns) // 1000,
            duration_ms=((self._ended_ns or time.perf_counter_ns()) - start_ns) / 1e6,
            time_to_first_token_ms=None if first_ns is None else (first_ns - start_ns) / 1e6,
            status=status,
            error=info,
            http_status=charge.http_status or self.http_status,
            stream=True,
            response_id=reading.response_id,
            request_id=request_id_of(self.provider, self.answer_headers),
            usage=reading.usage,
            dimensions=dimensions_of(self.provider, self.host, reading),
            reported_cost_usd=reading.reported_cost_usd,
            host=self.host,
            transport=self.transport,
            # The end of the event id is random enough to be the id in the tree as well.
            context=wire_context(snapshot, event_id[19:23] + event_id[24:]),
        )
        content = content_of(event_id, reading) if self.engine.capture_content else None
        self.engine.sink(call, content, snapshot)


def _whole(parts: list[bytes], data: str | bytes, *, is_last: bool) -> bytes | None:
    """The message that `data` ends, `None` while it is not complete."""
    piece = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data)
    if is_last and not parts:
        return piece
    parts.append(piece)
    if not is_last:
        return None
    whole = b"".join(parts)
    parts.clear()
    return whole


def _says_something(place: Snapshot) -> bool:
    """False for a thread or task that the application has told nothing."""
    return place.span is not None or place.facts != _NO_FACTS


def _outcome(
    charge: Charge, reading: Reading, by: EndedBy, closing: ErrorInfo | None
) -> tuple[Status, ErrorInfo | None]:
    if reading.error_type is not None:
        return "error", ErrorInfo(type=label(reading.error_type), message=error_message(reading.error_message))
    if charge.cancelled:
        return "cancelled", None
    if charge.complete:
        return "ok", None
    status = _UNFINISHED[by]
    return status, closing if status == "error" else None


def _closing(by: EndedBy, code: int | None, reason: str | None) -> ErrorInfo:
    kind = "connection_lost" if by == "lost" or code is None else f"websocket_{code}"
    return ErrorInfo(type=kind, message=error_message(reason))


def _refusal(error: BaseException | None, status: int | None) -> ErrorInfo:
    if status is not None:
        return ErrorInfo(type=f"http_{status}")
    if error is None:
        return ErrorInfo(type="connection_lost")
    return ErrorInfo(type=type(error).__name__, message=error_message(text_of(error)))
