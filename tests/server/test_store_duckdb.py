import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import select, text

from llmobserve_server.errors import StoreError
from llmobserve_server.store.duckdb import DuckDBStore
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store, WriteBatch
from llmobserve_server.store.tables import events, metadata

AT = datetime(2026, 11, 2, 10, 20, 30, 123456)  # noqa: DTZ001 - times of the tables have no zone


def event(event_id: str = "e1", **facts: Any) -> dict[str, Any]:
    return {
        "project_id": "p1",
        "event_id": event_id,
        "type": "call",
        "kind": "llm",
        "status": "ok",
        "start_time": AT,
        "received_at": AT,
        "revision": 0,
        **facts,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deeper" / "events.duckdb"


@pytest.fixture
def store(path: Path):
    opened = open_store(f"duckdb:///{path}", memory_limit_bytes=256 * 1024**2)
    yield opened
    opened.close()


def only(store: Store) -> dict[str, Any]:
    (row,) = store.fetch(select(events))
    return dict(row)


def test_the_files_columns_are_those_of_the_shared_tables(store: Store, path: Path) -> None:
    store.close()
    with duckdb.connect(str(path)) as connection:
        for table in metadata.sorted_tables:
            found = [row[0] for row in connection.execute(f"DESCRIBE {table.name}").fetchall()]
            assert found == [column.name for column in table.columns]


def test_a_second_process_is_told_who_holds_the_file(store: Store, path: Path) -> None:
    program = (
        "import sys\nfrom llmobserve_server.store.open import open_store\n"
        "from llmobserve_server.errors import StoreError\n"
        "try: open_store(sys.argv[1])\n"
        "except StoreError as error: print(error.message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"duckdb:///{path}"], capture_output=True, text=True, timeout=60, check=True
    )
    assert f"in use by process {os.getpid()}" in done.stdout
    assert "LLMOBSERVE_DATA_DIR" in done.stdout


def test_a_file_of_a_newer_version_is_refused_and_left_alone(store: Store, path: Path) -> None:
    store.close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_migrations (version, name) VALUES (9000, 'future')")
    with pytest.raises(StoreError, match=r"schema version 9000.*Upgrade llmobserve-server"):
        open_store(f"duckdb:///{path}")
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT max(version) FROM schema_migrations").fetchall() == [(9000,)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(StoreError, match="not a DuckDB file"):
        open_store(f"duckdb:///{path}")
    assert path.read_text() == "my notes"


def test_an_address_this_version_cannot_open_is_explained() -> None:
    for url, words in (
        ("mysql://localhost/x", "mysql.*does not have.*duckdb"),
        ("duckdb://host/x", "names no file"),
        ("duckdb:///", "names no file"),
    ):
        with pytest.raises(StoreError, match=words):
            open_store(url)


def test_statements_cannot_reach_other_files(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM '{secret}'",
        f"COPY events TO '{tmp_path / 'out.csv'}'",
        f"ATTACH '{tmp_path / 'other.db'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT * FROM path",
    ):
        with pytest.raises(StoreError):
            store.fetch(text(sql))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["deeper", "secret.csv"]


def test_below_the_disk_reserve_nothing_is_written_and_reads_go_on(path: Path) -> None:
    with_space = open_store(f"duckdb:///{path}")
    with_space.write(WriteBatch(events=[event()]))
    with_space.close()
    full = DuckDBStore(path, disk_reserve_bytes=2**62)
    full.initialize()
    with pytest.raises(StoreError, match="are free on the disk"):
        full.write(WriteBatch(events=[event("e2")]))
    assert only(full)["event_id"] == "e1"
    full.close()
