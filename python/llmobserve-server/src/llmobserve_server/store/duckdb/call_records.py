"""What merging reads and changes, in the open transaction of the one writer of a DuckDB file."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import duckdb
import msgspec

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.merging.records import CHANGED, READ, Requests, Times
from llmobserve_server.store.protocol import Key, Row

__all__ = ["DuckDBCallRecords", "stale_keys"]

_JSON = tuple(READ.index(name) for name in ("borrowed", "usage_flags", "units"))
_IN_TIME = "start_time BETWEEN $first AND $last"
_SELECT = f"SELECT {', '.join(READ)} FROM events WHERE {_IN_TIME}"
# A list is unnested into a join: a long IN over a parameter is compared one by one.
_AMONG = "{name} IN (SELECT unnest($values)) AND project_id IN (SELECT unnest($projects))"
# One look at the statistics of the blocks tells, where there are none.
_ANY = f"SELECT 1 FROM events WHERE NOT is_exchange AND {_IN_TIME} LIMIT 1"
_OTLP_TRACES = (
    "SELECT DISTINCT project_id, trace_id FROM events "
    f"WHERE transport = 'otlp' AND {_IN_TIME} AND {_AMONG.format(name='trace_id')}"
)
_OTHER_KEYS = (
    "SELECT DISTINCT project_id, call_key FROM events "
    f"WHERE (NOT is_exchange OR merged_into IS NOT NULL OR borrowed IS NOT NULL) AND {_IN_TIME} "
    f"AND {_AMONG.format(name='call_key')}"
)
_COUNTS = (
    f"SELECT project_id, {{name}}, count(*) FROM events WHERE {_IN_TIME} AND {_AMONG} GROUP BY project_id, {{name}}"
)
_CHANGE = f"""
    UPDATE events SET {", ".join(f"{name} = new.{name}" for name in CHANGED)} FROM incoming_changes AS new
    WHERE events.project_id = new.project_id AND events.event_id = new.event_id AND events.{_IN_TIME}
"""

_STALE = """
    SELECT old.project_id, old.call_key FROM events AS old JOIN incoming_events AS new
    ON old.project_id = new.project_id AND old.event_id = new.event_id
    WHERE old.call_key <> new.call_key
"""


def stale_keys(connection: duckdb.DuckDBPyConnection) -> list[Key]:
    """Keys that stored calls lose by `incoming_events`. To be asked before they are replaced."""
    return connection.execute(_STALE).fetchall()


class DuckDBCallRecords:
    """See `CallRecords`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def any_others(self, times: Times) -> bool:
        """Whether there is a call that no SDK has seen on the wire."""
        return self._connection.execute(_ANY, _bounds(times)).fetchone() is not None

    def of_traces(self, traces: Collection[Key], times: Times) -> Sequence[Row]:
        """All calls and spans of those of the traces that have a record with the transport `otlp`."""
        found = self._keys(_OTLP_TRACES, traces, times)
        return self._rows("trace_id", found & set(traces), times)

    def counts(
        self, column: Literal["trace_id", "call_key"], pairs: Collection[Key], times: Times
    ) -> Mapping[Key, int]:
        """How many records have each of the pairs."""
        if not pairs:
            return {}
        found = self._connection.execute(_COUNTS.format(name=column), _listed(pairs, times)).fetchall()
        return {(project, value): count for project, value, count in found}

    def sharing(self, keys: Collection[Key], times: Times) -> Sequence[Row]:
        """All records of those of the keys of which a decision may be needed."""
        found = self._keys(_OTHER_KEYS, keys, times)
        return self._rows("call_key", found & set(keys), times)

    def of_requests(self, requests: Requests, times: Times) -> Sequence[Row]:
        """All records with one of these request ids of a provider that have a `response_id` as well."""
        wanted = set(requests)
        rows = self._rows("request_id", {(project, request) for project, _, request in wanted}, times)
        return [
            row
            for row in rows
            if row["response_id"] and (row["project_id"], row["provider"], row["request_id"]) in wanted
        ]

    def near(
        self, projects: Collection[str], providers: Collection[str], times: Times, *, no_id: bool, not_by: str | None
    ) -> Sequence[Row]:
        """Calls to these providers in a short time."""
        sql = f"{_SELECT} AND type = 'call' AND {_AMONG.format(name='provider')}"
        values: dict[str, Any] = {**_bounds(times), "values": list(providers), "projects": list(projects)}
        if no_id:
            sql += " AND response_id IS NULL"
        if not_by is not None:
            sql += " AND sdk IS DISTINCT FROM $not_by"
            values["not_by"] = not_by
        return self._fetch(sql, values) if providers and projects else []

    def change(self, rows: Sequence[Row]) -> None:
        """Set all columns of `CHANGED` of stored events, in place: all are scalars or JSON text."""
        if not rows:
            return
        times = [row["start_time"] for row in rows]
        self._connection.register("incoming_changes", to_arrow("events", rows))
        try:
            self._connection.execute(_CHANGE, _bounds((min(times), max(times))))
        finally:
            self._connection.unregister("incoming_changes")

    def _keys(self, sql: str, pairs: Collection[Key], times: Times) -> set[Key]:
        if not pairs:
            return set()
        return set(self._connection.execute(sql, _listed(pairs, times)).fetchall())

    def _rows(self, column: str, pairs: set[Key], times: Times) -> list[Row]:
        """Rows whose project and value of a column are one of the pairs."""
        if not pairs:
            return []
        rows = self._fetch(f"{_SELECT} AND {_AMONG.format(name=column)}", _listed(pairs, times))
        # The lists of projects and of values are looked up apart: an id of one project may be another's as well.
        return [row for row in rows if _pair(row, column) in pairs]

    def _fetch(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        return [_row(found) for found in self._connection.execute(sql, values).fetchall()]


def _row(found: tuple[Any, ...]) -> Row:
    row: dict[str, Any] = dict(zip(READ, found, strict=True))
    for at in _JSON:
        if found[at] is not None:
            row[READ[at]] = msgspec.json.decode(found[at])
    return row


def _pair(row: Row, column: str) -> Key:
    return row["project_id"], row[column]


def _bounds(times: Times) -> dict[str, Any]:
    return {"first": times[0], "last": times[1]}


def _listed(pairs: Collection[Key], times: Times) -> dict[str, Any]:
    return {
        **_bounds(times),
        "values": list({value for _, value in pairs}),
        "projects": list({project for project, _ in pairs}),
    }
