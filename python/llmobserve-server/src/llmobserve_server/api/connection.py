"""The HTTP parser of uvicorn with what it lacks: a limit and a deadline for request heads, and typed refusals."""

import asyncio
import json
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from llmobserve_server.api.security_headers import SECURITY_HEADERS

__all__ = ["Connection"]

HEAD_MAX_BYTES = 32 * 1024
HEAD_DEADLINE_S = 10.0


class Connection(HttpToolsProtocol):
    """One client connection.

    The parser itself (llhttp, strict) refuses a request with both Content-Length and Transfer-Encoding, folded
    headers, and a repeated Content-Length (tried 2026-11 with httptools 0.9).
    """

    _head_bytes = 0
    _heads = 0
    _in_head = False
    _head_deadline: TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; the first head must come in time as well."""
        super().connection_made(transport)
        self._head_deadline = self.loop.call_later(HEAD_DEADLINE_S, self._close_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; nothing more after a refusal."""
        if self._refused:
            return
        head = self._heads if self._in_head else None
        super().data_received(data)
        if self._in_head and head == self._heads:
            # All of it belongs to a head that goes on: the parser reports a header only when it is complete.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX_BYTES * 2:
                self._refuse(431, "head_too_large", _HEAD_MESSAGE)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_bytes = 0
        self._heads += 1
        self._in_head = True
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(HEAD_DEADLINE_S, self._close_late)

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """The head is complete: run the application, unless it was too large."""
        self._in_head = False
        self._cancel_deadline()
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is complete."""
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, "bad_http", "This is not a request in HTTP/1.1, or one that can be read in two ways.")

    def _count(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > HEAD_MAX_BYTES:
            self._refuse(431, "head_too_large", _HEAD_MESSAGE)

    def _close_late(self) -> None:
        self._head_deadline = None
        if not self.transport.is_closing():
            self._refuse(408, "too_slow", f"The request head did not come within {HEAD_DEADLINE_S:g} seconds.")

    def _cancel_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse(self, status: int, code: str, message: str) -> None:
        if self._refused:
            return
        self._refused = True
        self._cancel_deadline()
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if not answering:
            self.transport.write(_refusal(status, code, message))
        self.transport.close()


_HEAD_MESSAGE = f"The request head is larger than {HEAD_MAX_BYTES // 1024} KB."


def _refusal(status: int, code: str, message: str) -> bytes:
    body = json.dumps({"error": code, "message": message}).encode()
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "Connection": "close",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[status] + lines.encode() + b"\r\n" + body
