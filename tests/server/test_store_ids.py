"""Nothing twice without an index: ids are found again whatever they look like and whenever they come."""

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from server.event_rows import PROJECT, at, call
from sqlalchemy import func, select

from llmobserve.wire import new_event_id
from llmobserve_server.store.duckdb import DuckDBStore
from llmobserve_server.store.duckdb.known_ids import id_ranges
from llmobserve_server.store.duckdb.migrate import migration_steps
from llmobserve_server.store.protocol import WriteBatch
from llmobserve_server.store.tables import events

NOW_US = 1_795_000_000_000_000
DAY_US = 86_400_000_000


def _id(dice: random.Random) -> str:
    made = new_event_id(NOW_US - dice.randrange(90 * DAY_US))
    return dice.choice((made, made, made, made.upper(), dice.randbytes(9).hex(), f"ü{made}", "z" * 100 + made))


def test_the_ranges_hold_every_id_and_split_where_nothing_is() -> None:
    dice = random.Random(3)
    ids = [_id(dice) for _ in range(500)]
    ranges = id_ranges(ids)
    assert len(ranges) <= 9
    assert all(any(first <= each <= last for first, last in ranges) for each in ids)
    old, new = new_event_id(NOW_US - 30 * DAY_US), new_event_id(NOW_US)
    assert id_ranges([new, old]) == [(old, old), (new, new)]
    assert id_ranges([]) == []


def test_ids_of_all_kinds_are_stored_once_in_any_order_of_batches_and_after_a_restart(tmp_path: Path) -> None:
    dice = random.Random(4)
    ids = [_id(dice) for _ in range(3000)]
    store = DuckDBStore(tmp_path / "events.duckdb")
    store.initialize()
    sent = 0
    stored: set[str] = set()
    for round_number in range(12):
        chosen = dice.sample(ids, 400)
        result = store.write(WriteBatch(events=[call(each, at(), cost="0.1") for each in chosen]))
        assert {event_id for _, event_id in result.duplicate_event_ids} == stored & set(chosen)
        stored |= set(chosen)
        sent += len(chosen)
        store.checkpoint()
        if round_number == 6:
            store.close()
            store.initialize()
    rows = store.fetch(select(func.count().label("rows"), func.sum(events.c.cost_usd).label("usd")))
    assert rows == [{"rows": len(stored), "usd": Decimal("0.1") * len(stored)}]
    assert sent > len(stored)
    store.close()


def test_one_id_in_two_projects_is_two_events(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "events.duckdb")
    store.initialize()
    shared = new_event_id(NOW_US)
    assert (
        store.write(WriteBatch(events=[call(shared, at()), call(shared, at(), project_id="p2")])).duplicate_event_ids
        == set()
    )
    again = store.write(WriteBatch(events=[call(shared, at(), project_id="p2"), call(shared, at(), project_id="p3")]))
    assert again.duplicate_event_ids == {("p2", shared)}
    assert store.fetch(select(func.count().label("rows")).select_from(events)) == [{"rows": 3}]
    store.close()


ROWS = 150_000


def _old_store(path: Path) -> None:
    """A file as the version with keys left it."""
    start = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)
    connection = duckdb.connect(str(path))
    connection.execute(
        "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, "
        "applied_at TIMESTAMP NOT NULL DEFAULT current_localtimestamp())"
    )
    for version, name, sql in migration_steps():
        if version <= 5:
            connection.execute(sql)
            connection.execute("INSERT INTO schema_migrations (version, name) VALUES (?, ?)", [version, name])
    connection.execute(
        "INSERT INTO events (project_id, event_id, type, kind, status, start_time, received_at, cost_usd, metadata) "
        "SELECT 'p1', 'e' || i, 'call', 'llm', 'ok', $start + i * INTERVAL 1 SECOND, $start, 0.001, "
        "CAST(CAST('{\"k\":\"' || i || '\"}' AS JSON) AS VARIANT) FROM range($rows) AS r(i)",
        {"start": start, "rows": ROWS},
    )
    connection.close()


@pytest.mark.parametrize("wait_s", [0.3, 0.5, 0.8])
def test_a_start_killed_while_the_tables_are_written_anew_begins_again(tmp_path: Path, wait_s: float) -> None:
    path = tmp_path / "events.duckdb"
    _old_store(path)
    program = (
        "import sys; from pathlib import Path; from llmobserve_server.store.duckdb import DuckDBStore; "
        "print('begins', flush=True); DuckDBStore(Path(sys.argv[1])).initialize(); print('done', flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begins\n"
        time.sleep(wait_s)
        child.kill()
    store = DuckDBStore(path)
    store.initialize()
    counted = select(
        func.count().label("rows"),
        func.sum(events.c.cost_usd).label("usd"),
        func.max(events.c.start_time).label("last"),
    )
    last = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(seconds=ROWS - 1)
    # 150,000 times $0.001 is $150.
    assert store.fetch(counted) == [{"rows": ROWS, "usd": Decimal(150), "last": last}]
    assert store.fetch(select(events.c.metadata).where(events.c.event_id == "e7")) == [{"metadata": {"k": "7"}}]
    assert store.write(WriteBatch(events=[call("e7", at())])).duplicate_event_ids == {(PROJECT, "e7")}
    store.close()
