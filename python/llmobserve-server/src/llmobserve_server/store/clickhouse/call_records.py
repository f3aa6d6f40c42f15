"""What merging reads and changes without transactions: newest versions are read, and changes are new versions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from llmobserve_server.store.clickhouse.blocks import block_of
from llmobserve_server.store.clickhouse.clock import Clock
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.dialect import literal_text
from llmobserve_server.store.clickhouse.stored import by_project, stored_rows
from llmobserve_server.store.kept_rows import key_of
from llmobserve_server.store.merging.records import CHANGED, READ, Requests, Times
from llmobserve_server.store.protocol import Key, Row

__all__ = ["ClickHouseCallRecords", "decoded"]

_JSON = frozenset({"borrowed", "usage_flags", "units"})
_SELECT = f"SELECT {', '.join(READ)} FROM events"


class ClickHouseCallRecords:
    """See `CallRecords`. Thousands of keys are asked for in one statement for each project."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        # The time of the reading, not of the writing: of two collectors that decide about a call at the same time the
        # later one to read has seen all that the other has, and what it decides is to stay.
        self._written_us = clock.next()
        self._changes = 0

    def any_others(self, times: Times) -> bool:
        """Whether there is a call that no SDK has seen on the wire."""
        # Without a look for newer versions: that a record is no exchange no version changes back.
        sql = f"SELECT 1 FROM events WHERE NOT is_exchange AND {_within(times)} LIMIT 1 SETTINGS final = 0"
        return bool(self._session.rows(sql))

    def of_traces(self, traces: Collection[Key], times: Times) -> Sequence[Row]:
        """All calls and spans of those of the traces that have a record with the transport `otlp`."""
        rows: list[Row] = []
        for project, ids in by_project(traces).items():
            where = _among(project, "trace_id", ids, times)
            found = self._values(f"SELECT DISTINCT trace_id FROM events WHERE {where} AND transport = 'otlp'")
            rows += self._rows(_among(project, "trace_id", found, times)) if found else []
        return rows

    def counts(
        self, column: Literal["trace_id", "call_key"], pairs: Collection[Key], times: Times
    ) -> Mapping[Key, int]:
        """How many records have each of the pairs."""
        counts: dict[Key, int] = {}
        for project, values in by_project(pairs).items():
            where = _among(project, column, values, times)
            for value, count in self._session.rows(f"SELECT {column}, count() FROM events WHERE {where} GROUP BY 1"):
                counts[project, value] = count
        return counts

    def sharing(self, keys: Collection[Key], times: Times) -> Sequence[Row]:
        """All records of those of the keys of which a decision may be needed."""
        rows: list[Row] = []
        for project, names in by_project(keys).items():
            found = self._values(
                f"SELECT DISTINCT call_key FROM events WHERE {_among(project, 'call_key', names, times)} "
                "AND (NOT is_exchange OR merged_into IS NOT NULL OR borrowed IS NOT NULL)"
            )
            rows += self._rows(_among(project, "call_key", found, times)) if found else []
        return rows

    def of_requests(self, requests: Requests, times: Times) -> Sequence[Row]:
        """All records with one of these request ids of a provider that have a `response_id` as well."""
        wanted = set(requests)
        pairs = {(project, request) for project, _, request in wanted}
        rows: list[Row] = []
        for project, ids in by_project(pairs).items():
            rows += self._rows(f"{_among(project, 'request_id', ids, times)} AND response_id IS NOT NULL")
        return [row for row in rows if (row["project_id"], row["provider"], row["request_id"]) in wanted]

    def near(
        self, projects: Collection[str], providers: Collection[str], times: Times, *, no_id: bool, not_by: str | None
    ) -> Sequence[Row]:
        """Calls to these providers in a short time."""
        rows: list[Row] = []
        for project in projects if providers else ():
            where = f"{_among(project, 'provider', list(providers), times)} AND type = 'call'"
            if no_id:
                where += " AND response_id IS NULL"
            if not_by is not None:
                where += f" AND (sdk IS NULL OR sdk != {literal_text(not_by)})"
            rows += self._rows(where)
        return rows

    def change(self, rows: Sequence[Row]) -> None:
        """Set all columns of `CHANGED` of stored events, by writing the whole rows again."""
        if not rows:
            return
        changed = {key_of(row): {name: row[name] for name in CHANGED} for row in rows}
        whole = stored_rows(self._session, "events", changed.keys())
        block = block_of("events", [{**row, **changed[key]} for key, row in whole.items()], self._written_us)
        self._changes += 1
        self._session.insert("events", block, f"merge-{self._written_us}-{self._changes}")

    def _values(self, sql: str) -> list[str]:
        return [row[0] for row in self._session.rows(sql)]

    def _rows(self, where: str) -> list[Row]:
        return [decoded(READ, values) for values in self._session.rows(f"{_SELECT} WHERE {where}")]


def _within(times: Times) -> str:
    return f"start_time BETWEEN {literal_text(times[0])} AND {literal_text(times[1])}"


def _among(project: str, column: str, values: Sequence[str], times: Times) -> str:
    return f"project_id = {literal_text(project)} AND {column} IN {literal_text(values)} AND {_within(times)}"


def decoded(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """A stored row as merging looks at it."""
    row: dict[str, Any] = dict(zip(names, values, strict=True))
    for name in _JSON:
        if row.get(name) is not None:
            row[name] = msgspec.json.decode(row[name])
    return row
