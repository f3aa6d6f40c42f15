"""Whole stores go from engine to engine, into a folder of Parquet files and back, and are the same afterwards."""

import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from stores.engines import ENGINES
from stores.material import make_material

from llmobserve_server.cli.db import main
from llmobserve_server.errors import StoreError
from llmobserve_server.store.copying.copy import copy_tables
from llmobserve_server.store.copying.figures import differences
from llmobserve_server.store.copying.folder import FolderExport, FolderSource
from llmobserve_server.store.copying.source import StoreSource
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Slice, Store
from llmobserve_server.store.tables import TIME_COLUMNS, events, metadata

MIDDLE = datetime(2026, 10, 14)  # noqa: DTZ001 (the tables hold naive UTC)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A DuckDB store with rows of every table, some of them several times where they have no id."""
    folder = tmp_path_factory.mktemp("source")
    make_material(folder, seed=5)
    url = f"duckdb:///{folder / 'events.duckdb'}"
    store = open_store(url)
    for table in ("dead_letters", "losses", "receipts", "process_reports"):
        parts = list(store.read_rows(Slice(table)))
        assert parts, table
        store.load_rows(table, parts[0].slice(0, 3))
    for table in TIME_COLUMNS:
        assert StoreSource(store).sums(table).rows > 0, f"{table} has no rows: the test would show nothing of it"
    store.close()
    return url


