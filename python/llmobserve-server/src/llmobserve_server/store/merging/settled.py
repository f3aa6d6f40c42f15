"""Merging of what comes in one request, before it is stored: most traces come whole, and are not looked at again."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from llmobserve_server.store.merging.decisions import Known, wanted_of
from llmobserve_server.store.merging.records import FACTS, CallRecords, Times
from llmobserve_server.store.protocol import Key, Row

__all__ = ["settle", "unsettled"]

_SETTLED = "settled"
"""Key of a row, and no column: it was decided about together with the rows of its request."""
_BLANK: Row = dict.fromkeys([*FACTS, "billable", "merged_into", "borrowed"])


def settle(rows: Sequence[dict[str, Any]]) -> None:
    """Decide about the rows of one request, as if nothing else were known, and set what was decided in them.

    Rows of `events` of one project that came by OTLP; other ones are left as they are.
    """
    own = [row for row in rows if row.get("transport") == "otlp"]
    known = Known()
    known.add({**_BLANK, **row} for row in own)
    wanted = wanted_of(known, {row["event_id"] for row in own})
    # Of a span that comes twice in a request the first is stored.
    for row in own:
        row.update(wanted.get((row["project_id"], row["event_id"]), {}))
        row[_SETTLED] = True


def unsettled(
    records: CallRecords, new: Iterable[Row], known: Collection[Key] | None, times: Times
) -> tuple[list[Row], list[Row]]:
    """New rows about which it has to be decided again, and the others.

    Those are the ones that were not settled, that were stored before, and that have a trace or an id in common with
    records of other requests.
    """
    open_rows, settled = list[Row](), list[Row]()
    for row in new:
        is_settled = known is not None and _SETTLED in row and (row["project_id"], row["event_id"]) not in known
        (settled if is_settled else open_rows).append(row)
    dirty = {column: _shared(records, settled, column, times) for column in ("trace_id", "call_key")}
    clean: list[Row] = []
    for row in settled:
        is_dirty = any((row["project_id"], row[column]) in dirty[column] for column in dirty)
        (open_rows if is_dirty else clean).append(row)
    return open_rows, clean


def _shared(
    records: CallRecords, settled: Sequence[Row], column: Literal["trace_id", "call_key"], times: Times
) -> set[Key]:
    """Traces or keys of settled rows that rows of other requests have as well."""
    own: Counter[tuple[Key, datetime]] = Counter()
    for row in settled:
        if row.get(column):
            own[(row["project_id"], row[column]), row["received_at"]] += 1
    if not own:
        return set()
    stored = records.counts(column, {pair for pair, _ in own}, times)
    return {pair for (pair, _), count in own.items() if stored.get(pair) != count}
