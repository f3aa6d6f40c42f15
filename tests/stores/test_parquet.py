"""What is Parquet's own: what is in files, what in the journal, and what an end in between leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import func, select

from llmobserve_server.errors import StoreError
from llmobserve_server.store.open import open_store
from llmobserve_server.store.parquet import filing
from llmobserve_server.store.parquet.engine import ParquetStore
from llmobserve_server.store.protocol import CostBatch, Slice, Store, WriteBatch
from llmobserve_server.store.tables import contents, cost_versions, events

AT = datetime(2026, 11, 2, 10, 20, 30, 123456)  # noqa: DTZ001 - times of the tables have no zone
DAY = timedelta(days=1)
EARLY, LATE = "019a444b-4e80-7000-8000-{:012}", "019b7713-b000-7000-8000-{:012}"
"""UUIDs of version 7, made in November 2025 and January 2026."""


KEYS = dict.fromkeys(("call_key", "response_id", "request_id", "trace_id", "transport", "sdk", "provider"))


def call(event_id: str, **facts: Any) -> dict[str, Any]:
    row = {"project_id": "p1", "event_id": event_id, "type": "call", "kind": "llm", "status": "ok", "revision": 0}
    return {**row, "start_time": AT, "received_at": AT, "billable": True, "is_exchange": True, **KEYS, **facts}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "it's here"


def opened(directory: Path) -> ParquetStore:
    store = open_store(f"parquet:///{directory}", memory_limit_bytes=256 * 1024**2, threads=2)
    assert isinstance(store, ParquetStore)
    return store


@pytest.fixture
def store(directory: Path) -> Iterator[ParquetStore]:
    store = opened(directory)
    yield store
    store.close()


def refiled(store: Store, directory: Path) -> ParquetStore:
    """The store opened again: all it has is in files."""
    store.close()
    return opened(directory)


def stored(store: Store) -> dict[str, dict[str, Any]]:
    rows = store.fetch(select(events))
    found = {row["event_id"]: dict(row) for row in rows}
    assert len(found) == len(rows)
    return found


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*.parquet*"))


def test_what_is_stored_is_after_a_stop_in_files_that_every_reader_reads(directory: Path, store: ParquetStore) -> None:
    facts: dict[str, Any] = {
        "tags": ["a", "b'c"],
        "metadata": {"re.gion": "eu", "": 'q"'},
        "units": {"input_seconds": "1.50"},
        "usage_flags": [],
        "attributes": {"n": 2**60, "f": 0.5, "list": [True, None]},
        "cost_usd": Decimal("0.000000000001"),
        "duration_ms": 12.25,
    }
    said = {"project_id": "p1", "event_id": "e1", "received_at": AT, "input": '"hi"'}
    store.write(WriteBatch(events=[call("e1", **facts), call("e2", start_time=AT + DAY)], contents=[said]))
    before = stored(store)
    assert {name: before["e1"][name] for name in facts} == facts
    again = refiled(store, directory)
    assert stored(again) == before
    assert [row["input"] for row in again.fetch(select(contents))] == ['"hi"']
    again.close()
    made = files(directory)
    assert [path.rpartition("_")[0] for path in made] == [
        "2026-11-02/contents",
        "2026-11-02/events",
        "2026-11-03/events",
    ]
    file = str(directory / made[1]).replace("'", "''")
    ((cost, attributes, version),) = duckdb.execute(f"SELECT cost_usd, attributes, version FROM '{file}'").fetchall()
    assert (cost, json.loads(attributes), version) == (Decimal("0.000000000001"), facts["attributes"], 1)


def test_ids_in_files_are_known_and_a_newer_revision_takes_the_place_of_the_filed_row(
    directory: Path, store: ParquetStore
) -> None:
    ids = [EARLY.format(1), LATE.format(1), "e1", "\u00e9'"]
    store.write(WriteBatch(events=[call(each, input_tokens=1, tags=["kept"], metadata={"k": "v"}) for each in ids]))
    again = refiled(store, directory)
    assert again.write(WriteBatch(events=[call(each, input_tokens=9) for each in ids])).duplicate_event_ids == {
        ("p1", each) for each in ids
    }
    moved = AT + 3 * DAY
    result = again.write(WriteBatch(events=[call("e1", input_tokens=2, revision=1, start_time=moved), call("e9")]))
    assert result.duplicate_event_ids == frozenset()
    for _ in range(3):
        rows = stored(again)
        assert {name: row["input_tokens"] for name, row in rows.items()} == {
            **dict.fromkeys(ids, 1),
            "e1": 2,
            "e9": None,
        }
        assert (rows["e1"]["start_time"], rows["e1"]["tags"], rows["e1"]["metadata"]) == (moved, ["kept"], {"k": "v"})
        again = refiled(again, directory)
    again.close()


def test_records_of_one_call_are_merged_also_where_one_is_in_a_file(directory: Path, store: ParquetStore) -> None:
    seen = {"provider": "openai", "response_id": "r1", "call_key": "openai:r1", "cost_usd": Decimal(1)}
    told = {**seen, "is_exchange": False, "usage_source": "application", "transport": "manual", "cost_usd": Decimal(2)}
    context = {"customer_id": "acme", "run_id": "run", "run_name": "named"}
    store.write(WriteBatch(events=[call("b", **told, **context), call("c")]))
    again = refiled(store, directory)
    again.write(WriteBatch(events=[call("a", usage_source="response", **seen)]))
    for _ in range(2):
        rows = stored(again)
        assert {name: row["merged_into"] for name, row in rows.items()} == {"a": None, "b": "a", "c": None}
        assert (rows["a"]["customer_id"], rows["a"]["run_name"]) == ("acme", "named")
        (total,) = again.fetch(select(func.sum(events.c.cost_usd).label("usd")).where(events.c.billable.is_(True)))
        assert total["usd"] == 1
        again = refiled(again, directory)
    again.close()


def test_filed_calls_are_priced_again(directory: Path, store: ParquetStore) -> None:
    store.write(WriteBatch(events=[call("e1", cost_usd=Decimal(1), cost_state="priced"), call("e2")]))
    again = refiled(store, directory)
    named = {"project_id": "p1", "event_id": "e1", "start_time": AT, "revision": 0}
    log = {"project_id": "p1", "job_id": "j", "number": 0, "logged_at": AT, "done": False, "facts": {}}
    assert not again.replace_costs(CostBatch(log, [{**named, "revision": 3, "cost_usd": Decimal(5)}]))
    assert again.replace_costs(CostBatch(log, [{**named, "cost_usd": Decimal(5), "cost_state": "priced"}]))
    last = refiled(again, directory)
    assert {name: row["cost_usd"] for name, row in stored(last).items()} == {"e1": Decimal(5), "e2": None}
    assert [row["cost_usd"] for row in last.fetch(select(cost_versions))] == [Decimal(1)]
    last.close()


def test_small_files_of_a_day_become_one_without_what_was_replaced(
    directory: Path, store: ParquetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmobserve_server.store.parquet.engine._FILE_AFTER_S", 0.0)
    for number in range(8):
        store.write(WriteBatch(events=[call(f"e{number}"), call(f"late{number}", start_time=AT + DAY)]))
        if number == 7:
            store.write(WriteBatch(events=[call("e1", input_tokens=7, revision=1)]))
        store._file()
    before = stored(store)
    assert len(before) == 16 and len(files(directory)) == 16
    for _ in range(4):
        store.checkpoint()
        assert stored(store) == before
    store.close()
    assert len(files(directory)) == 2
    again = opened(directory)
    assert stored(again) == before
    with duckdb.connect() as reader:
        pattern = str(directory).replace("'", "''")
        assert reader.execute(f"SELECT count(*) FROM '{pattern}/*/events_*.parquet'").fetchall() == [(16,)]
    again.close()


@pytest.mark.parametrize("place", ["_synchronise", "remove"])
def test_an_end_in_the_middle_of_a_filing_loses_and_doubles_nothing(
    directory: Path, store: ParquetStore, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    store.write(WriteBatch(events=[call("e1"), call("e2", start_time=AT + DAY)]))
    calls: list[object] = []

    def ended(*_: object) -> None:
        calls.append(1)
        if len(calls) == 5:
            raise OSError("ended")

    with monkeypatch.context() as patched:
        patched.setattr(filing, "_synchronise", ended)
        with pytest.raises(StoreError, match="ended"):
            store._file()
    assert sorted(stored(store)) == ["e1", "e2"]
    # The first file is there, and no one's: the next start removes it.
    assert len(files(directory)) >= 1
    again = refiled(store, directory) if place == "remove" else store
    assert sorted(stored(again)) == ["e1", "e2"]
    assert again.write(WriteBatch(events=[call("e1"), call("e2")])).duplicate_event_ids == {("p1", "e1"), ("p1", "e2")}
    last = refiled(again, directory)
    assert sorted(stored(last)) == ["e1", "e2"]
    last.close()
    assert not [path for path in files(directory) if "00000001" in path or "partial" in path]


def test_whole_files_expire_and_rows_are_read_and_loaded_as_they_are(directory: Path, store: ParquetStore) -> None:
    store.write(WriteBatch(events=[call(f"e{number}", start_time=AT + number * DAY) for number in range(4)]))
    store._file()
    store.write(WriteBatch(events=[call("e9", start_time=AT)]))
    read = [piece for piece in store.read_rows(Slice("events", time_from=AT + DAY))]
    assert sum(piece.num_rows for piece in read) == 3
    assert store.expire("events", AT + 2 * DAY, most_rows=100) == 2
    assert store.expire("events", AT + 2 * DAY, most_rows=100) == 1
    assert store.expire("events", AT + 2 * DAY, most_rows=100) == 0
    assert sorted(stored(store)) == ["e2", "e3"]
    assert store.sizes().tables["events"] > 0
    again = refiled(store, directory)
    assert sorted(stored(again)) == ["e2", "e3"]
    assert len(files(directory)) == 2
    # Of the rows that were read e1 is gone since.
    assert [again.load_rows("events", piece) for piece in read] == [1]
    assert sorted(stored(again)) == ["e1", "e2", "e3"]
    again.close()


def test_a_second_process_is_told_who_has_the_directory(directory: Path, store: ParquetStore) -> None:
    program = (
        "import sys\nfrom llmobserve_server.store.open import open_store\n"
        "from llmobserve_server.errors import StoreError\n"
        "try: open_store(sys.argv[1])\n"
        "except StoreError as error: print(error.message)"
    )
    command = [sys.executable, "-c", program, f"parquet:///{directory}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f"in use by process {os.getpid()}" in done.stdout
    with pytest.raises(StoreError, match="names no directory"):
        open_store("parquet://host/x")
