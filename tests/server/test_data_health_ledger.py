"""Receipts, losses and reports: stored with the batch, counted once, bounded, and never a reason to refuse an event."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest
from server.batches import PROJECT, Collector, batch, call, collector, content, head, span
from sqlalchemy import Table, select

from llmobserve.wire import now_us
from llmobserve_server.errors import UnstorableRows
from llmobserve_server.ingest.receipt import MAX_REPORT_BYTES
from llmobserve_server.store.duckdb import DuckDBStore
from llmobserve_server.store.protocol import Row, Store, WriteBatch, WriteResult
from llmobserve_server.store.tables import events, losses, process_reports, receipts


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Collector]:
    with collector(tmp_path) as running:
        yield running


def rows(server: Collector, table: Table) -> list[Row]:
    return server.store.fetch(select(table).order_by(table.c.received_at))


def only(server: Collector, table: Table) -> Row:
    (row,) = rows(server, table)
    return row


def report(**facts: Any) -> dict[str, Any]:
    return {"made_at_us": now_us(), **facts}


def test_a_receipt_counts_what_came(server: Collector) -> None:
    first = call(sequence=4)
    source = {"process_id": "p-9", "service": "shop", "environment": "live", "sdk": "x", "sdk_version": "1"}
    answer = server.post(
        batch(
            span(sequence=3, status="running"),
            first,
            first,
            call(sequence=8, start_time_us=5),
            b'{"type":"call","sequence":9}',
            b'{"type":nonsense}',
            content(first["event_id"], input="hi"),
            source=source,
            sent_at_us=now_us() - 7_000_000,
        )
    )
    assert (answer.accepted, answer.duplicates, answer.rejected) == (3, 1, 3)
    row = only(server, receipts)
    assert {name: row[name] for name in source} == source
    # Seven records; 3, 4, 8 and 9 are different numbers, of which 8 and 9 came with refused ones.
    assert (row["records"], row["rejected"], row["duplicates"]) == (7, 3, 1)
    assert (row["numbered"], row["first_sequence"], row["last_sequence"]) == (4, 3, 9)
    assert 7000 <= row["clock_skew_ms"] < 60_000
    assert row["received_at"] == only(server, events)["received_at"]


def test_duplicates_agree_with_the_answers(server: Collector) -> None:
    a, b = call(), call()
    bodies = [
        batch(a, b),
        batch(a, b),
        batch(a, call()),
        batch({**a, "revision": 1}, {**a, "revision": 2}, {**a, "revision": 2}),
        batch(span(event_id=a["event_id"])),
        batch(content(b["event_id"], input="x")),
        batch(content(b["event_id"], input="x"), content(b["event_id"], input="y")),
    ]
    answers = [server.post(body) for body in bodies]
    assert [answer.duplicates for answer in answers] == [0, 2, 1, 1, 1, 0, 2]
    assert [row["duplicates"] for row in rows(server, receipts)] == [0, 2, 1, 1, 1, 0, 2]


def test_refused_and_repeated_records_are_in_one_receipt(server: Collector) -> None:
    known = call(sequence=0)
    server.post(batch(known))
    answer = server.post(batch(known, call(sequence=1), call(sequence=2, start_time_us=2**62)))
    row = rows(server, receipts)[-1]
    assert (row["records"], row["duplicates"], row["rejected"]) == (3, answer.duplicates, answer.rejected) == (3, 1, 1)
    assert row["numbered"] == 3


class Picky:
    """A real store that refuses one id, as if no column could hold its row."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, written: WriteBatch) -> WriteResult:
        if any(row["event_id"] == "bad" for row in written.events):
            raise UnstorableRows("it does not fit")
        return self._store.write(written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_what_the_store_refuses_is_in_the_receipt(tmp_path: Path) -> None:
    known = call(sequence=0)
    with collector(tmp_path, wrap=lambda store: cast("Store", Picky(store))) as picky:
        picky.post(batch(known))
        answer = picky.post(
            batch(known, call(event_id="bad", sequence=1), call(sequence=2), dropped={"torn": 1}, report=report())
        )
        assert (answer.accepted, answer.duplicates, answer.rejected) == (1, 1, 1)
        row = rows(picky, receipts)[-1]
        assert (row["records"], row["duplicates"], row["rejected"], row["numbered"]) == (3, 1, 1, 3)
        assert only(picky, losses)["records"] == 1
        assert only(picky, process_reports)["ended"] is False


def test_a_batch_without_anything_leaves_no_trace(server: Collector) -> None:
    server.post(batch())
    assert rows(server, receipts) == rows(server, process_reports) == rows(server, losses) == []


def test_losses_by_reason(server: Collector) -> None:
    dropped = {"spool_full": 3, "torn": 0, "odd": -4, "x" * 500: 2, **{f"r{n}": 1 for n in range(200)}}
    server.post(batch(dropped=dropped, source={"process_id": "p", "service": "shop"}))
    found = {row["reason"]: row["records"] for row in rows(server, losses)}
    assert len(found) == 64
    assert (found["spool_full"], found["x" * 200]) == (3, 2)
    # 3 + 2 + 200 records: none is forgotten, the reasons beyond the 63rd share a name.
    assert sum(found.values()) == 205
    assert found["other"] == 205 - 3 - 2 - 61
    assert only(server, receipts)["records"] == 0


def test_a_report_is_kept_as_it_came(server: Collector) -> None:
    told = report(
        libraries=[{"name": "httpx", "version": "0.28", "state": "active", "calls": 3, "last_call_us": 5}],
        lost={"torn": 1},
        ended=True,
        some_later_field=[1],
    )
    server.post(batch(call(), report=told, source={"process_id": "p", "host": "web-1", "language": "python 3.12"}))
    row = only(server, process_reports)
    assert (row["process_id"], row["host"], row["language"], row["ended"]) == ("p", "web-1", "python 3.12", True)
    assert row["report"]["libraries"][0]["calls"] == 3
    assert row["report"]["lost"] == {"torn": 1}
    assert "some_later_field" not in row["report"]


@pytest.mark.parametrize(
    "told",
    [
        "no object",
        17,
        None,
        [],
        {},
        {"made_at_us": "yesterday"},
        {"made_at_us": 1, "libraries": [{"name": "httpx", "state": "splendid"}]},
        {"made_at_us": 1, "lost": {"torn": "many"}},
        {"made_at_us": 1, "libraries": [{"name": "x" * MAX_REPORT_BYTES, "state": "active"}]},
    ],
    ids=str,
)
def test_a_report_that_is_none_harms_no_event(server: Collector, told: object) -> None:
    assert server.post(batch(call(), report=told)).accepted == 1
    assert rows(server, process_reports) == []
    assert only(server, receipts)["records"] == 1


def test_a_deep_report_harms_no_event(server: Collector) -> None:
    deep = b'{"made_at_us":1,"lost":' + b"[" * 5000 + b"]" * 5000 + b"}"
    begin = json.dumps(head()).encode()[:-1] + b',"report":'
    body = begin + deep + b',"events":[' + json.dumps(call()).encode() + b"]}"
    assert server.post(body).accepted == 1
    assert rows(server, process_reports) == []


def test_a_large_report_is_bounded(server: Collector) -> None:
    told = report(
        counts={f"c{number}": 2**60 for number in range(300)},
        lost={"torn\x00\x00": 1, "negative": -5},
        libraries=[{"name": "httpx", "state": "active", "detail": "d" * 900}],
    )
    assert server.post(batch(call(), report=told)).accepted == 1
    kept = only(server, process_reports)["report"]
    assert len(kept["counts"]) == 64
    assert set(kept["counts"].values()) == {2**53}
    assert kept["lost"] == {"torn": 1, "negative": 0}
    assert len(kept["libraries"][0]["detail"]) == 200


def test_projects_are_apart(server: Collector) -> None:
    same = call()
    server.post(batch(same, dropped={"torn": 1}), "one")
    server.post(batch(same, dropped={"torn": 2}), "two")
    assert [(row["project_id"], row["duplicates"]) for row in rows(server, receipts)] == [("one", 0), ("two", 0)]
    assert {row["project_id"]: row["records"] for row in rows(server, losses)} == {"one": 1, "two": 2}


def row(process: str, at: datetime, **facts: Any) -> dict[str, Any]:
    return {
        "project_id": PROJECT,
        "received_at": at,
        "batch_id": f"{process}-{at}",
        "process_id": process,
        "records": 1,
        "rejected": 0,
        "numbered": 0,
        **facts,
    }


def test_what_is_old_is_forgotten_a_whole_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "events.duckdb"
    store = DuckDBStore(path)
    store.initialize()
    now = datetime(1970, 1, 1) + timedelta(microseconds=now_us())  # noqa: DTZ001

    def reported(process: str, at: datetime) -> dict[str, Any]:
        return {"project_id": PROJECT, "received_at": at, "process_id": process, "ended": False, "report": {}}

    ages = {"gone": (timedelta(days=40), timedelta(days=31)), "here": (timedelta(days=90), timedelta(minutes=1))}
    store.write(
        WriteBatch(
            receipts=[row(process, now - age) for process, both in ages.items() for age in both],
            losses=[row(process, now - both[0], reason="torn") for process, both in ages.items()],
            process_reports=[
                *[reported(process, now - age) for process, both in ages.items() for age in both],
                reported("fresh", now - timedelta(minutes=30)),
                reported("fresh", now),
            ],
        )
    )
    store.checkpoint()
    store.close()
    with duckdb.connect(str(path)) as connection:

        def kept(table: str) -> list[tuple[str, int]]:
            return connection.execute(f"SELECT process_id, count(*) FROM {table} GROUP BY 1 ORDER BY 1").fetchall()

        assert kept("receipts") == [("here", 2)]
        assert kept("losses") == [("here", 1)]
        assert kept("process_reports") == [("fresh", 2), ("here", 1)]
