"""One charge for each provider call that new records tell of, and their context, in the transaction that wrote them."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from llmobserve_server.store.blocks import values_of
from llmobserve_server.store.merging.charges import NEAR
from llmobserve_server.store.merging.decisions import wanted_of
from llmobserve_server.store.merging.facts import OTLP
from llmobserve_server.store.merging.gather import Gathered, times_of
from llmobserve_server.store.merging.records import READ, CallRecords
from llmobserve_server.store.merging.settled import unsettled
from llmobserve_server.store.protocol import Key, Row

__all__ = ["merge_records"]

_NEEDED = frozenset(READ)
_NOTHING = dict.fromkeys(READ)


def merge_records(
    records: CallRecords, new: Sequence[Row], stale: Collection[Key] = (), known: Collection[Key] | None = None
) -> dict[Key, str | None]:
    """Leave one charge to each provider call that `new` records tell of, and give them the context of their traces.

    Args:
        records: the table, in the open transaction that has written the new rows.
        new: rows of `events` of the batch, as they were to be written, with the columns `FACTS` (absent is NULL);
            where something was stored before, that counts.
        stale: (project_id, call_key) that stored calls had before a revision in this batch gave them another.
        known: (project_id, event_id) of those of the rows that were stored before; `None`: nobody knows, which costs
            reading all of them again.

    Returns:
        Calls about whose charge it was decided otherwise than their rows say, with the record that is charged in their
        place, or `None` for those that are charged themselves again.
    """
    if not new or not (stale or _concerns_others(records, new)):
        return {}
    by_project: defaultdict[str, list[Row]] = defaultdict(list)
    for row in new:
        by_project[row["project_id"]].append(row if row.keys() >= _NEEDED else {**_NOTHING, **row})
    changed: dict[Key, str | None] = {}
    for project_id, rows in by_project.items():
        changed.update(_merge(records, rows, [key for key in stale if key[0] == project_id], known))
    return changed


def _merge(
    records: CallRecords, new: Sequence[Row], stale: Collection[Key], known: Collection[Key] | None
) -> dict[Key, str | None]:
    first, last = times_of(new)
    near = first - NEAR, last + NEAR
    if not (stale or any(map(_is_other, new)) or records.any_others(near)):
        return {}
    open_rows, settled = unsettled(records, new, known, near)
    gathered = Gathered(records)
    gathered.follow(open_rows, stale)
    gathered.follow_streams(settled)
    touched = {event_id for _, event_id in gathered.rows} | {row["event_id"] for row in new}
    gathered.follow_near(new)
    stored = gathered.rows
    wanted = wanted_of(gathered, touched) if stored else {}
    places = ("project_id", "event_id", "start_time")
    records.change([{**{name: stored[key][name] for name in places}, **row} for key, row in wanted.items()])
    return {key: row["merged_into"] for key, row in wanted.items() if row["merged_into"] != stored[key]["merged_into"]}


def _concerns_others(records: CallRecords, new: Sequence[Row]) -> bool:
    """Whether anybody but the SDK told of the new rows, or of what happened near them; looks at few columns only."""
    told = zip(values_of(new, "type"), values_of(new, "transport"), values_of(new, "is_exchange"), strict=True)
    if any(transport == OTLP or (kind == "call" and is_exchange is False) for kind, transport, is_exchange in told):
        return True
    starts = values_of(new, "start_time")
    return records.any_others((min(starts) - NEAR, max(starts) + NEAR))


def _is_other(row: Row) -> bool:
    """A record that is not one of the SDK's own."""
    return row.get("transport") == OTLP or (row["type"] == "call" and row["is_exchange"] is False)
