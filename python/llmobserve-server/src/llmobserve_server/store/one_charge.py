"""Which of several records of one provider call is charged: decided from all of them, in whatever order they came.

What an SDK saw on the wire is a call of its own, whatever its ids say: two such records are never one call. A gateway's
record, or one that the application made by hand, tells of the nearest call with the same key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from llmobserve_server.store.protocol import Row

__all__ = ["BORROWED", "MOST_RECORDS", "NEAR", "READ", "Charge", "charges_of"]

NEAR = timedelta(days=7)
"""Records of one call start at most this far apart: as long as a sender's spool keeps them."""
MOST_RECORDS = 256
"""A key that more records near each other have is no key of a call: somebody gives out the same id again and again."""
BORROWED = (("run_id", "run_name"), ("session_id",), ("user_id",), ("customer_id",), ("section_path", "agent"))
"""Columns that a charged record without the first of a group takes from the others, so that its cost is found there."""
READ = (
    *("event_id", "start_time", "model", "transport", "is_exchange", "usage_source", "usage_flags", "units"),
    *("billable", "merged_into", "borrowed"),
    *(name for group in BORROWED for name in group),
)
"""Columns of `events` that a decision needs."""
_STATED = {"response": 0, "header": 0, "request": 1, "application": 2, "estimated": 4}
_PARTIAL, _UNKNOWN = 3, 5


@dataclass(frozen=True, slots=True)
class Charge:
    """What becomes of one record."""

    event_id: str
    merged_into: str | None
    """The record that is charged in its place; `None` when it is charged itself."""
    context: dict[str, str | None]
    """All columns of `BORROWED` as they are to be."""
    borrowed: list[str]
    """Those of them that are another record's."""


@dataclass(slots=True)
class _Call:
    """One provider call and the records that tell of it."""

    first: Row
    rows: list[Row] = field(default_factory=list[Row])
    has_gateway: bool = False

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.has_gateway = self.has_gateway or row["transport"] == "gateway"


def charges_of(rows: Sequence[Row]) -> list[Charge]:
    """What becomes of each of the records that have one key: all of them, or all within `NEAR` of each other.

    `rows` have the columns `READ` as they are stored.
    """
    ordered = sorted(rows, key=lambda row: (row["start_time"], row["event_id"]))
    if len(ordered) > MOST_RECORDS:
        return [_alone(row) for row in ordered]
    return [charge for call in _calls(ordered) for charge in _charges(call)]


def _calls(ordered: Sequence[Row]) -> list[_Call]:
    calls: list[_Call] = []
    for row in sorted(ordered, key=_vantage):
        vantage = _vantage(row)
        near = [call for call in calls if abs(call.first["start_time"] - row["start_time"]) <= NEAR]
        if vantage == _GATEWAY:
            near = [call for call in near if not call.has_gateway]
        if vantage == _EXCHANGE or not near:
            calls.append(_Call(row))
            calls[-1].add(row)
        else:
            _nearest(near, row).add(row)
    return calls


_EXCHANGE, _GATEWAY, _TOLD = range(3)


def _vantage(row: Row) -> int:
    if row["is_exchange"]:
        return _EXCHANGE
    return _GATEWAY if row["transport"] == "gateway" else _TOLD


def _nearest(calls: Iterable[_Call], row: Row) -> _Call:
    def distance(call: _Call) -> tuple[bool, timedelta, datetime, str]:
        first = call.first
        apart = abs(first["start_time"] - row["start_time"])
        return (first["model"] != row["model"], apart, first["start_time"], first["event_id"])

    return min(calls, key=distance)


def _charges(call: _Call) -> Iterable[Charge]:
    first, *others = sorted(call.rows, key=_rank)
    context, borrowed = _own(first), list[str]()
    for group in BORROWED:
        if context[group[0]] is None:
            lender = next((own for own in map(_own, others) if own[group[0]] is not None), None)
            if lender is not None:
                context.update((name, lender[name]) for name in group)
                borrowed += group
    yield Charge(first["event_id"], None, context, borrowed)
    for row in others:
        yield Charge(row["event_id"], first["event_id"], _own(row), [])


def _rank(row: Row) -> tuple[int, int, int, datetime, str]:
    """Smallest for the record that is charged: the best known usage, then who saw most of the call, then the first."""
    stated = _STATED.get(row["usage_source"] or "", _UNKNOWN)
    if stated == 0 and "partial" in (row["usage_flags"] or ()):
        stated = _PARTIAL
    return stated, _vantage(row), -len(row["units"] or ()), row["start_time"], row["event_id"]


def _own(row: Row) -> dict[str, str | None]:
    """The record's own context, without what it has borrowed before."""
    borrowed: Sequence[Any] = row["borrowed"] or ()
    return {name: None if name in borrowed else row[name] for group in BORROWED for name in group}


def _alone(row: Row) -> Charge:
    return Charge(row["event_id"], None, _own(row), [])
