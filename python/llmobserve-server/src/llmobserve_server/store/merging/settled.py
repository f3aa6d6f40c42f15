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
        (settled if is_settled and not _names_request_only(row) else open_rows).append(row)
    if not settled:
        return open_rows, []
    traces, keys = (_shared(records, settled, column, times) for column in _COLUMNS)
    clean: list[Row] = []
    for row in settled:
        project_id = row["project_id"]
        found = [(project_id, row["trace_id"]) in traces, *((project_id, key) in keys for key in _keys(row))]
        (open_rows if any(found) else clean).append(row)
    return open_rows, clean


_COLUMNS: tuple[Literal["trace_id"], Literal["call_key"]] = ("trace_id", "call_key")


def _names_request_only(row: Row) -> bool:
    """What has the same request is then not found by a key alone."""
    return bool(row.get("request_id")) and not row.get("response_id")


def _keys(row: Row) -> list[str]:
    """The record's own key, and the one under which others are that know the request only."""
    request_id = row.get("request_id")
    return [key for key in (row.get("call_key"), f"{row['provider']}:{request_id}" if request_id else None) if key]


def _shared(
    records: CallRecords, settled: Sequence[Row], column: Literal["trace_id", "call_key"], times: Times
) -> set[Key]:
    """Traces or keys of settled rows that rows of other requests have as well."""
    own: Counter[tuple[Key, datetime]] = Counter()
    asked: set[Key] = set()
    for row in settled:
        if value := row.get(column):
            own[(row["project_id"], value), row["received_at"]] += 1
        if column == "call_key":
            asked.update((row["project_id"], key) for key in _keys(row))
    whole = {pair: count for (pair, _), count in own.items()}
    stored = records.counts(column, whole.keys() | asked, times)
    return {pair for (pair, _), count in own.items() if stored.get(pair) != count} | {
        pair for pair in asked - whole.keys() if stored.get(pair)
    }
