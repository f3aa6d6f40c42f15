"""Brings a backup to a place where there is nothing yet, and proves that it is what was written."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from llmobserve.wire.ids import new_event_id
from llmobserve_server.control.backup import control_rows
from llmobserve_server.control.database import open_control
from llmobserve_server.errors import StoreError
from llmobserve_server.jobs.backup.archive import read_archive
from llmobserve_server.jobs.backup.make import CONTROL_FILE, EVENTS_FILE, PRICES
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.copying.figures import TableSums, differences, sums_of
from llmobserve_server.store.duckdb.address import file_of
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Slice

__all__ = ["Restored", "restore"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back."""

    point: datetime
    """With its zone: the moment that the backup is of."""
    tables: Mapping[str, TableSums]
    """Figures of each table, as they were when it was made and are now."""
    has_control: bool
    """Whether projects, keys and the rest of the control database were in it."""
    price_books: int


def restore(file: Path, settings: ServerSettings) -> Restored:
    """Unpack a backup into the places of the settings, which have to be empty.

    Nothing is left there unless all of it is as it was.

    Raises StoreError: there is something already, or the file is not a whole backup.
    """
    targets = _targets(settings)
    for target in targets.values():
        if target.exists():
            raise StoreError(f"{target} exists. Restore into another --data-dir, or move it away first.")
    staging = targets[EVENTS_FILE].parent / f"restore-{new_event_id()}.part"
    try:
        staging.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging.mkdir(mode=0o700)
        manifest = read_archive(file, staging)
        tables = _checked_tables(staging / EVENTS_FILE, manifest)
        has_control = _check_control(staging / CONTROL_FILE, manifest)
        books = sorted((staging / PRICES).iterdir()) if (staging / PRICES).is_dir() else []
        # The events last: with them the collector would start.
        for name in (PRICES, CONTROL_FILE, EVENTS_FILE):
            if (staging / name).exists():
                _place(staging / name, targets[name])
    except (OSError, KeyError, ValueError, SQLAlchemyError) as error:
        raise StoreError(f"{file} cannot be restored: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Restored(datetime.fromisoformat(manifest["point"]), tables, has_control, len(books))


def _targets(settings: ServerSettings) -> dict[str, Path]:
    scheme = settings.db_url.partition(":")[0]
    if scheme != "duckdb":
        raise StoreError(
            f"A backup is restored as a DuckDB file, and LLMOBSERVE_DB names {scheme}. Restore it with --data-dir into "
            "a new directory and without LLMOBSERVE_DB; `llmobserve db copy` brings it from there to any engine."
        )
    control = make_url(settings.control_db_url)
    if control.get_backend_name() != "sqlite" or not control.database:
        raise StoreError("A backup is restored with a control database in SQLite: unset LLMOBSERVE_CONTROL_DB.")
    return {
        EVENTS_FILE: file_of(settings.db_url),
        CONTROL_FILE: Path(control.database),
        PRICES: settings.price_directory,
    }


def _checked_tables(file: Path, manifest: Mapping[str, Any]) -> dict[str, TableSums]:
    tables = {table: TableSums.of_json(figures) for table, figures in manifest["tables"].items()}
    store = open_store(f"duckdb:///{file}")
    try:
        for table, said in tables.items():
            unequal = differences(said, sums_of(store, Slice(table)))
            if unequal:
                raise StoreError(f"{table} is not what was backed up: {'; '.join(unequal)}")
    finally:
        store.close()
    return tables


def _check_control(file: Path, manifest: Mapping[str, Any]) -> bool:
    said: dict[str, int] | None = manifest["control"]
    if said is None:
        return False
    control = open_control(f"sqlite:///{file}")
    try:
        found = control_rows(control)
    finally:
        control.close()
    # Migrated to this version, it may have more tables.
    unequal = [name for name, rows in said.items() if found.get(name) != rows]
    if unequal:
        raise StoreError(f"The control database is not what was backed up: {', '.join(unequal)}")
    return True


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.move(source, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
