"""The spool directory as a whole: segments of processes that are gone, notes of processes, and what has expired."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from llmobserve.spool.dead_letters import dead_files
from llmobserve.spool.segment import Owner, adoptable, claim, read_segment, release
from llmobserve.wire import now_us

__all__ = ["SpoolState", "expire", "orphans", "put_status", "remove_status", "spool_state", "statuses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolState:
    """What lies in a spool directory."""

    segments: int
    bytes: int
    orphans: int
    oldest_age_s: float | None
    """Age of the oldest segment; `None` when there is none."""
    dead_files: int
    dead_bytes: int
    writable: bool


def _seconds() -> float:
    return now_us() / 1_000_000


def _segments(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.suffix == ".seg")
    except OSError:
        return []


def orphans(directory: Path, besides: Path | None = None) -> list[Path]:
    """Segments whose owner is gone, and own ones besides the active one; oldest first."""
    own = Owner.this_process()
    now_s = _seconds()
    found: list[tuple[float, Path]] = []
    for path in _segments(directory):
        if path != besides and (Owner.of_name(path.name) == own or adoptable(path, now_s)):
            try:
                found.append((path.stat().st_mtime, path))
            except OSError:
                continue
    return [path for _, path in sorted(found)]


def expire(directory: Path, age_s: float) -> dict[str, int]:
    """Remove segments and dead letters older than `age_s`; return what was given up with segments, by reason.

    Dead letters were counted when they were put there.
    """
    limit = _seconds() - age_s
    lost: Counter[str] = Counter()
    for path in [*_segments(directory), *dead_files(directory), *_files(directory / "status", "*")]:
        try:
            if path.stat().st_mtime >= limit:
                continue
            if path.suffix == ".seg":
                descriptor = claim(path)
                if descriptor is None:
                    continue
                try:
                    segment = read_segment(path.name, path.read_bytes())
                    path.unlink()
                finally:
                    release(descriptor)
                lost.update({"expired": len(segment.records), "torn": segment.torn}, **segment.dropped)
            else:
                path.unlink()
        except OSError:
            continue
    return {reason: number for reason, number in lost.items() if number}


def put_status(directory: Path, status: Mapping[str, Any]) -> None:
    """Leave a note on how this process fares, for `llmobserve doctor` in another process. Best effort."""
    own = Owner.this_process()
    folder = directory / "status"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f"{own.pid}-{own.start}.tmp"
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            json.dump(status, file)
        draft.replace(draft.with_suffix(".json"))
    except OSError:
        return


def remove_status(directory: Path) -> None:
    """Take the note away: the process ends with nothing to tell."""
    own = Owner.this_process()
    with suppress(OSError):
        (directory / "status" / f"{own.pid}-{own.start}.json").unlink(missing_ok=True)


def statuses(directory: Path) -> list[dict[str, Any]]:
    """Notes of all processes; `alive` in each says whether it still runs (`None` = cannot be told)."""
    notes: list[dict[str, Any]] = []
    for path in _files(directory / "status", "*.json"):
        owner = Owner.of_name(path.name)
        try:
            note = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if owner is not None and isinstance(note, dict):
            notes.append({**cast("dict[str, Any]", note), "pid": owner.pid, "alive": owner.alive()})
    return notes


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def spool_state(directory: Path) -> SpoolState:
    """Look at a spool directory without changing it. A directory that does not exist counts as empty."""
    sizes = list(_stat(_segments(directory), lambda path: path.stat().st_size))
    times = list(_stat(_segments(directory), lambda path: path.stat().st_mtime))
    dead = list(_stat(dead_files(directory), lambda path: path.stat().st_size))
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    return SpoolState(
        segments=len(sizes),
        bytes=int(sum(sizes)),
        orphans=len(orphans(directory)),
        oldest_age_s=max(_seconds() - min(times), 0.0) if times else None,
        dead_files=len(dead),
        dead_bytes=int(sum(dead)),
        writable=os.access(existing, os.W_OK | os.X_OK) and existing.is_dir(),
    )


def _stat(paths: Iterable[Path], read: Callable[[Path], float]) -> Iterable[float]:
    for path in paths:
        try:
            yield read(path)
        except OSError:
            continue
