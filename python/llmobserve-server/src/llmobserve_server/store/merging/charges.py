"""Which of the records of one call is charged, and what it takes from the others.

What an SDK saw on the wire is a call of its own, whatever its ids say: two such records are never one call. Other
records tell of the nearest call with an id in common.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from llmobserve_server.store.merging.facts import EXCHANGE, GATEWAY, TRACED, Call
from llmobserve_server.store.merging.groups import Group
from llmobserve_server.store.merging.records import BORROWED

__all__ = ["MOST_RECORDS", "NEAR", "Decision", "decide"]

NEAR = timedelta(hours=24)
"""Records of one call start at most this far apart: clocks differ by minutes, what is told by hand by hours."""
MOST_RECORDS = 256
"""A key that more records near each other have is no key of a call: somebody gives out the same id again and again."""
_STATED = {"response": 0, "header": 0, "request": 1, "application": 2, "estimated": 4}
_PARTIAL, _UNKNOWN = 3, 5
_OWN_SCOPES = ("com.anthropic.sdk",)
"""Beginnings of the scopes of spans that a provider's own SDK makes."""
_RUN = ("run_id", "run_name")
_OF_OUTCOME = (("error_type", "error_message"), ("http_status",))
"""Taken from records with the same outcome only: what failed around a call that was answered is not its error."""


@dataclass(slots=True, eq=False)
class Decision:
    """What becomes of one record of a call."""

    call: Call
    call_key: str | None
    merged_into: str | None
    """The record that is charged in its place; `None` when it is charged itself."""
    values: dict[str, Any]
    """All columns of `BORROWED` as they are to be."""
    is_by_time: bool = False
    """Nothing but the time joins it with the one that is charged."""


@dataclass(slots=True, eq=False)
class _Call:
    """One provider call and the records that tell of it."""

    first: Call
    records: list[Call] = field(default_factory=list[Call])
    has_gateway: bool = False

    def add(self, record: Call) -> None:
        self.records.append(record)
        self.has_gateway = self.has_gateway or record.vantage == GATEWAY


def decide(group: Group, contexts: Mapping[str, dict[str, Any]], bare: frozenset[str]) -> Iterable[Decision]:
    """What becomes of each record of a group.

    Args:
        group: all records that may be of one call.
        contexts: by event id the columns of `BORROWED` without what records take from each other.
        bare: event ids of records whose trace has nothing but records of this group.
    """
    ordered = sorted(group.calls, key=lambda call: (call.start, call.event_id))
    if len(ordered) > MOST_RECORDS:
        for call in ordered:
            yield Decision(call, _own_key(call), None, contexts[call.event_id])
        return
    for each in _calls(ordered):
        yield from _charges(each, group.by_time, contexts, bare)


def _calls(ordered: Sequence[Call]) -> list[_Call]:
    calls: list[_Call] = []
    for record in sorted(ordered, key=lambda call: call.vantage):
        near = [call for call in calls if abs(call.first.start - record.start) <= NEAR]
        if record.vantage == GATEWAY:
            near = [call for call in near if not call.has_gateway]
        if record.vantage == EXCHANGE or not near:
            calls.append(_Call(record))
            calls[-1].add(record)
        else:
            _nearest(near, record).add(record)
    return calls


def _nearest(calls: Iterable[_Call], record: Call) -> _Call:
    def distance(call: _Call) -> tuple[bool, bool, timedelta, datetime, str]:
        first = call.first
        is_other = record.response_key is not None and record.response_key != first.response_key
        is_other_model = bool(first.models and record.models) and not first.models & record.models
        return is_other, is_other_model, abs(first.start - record.start), first.start, first.event_id

    return min(calls, key=distance)


def _charges(
    call: _Call, by_time: set[str], contexts: Mapping[str, dict[str, Any]], bare: frozenset[str]
) -> Iterable[Decision]:
    first, *others = sorted(call.records, key=_rank)
    key = _key(call.records)
    values = _move(first, others, contexts, bare)
    for group in BORROWED:
        if values[group[0]] is None:
            lenders = (other for other in others if group not in _OF_OUTCOME or other.is_failed == first.is_failed)
            lender = next((own for own in _each(lenders, contexts) if own[group[0]] is not None), None)
            if lender is not None:
                values.update({name: lender[name] for name in group})
    yield Decision(first, _own_key(first) or key, None, values)
    # Whichever part of the records is charged, the other part is the one that was guessed to belong to it.
    is_guess = first.event_id in by_time
    for other in others:
        moved = {**contexts[other.event_id]}
        if other.event_id in bare:
            moved.update({name: values[name] for name in _RUN})
        guessed = (other.event_id in by_time) != is_guess
        yield Decision(other, _own_key(other) or key, first.event_id, moved, guessed)


def _move(
    first: Call, others: Sequence[Call], contexts: Mapping[str, dict[str, Any]], bare: frozenset[str]
) -> dict[str, Any]:
    """The charged record's own values; where it stands alone in its trace, in the run of one that does not."""
    values = {**contexts[first.event_id]}
    if first.event_id in bare:
        lender = next((other for other in others if other.event_id not in bare and _run(other, contexts)), None)
        if lender is not None:
            values.update({name: contexts[lender.event_id][name] for name in _RUN})
    return values


def _run(call: Call, contexts: Mapping[str, dict[str, Any]]) -> Any:
    return contexts[call.event_id]["run_id"]


def _each(others: Iterable[Call], contexts: Mapping[str, dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return (contexts[other.event_id] for other in others)


def _own_key(call: Call) -> str | None:
    return call.response_key or call.request_key


def _key(records: Sequence[Call]) -> str | None:
    """The key that records get which have none; where all have none it is made of the id of the first."""
    keys = [call.response_key for call in records if call.response_key] or [
        call.request_key for call in records if call.request_key
    ]
    if keys:
        return min(keys)
    return f"linked:{min(call.event_id for call in records)}" if len(records) > 1 else None


def _rank(call: Call) -> tuple[Any, ...]:
    """Smallest for the record that is charged: the best known usage, then who saw most of the call, then the first."""
    row = call.row
    stated = _STATED.get(row["usage_source"] or "", _UNKNOWN)
    if stated == 0 and "partial" in call.flags:
        stated = _PARTIAL
    if not row["units"] and call.vantage == TRACED:
        stated = _UNKNOWN
    is_sdk = (row["sdk"] or "").startswith(_OWN_SCOPES)
    return (
        stated,
        call.is_failed,
        call.spans_several,
        call.vantage,
        not is_sdk,
        -len(row["units"] or ()),
        -call.depth,
        call.start,
        call.event_id,
    )
