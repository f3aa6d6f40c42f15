"""All records that a decision about new ones may depend on: their traces, what has their ids, what is near in time."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from llmobserve_server.store.merging.carriers import STREAM_APART, is_part_of_stream
from llmobserve_server.store.merging.charges import NEAR
from llmobserve_server.store.merging.decisions import Known
from llmobserve_server.store.merging.facts import AGGREGATE, TOLD, TRACED, Call, call_of
from llmobserve_server.store.merging.groups import SLACK, START_APART
from llmobserve_server.store.merging.records import CallRecords, Times
from llmobserve_server.store.protocol import Key, Row

__all__ = ["Gathered", "times_of"]

_MOST_ROUNDS = 8
"""Each round follows what was found before; more than three are hardly ever needed."""
_MARGIN = timedelta(hours=1)
"""Asked for at once beyond what is needed, so that a record found a little earlier is no reason to ask again."""


class Gathered(Known):
    """Records that one transaction is concerned with, read step by step."""

    def __init__(self, records: CallRecords) -> None:
        super().__init__()
        self._records = records
        self._asked: Times | None = None
        self._keys: set[Key] = set()
        self._asked_keys: set[Key] = set()
        self._asked_traces: set[Key] = set()
        self._asked_requests: set[tuple[str, str, str]] = set()

    def follow(self, rows: Iterable[Row], keys: Collection[Key] = ()) -> None:
        """Read what belongs to the traces and ids of these rows, to `keys`, and to all that is found on the way.

        The rows need not be as they are stored: they are kept only where they are found again.
        """
        self._keys.update(keys)
        found = list(rows)
        for _ in range(_MOST_ROUNDS):
            if not found:
                return
            found = self._next(found)

    def _next(self, found: Sequence[Row]) -> list[Row]:
        times = self._times(found)
        traces = {(row["project_id"], row["trace_id"]) for row in found if row.get("trace_id")} - self._asked_traces
        self._asked_traces |= traces
        fresh = self.add(self._records.of_traces(traces, times))
        for row in (*found, *fresh):
            if row["type"] == "call":
                self._keys.update(_keys_of(row))
        fresh += self.add(self._records.sharing(self._keys - self._asked_keys, times))
        self._asked_keys |= self._keys
        requests = {each for row in (*found, *fresh) for each in _requests_of(row)} - self._asked_requests
        self._asked_requests |= requests
        return fresh + self.add(self._records.of_requests(requests, times))

    def _times(self, found: Sequence[Row]) -> Times:
        first, last = times_of(found)
        first, last = first - NEAR, last + NEAR
        if self._asked is None or first < self._asked[0] or last > self._asked[1]:
            # What is near to what was found may have been out of sight before.
            known = self._asked or (first, last)
            self._asked = min(first, known[0]) - _MARGIN, max(last, known[1]) + _MARGIN
            self._asked_keys.clear()
            self._asked_requests.clear()
        return self._asked

    def follow_streams(self, new: Iterable[Row]) -> None:
        """Read the records of the same scopes that bring the usage of a stream found so far or new, or wait for it."""
        seeds = [*self.calls.values(), *(call_of(row) for row in new if row["type"] == "call")]
        for _ in range(_MOST_ROUNDS):
            known = set(self.calls)
            lots: defaultdict[str | None, list[Call]] = defaultdict(list)
            for seed in filter(is_part_of_stream, seeds):
                lots[seed.row["sdk"]].append(seed)
            for sdk, lot in lots.items():
                first, last = min(seed.start for seed in lot), max(seed.end for seed in lot)
                times = first - STREAM_APART, last + STREAM_APART
                found = self._near([seed.row for seed in lot], times, no_id=True)
                self.follow([row for row in found if row["sdk"] == sdk and is_part_of_stream(call_of(row))])
            seeds = [call for key, call in self.calls.items() if key not in known]
            if not seeds:
                return

    def follow_near(self, new: Iterable[Row]) -> None:
        """Read the calls that only the time may join with new ones, or with what was found so far."""
        seeds = [call.row for call in self.calls.values()]
        seeds += [row for row in new if row["type"] == "call" and _key(row) not in self.calls]
        for _ in range(_MOST_ROUNDS):
            known = set(self.calls)
            plausible = self._plausible(seeds)
            self.follow(plausible)
            self.add(plausible)
            seeds = [call.row for key, call in self.calls.items() if key not in known]
            if not seeds:
                return

    def _plausible(self, seeds: Sequence[Row]) -> list[Row]:
        """Calls of other sources that went on at the time of a seed. One of the two has no id of its answer."""
        lots: defaultdict[tuple[str | None, bool], list[Row]] = defaultdict(list)
        for row in seeds:
            if row.get("transport") != "manual":
                lots[row.get("sdk"), bool(row.get("response_id"))].append(row)
        plausible: list[Row] = []
        for (sdk, has_id), lot in lots.items():
            first, last = times_of(lot)
            found = self._near(lot, (first - START_APART, last + START_APART), no_id=has_id, not_by=sdk)
            if found:
                plausible += _going_on([call for call in map(call_of, lot) if _may_be_guessed(call)], found)
        return plausible

    def _near(self, lot: Sequence[Row], times: Times, *, no_id: bool, not_by: str | None = None) -> Sequence[Row]:
        projects = {row["project_id"] for row in lot}
        providers = {row["provider"] for row in lot if row["provider"]}
        return self._records.near(projects, providers, times, no_id=no_id, not_by=not_by)


def times_of(rows: Iterable[Row]) -> Times:
    """First and last start of at least one row."""
    starts = [row["start_time"] for row in rows]
    return min(starts), max(starts)


def _key(row: Row) -> Key:
    return row["project_id"], row["event_id"]


def _keys_of(row: Row) -> Iterable[Key]:
    """Keys under which other records of the call may be, in any case more than too few."""
    project_id = row["project_id"]
    if (key := row["call_key"]) is not None:
        yield project_id, key
    if request_id := row.get("request_id"):
        yield project_id, f"{row['provider']}:{request_id}"


def _requests_of(row: Row) -> Iterable[tuple[str, str, str]]:
    """The request of a record that does not name the answer."""
    if row["type"] == "call" and not row.get("response_id") and row.get("request_id") and not row["is_exchange"]:
        yield row["project_id"], row["provider"], row["request_id"]


def _may_be_guessed(call: Call) -> bool:
    return AGGREGATE not in call.flags and call.vantage != TOLD


def _going_on(seeds: Sequence[Call], found: Iterable[Row]) -> list[Row]:
    """Those of the calls that overlap with a seed that is not by the same source."""
    by_provider: defaultdict[tuple[str, str], list[Call]] = defaultdict(list)
    for seed in sorted(seeds, key=lambda seed: seed.start):
        by_provider[seed.row["project_id"], seed.row["provider"]].append(seed)
    starts = {provider: [seed.start for seed in lot] for provider, lot in by_provider.items()}
    plausible: list[Row] = []
    for row in found:
        call = call_of(row)
        provider = row["project_id"], row["provider"]
        if provider in starts and _may_be_guessed(call):
            first = bisect_left(starts[provider], call.start - START_APART)
            last = bisect_right(starts[provider], min(call.end + SLACK, call.start + START_APART))
            if any(_overlaps(seed, call) for seed in reversed(by_provider[provider][first:last])):
                plausible.append(row)
    return plausible


def _overlaps(seed: Call, call: Call) -> bool:
    return seed.end >= call.start - SLACK and seed.source != call.source and TRACED in {seed.vantage, call.vantage}
