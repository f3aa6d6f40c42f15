"""What is ClickHouse's own: its tables, its order of writing, its one process; on chDB, the same engine in process."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import OperationalError
from sqlalchemy import func, select, text

from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.store.clickhouse import connections
from llmobserve_server.store.clickhouse.address import parse_address
from llmobserve_server.store.clickhouse.connections import Session
from llmobserve_server.store.clickhouse.engine import ClickHouseStore
from llmobserve_server.store.clickhouse.layout import Layout
from llmobserve_server.store.clickhouse.migrate import steps
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import KEYED_TABLES, Store, WriteBatch, WriteResult
from llmobserve_server.store.tables import contents, events, metadata, receipts

AT = datetime(2026, 11, 2, 10, 20, 30, 123456)  # noqa: DTZ001 - times of the tables have no zone
AT_ID = "019a444b-4e80-7000-8000-{:012}"
"""UUIDs of version 7 made on 2 November 2025."""


KEYS = dict.fromkeys(("call_key", "response_id", "request_id", "trace_id", "transport", "sdk", "provider"))


def call(event_id: str, **facts: Any) -> dict[str, Any]:
    row = {"project_id": "p1", "event_id": event_id, "type": "call", "kind": "llm", "status": "ok", "revision": 0}
    return {**row, "start_time": AT, "received_at": AT, "billable": True, "is_exchange": True, **KEYS, **facts}


def receipt(at: datetime = AT, records: int = 1) -> dict[str, Any]:
    row = {"project_id": "p1", "received_at": at, "batch_id": "b", "process_id": "x", "records": records}
    return {**row, "rejected": 0, "duplicates": 0, "numbered": 0}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"chdb:///{tmp_path / 'deeper' / 'chdb'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url, memory_limit_bytes=256 * 1024**2, threads=2)
    yield opened
    opened.close()


def stored(store: Store) -> dict[str, dict[str, Any]]:
    return {row["event_id"]: dict(row) for row in store.fetch(select(events))}


def test_columns_are_those_of_the_shared_tables_and_what_is_inserted_is_on_disk(store: Store) -> None:
    for table in metadata.sorted_tables:
        ours = f"database = currentDatabase() AND table = '{table.name}'"
        described = store.fetch(text(f"SELECT name FROM system.columns WHERE {ours} ORDER BY position"))
        names = [row["name"] for row in described if row["name"] not in {"written_us", "version"}]
        assert names == [column.name for column in table.columns]
    made = store.fetch(text("SELECT create_table_query AS ddl FROM system.tables WHERE database = currentDatabase()"))
    assert len(made) == len(metadata.tables) + 1
    assert all("fsync_after_insert = 1, fsync_part_directory = 1" in row["ddl"] for row in made)


def test_every_type_of_value_comes_back_as_it_was_written(store: Store) -> None:
    facts: dict[str, Any] = {
        "tags": ["a", "b'c", "\\"],
        "metadata": {"re.gion": "eu", "": 'q"'},
        "units": {"input_seconds": "1.50"},
        "usage_raw": {"deep": [1, None, {"x": "\u00e9"}]},
        "usage_flags": [],
        "attributes": {"n": 2**60, "f": 0.5, "list": [True, None]},
        "cost_usd": Decimal("0.000000000001"),
        "table_usd": Decimal("-999999.999999999999"),
        "duration_ms": 12.25,
        "input_tokens": 2**59,
        "stream": True,
        "name": "",
        "error_message": "it's \\n 100%\n{x} \U0001f600",
        "start_time": datetime(2199, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    }
    store.write(WriteBatch(events=[call("e1", **facts), call("e2", start_time=datetime(1971, 1, 1))]))  # noqa: DTZ001
    rows = stored(store)
    assert {name: rows["e1"][name] for name in facts} == facts
    assert (rows["e2"]["customer_id"], rows["e2"]["metadata"], rows["e2"]["tags"]) == (None, None, [])
    assert rows["e2"]["start_time"].year == 1971


@pytest.mark.parametrize("value", ["a'b", "a\\", "\\'; --", "%(x)s 100%", "{p:String}", "\u00e9\x01", "$1 ?"])
def test_values_of_statements_are_only_values(store: Store, value: str) -> None:
    store.write(WriteBatch(events=[call("e1", name=value), call("e2", name="other")]))
    c = events.c
    for condition in (c.name == value, c.name.in_([value]), c.name.startswith(value, autoescape=True)):
        assert [row["event_id"] for row in store.fetch(select(c.event_id).where(condition))] == ["e1"]
    like = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    assert [row["event_id"] for row in store.fetch(select(c.event_id).where(c.name.like(like, escape="\\")))] == ["e1"]


def test_late_repetitions_are_known_whatever_their_ids_look_like(store: Store) -> None:
    ids = ["e1", "ffffffff-ffff-7fff-bfff-ffffffffffff", AT_ID.format(1), AT_ID.format(2).replace("-", ""), "\u00e9'"]
    said = [{"project_id": "p1", "event_id": each, "received_at": AT, "input": "1"} for each in ids]
    first = WriteBatch(events=[call(each) for each in ids], contents=said, receipts=[receipt(records=10)])
    assert not any(store.write(first).duplicates.values())
    again = WriteBatch(events=[call(each, name="again") for each in ids], contents=said, receipts=[receipt()])
    result = store.write(again)
    assert result.duplicate_event_ids == result.duplicate_content_ids == {("p1", each) for each in ids}
    assert {row["name"] for row in store.fetch(select(events))} == {None}
    assert sorted(row["duplicates"] for row in store.fetch(select(receipts))) == [0, 10]


def test_a_revision_is_not_taken_back_by_whoever_read_the_row_before(store: Store) -> None:
    assert isinstance(store, ClickHouseStore)
    store.write(WriteBatch(events=[call("e1", input_tokens=1, tags=["kept"])]))
    late = {**stored(store)["e1"], "customer_id": "acme"}
    moved = AT + timedelta(days=70)
    result = store.write(WriteBatch(events=[call("e1", input_tokens=2, revision=1, start_time=moved)]))
    assert result.duplicate_event_ids == frozenset()
    # Another collector that has read revision 0 writes it again, later.
    with store._session() as session:
        from llmobserve_server.store.clickhouse.blocks import block_of

        session.insert("events", block_of("events", [late], store._clock.next()), "other")
        for _ in range(2):
            row = stored(store)["e1"]
            assert (row["input_tokens"], row["revision"], row["start_time"], row["tags"]) == (2, 1, moved, ["kept"])
            session.run("OPTIMIZE TABLE events FINAL")
    (counted,) = store.fetch(text("SELECT count() AS n FROM events SETTINGS final = 0"))
    assert counted["n"] == 1


class _Ended(OperationalError):
    """The process ended here."""


def _twins() -> WriteBatch:
    """A record by hand of a call that is stored, and a call that no other record is like."""
    late = {"start_time": AT + timedelta(seconds=1), "received_at": AT + timedelta(seconds=1)}
    told = {"is_exchange": False, "usage_source": "application", "transport": "manual", **late}
    twin = call("b", call_key="openai:r1", provider="openai", response_id="r1", cost_usd=Decimal(2), **told)
    said = [{"project_id": "p1", "event_id": "b", "received_at": late["received_at"], "input": "1"}]
    other = call("c", cost_usd=Decimal(4), **late)
    return WriteBatch(events=[twin, other], contents=said, receipts=[receipt(late["received_at"], 3)])


def test_an_end_between_any_two_insertions_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Session.insert
    seen: list[str] = []
    seen_by_sdk = {"provider": "openai", "response_id": "r1", "call_key": "openai:r1", "usage_source": "response"}
    failures = 0
    for allowed in range(6):
        url = f"chdb:///{tmp_path / str(allowed)}"
        store = open_store(url, memory_limit_bytes=256 * 1024**2)
        store.write(WriteBatch(events=[call("a", cost_usd=Decimal(1), **seen_by_sdk)], receipts=[receipt()]))
        left = [allowed]

        def insert(self: Session, table: str, block: Any, token: str, left: list[int] = left) -> None:
            if not left[0]:
                raise _Ended("ended")
            left[0] -= 1
            seen.append(table)
            whole(self, table, block, token)

        monkeypatch.setattr(Session, "insert", insert)
        try:
            store.write(_twins())
        except StoreError:
            failures += 1
        monkeypatch.setattr(Session, "insert", whole)
        store.close()
        again = open_store(url, memory_limit_bytes=256 * 1024**2)
        rows = stored(again)
        if "b" in rows:
            # What was there when it ended is charged once from the next start on, also if nobody sends again.
            assert (rows["a"]["merged_into"], rows["b"]["merged_into"]) == (None, "a")
        else:
            assert len(again.fetch(select(receipts))) == 1
        again.write(_twins())
        rows = stored(again)
        assert {name: row["merged_into"] for name, row in rows.items()} == {"a": None, "b": "a", "c": None}
        (total,) = again.fetch(select(func.sum(events.c.cost_usd).label("usd")).where(events.c.billable.is_(True)))
        assert total["usd"] == Decimal(5)
        assert len(again.fetch(select(contents))) == 1
        again.close()
    # Contents, events, the merged row once more, the receipt.
    assert failures == 4
    assert seen[-4:] == ["contents", "events", "events", "receipts"]


def test_a_batch_with_a_row_that_does_not_fit_is_stored_not_at_all(store: Store) -> None:
    said = [{"project_id": "p1", "event_id": "e1", "received_at": AT, "input": "1"}]
    for bad in (call("e2", cost_usd=Decimal(10**6)), call("e2", input_tokens=2**63), call("e2", kind=None)):
        with pytest.raises(UnstorableRows):
            store.write(WriteBatch(contents=said, events=[call("e1"), bad]))
    assert store.fetch(select(events)) == store.fetch(select(contents)) == []
    assert store.write(WriteBatch(events=[call("e1")])) == WriteResult({table: frozenset() for table in KEYED_TABLES})


def test_a_second_process_is_told_at_once_who_has_the_directory(store: Store, url: str) -> None:
    program = (
        "import sys, time\nfrom llmobserve_server.store.open import open_store\n"
        "from llmobserve_server.errors import StoreError\n"
        "try: open_store(sys.argv[1])\n"
        "except StoreError as error: print(error.message)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, timeout=60, check=True)
    assert re.search(r"is in use by process \d+\. Only one collector", done.stdout)
    assert store.write(WriteBatch(events=[call("e1")])).duplicate_event_ids == frozenset()


def test_a_store_of_a_newer_version_is_refused_and_a_cut_migration_is_finished(store: Store, url: str) -> None:
    assert isinstance(store, ClickHouseStore)
    store.write(WriteBatch(events=[call("e1")]))
    with store._session() as session:
        session.run("TRUNCATE TABLE schema_migrations")
        session.run("DROP TABLE facts")
    store.close()
    again = open_store(url)
    assert isinstance(again, ClickHouseStore)
    assert list(stored(again)) == ["e1"]
    assert again.fetch(text("SELECT count() AS n FROM facts")) == [{"n": 0}]
    with again._session() as session:
        session.run("INSERT INTO schema_migrations (version, name) VALUES (9000, 'future')")
    again.close()
    with pytest.raises(StoreError, match=r"schema version 9000.*Upgrade llmobserve-server"):
        open_store(url)


def test_old_months_are_dropped_and_of_others_only_what_is_worth_it(store: Store) -> None:
    # 2 November 2025 and 60 days later by the ids; the times of the events are those of the ids.
    early, late = datetime(2025, 11, 2), datetime(2026, 1, 1)  # noqa: DTZ001
    old = [call(AT_ID.format(number), start_time=early + timedelta(hours=number)) for number in range(10)]
    new = [call(f"019b7713-b000-7000-8000-{number:012}", start_time=late) for number in range(3)]
    store.write(WriteBatch(events=[*old, *new]))
    assert store.expire("events", early + timedelta(minutes=1), most_rows=100) == 1
    assert store.expire("events", early + timedelta(minutes=1), most_rows=100) == 0
    assert sorted(stored(store)) == sorted([row["event_id"] for row in (*old[1:], *new)])
    assert store.expire("events", late, most_rows=100) == 9
    assert store.expire("events", late, most_rows=100) == 0
    assert sorted(stored(store)) == sorted([row["event_id"] for row in new])


def test_the_tables_of_a_cluster_are_replicated_and_spread_by_project() -> None:
    layout = Layout("main")
    made = [layout.fill(statement) for _, _, statements in steps() for statement in statements]
    tables = {name for statement in made for name in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) ", statement)}
    assert tables == {f"{name}_local" for name in metadata.tables}
    path = r"'/clickhouse/tables/\{shard\}/\{database\}/\{table\}', '\{replica\}'"
    for statement in made:
        assert "ON CLUSTER `main`" in statement
        assert re.search(rf"ENGINE = Replicated(Replacing)?MergeTree\({path}(, \w+)?\)", statement)
    views = layout.views()
    assert "CREATE OR REPLACE TABLE events ON CLUSTER `main` AS events_local ENGINE = " in views[0]
    assert all(view.endswith("_local, cityHash64(project_id))") for view in views)
    assert len(views) == len(metadata.tables)
    alone = Layout()
    assert alone.views() == []
    text_alone = "".join(alone.fill(statement) for _, _, statements in steps() for statement in statements)
    assert not re.search("CLUSTER|Replicated|[{}]", text_alone)
    # A write is answered by as many replicas as a reader needs to see it.
    assert connections.CLUSTER_SETTINGS["insert_quorum"] == "auto"
    assert connections.CLUSTER_SETTINGS["select_sequential_consistency"] == 1


def test_addresses_name_a_server_or_a_directory() -> None:
    address = parse_address("clickhouse://me:p%40ss@ch.local/obs?cluster=main&secure=true")
    assert (address.host, address.port, address.username, address.password) == ("ch.local", 8443, "me", "p@ss")
    assert (address.database, address.cluster, address.is_secure, address.verify) == ("obs", "main", True, True)
    assert "p@ss" not in address.shown and "p%40ss" not in address.shown
    plain = parse_address("clickhouse://ch.local")
    assert (plain.port, plain.username, plain.database, plain.cluster) == (8123, "default", "default", None)
    assert parse_address("chdb:////var/lib/x").directory == Path("/var/lib/x")
    for wrong, words in (
        ("clickhouse:///x", "names no server"),
        ("chdb://host/x", "names no directory"),
        ("chdb:///", "names no directory"),
        ("clickhouse://h/x?quorum=1", "no option 'quorum'"),
        ("clickhouse://h/x?secure=maybe", "true or false"),
    ):
        with pytest.raises(StoreError, match=words):
            parse_address(wrong)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match=r"Cannot open the store clickhouse://me@127\.0\.0\.1:9/obs") as caught:
        open_store("clickhouse://me:secret@127.0.0.1:9/obs")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("missing", "extra"), [("clickhouse_connect", "clickhouse"), ("chdb", "chdb")])
def test_a_missing_library_is_named_with_its_extra(tmp_path: Path, missing: str, extra: str) -> None:
    program = (
        f"import sys\nsys.modules[{missing!r}] = None\nfrom llmobserve_server.store.open import open_store\n"
        "from llmobserve_server.errors import StoreError\n"
        "try: open_store(sys.argv[1])\n"
        "except StoreError as error: print(error.message)"
    )
    command = [sys.executable, "-c", program, f"chdb:///{tmp_path / 'x'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f"llmobserve-server[{extra}]" in done.stdout
