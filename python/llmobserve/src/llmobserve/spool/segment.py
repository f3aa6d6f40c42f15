"""The form of a segment file: its name says who owns it, its records are length, CRC-32 and JSON.

A process that dies while writing leaves at worst one torn record at the end, which the CRC shows.
"""

import json
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: ownership rests on the age of the file alone
    fcntl = None

__all__ = ["Owner", "Segment", "claim", "close_inherited", "frame", "is_content", "read_segment", "release"]

_HEAD = Struct(">II")
_MAX_RECORD_BYTES = 64 * 1024 * 1024
_ADOPT_AFTER_S = 3600
"""Where the system cannot say whether the owner lives, its files are left alone for this long."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from a later one with the same number by its start time."""

    pid: int
    start: str
    """Clock ticks since boot as Linux states them; `0` where the system does not say."""

    @classmethod
    def this_process(cls) -> "Owner":
        """The process that asks."""
        pid = os.getpid()
        return cls(pid, _start_time(pid) or "0")

    @classmethod
    def of_name(cls, name: str) -> "Owner | None":
        """The owner that a file name states; `None` when it is no name of ours."""
        parts = name.partition(".")[0].split("-")
        if len(parts) < 2 or not parts[0].isdigit():
            return None
        return cls(int(parts[0]), parts[1])

    def alive(self) -> bool | None:
        """Whether the process still runs; `None` where that cannot be found out."""
        if sys.platform == "win32":  # os.kill with signal 0 would interrupt the process there
            return True if self.pid == os.getpid() else None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        started = _start_time(self.pid)
        return self.start in {"0", started} if started is not None else True


def _start_time(pid: int) -> str | None:
    """Field 22 of `/proc/<pid>/stat` (proc_pid_stat(5)); `None` on systems without it."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (once per process, and pathlib is slow to import)
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return None


@dataclass(slots=True)
class Segment:
    """What a segment file holds."""

    name: str
    source: dict[str, Any] = field(default_factory=dict[str, Any])
    """The wire form of the process that wrote it."""
    records: list[bytes] = field(default_factory=list[bytes])
    """Wire records as JSON."""
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    """Losses that the process noted before it ended, by reason."""
    torn: int = 0
    """Records that could not be read."""


def frame(payloads: Sequence[bytes]) -> bytes:
    """Records in file form, ready for one `write`."""
    if len(payloads) == 1:
        return _HEAD.pack(len(payloads[0]), zlib.crc32(payloads[0])) + payloads[0]
    parts: list[bytes] = []
    for payload in payloads:
        parts.append(_HEAD.pack(len(payload), zlib.crc32(payload)))
        parts.append(payload)
    return b"".join(parts)


def head_record(source: dict[str, Any]) -> bytes:
    """First record of every segment."""
    return json.dumps({"type": "segment", "source": source}, separators=(",", ":")).encode()


def drop_record(dropped: dict[str, int]) -> bytes:
    """Losses to be reported by whoever sends the segment."""
    return json.dumps({"type": "dropped", "dropped": dropped}, separators=(",", ":")).encode()


def is_content(payload: bytes) -> bool:
    """True for the record of a prompt or answer, which goes first when room is short."""
    return payload.startswith(b'{"type":"content"')


def _payloads(data: bytes) -> Iterator[bytes | None]:
    """Payloads in order; `None` for one that is damaged."""
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            yield None
            return
        length, crc = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        if length > _MAX_RECORD_BYTES or start + length > len(data):
            yield None
            return
        payload = data[start : start + length]
        yield payload if zlib.crc32(payload) == crc else None
        at = start + length


def read_segment(name: str, data: bytes) -> Segment:
    """Decode a segment file; damaged records are counted and skipped."""
    segment = Segment(name)
    for payload in _payloads(data):
        if payload is None:
            segment.torn += 1
        elif payload.startswith((b'{"type":"segment"', b'{"type":"dropped"')):
            _take_note(segment, payload)
        else:
            segment.records.append(payload)
    return segment


def _take_note(segment: Segment, payload: bytes) -> None:
    """What is said about the records; of a form that we have never written, it counts as damaged."""
    try:
        note = cast("dict[str, Any]", json.loads(payload))
        if note["type"] == "segment":
            segment.source = dict(note["source"])
        else:
            for reason, number in note["dropped"].items():
                segment.dropped[reason] = segment.dropped.get(reason, 0) + int(number)
    except (ValueError, TypeError, KeyError, AttributeError):
        segment.torn += 1


_held: dict[int, int] = {}
"""Descriptors of locked files → their inodes."""


def lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file; False when another process has it. Close it with `release`."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    _held[descriptor] = os.fstat(descriptor).st_ino
    return True


def release(descriptor: int) -> None:
    """Close a file and so give back its lock."""
    _held.pop(descriptor, None)
    os.close(descriptor)


def close_inherited() -> None:
    """In a forked child: close the parent's files. A lock lasts until the last copy of its descriptor is closed."""
    held = dict(_held)
    _held.clear()
    for descriptor, inode in held.items():
        with suppress(OSError):
            if os.fstat(descriptor).st_ino == inode:  # else it was closed, and the number given to something else
                os.close(descriptor)


def claim(path: "Path") -> int | None:
    """Open a sealed segment and lock it; `None` when someone else has it or it is gone. `release` gives it back."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    try:
        # Between opening and locking, another process may have sent and removed it.
        if lock(descriptor) and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except OSError:
        pass
    release(descriptor)
    return None


def adoptable(path: "Path", now_s: float) -> bool:
    """True for a segment whose owner is gone, so that any process may send it."""
    owner = Owner.of_name(path.name)
    if owner is None:
        return False
    alive = owner.alive()
    if alive is None:
        try:
            return now_s - path.stat().st_mtime > _ADOPT_AFTER_S
        except OSError:
            return False
    return not alive
