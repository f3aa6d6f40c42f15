"""Records that the collector will not take: kept with the reason, to be read, sent again or dropped by hand."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

__all__ = ["Letter", "dead_files", "put_dead", "read_dead"]

_MOST_BYTES = 32 * 1024 * 1024
"""Of all dead letters of a spool directory."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One refused record."""

    reason: str
    """What the collector said."""
    record: dict[str, Any]
    """In wire form."""
    source: Mapping[str, Any]
    """The process that made it, in wire form; empty where that is not known."""


def put_dead(
    directory: Path, batch_id: str, records: Iterable[tuple[str, bytes]], source: Mapping[str, Any] | None = None
) -> bool:
    """Keep records, each with the reason, one JSON object a line, in `dead/<batch_id>.jsonl`.

    False when that is not possible (no room within 32 MB, or the directory cannot be written).
    """
    lines = [
        json.dumps({"reason": reason, "source": source or {}, "record": json.loads(record)}) + "\n"
        for reason, record in records
    ]
    folder = directory / "dead"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sum(path.stat().st_size for path in dead_files(directory)) + sum(map(len, lines)) > _MOST_BYTES:
            return False
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
        with os.fdopen(os.open(folder / f"{batch_id}.jsonl", flags, 0o600), "a", encoding="utf-8") as file:
            file.writelines(lines)
    except OSError:
        return False
    return True


def dead_files(directory: Path) -> list[Path]:
    """Files with dead letters, by name. Empty where there are none."""
    try:
        return sorted((directory / "dead").glob("*.jsonl"))
    except OSError:
        return []


def read_dead(path: Path) -> Sequence[Letter]:
    """The letters of a file, in the order in which they were refused; lines that are damaged are left out.

    Raises OSError when the file cannot be read.
    """
    letters: list[Letter] = []
    for line in path.read_text("utf-8").splitlines():
        try:
            entry = cast("dict[str, Any]", json.loads(line))
            letters.append(Letter(str(entry["reason"]), dict(entry["record"]), dict(entry.get("source") or {})))
        except (ValueError, TypeError, KeyError):
            continue
    return letters
