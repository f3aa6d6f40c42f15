"""The spool of one process: appends records to its own segment file and keeps within the bounds of the disk.

The lock is reentrant because a record can be written from a finaliser that the garbage collector runs in the middle
of another write, on the same thread.
"""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from llmobserve.spool.segment import (
    Owner,
    close_inherited,
    drop_record,
    frame,
    head_record,
    is_content,
    lock,
    release,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Limits", "Spool"]

_numbers = count()
_NO_SPACE = "no space left on the disk"
_RETRY_NS = 1_000_000_000
"""How long a full or unwritable directory is not looked at again."""
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the spool."""

    segment_bytes: int = 1024 * 1024
    directory_bytes: int = 256 * 1024 * 1024
    """Of all processes that share the directory, less where the disk has less. Prompts and answers may take four
    fifths of it."""
    free_bytes: int = 500 * 1024 * 1024
    """Left free on the disk, or a twentieth of the disk where that is less."""
    memory_bytes: int = 32 * 1024 * 1024
    """Kept in memory while the directory cannot be written, or its disk is full."""
    age_s: int = 7 * 24 * 3600
    """Older segments are given up: the collector would not recognise their records as already seen."""


class Spool:
    """Durable buffer of one process."""

    def __init__(
        self,
        directory: str,
        source: Callable[[], dict[str, Any]],
        *,
        fsync: bool = False,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is created before the first record. `source` gives the wire form of the process."""
        self._folder = directory
        self.limits = limits or Limits()
        self._source = source
        self._fsync = fsync
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._owner: Owner | None = None
        self._descriptor: int | None = None
        self._path: str | None = None
        self._size = 0
        self._records = 0
        self._room_bytes = 0
        self._reserve_bytes = 0
        self._disk_is_short = False
        self._looked_ns = 0
        self._memory_bytes = 0
        self.memory: deque[bytes] = deque()
        """Records that could not be put on disk, oldest first."""
        self.sealed: deque[Path] = deque()
        """Own segments that are complete, oldest first."""
        self._in_sealed: dict[Path, int] = {}
        """Records in each of them."""
        self.losses: Counter[str] = Counter()
        """Records lost since the last batch, by reason."""
        self.lost: Counter[str] = Counter()
        """Records lost since the process began, by reason."""
        self.unwritable: str | None = None
        """Why the directory cannot be written; `None` when it can."""
        self.written = 0
        self.created = 0
        """Records that were made, whatever became of them: sent + on disk + in memory + lost."""

    def after_fork(self) -> None:
        """In the child: begin empty, with a file of its own. The parent still has what it had."""
        close_inherited()
        self._start()

    @property
    def directory(self) -> "Path":
        """Where the segments are."""
        return _path_of(self._folder)

    @property
    def active_path(self) -> "Path | None":
        """The segment that is being written."""
        return None if self._path is None else _path_of(self._path)

    @property
    def active_records(self) -> int:
        """Records in it."""
        return self._records

    def source(self) -> dict[str, Any]:
        """The wire form of the process."""
        return self._source()

    @property
    def waiting(self) -> bool:
        """True while records wait to be sent."""
        return bool(self.sealed or self.memory or self._records)

    @property
    def waiting_records(self) -> int:
        """Records of this process that have not arrived; those of a file count until all of it has."""
        with self._lock:
            left = {path: self._in_sealed.get(path, 0) for path in tuple(self.sealed)}
            self._in_sealed = left
            return sum(left.values()) + self._records + len(self.memory)

    @property
    def stale(self) -> bool:
        """True in a child whose fork ran no hooks of Python (uWSGI)."""
        return self._pid != os.getpid()

    def write(self, payloads: Sequence[bytes]) -> None:
        """Append records with one system call. When it returns, they survive the death of the process."""
        with self._lock:
            self.created += len(payloads)
            if self.memory:
                self._move_memory()
            if self._descriptor is None and not self._open():
                self._keep_in_memory(payloads)
                return
            data = frame(payloads)
            if len(data) <= self._room_bytes - self._reserve_bytes:
                self._append(data, payloads)
            elif kept := self._within_bounds(payloads):
                self._append(frame(kept), kept)
            if self._size >= self.limits.segment_bytes:
                self.seal()

    def lose(self, reason: str, number: int = 1) -> None:
        """Count records that are lost."""
        if number > 0:
            with self._lock:
                self.losses[reason] += number
                self.lost[reason] += number

    def refuse(self, reason: str) -> None:
        """Count a record that was made and is lost before it could be written."""
        with self._lock:
            self.created += 1
            self.lose(reason)

    def take_losses(self) -> dict[str, int]:
        """Losses to report with the next batch; they count as reported from here on."""
        with self._lock:
            taken = dict(self.losses)
            self.losses.clear()
            return taken

    def give_back_losses(self, losses: dict[str, int]) -> None:
        """Report them again: the batch did not arrive."""
        with self._lock:
            self.losses.update(losses)

    def seal(self) -> None:
        """Complete the current segment, so that it can be sent. Without records nothing happens."""
        with self._lock:
            descriptor, path = self._descriptor, self._path
            if descriptor is None or path is None or not self._records:
                return
            sealed, records = _path_of(path), self._records
            self._descriptor = self._path = None
            self._size = self._records = 0
            release(descriptor)
            self._in_sealed[sealed] = records
            self.sealed.append(sealed)

    def close(self) -> None:
        """Put on disk what is in memory, note unreported losses, and complete the current segment.

        What even now finds no room is lost with the process, and counted.
        """
        with self._lock:
            self._looked_ns = 0
            while self._move_memory():
                continue
            self.lose("not_written", len(self.memory))
            self.memory.clear()
            self._memory_bytes = 0
            losses = self.take_losses()
            if losses and (self._descriptor is not None or self._open()):
                noted = [drop_record(losses)]
                self._append(frame(noted), noted)
            self.seal()
            if self._descriptor is not None and self._path is not None:
                release(self._descriptor)
                _remove(self._path)
                self._descriptor = self._path = None

    def take_memory(self, most: int, most_bytes: int) -> list[bytes]:
        """The oldest records in memory; they stay until `forget_memory`."""
        taken: list[bytes] = []
        size = 0
        with self._lock:
            for payload in self.memory:
                if len(taken) == most or (taken and size + len(payload) > most_bytes):
                    break
                taken.append(payload)
                size += len(payload)
        return taken

    def forget_memory(self, records: Sequence[bytes]) -> None:
        """Remove what `take_memory` gave: it has been delivered."""
        with self._lock:
            for record in records:
                if self.memory and self.memory[0] is record:
                    self.memory.popleft()
                    self._memory_bytes -= len(record)

    def _append(self, data: bytes, payloads: Sequence[bytes]) -> None:
        """Write `data`, the file form of `payloads`."""
        descriptor = self._descriptor
        if descriptor is None:
            self._keep_in_memory(payloads)
            return
        try:
            wrote = os.write(descriptor, data)
            if wrote != len(data):
                os.ftruncate(descriptor, self._size)
                raise OSError(_NO_SPACE)
            if self._fsync:
                os.fsync(descriptor)
        except OSError as error:
            self._cannot_write(error)
            self.seal()
            self._keep_in_memory(payloads)
            return
        self._size += wrote
        self._room_bytes -= wrote
        self._records += len(payloads)
        self.written += len(payloads)

    def _within_bounds(self, payloads: Sequence[bytes]) -> Sequence[bytes]:
        """Without prompts and answers where room is short, and nothing where there is none.

        Where it is the disk that is short, memory takes them: the collector may well be there.
        """
        if self._look_again():
            try:
                self._measure()
            except OSError as error:  # the directory is gone; what is open in it can still be written to
                self._cannot_write(error)
        if _file_bytes(payloads) <= self._room_bytes - self._reserve_bytes:
            return payloads
        kept = [payload for payload in payloads if not is_content(payload)]
        self._find_no_room([payload for payload in payloads if is_content(payload)], "spool_full_content")
        if _file_bytes(kept) <= self._room_bytes:
            return kept
        self._find_no_room(kept, "spool_full")
        return ()

    def _find_no_room(self, payloads: Sequence[bytes], reason: str) -> None:
        if self._disk_is_short:
            self._keep_in_memory(payloads)
        else:
            self.lose(reason, len(payloads))

    def _move_memory(self) -> bool:
        """Put what had to wait in memory on disk, a segment at a time; False when there is no room for more of it."""
        if not self.memory or (self._descriptor is None and not self._open()) or not self._look_again():
            return False
        try:
            self._measure()
        except OSError:
            return False
        payloads: list[bytes] = []
        room_bytes = min(self._room_bytes, max(self.limits.segment_bytes, len(self.memory[0]) + 8))
        while self.memory and len(self.memory[0]) + 8 <= room_bytes:
            room_bytes -= len(self.memory[0]) + 8
            self._memory_bytes -= len(self.memory[0])
            payloads.append(self.memory.popleft())
        if not payloads:
            return False
        self._append(frame(payloads), payloads)
        if self._descriptor is None:
            return False
        self.seal()
        self._looked_ns = 0  # there was room: the next part need not wait
        return True

    def _look_again(self) -> bool:
        now_ns = time.perf_counter_ns()
        if self._looked_ns and now_ns - self._looked_ns < _RETRY_NS:
            return False
        self._looked_ns = now_ns
        return True

    def _open(self) -> bool:
        """Begin a segment. False, with `unwritable` set, when the directory cannot be written."""
        if self.unwritable is not None and not self._look_again():
            return False
        head = frame([head_record(self._source())])
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)  # noqa: PTH103
            self._measure()
            if self._owner is None:
                self._owner = Owner.this_process()
            path, descriptor = self._create(self._owner)
        except OSError as error:
            self._cannot_write(error)
            return False
        try:
            size = os.write(descriptor, head)
            if size != len(head):
                raise OSError(_NO_SPACE)
        except OSError as error:
            release(descriptor)
            _remove(path)
            self._cannot_write(error)
            return False
        self.seal()  # a finaliser may have opened one meanwhile
        self._descriptor, self._path, self._size, self._records = descriptor, path, size, 0
        if self.unwritable is not None:
            self.unwritable = None
            self._looked_ns = 0  # what waits in memory need not wait longer
        return True

    def _create(self, owner: Owner) -> tuple[str, int]:
        """A new segment file of our own, locked. Raises OSError."""
        while True:
            path = f"{self._folder}/{owner.pid}-{owner.start}-{next(_numbers):06d}.seg"
            descriptor = os.open(path, _FLAGS, 0o600)
            # Until it is locked, the sender's thread may take it for one that was left behind, and remove it.
            if lock(descriptor) and os.fstat(descriptor).st_nlink:
                return path, descriptor
            release(descriptor)

    def _measure(self) -> None:
        """How many bytes may still be written: within the cap and without filling the disk."""
        used = 0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".seg"):
                    with suppress(FileNotFoundError):
                        used += entry.stat().st_size
        room_bytes = self.limits.directory_bytes - used
        if hasattr(os, "statvfs"):
            disk = os.statvfs(self._folder)
            keep = min(self.limits.free_bytes, disk.f_blocks * disk.f_frsize // 20)
            free_bytes = disk.f_bavail * disk.f_frsize - keep
            self._disk_is_short = free_bytes < room_bytes
            room_bytes = min(room_bytes, free_bytes)
        self._room_bytes = room_bytes
        self._reserve_bytes = max(used + room_bytes, 0) // 5

    def _cannot_write(self, error: OSError) -> None:
        if self.unwritable is None:
            import logging  # observe() is to be quick

            logging.getLogger("llmobserve").warning(
                "llmobserve: cannot write to the spool directory %s (%s). Records are kept in memory only and are lost "
                "if this process dies before they are sent. Set LLMOBSERVE_SPOOL_DIR to a directory it may write.",
                self._folder,
                error,
            )
        self.unwritable = str(error)

    def _keep_in_memory(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            limit = self.limits.memory_bytes * 4 // 5 if is_content(payload) else self.limits.memory_bytes
            if self._memory_bytes + len(payload) > limit:
                self.lose("memory_full_content" if is_content(payload) else "memory_full")
                continue
            self.memory.append(payload)
            self._memory_bytes += len(payload)


def _file_bytes(payloads: Sequence[bytes]) -> int:
    return sum(map(len, payloads)) + 8 * len(payloads)


def _path_of(text: str) -> "Path":
    from pathlib import Path  # slow to import, and only the sender's thread needs it

    return Path(text)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