@pytest.fixture
def source(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


@contextmanager
def duckdb_at(path: Path) -> Generator[Store]:
    store = open_store(f"duckdb:///{path}")
    try:
        yield store
    finally:
        store.close()


def rows_of(store: Store, table: str, chosen: Slice | None = None) -> list[tuple[Any, ...]]:
    """All rows, in an order that does not depend on the engine."""
    asked = chosen or Slice(table)
    rows = [tuple(row.values()) for part in store.read_rows(asked) for row in part.to_pylist()]
    return sorted(rows, key=repr)


def unequal(one: Store, other: Store) -> dict[str, list[str]]:
    found = {t: differences(StoreSource(one).sums(t), StoreSource(other).sums(t)) for t in TIME_COLUMNS}
    return {table: sentences for table, sentences in found.items() if sentences}


@pytest.mark.parametrize("engine", ["chdb", "parquet", "postgresql"])
def test_a_store_goes_to_every_engine_and_back_row_by_row(engine: str, source: Store, tmp_path: Path) -> None:
    with ENGINES[engine](tmp_path) as place, place.opened() as target:
        copied = copy_tables(StoreSource(source, slice_rows=500), target)
        assert {table.table: table.new for table in copied} == {t.table: t.found.rows for t in copied}
        assert unequal(source, target) == {}
        again = copy_tables(StoreSource(source, slice_rows=500), target)
        assert sum(table.new for table in again) == 0
        with duckdb_at(tmp_path / "back.duckdb") as back:
            copy_tables(StoreSource(target), back)
            assert unequal(source, back) == {}
            for table in TIME_COLUMNS:
                assert rows_of(back, table) == rows_of(source, table), table


class _Stopped(Exception):
    pass


def test_a_copy_that_was_stopped_goes_on_and_doubles_nothing(source: Store, tmp_path: Path) -> None:
    dice = random.Random(3)
    with duckdb_at(tmp_path / "target.duckdb") as target:
        for _ in range(6):
            left = dice.randrange(1, 12)

            def stop(table: str, done: int, total: int) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    raise _Stopped

            with pytest.raises(_Stopped):
                copy_tables(StoreSource(source, slice_rows=200), target, stop)
        copy_tables(StoreSource(source, slice_rows=200), target)
        assert unequal(source, target) == {}
        assert rows_of(target, "receipts") == rows_of(source, "receipts")


def test_what_the_target_has_of_its_own_stays(source: Store, tmp_path: Path) -> None:
    with duckdb_at(tmp_path / "target.duckdb") as target:
        (part,) = [p.slice(0, 5) for p in list(source.read_rows(Slice("events")))[:1]]
        ours = part.set_column(1, "event_id", pyarrow.array([f"ours{n}" for n in range(5)]))
        target.load_rows("events", ours)
        copied = {table.table: table for table in copy_tables(StoreSource(source), target)}
        assert copied["events"].new == copied["events"].found.rows
        assert StoreSource(target).sums("events").rows == copied["events"].found.rows + 5


def test_an_export_comes_back_and_is_plain_parquet(source: Store, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    figures = FolderExport(folder, Slice("")).write(StoreSource(source, slice_rows=700))
    files = sorted((folder / "events").glob("*.parquet"))
    assert len(files) > 2
    table = pyarrow.parquet.read_table(folder / "events")
    assert (table.num_rows, set(table.column_names)) == (figures["events"].rows, {c.name for c in events.columns})
    with duckdb_at(tmp_path / "target.duckdb") as target:
        exported = FolderSource(folder)
        copied = copy_tables(exported, target)
        assert sum(t.new for t in copied) == sum(t.found.rows for t in copied)
        assert unequal(source, target) == {}
        assert sum(t.new for t in copy_tables(exported, target)) == 0
        for name in TIME_COLUMNS:
            assert rows_of(target, name) == rows_of(source, name)


def test_a_part_of_a_store_is_exported_by_time_and_project(source: Store, tmp_path: Path) -> None:
    chosen = Slice("", MIDDLE, MIDDLE + timedelta(days=9), "other")
    FolderExport(tmp_path / "export", chosen).write(StoreSource(source, chosen))
    expected = rows_of(source, "events", Slice("events", MIDDLE, MIDDLE + timedelta(days=9), "other"))
    assert 0 < len(expected) < len(rows_of(source, "events"))
    with duckdb_at(tmp_path / "target.duckdb") as target:
        copy_tables(FolderSource(tmp_path / "export"), target)
        assert rows_of(target, "events") == expected


def test_what_is_no_export_is_refused(source: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no complete export"):
        FolderSource(tmp_path)
    folder = tmp_path / "export"
    FolderExport(folder, Slice("")).write(StoreSource(source))
    with pytest.raises(StoreError, match="is not empty"):
        FolderExport(folder, Slice(""))
    about = (folder / "export.json").read_text()
    (folder / "export.json").write_text(about.replace('"version": 1', '"version": 2'))
    with pytest.raises(StoreError, match="newer version"):
        FolderSource(folder)
    (folder / "export.json").write_text(about)
    next((folder / "events").glob("*.parquet")).unlink()
    with (
        duckdb_at(tmp_path / "target.duckdb") as target,
        pytest.raises(StoreError, match=r"rows, but export\.json says"),
    ):
        copy_tables(FolderSource(folder), target)


def test_every_table_of_the_store_is_copied() -> None:
    assert set(TIME_COLUMNS) == set(metadata.tables)


def test_the_commands_prove_what_they_did(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def db(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    target = f"duckdb:///{tmp_path / 'target.duckdb'}"
    status, said = db("copy", url, target)
    assert (status, said.count("  equal"), "Equal: the same rows" in said) == (0, len(TIME_COLUMNS), True)
    with duckdb_at(tmp_path / "target.duckdb") as store:
        (first,) = [part.slice(0, 1) for part in list(store.read_rows(Slice("events")))[:1]]
        assert store.expire("events", first.column("start_time")[0].as_py() + timedelta(microseconds=1), most_rows=1)
    place = first.schema.get_field_index("table_usd")
    dearer = first.set_column(place, first.schema.field(place), pyarrow.array([Decimal(99)], first.schema.types[place]))
    with duckdb_at(tmp_path / "target.duckdb") as store:
        store.load_rows("events", dearer)
    status, said = db("copy", url, target)
    assert (status, "NOT EQUAL" in said, "the sum of table_usd is" in said) == (1, True, True)
    status, said = db("copy", url, url)
    assert (status, "the same store" in said) == (1, True)
    status, said = db("copy", url, "mysql://host/x")
    assert (status, "does not have" in said) == (1, True)
    at_home = ("--data-dir", str(tmp_path))
    status, said = db("export", str(tmp_path / "out"), "--db", url, "--project", "other", *at_home)
    assert (status, "MB in" in said) == (0, True)
    status, said = db("import", str(tmp_path / "out"), "--data-dir", str(tmp_path / "new"))
    assert (status, said.count("  equal")) == (0, len(TIME_COLUMNS))
    status, said = db("import", str(tmp_path / "out"), "--data-dir", str(tmp_path / "new"))
    assert (status, said.count("  equal")) == (0, len(TIME_COLUMNS))
    status, said = db("info", "--data-dir", str(tmp_path / "nowhere"))
    assert (status, "There is no store at duckdb:////" in said, (tmp_path / "nowhere").exists()) == (1, True, False)
    assert db("migrate", "--check", "--data-dir", str(tmp_path / "new"))[0] == 1
    assert db("migrate", "--data-dir", str(tmp_path / "new"))[0] == 0
    assert db("migrate", "--check", "--data-dir", str(tmp_path / "new"))[0] == 0
    status, said = db("info", "--data-dir", str(tmp_path / "new"))
    assert (status, "events        kept for ever" in said) == (0, True)
