"""One re-pricing from its beginning or from where it was stopped: read, price, compare, replace, chunk by chunk."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from llmobserve.wire import CallEvent, Cost
from llmobserve_server.errors import StoreError
from llmobserve_server.ingest.money import add_cost
from llmobserve_server.jobs.reprice.calls import ChunkReader, Cursor
from llmobserve_server.jobs.reprice.log import RepriceLog
from llmobserve_server.query.reprice_report import Differences
from llmobserve_server.query.stored_call import call_of
from llmobserve_server.store.protocol import Row

__all__ = ["CHUNK_CALLS", "Progress", "Stopped", "run_repricing"]

CHUNK_CALLS = 1000
_TRIES = 5
_BETWEEN_TRIES_S = 2.0
_BEFORE_ANOTHER_LOOK_S = 0.05
_US = timedelta(microseconds=1)
_FIGURES = ("cost_usd", "cost_state", "priced_model", "model", "table_usd")
_LINE = ("unit", "quantity", "rate_usd", "per", "usd", "price_id")
"""What makes a receipt's line another one; its words do not."""

_decode_lines = msgspec.json.Decoder(list[dict[str, Any]]).decode

T = TypeVar("T")


class Stopped(Exception):
    """The process ends: what is not done is left for the next start."""


@dataclass(slots=True)
class Progress:
    """How far a re-pricing is. Written by one thread, read by others."""

    found: int = 0
    done: int = 0
    differences: Differences = field(default_factory=Differences)


def run_repricing(
    reader: ChunkReader,
    price: Callable[[CallEvent], Cost],
    progress: Progress,
    log: RepriceLog | None,
    *,
    stopping: threading.Event,
    idle_share: float,
) -> Differences:
    """Price all calls of `reader` again, from behind the cursor of `log` on.

    Args:
        reader: gives the calls.
        price: gives the cost of one call.
        progress: is kept up to date; holds what was done before where the job goes on.
        log: applies the new costs; `None` for a dry run.
        stopping: set when the process ends.
        idle_share: rest after each chunk, as a part of the time that it took, so that ingest and questions have room.

    Returns:
        What was seen since the last entry of the log.

    Raises:
        Stopped: `stopping` was set.
        StoreError: the store failed again and again.
    """
    unlogged = Differences()
    found = reader.find()
    if found.first is None or found.last is None:
        return unlogged
    after = None if log is None else log.cursor
    start, until = found.first if after is None else max(found.first, after.start_time), found.last + _US
    while start < until:
        began = time.perf_counter()
        rows, following = _patiently(stopping, reader.read, after, start, until)
        if rows:
            differences, changes = _price(rows, price)
            behind = Cursor(rows[-1]["start_time"], rows[-1]["event_id"])
            seen = unlogged.with_also(differences)
            if log is not None and changes:
                if not _patiently(stopping, log.replace, behind, seen, changes):
                    # One of the calls was sent anew in the meantime: read them again.
                    if stopping.wait(_BEFORE_ANOTHER_LOOK_S):
                        raise Stopped
                    continue
                seen = Differences()
            unlogged = seen
            after = behind
            progress.differences.add(differences)
            progress.done += len(rows)
        start = following if following is not None else rows[-1]["start_time"]
        if stopping.wait((time.perf_counter() - began) * idle_share):
            raise Stopped
    return unlogged


def _price(rows: Sequence[Row], price: Callable[[CallEvent], Cost]) -> tuple[Differences, list[Row]]:
    """The differences of a chunk, and the rows whose cost is another."""
    differences = Differences()
    changes: list[Row] = []
    for row in rows:
        new: dict[str, Any] = {name: row[name] for name in ("request_model", "response_model")}
        add_cost(new, price(call_of(row)))
        changed = _is_other(row, new)
        key = (row["provider"] or "", row["model"] or "", f"{row['start_time']:%Y-%m}")
        old = (row["cost_state"] or "unpriced", row["cost_usd"])
        differences.count(key, old, (new["cost_state"], new["cost_usd"]), changed=changed)
        if changed:
            changes.append({**new, **{name: row[name] for name in ("event_id", "start_time", "revision")}})
    return differences, changes


def _is_other(old: Row, new: Row) -> bool:
    if any(old[name] != new[name] for name in _FIGURES):
        return True
    lines = new["cost_lines"]
    return _figures(old["cost_lines"] or ()) != _figures(() if lines is None else _decode_lines(lines))


def _figures(lines: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in _LINE) for line in lines]


def _patiently(stopping: threading.Event, work: Callable[..., T], *arguments: object) -> T:
    """The result of `work`, tried again where the store fails. Raises Stopped, StoreError."""
    for attempt in range(_TRIES):
        try:
            return work(*arguments)
        except StoreError:
            if attempt == _TRIES - 1:
                raise
        if stopping.wait(_BETWEEN_TRIES_S):
            raise Stopped
    raise AssertionError("the last try returns or raises")
