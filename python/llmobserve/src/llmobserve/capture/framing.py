"""Cuts a stream of bytes into events: server-sent events and JSON lines."""

import json
from collections.abc import Iterator
from typing import Any, Protocol, cast

__all__ = ["DONE", "Framer", "LineFramer", "SseFramer", "decode_events"]

DONE = b"[DONE]"
_DECODER = json.JSONDecoder()


class Framer(Protocol):
    """Cuts one kind of stream. Whatever the bytes are, it never raises."""

    def push(self, data: bytes) -> list[bytes]:
        """The events that `data` completes."""
        ...

    def rest(self, data: bytes) -> bytes:
        """Everything that is left at the end of the stream, for `split`."""
        ...

    def split(self, plain: bytes) -> list[bytes]:
        """The events of the end of a stream."""
        ...

    def parse(self, block: bytes) -> Iterator[tuple[str | None, bytes]]:
        """Name and data of an event."""
        ...


class SseFramer:
    """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), one block an event."""

    __slots__ = ("_rest", "_started")

    def __init__(self) -> None:
        self._rest = b""
        self._started = False

    def push(self, data: bytes) -> list[bytes]:
        """The event blocks that `data` completes."""
        data, held = self._joined(data)
        end = data.rfind(b"\n\n")
        if end < 0:
            self._rest = data + held
            return []
        self._rest = data[end + 2 :] + held
        return data[:end].split(b"\n\n")

    def rest(self, data: bytes) -> bytes:
        """Everything that is left at the end of the stream, with plain line ends."""
        data, held = self._joined(data)
        self._rest = b""
        return data + b"\n" if held else data

    def _joined(self, data: bytes) -> tuple[bytes, bytes]:
        """All bytes not yet given out, with plain line ends, and a carriage return whose partner may still come."""
        data = self._rest + data if self._rest else data
        if not self._started and data:
            self._started = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        held = b""
        if b"\r" in data:
            if data.endswith(b"\r"):
                data, held = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data, held

    @staticmethod
    def split(plain: bytes) -> list[bytes]:
        """The blocks of the end of a stream; the last one may lack its blank line."""
        return [block for block in plain.split(b"\n\n") if block.strip(b"\n")]

    @staticmethod
    def parse(block: bytes) -> Iterator[tuple[str | None, bytes]]:
        """Name and data of a block. Several data lines that are JSON each (a missing blank line) count apart."""
        block = block.strip(b"\n")
        if block.startswith(b"data:") and b"\n" not in block:
            yield None, block[5:].strip()
            return
        name: str | None = None
        lines: list[bytes] = []
        for line in block.split(b"\n"):
            if line.startswith(b"data:"):
                lines.append(line[5:].strip())
            elif line.startswith(b"event:"):
                name = line[6:].strip().decode("utf-8", "replace")
        if len(lines) > 1 and not all(_closed(line) for line in lines):
            lines = [b"\n".join(lines)]
        for line in lines:
            yield name, line


class LineFramer:
    """One JSON document a line."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def rest(self, data: bytes) -> bytes:
        """Everything that is left at the end of the stream."""
        rest, self._rest = self._rest + data, b""
        return rest

    @staticmethod
    def split(plain: bytes) -> list[bytes]:
        """The lines of the end of a stream."""
        return plain.split(b"\n")

    @staticmethod
    def parse(block: bytes) -> Iterator[tuple[str | None, bytes]]:
        """The line as data without a name."""
        block = block.strip()
        if block:
            yield None, block


def decode_events(data: list[bytes]) -> list[Any]:
    """The JSON of each event's data, `None` for one that is no JSON. As one array they take half the time."""
    events = cast("list[Any]", _decoded_or_none(b"[%b]" % b",".join(data)) or [])
    return events if len(events) == len(data) else [_decoded_or_none(one) for one in data]


def _decoded_or_none(data: bytes) -> Any:
    try:
        return _DECODER.decode(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _closed(line: bytes) -> bool:
    return line == DONE or (line[:1] == b"{" and line[-1:] == b"}")
