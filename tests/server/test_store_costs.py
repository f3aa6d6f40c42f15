"""Costs replaced in the store: one transaction with the entry of the log, on files of earlier versions too."""

from datetime import datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest
from server.event_rows import PROJECT, at, call, opened
from sqlalchemy import select

from llmobserve_server.errors import StoreError
from llmobserve_server.store.protocol import CostBatch, Store, WriteBatch
from llmobserve_server.store.tables import cost_versions, events, reprice_log

AT = datetime(2026, 12, 1)  # noqa: DTZ001 - times of the tables have no zone


def entry(number: int = 0) -> dict[str, Any]:
    return {"project_id": PROJECT, "job_id": "j1", "number": number, "logged_at": AT, "done": False, "facts": {"n": 1}}


def newly(event_id: str, cost: str, revision: int | None = None) -> dict[str, Any]:
    named = {"project_id": PROJECT, "event_id": event_id, "start_time": at(1), "revision": revision}
    line = {"unit": "input_text_tokens", "usd": cost}
    return {**named, "cost_usd": Decimal(cost), "cost_state": "priced", "cost_lines": [line], "model": "priced-name"}


def amounts(store: Store) -> dict[str, Decimal | None]:
    return {row["event_id"]: row["cost_usd"] for row in store.fetch(select(events.c.event_id, events.c.cost_usd))}


def test_the_old_cost_is_kept_and_the_new_one_is_said(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        old = {"cost_lines": [{"unit": "requests"}], "price_book": "old", "cost_reason": "why"}
        store.write(WriteBatch(events=[call("e1", at(1), cost="0.5", **old), call("e2", at(1)), call("e3", at(2))]))
        assert store.replace_costs(CostBatch(entry(), [newly("e1", "0.25"), newly("e2", "2")]))
    with opened(tmp_path) as store:
        assert amounts(store) == {"e1": Decimal("0.25"), "e2": Decimal(2), "e3": None}
        one, two = store.fetch(select(cost_versions).order_by(cost_versions.c.event_id))
        assert (one["cost_usd"], one["cost_state"], one["cost_reason"]) == (Decimal("0.5"), "priced", "why")
        assert (one["cost_lines"], one["price_book"], one["model"]) == ([{"unit": "requests"}], "old", "gpt-5-nano")
        assert (one["replaced_at"], one["job_id"], one["start_time"]) == (AT, "j1", at(1))
        assert (two["cost_usd"], two["cost_state"]) == (None, "unpriced")
        assert [row["facts"] for row in store.fetch(select(reprice_log))] == [{"n": 1}]


def test_nothing_is_stored_when_one_of_the_calls_has_changed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=[call("e1", at(1), cost="1"), call("e2", at(1), cost="1", revision=1)]))
        for late in (newly("e2", "9"), newly("e2", "9", revision=2), newly("e4", "9")):
            assert not store.replace_costs(CostBatch(entry(), [newly("e1", "9"), late]))
        assert amounts(store) == {"e1": Decimal(1), "e2": Decimal(1)}
        assert store.fetch(select(cost_versions)) == store.fetch(select(reprice_log)) == []
        assert store.replace_costs(CostBatch(entry(), [newly("e1", "9"), newly("e2", "9", revision=1)]))


def test_an_entry_is_stored_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=[call("e1", at(1), cost="1")]))
        assert store.replace_costs(CostBatch(entry()))
        with pytest.raises(StoreError):
            store.replace_costs(CostBatch(entry(), [newly("e1", "9")]))
        assert amounts(store) == {"e1": Decimal(1)}
        assert store.fetch(select(cost_versions)) == []


def test_calls_of_other_projects_and_spans_stay(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        other = call("e1", at(1), cost="1", project_id="p2")
        store.write(WriteBatch(events=[other, call("s1", at(1), type="span")]))
        for wrong in ("e1", "s1"):
            assert not store.replace_costs(CostBatch(entry(), [newly(wrong, "9")]))
        assert amounts(store)["e1"] == Decimal(1)


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "events.duckdb"
    folder = resources.files("llmobserve_server.store.duckdb").joinpath("migrations")
    with duckdb.connect(str(path)) as connection:
        connection.execute(folder.joinpath("0001_events.sql").read_text())
        connection.execute(
            "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name VARCHAR, applied_at TIMESTAMP)"
        )
        connection.execute("INSERT INTO schema_migrations VALUES (1, 'events', TIMESTAMP '2026-11-01')")
        connection.execute(
            "INSERT INTO events (project_id, event_id, type, kind, status, start_time, received_at, cost_usd) "
            f"VALUES ('{PROJECT}', 'e1', 'call', 'llm', 'ok', '{at(1)}', '{at(1)}', 0.5)"
        )
    with opened(tmp_path) as store:
        assert store.replace_costs(CostBatch(entry(), [newly("e1", "0.25")]))
        assert amounts(store) == {"e1": Decimal("0.25")}
        assert [row["cost_usd"] for row in store.fetch(select(cost_versions))] == [Decimal("0.5")]
