"""Usage of a stream on a later record of the same scope.

Logfire ends a span when the stream begins. How long it took and what it consumed is said by a span of its own, which is
in another trace where nothing encloses the two.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from llmobserve_server.store.merging.facts import AGGREGATE, CARRIER, TRACED, Call

__all__ = ["STREAM_APART", "carrier_pairs", "is_part_of_stream"]

STREAM_APART = timedelta(minutes=5)
"""A record that brings the usage starts at most so long after the end of the one before the stream."""
_GAP = timedelta(seconds=5)
"""The same, where it says when the stream began."""

_Pair = tuple[bool, timedelta, str, str, Call, Call]


def is_part_of_stream(call: Call) -> bool:
    """Whether a call brings the usage of another one, or is one whose usage may come later."""
    if CARRIER in call.flags:
        return True
    is_open = not (call.row.get("units") or call.is_failed or call.response_key or AGGREGATE in call.flags)
    return call.vantage == TRACED and is_open


def carrier_pairs(calls: Iterable[Call], touched: set[str]) -> list[tuple[Call, Call]]:
    """Calls and what brings their usage: those that follow each other most closely first, each once.

    Event ids of all that may have to do with one of `touched` are added to it.
    """
    lots: defaultdict[tuple[str, ...], list[Call]] = defaultdict(list)
    for call in calls:
        if is_part_of_stream(call):
            row = call.row
            lots[row["project_id"], call.source, row["kind"], row["request_model"], row["service"]].append(call)
    pairs: list[tuple[Call, Call]] = []
    for lot in lots.values():
        candidates = _candidates(lot)
        _spread(candidates, touched)
        taken: set[str] = set()
        for *_, call, carrier in sorted(candidates, key=lambda pair: pair[:4]):
            if not taken & {call.event_id, carrier.event_id}:
                taken |= {call.event_id, carrier.event_id}
                pairs.append((call, carrier))
    return pairs


def _candidates(lot: Sequence[Call]) -> list[_Pair]:
    carriers = [call for call in lot if CARRIER in call.flags]
    begun = [call for call in lot if CARRIER not in call.flags] if carriers else []
    return [
        (not _are_siblings(call, carrier), gap, call.event_id, carrier.event_id, call, carrier)
        for carrier in carriers
        for call in begun
        if call.start <= carrier.end and (gap := abs(carrier.start - call.end)) <= _most(carrier)
    ]


def _most(carrier: Call) -> timedelta:
    return _GAP if carrier.end > carrier.start else STREAM_APART


def _are_siblings(one: Call, other: Call) -> bool:
    return all(one.row[name] == other.row[name] for name in ("trace_id", "parent_span_id"))


def _spread(candidates: Sequence[_Pair], touched: set[str]) -> None:
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for *_, call, carrier in candidates:
        beside[call.event_id].append(carrier.event_id)
        beside[carrier.event_id].append(call.event_id)
    way = [event_id for event_id in beside if event_id in touched]
    while way:
        further = [other for other in beside[way.pop()] if other not in touched]
        touched.update(further)
        way += further
