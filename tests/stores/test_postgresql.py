"""What is PostgreSQL's own: its schema, several collectors, a server that goes away, is full or can only be read."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from loopback.postgresql import Postgresql, running_postgresql
from server.event_rows import call
from sqlalchemy import func, select, text
from stores.engines import ENGINES, Place

from llmobserve_server.app import Databases
from llmobserve_server.control.database import DEFAULT_PROJECT, open_control
from llmobserve_server.control.models import Project
from llmobserve_server.errors import StoreError, UnstorableRows
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.open import make_store, open_store
from llmobserve_server.store.postgresql import connection as connections
from llmobserve_server.store.protocol import Store, WriteBatch
from llmobserve_server.store.tables import contents, events, metadata

AT = datetime(2026, 10, 14, 12)  # noqa: DTZ001 (the tables hold naive UTC); a Wednesday


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ENGINES["postgresql"](tmp_path) as found:
        yield found


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.opened() as opened:
        yield opened


def told(place: Place, statement: str, *values: Any) -> list[Any]:
    with psycopg.connect(place.url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def seen(event_id: str, start: datetime = AT, **facts: Any) -> dict[str, Any]:
    return call(event_id, start, revision=0, is_exchange=True, transport="httpx2", **facts)


def count(store: Store) -> int:
    return store.fetch(select(func.count().label("n")).select_from(events))[0]["n"]


def test_the_columns_are_those_of_the_shared_tables(place: Place, store: Store) -> None:
    names = "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"
    for table in metadata.sorted_tables:
        found = [row[0] for row in told(place, names, table.name)]
        assert sorted(found) == sorted(column.name for column in table.columns), table.name


def test_collectors_that_start_together_make_the_tables_once(place: Place) -> None:
    assert make_store(place.url).pending_migrations()[0] == "0001_first_tables"
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: place.open(), range(6)))
    for number, store in enumerate(stores):
        store.write(WriteBatch(events=[seen(f"e{number}")]))
        assert count(store) == number + 1
    for store in stores:
        store.close()
    assert make_store(place.url).pending_migrations() == []
    versions = [row[0] for row in told(place, "SELECT version FROM llmobserve_migrations ORDER BY version")]
    assert versions == list(range(1, len(versions) + 1))


def test_a_newer_schema_is_refused_and_left_alone(place: Place) -> None:
    place.open().close()
    told(place, "INSERT INTO llmobserve_migrations (version, name) VALUES (9000, 'future')")
    with pytest.raises(StoreError, match=r"schema version 9000.*Upgrade llmobserve-server"):
        place.open()
    with pytest.raises(StoreError, match="schema version 9000"):
        make_store(place.url).pending_migrations()


def test_an_address_that_cannot_be_used_is_explained() -> None:
    for url, words in (
        ("postgresql://localhost:1/x", "PostgreSQL database x at localhost.*refused"),
        ("postgresql://localhost/x?nonsense=1", "no address of a PostgreSQL database.*nonsense"),
        ("postgresql://user:secret@localhost:1/x?sslmode=disable", "database x at localhost"),
    ):
        with pytest.raises(StoreError, match=words) as raised:
            open_store(url)
        assert "secret" not in raised.value.message


def test_another_encoding_is_refused_and_another_schema_is_used(place: Place) -> None:
    name = place.url.rpartition("/")[2]
    told(place, "CREATE SCHEMA apart")
    with Place(f"{place.url}?options=-c%20search_path%3Dapart&llmobserve_rollups=off").opened() as store:
        store.write(WriteBatch(events=[seen("a")]))
        assert count(store) == 1
    assert told(place, "SELECT count(*) FROM apart.events") == [(1,)]
    told(place, f"CREATE DATABASE {name}_l1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match=r"encoding LATIN1.*UTF8"):
            open_store(f"{place.url}_l1")
    finally:
        told(place, f"DROP DATABASE {name}_l1 WITH (FORCE)")


def test_rows_are_in_the_week_of_their_start_and_odd_times_apart(place: Place, store: Store) -> None:
    odd = datetime(2015, 3, 1)  # noqa: DTZ001
    store.write(WriteBatch(events=[seen("a"), seen("b", AT + timedelta(days=7)), seen("c", odd)]))
    found = told(place, "SELECT event_id, tableoid::regclass::text FROM events ORDER BY event_id")
    assert found == [("a", "events_20261012"), ("b", "events_20261019"), ("c", "events_at_odd_times")]


def test_an_id_is_stored_once_whatever_time_it_comes_with(place: Place, store: Store) -> None:
    store.write(WriteBatch(events=[seen("a", name="first")]))
    again = store.write(WriteBatch(events=[seen("a", AT + timedelta(days=30), name="second"), seen("b")]))
    assert again.duplicate_event_ids == {("p1", "a")}
    assert [(row["event_id"], row["start_time"]) for row in store.fetch(select(events))] == [("a", AT), ("b", AT)]
    # A revision corrects the start: the row moves to that week, and is known by its id there.
    moved = {**seen("a", AT + timedelta(days=8)), "revision": 1}
    assert store.write(WriteBatch(events=[moved])).duplicate_event_ids == frozenset()
    assert store.write(WriteBatch(events=[moved, seen("a")])).duplicate_event_ids == {("p1", "a")}
    found = told(place, "SELECT tableoid::regclass::text, revision FROM events WHERE event_id = 'a'")
    assert found == [("events_20261019", 1)]
    assert told(place, "SELECT start_time FROM event_ids WHERE event_id = 'a'") == [(AT + timedelta(days=8),)]


def test_collectors_that_write_the_same_at_once_store_and_charge_it_once(place: Place) -> None:
    batches = [
        [seen(f"s{n}", call_key=f"openai:r{n}", response_id=f"r{n}", cost="0.001") for n in range(start, start + 40)]
        for start in range(0, 200, 20)
    ]
    by_hand = [
        [
            {**row, "event_id": f"h{row['event_id']}", "transport": "manual", "is_exchange": False, "cost_usd": 1}
            for row in rows
        ]
        for rows in batches
    ]
    stores = [place.open() for _ in range(3)]
    failures: list[BaseException] = []

    def work(store: Store, number: int) -> None:
        try:
            for rows in (*batches[number:], *by_hand[::-1], *batches[:number]):
                store.write(WriteBatch(events=rows))
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(store, number)) for number, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    rows = stores[0].fetch(select(events.c.event_id, events.c.merged_into, events.c.billable))
    for store in stores:
        store.close()
    assert len(rows) == 440
    assert {row["event_id"]: row["merged_into"] for row in rows} == {
        **{f"s{n}": None for n in range(220)},
        **{f"hs{n}": f"s{n}" for n in range(220)},
    }
    assert all(row["billable"] == (row["merged_into"] is None) for row in rows)


@pytest.fixture
def own_server() -> Iterator[Postgresql]:
    with running_postgresql() as running:
        yield running


def test_a_server_that_goes_away_and_comes_back(own_server: Postgresql) -> None:
    place = Place(own_server.create("events"))
    with place.opened() as store:
        store.write(WriteBatch(events=[seen("a")]))
        assert count(store) == 1
        own_server.stop()
        for _ in range(2):
            with pytest.raises(StoreError) as raised:
                store.write(WriteBatch(events=[seen("b")]))
            assert raised.value.status == 503
            assert not isinstance(raised.value, UnstorableRows)
            with pytest.raises(StoreError):
                count(store)
            with pytest.raises(StoreError):
                store.check_writable()
        own_server.start()
        assert count(store) == 1
        store.write(WriteBatch(events=[seen("b")]))
        # A restart between two batches is not even noticed.
        own_server.stop()
        own_server.start()
        store.write(WriteBatch(events=[seen("c")]))
        own_server.stop()
        own_server.start()
        assert count(store) == 3


def test_a_full_disk_and_a_read_only_server_are_told(place: Place, store: Store) -> None:
    store.write(WriteBatch(events=[seen("a")]))
    told(
        place,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    )
    told(place, "CREATE TRIGGER full_disk BEFORE INSERT ON event_ids EXECUTE FUNCTION full_disk()")
    with pytest.raises(StoreError, match="disk of the PostgreSQL server is full") as raised:
        store.write(WriteBatch(events=[seen("b")]))
    assert not isinstance(raised.value, UnstorableRows)
    assert count(store) == 1
    told(place, "DROP TRIGGER full_disk ON event_ids")
    store.write(WriteBatch(events=[seen("b")]))
    name = place.url.rpartition("/")[2]
    told(place, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(StoreError, match="read-only, a standby perhaps"):
        place.open()


def test_a_text_that_no_table_takes_costs_only_its_row(store: Store) -> None:
    with pytest.raises(UnstorableRows):
        store.write(WriteBatch(events=[seen("a"), seen("b", name="nul \0")]))
    with pytest.raises(UnstorableRows):
        store.write(WriteBatch(events=[seen("c", run_id=random.Random(1).randbytes(10_000).hex())]))
    assert count(store) == 0
    odd = ['"', "\\N", "\\.", "", "a\nb\r\n", "{1,2}", "\u2028", "𝄞"]
    said = [{"project_id": "p1", "event_id": f"e{n}", "received_at": AT, "input": one} for n, one in enumerate(odd)]
    store.write(WriteBatch(events=[seen("d", tags=odd, name="\\.")], contents=said))
    assert [row["input"] for row in store.fetch(select(contents).order_by(contents.c.event_id))] == odd
    assert store.fetch(select(events.c.tags, events.c.name)) == [{"tags": odd, "name": "\\."}]


def test_questions_that_take_too_long_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_READ_TIMEOUT_S", 1)
    with place.opened() as store:
        with pytest.raises(StoreError, match="took longer than 1 s"):
            store.fetch(text("SELECT pg_sleep(20)"))
        assert count(store) == 0
        for statement in ("DELETE FROM events", "CREATE TABLE x (a integer)"):
            with pytest.raises(StoreError, match="read-only"):
                store.fetch(text(statement))


def test_whole_weeks_expire_with_their_ids(place: Place, store: Store) -> None:
    weeks = [AT + timedelta(weeks=n) for n in range(-3, 1)]
    store.write(WriteBatch(events=[seen(f"e{n}-{m}", week) for n, week in enumerate(weeks) for m in range(5)]))
    store.write(WriteBatch(events=[seen("odd", datetime(2015, 3, 1))]))  # noqa: DTZ001
    before = weeks[2] + timedelta(days=1)
    gone = 0
    while expired := store.expire("events", before, most_rows=1000):
        gone += expired
    # Two whole weeks; the third has not ended by then.
    assert gone == 11
    assert count(store) == 10
    assert told(place, "SELECT count(*) FROM event_ids") == [(10,)]
    assert store.write(WriteBatch(events=[seen("e0-0", weeks[0])])).duplicate_event_ids == frozenset()


def test_one_database_serves_the_control_plane_too(place: Place, tmp_path: Path) -> None:
    settings = ServerSettings(data_dir=tmp_path / "data", db=place.url)
    assert settings.control_db_url == place.url
    with ThreadPoolExecutor(3) as pool:
        opened = list(pool.map(lambda _: Databases(settings), range(3)))
    with opened[0].control.session() as session, session.begin():
        session.add(Project(id="new", organisation_id="default", name="New"))
    with opened[1].control.session() as session:
        assert {project.id for project in session.query(Project)} == {DEFAULT_PROJECT, "new"}
    for each in opened:
        each.close()
    control = open_control(f"{place.url}?llmobserve_rollups=off")
    control.close()
    assert not (tmp_path / "data" / "control.db").exists()


def test_upkeep_makes_the_weeks_to_come(place: Place, store: Store) -> None:
    now = datetime.now(UTC)
    store.checkpoint()
    attached = told(place, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass")
    coming = now.date() + timedelta(days=14)
    assert (f"events_{coming - timedelta(days=coming.weekday()):%Y%m%d}",) in attached
