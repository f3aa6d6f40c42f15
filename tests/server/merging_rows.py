"""Records of calls as rows, and the table they are merged in: the protocol of merging over a dictionary."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from llmobserve.providers.call_keys import call_key
from llmobserve_server.store.merging import CHANGED, READ, Requests, Times, merge_records, settle
from llmobserve_server.store.protocol import Key, Row

START = datetime(2026, 11, 21, 12)  # noqa: DTZ001
PROJECT = "default"
_BLANK: dict[str, Any] = {**dict.fromkeys(READ), "project_id": PROJECT, "kind": "llm", "status": "ok"}


def otlp_span(event_id: str, name: str = "step", at_ms: float = 0, ms: float = 10, **facts: Any) -> dict[str, Any]:
    row = {**_BLANK, "event_id": event_id, "type": "span", "kind": "other", "name": name, "transport": "otlp"}
    row |= {
        "start_time": START + timedelta(milliseconds=at_ms),
        "duration_ms": ms,
        "trace_id": "t",
        "span_id": event_id,
    }
    row |= facts
    return {"run_id": row["trace_id"], **{name: value for name, value in row.items() if name != "run_id" or value}}


def otlp_call(event_id: str, scope: str, at_ms: float = 0, ms: float = 10, **facts: Any) -> dict[str, Any]:
    usage = {"units": {"input_text_tokens": 120}, "input_tokens": 120, "usage_source": "response"}
    if facts.get("status") == "error":
        usage = {}
    ids = {"provider": "openai", "operation": "chat.completions", "request_model": "gpt-5.6-mini", "sdk": scope}
    span = otlp_span(event_id, "chat.completions", at_ms, ms)
    return _call({**span, "kind": "llm", **ids, **usage, **facts, "type": "call", "is_exchange": False})


def native_call(event_id: str, at_ms: float = 0, ms: float = 10, **facts: Any) -> dict[str, Any]:
    own = {"trace_id": None, "transport": "httpx2", "is_exchange": True, "run_id": None, **facts}
    return otlp_call(event_id, "llmobserve-python", at_ms, ms, **own) | {"is_exchange": own["is_exchange"]}


def _call(row: dict[str, Any]) -> dict[str, Any]:
    if "run_id" not in row or row["run_id"] == "t":
        row["run_id"] = row["trace_id"]
    key = call_key(row["provider"], row["operation"], row["response_id"], row["request_id"], row["http_status"])
    return {**row, "call_key": key, "billable": True}


class Table:
    """`CallRecords` over rows in memory; what `DuckDBCallRecords` asks of SQL is said here in Python."""

    def __init__(self) -> None:
        self.rows: dict[Key, dict[str, Any]] = {}
        self.writes = 0
        self.changed = 0

    def write(self, rows: Sequence[Row], *, is_request: bool = False) -> dict[Key, str | None]:
        """As an engine does: what is known stays as it is, then all is merged.

        `is_request`: the rows come in one request, so that they are decided about beforehand.
        """
        self.writes += 1
        arrival = START + timedelta(microseconds=self.writes)
        batch: list[dict[str, Any]] = [{**row, "received_at": arrival} for row in rows]
        if is_request:
            settle(batch)
        known: set[Key] = {(row["project_id"], row["event_id"]) for row in batch} & self.rows.keys()
        for row in batch:
            self.rows.setdefault((row["project_id"], row["event_id"]), dict(row))
        return merge_records(self, batch, known=known)

    def any_others(self, times: Times) -> bool:
        return any(row["is_exchange"] is False for row in self._within(times))

    def of_traces(self, traces: Collection[Key], times: Times) -> Sequence[Row]:
        rows = self._within(times)
        found = {_trace(row) for row in rows if row["transport"] == "otlp"} & set(traces)
        return [row for row in rows if _trace(row) in found]

    def counts(
        self, column: Literal["trace_id", "call_key"], pairs: Collection[Key], times: Times
    ) -> Mapping[Key, int]:
        found = Counter((row["project_id"], row[column]) for row in self._within(times))
        return {pair: found[pair] for pair in pairs}

    def sharing(self, keys: Collection[Key], times: Times) -> Sequence[Row]:
        rows = self._within(times)
        found = {
            (row["project_id"], row["call_key"])
            for row in rows
            if row["is_exchange"] is False or row["merged_into"] or row["borrowed"]
        } & set(keys)
        return [row for row in rows if (row["project_id"], row["call_key"]) in found]

    def of_requests(self, requests: Requests, times: Times) -> Sequence[Row]:
        wanted = set(requests)
        return [
            row
            for row in self._within(times)
            if row["response_id"] and (row["project_id"], row["provider"], row["request_id"]) in wanted
        ]

    def near(
        self, projects: Collection[str], providers: Collection[str], times: Times, *, no_id: bool, not_by: str | None
    ) -> Sequence[Row]:
        return [
            row
            for row in self._within(times)
            if row["type"] == "call"
            and row["project_id"] in projects
            and row["provider"] in providers
            and not (no_id and row["response_id"])
            and (not_by is None or row["sdk"] != not_by)
        ]

    def change(self, rows: Sequence[Row]) -> None:
        self.changed += len(rows)
        for row in rows:
            self.rows[row["project_id"], row["event_id"]].update({name: row[name] for name in CHANGED})

    def _within(self, times: Times) -> list[dict[str, Any]]:
        return [dict(row) for row in self.rows.values() if times[0] <= row["start_time"] <= times[1]]

    def charged(self) -> dict[str, str | None]:
        """Of all calls by event id the record that is charged in their place."""
        calls = {key[1]: row for key, row in self.rows.items() if row["type"] == "call"}
        assert all(row["billable"] == (row["merged_into"] is None) for row in calls.values())
        return {event_id: row["merged_into"] for event_id, row in sorted(calls.items())}

    def row(self, event_id: str) -> dict[str, Any]:
        return self.rows[PROJECT, event_id]


def _trace(row: Row) -> Key:
    return row["project_id"], row["trace_id"]
