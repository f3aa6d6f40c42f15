"""A copy of an open DuckDB file, made by the process that has it open, while it goes on writing."""

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from llmobserve.wire.ids import new_event_id
from llmobserve_server.errors import StoreError
from llmobserve_server.store.duckdb.connection import staging_of

__all__ = ["copy_to", "snapshot"]


def snapshot(cursor: duckdb.DuckDBPyConnection) -> datetime:
    """Begin a transaction that sees what is stored now, and nothing later; the time, in naive UTC.

    Call it while no batch is being written. Raises duckdb.Error.
    """
    cursor.execute("BEGIN")
    # A transaction sees a database as it is when it first asks it.
    cursor.execute("SELECT 1 FROM events LIMIT 1").fetchall()
    return datetime.now(UTC).replace(tzinfo=None)


def copy_to(cursor: duckdb.DuckDBPyConnection, path: Path, target: Path, *, reserve_bytes: int) -> None:
    """Copy what the transaction of `cursor` sees to a new file, and end the transaction.

    Raises StoreError when the disk has no room or the target exists, and duckdb.Error or OSError.
    """
    if target.exists():
        raise StoreError(f"{target} exists already. Backups are written to new files only.")
    staging = staging_of(path)
    staging.mkdir(mode=0o700, exist_ok=True)
    _check_room(path, staging, reserve_bytes)
    name = f"backup_{new_event_id().replace('-', '')}"
    file = staging / f"{name}.duckdb"
    try:
        ((database,),) = cursor.execute("SELECT current_database()").fetchall()
        cursor.execute(f"ATTACH '{_quoted(file)}' AS {name}")
        try:
            cursor.execute(f'COPY FROM DATABASE "{database}" TO {name}')
            cursor.execute("COMMIT")
            cursor.execute(f"CHECKPOINT {name}")
        finally:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            cursor.execute(f"DETACH {name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)
        target.chmod(0o600)
    finally:
        for left in staging.glob(f"{name}*"):
            left.unlink(missing_ok=True)
        with suppress(OSError):
            # Another backup may be in it.
            staging.rmdir()


def _check_room(path: Path, staging: Path, reserve_bytes: int) -> None:
    needed, free = path.stat().st_size, shutil.disk_usage(staging).free
    if free - needed < reserve_bytes:
        raise StoreError(
            f"A backup of {path} needs up to {needed // 1024**2} MB beside it for a while; {free // 1024**2} MB are "
            f"free, of which {reserve_bytes // 1024**2} MB are kept."
        )


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")
