"""What those who keep a store ask of every engine: deletion of what is old, sizes, figures, what can be done now."""

from datetime import timedelta
from pathlib import Path

import pytest
from server.event_rows import at, call
from server.live_server import batch, get, running
from server.test_retention import rules
from sqlalchemy import select
from stores.engines import Place, postgresql_server

from llmobserve_server.errors import StoreError
from llmobserve_server.jobs.retention import Retention
from llmobserve_server.store.figures import table_figures
from llmobserve_server.store.open import make_store
from llmobserve_server.store.protocol import Store, WriteBatch
from llmobserve_server.store.tables import TIME_COLUMNS, contents, events

NOW = at(days=200)


def test_what_is_old_goes_and_nothing_that_is_kept(store: Store) -> None:
    ages = [0, 1, 29.999, 30, 30.001, 31, 45, 90, 199]
    for age in ages:
        moment = NOW - timedelta(days=age)
        row = {"project_id": "p1", "event_id": f"c{age}", "received_at": moment, "input": '"hello"'}
        store.write(WriteBatch(events=[call(f"c{age}", moment, cost="0.5", is_exchange=True)], contents=[row]))
    gone = Retention(store, rules(events=30), clock=lambda: NOW, idle_share=0, piece_rows=2).run_once()
    left = {row["event_id"] for row in store.fetch(select(events.c.event_id))}
    assert {"c0", "c1", "c29.999", "c30"} <= left
    # An engine that drops whole partitions may keep the rest of the last one: a month at most.
    assert not {"c90", "c199"} & left
    assert gone["events"] == len(ages) - len(left)
    said = {row["event_id"] for row in store.fetch(select(contents.c.event_id))}
    assert {"c0", "c1", "c29.999", "c30"} <= said
    assert not {"c90", "c199"} & said
    again = Retention(store, rules(events=30), clock=lambda: NOW, idle_share=0).run_once()
    assert again.total() == 0


def test_sizes_and_figures_are_told(store: Store) -> None:
    rows = [call(f"c{n}", at(n), cost="0.5", is_exchange=True) for n in range(300)]
    store.write(WriteBatch(events=[*rows, *(row | {"project_id": "p2"} for row in rows[:100])]))
    store.checkpoint()
    sizes = store.sizes()
    assert sizes.total_bytes > 0
    assert set(sizes.tables) <= set(TIME_COLUMNS)
    figures = {table.table: table for table in table_figures(store, sizes.tables)}
    assert [(part.project_id, part.rows) for part in figures["events"].projects] == [("p1", 300), ("p2", 100)]
    assert (figures["events"].projects[0].oldest, figures["events"].projects[1].newest) == (at(0), at(99))
    assert figures["scores"].rows == 0
    store.check_writable()


def test_a_place_tells_what_it_lacks_and_then_that_it_lacks_nothing(place: Place) -> None:
    pending = make_store(place.url).pending_migrations()
    assert pending[0].startswith("0001")
    assert make_store(place.url).pending_migrations() == pending
    with place.opened():
        pass
    assert make_store(place.url).pending_migrations() == []


def test_one_database_of_postgresql_holds_events_and_control_and_tells_how_it_is_backed_up(tmp_path: Path) -> None:
    server = postgresql_server()
    url = server.create("together")
    try:
        with (
            running(tmp_path, db=url, control_db=url) as collector,
            collector.api() as api,
            collector.client() as client,
        ):
            collector.send(batch(3))
            assert get(api, "projects")[0]["event_count"] == 3
            storage = get(api, "storage")
            assert (storage["engine"], storage["total_bytes"] > 0) == ("postgresql", True)
            answer = api.post("backup")
            assert (answer.status_code, "pg_dump" in answer.json()["message"]) == (503, True)
            assert client.get("/ready").status_code == 200
            assert "llmobserve_store_up 1.0" in client.get("/metrics").text
            assert not list(tmp_path.glob("*.part"))
    finally:
        server.drop("together")


def test_an_engine_that_has_its_own_tools_names_them(store: Store, tmp_path: Path) -> None:
    if store.name == "duckdb":
        assert store.back_up(tmp_path / "copy")
        return
    with pytest.raises(StoreError, match=r"pg_dump|BACKUP|[Cc]opy"):
        store.back_up(tmp_path / "copy")
