"""Cuts AWS event streams and streamed JSON arrays into events."""

import re
import zlib
from collections.abc import Iterator

__all__ = ["EventstreamFramer", "JsonArrayFramer"]

_PRELUDE = 12
_CHECKSUM = 4
_LONGEST_FRAME = 24 * 1024 * 1024
"""AWS allows a frame 16 MB of payload and 128 KB of headers."""
_LONGEST_OBJECT = 64 * 1024 * 1024
_STRING_HEADER = 7
_HEADER_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'["\\]')


class EventstreamFramer:
    """AWS event streams (https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-21), one frame an event.

    A frame whose checksum is wrong is left out; after a damaged length nothing more can be found.
    """

    __slots__ = ("_damaged", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._damaged = False

    def push(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes."""
        if self._damaged:
            return []
        data = self._rest + data if self._rest else data
        frames: list[bytes] = []
        at = 0
        while len(data) - at >= _PRELUDE:
            size = int.from_bytes(data[at : at + 4], "big")
            if zlib.crc32(data[at : at + 8]) != int.from_bytes(data[at + 8 : at + 12], "big") or not (
                _PRELUDE + _CHECKSUM <= size <= _LONGEST_FRAME
            ):
                self._damaged = True
                self._rest = b""
                return frames
            if len(data) - at < size:
                break
            frames.append(data[at : at + size])
            at += size
        self._rest = data[at:]
        return frames

    def rest(self, data: bytes) -> bytes:
        """Everything that is left at the end of the stream."""
        rest, self._rest = self._rest + data, b""
        return b"" if self._damaged else rest

    @staticmethod
    def split(plain: bytes) -> list[bytes]:
        """The whole frames of the end of a stream."""
        return EventstreamFramer().push(plain)

    @staticmethod
    def parse(block: bytes) -> Iterator[tuple[str | None, bytes]]:
        """Event type (or exception type) and payload of a frame."""
        if zlib.crc32(block[:-_CHECKSUM]) != int.from_bytes(block[-_CHECKSUM:], "big"):
            return
        end = _PRELUDE + int.from_bytes(block[4:8], "big")
        if end > len(block) - _CHECKSUM:
            return
        headers = _string_headers(block[_PRELUDE:end])
        name = headers.get(":exception-type") or headers.get(":event-type") or headers.get(":error-code")
        yield name, block[end:-_CHECKSUM]


def _string_headers(data: bytes) -> dict[str, str]:
    """The headers that hold text; others are skipped by their size."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        name, kind = data[at + 1 : end], data[end : end + 1]
        at = end + 1
        if not kind:
            break
        if kind[0] in _HEADER_SIZES:
            at += _HEADER_SIZES[kind[0]]
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        if kind[0] == _STRING_HEADER:
            found[name.decode("utf-8", "replace")] = data[at + 2 : at + 2 + size].decode("utf-8", "replace")
        at += 2 + size
    return found


class JsonArrayFramer:
    """A JSON array that is sent element by element; each object of the outer array is an event."""

    __slots__ = ("_at", "_depth", "_in_text", "_kept", "_start")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._at: int = 0
        self._depth: int = 0
        self._start: int = 0
        self._in_text = False

    def push(self, data: bytes) -> list[bytes]:
        """The objects that `data` completes."""
        kept = self._kept
        kept += data
        found: list[bytes] = []
        while (mark := (_INSIDE if self._in_text else _OUTSIDE).search(kept, self._at)) is not None:
            at = mark.start()
            sign = kept[at]
            if sign == 0x5C:
                if at + 1 >= len(kept):
                    self._at = at
                    break
                self._at = at + 2
                continue
            self._at = at + 1
            if sign == 0x22:
                self._in_text = not self._in_text
            elif sign == 0x7B:
                if self._depth == 0:
                    self._start = at
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if self._depth == 0:
                    found.append(bytes(kept[self._start : at + 1]))
        else:
            self._at = len(kept)
        self._forget_taken()
        return found

    def _forget_taken(self) -> None:
        done = self._start if self._depth else self._at
        if done:
            del self._kept[:done]
            self._at -= done
            self._start = 0
        if len(self._kept) > _LONGEST_OBJECT:
            self._kept.clear()
            self._at = self._start = self._depth = 0
            self._in_text = False

    def rest(self, data: bytes) -> bytes:
        """The objects that the end of the stream completes, joined; an incomplete one is lost."""
        return b"".join(self.push(data))

    @staticmethod
    def split(plain: bytes) -> list[bytes]:
        """The objects of `plain`."""
        return JsonArrayFramer().push(plain)

    @staticmethod
    def parse(block: bytes) -> Iterator[tuple[str | None, bytes]]:
        """The object as data without a name."""
        yield None, block
