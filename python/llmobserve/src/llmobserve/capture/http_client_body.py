"""Follows the body of an `http.client` response: stands in for the file of the socket that the response reads from.

Everything that reads a body ends there, whatever method the application calls and whatever is built on top (urllib3
1 and 2, requests, botocore, urllib.request), and before any content decoding. What the response itself does not take
off, the framing of chunked transfer encoding, is taken off here.
"""

import re
import sys
from typing import Any

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.payload import HOLD_BYTES
from llmobserve.guard import guarded

__all__ = ["BodyFile", "follow_body"]

_ATTACH = guarded("capture.attach")
_OBSERVE = guarded("capture.observe")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SWITCHING_PROTOCOLS = 101
_UNKNOWN_LENGTH = sys.maxsize
_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;[^\n]*)?\r?\n")


class IncompleteRead(ConnectionError):
    """The connection ended before the body did. Never raised: the application gets the library's own error."""


class BodyFile:
    """Passes everything on to the file of the socket and shows the body to the exchange."""

    __slots__ = ("_exchange", "_framing", "_held", "_hold", "_inner", "_left", "_until_eof")

    def __init__(self, inner: Any, exchange: Exchange, *, length: int | None, chunked: bool) -> None:
        self._inner = inner
        self._exchange = exchange
        self._framing = _ChunkFraming() if chunked else None
        self._until_eof = not chunked and length is None
        self._left = 0 if chunked else _UNKNOWN_LENGTH if length is None else length
        """Bytes to come that belong to the body: of all of it, or of the present chunk."""
        self._hold = exchange.hold
        self._held = 0

    def read(self, *args: Any) -> Any:
        """As the file's."""
        try:
            data = self._inner.read(*args)
        except BaseException as error:
            self._exchange.failed(error)
            raise
        if data:
            self._take(data)
        if not args or args[0] is None or args[0] < 0 or len(data or b"") < args[0]:
            self._at_eof()
        return data

    def read1(self, *args: Any) -> Any:
        """As the file's."""
        return self._read_some(self._inner.read1, args)

    def readline(self, *args: Any) -> Any:
        """As the file's."""
        return self._read_some(self._inner.readline, args)

    def _read_some(self, read: Any, args: tuple[Any, ...]) -> Any:
        try:
            data = read(*args)
        except BaseException as error:
            self._exchange.failed(error)
            raise
        if data:
            self._take(data)
        elif not args or args[0] != 0:
            self._at_eof()
        return data

    def readinto(self, buffer: Any) -> Any:
        """As the file's."""
        try:
            size = self._inner.readinto(buffer)
        except BaseException as error:
            self._exchange.failed(error)
            raise
        with _OBSERVE:
            target = memoryview(buffer).cast("B")
            if size:
                self._take(bytes(target[:size]))
            if size is not None and size < len(target):
                self._at_eof()
        return size

    def __iter__(self) -> "BodyFile":
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def close(self) -> None:
        """As the file's. Responses close it at their end, when they are closed and when they are collected."""
        try:
            self._inner.close()
        finally:
            if self._framing is not None and self._framing.is_broken:
                self._at_eof()
            self._exchange.released()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _take(self, data: bytes) -> None:
        size = len(data)
        if size > self._left:
            self._take_framed(data)
            return
        self._left -= size
        self._held += size
        hold = self._hold
        if hold is not None and self._held <= HOLD_BYTES:
            hold(data)
        else:
            exchange = self._exchange
            exchange.feed(data)
            self._hold, self._held = exchange.hold, 0
        if not self._left and self._framing is None:
            self._exchange.exhausted()

    def _take_framed(self, data: bytes) -> None:
        """Take bytes that are more than what is left of the body, or of the present chunk."""
        framing = self._framing
        if framing is None:  # somebody reads the socket past the body
            if self._left:
                self._take(data[: self._left])
            return
        if not self._left and not framing.last_seen:
            if data == b"\r\n":  # the end of the line after a chunk
                return
            found = _SIZE.fullmatch(data)
            if found is not None and not framing.is_broken:
                self._left = int(found[1], 16)
                framing.last_seen = not self._left
                return
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._take(piece)
            else:
                self._left, data = framing.take(data)
        if framing.complete:
            self._exchange.exhausted()

    def _at_eof(self) -> None:
        framing = self._framing
        if self._until_eof or (framing is not None and framing.last_seen):
            self._exchange.exhausted()
        else:
            self._exchange.failed(IncompleteRead("the connection ended before the answer did"))


class _ChunkFraming:
    """What stands between the data of chunks (https://www.rfc-editor.org/rfc/rfc9112#section-7.1)."""

    __slots__ = ("_damaged", "_line", "complete", "last_seen")

    def __init__(self) -> None:
        self._damaged = False
        self._line = b""
        self.last_seen = False
        """The last chunk has begun: what follows are trailers, which some servers leave out."""
        self.complete = False

    @property
    def is_broken(self) -> bool:
        """True for what are no chunks, or chunks that end inside their framing."""
        return self._damaged or self._line != b""

    def take(self, data: bytes) -> tuple[int, bytes]:
        """Take the first line of `data`; returns the length of the chunk it opens, and the rest of `data`."""
        if self._line:
            data, self._line = self._line + data, b""
        end = data.find(b"\n") + 1
        if not end:
            self._line = data
            return 0, b""
        found = None if self.last_seen else _SIZE.match(data)
        if found is not None:
            size = int(found[1], 16)
            self.last_seen = size == 0
            return size, data[end:]
        is_empty = not data[:end].strip()
        self.complete = self.last_seen and is_empty
        self._damaged = not self.last_seen and not is_empty
        return 0, b"" if self.complete or self._damaged else data[end:]


def follow_body(exchange: Exchange, response: Any, headers: Any) -> None:
    """Follow the body of an `http.client` response; where that is not possible, record the call without it."""
    with _ATTACH:
        _follow(exchange, response, headers)
        return
    exchange.abandoned()


def _follow(exchange: Exchange, response: Any, headers: Any) -> None:
    status: int = response.status
    if status == _SWITCHING_PROTOCOLS or (status in _REDIRECTS and "location" in headers):
        exchange.discard()
        return
    exchange.answered(status, headers)
    length: int | None = response.length
    if response.fp is None or (length == 0 and not response.chunked):
        exchange.exhausted()
        return
    exchange.watch(response)
    response.fp = BodyFile(response.fp, exchange, length=length, chunked=response.chunked)
