"""Makes a backup: from the databases that this process has open, while they are in use."""

import shutil
import threading
from collections.abc import Generator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from llmobserve.wire.ids import new_event_id
from llmobserve_server.control.backup import back_up_control, control_rows
from llmobserve_server.control.database import ControlDatabase, open_control
from llmobserve_server.errors import Conflict, StoreError
from llmobserve_server.jobs.backup.archive import ArchiveWriter
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.copying.figures import sums_of
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Slice, Store
from llmobserve_server.store.tables import TIME_COLUMNS

__all__ = ["CONTROL_FILE", "EVENTS_FILE", "PRICES", "Backup", "Backups"]

EVENTS_FILE = "events.duckdb"
CONTROL_FILE = "control.db"
PRICES = "prices"
_STAGING = "backup.part"
_VERIFY_MEMORY_BYTES = 256 * 1024**2


class Backup:
    """A backup that is ready to be read, once. Close it in the end: that removes what was made for it. Thread-safe.

    Args:
        point: with its zone: what was acknowledged before is in it.
        size_bytes: of the whole file.
        chunks: the bytes of it.
    """

    def __init__(self, point: datetime, size_bytes: int, chunks: Generator[bytes]) -> None:
        self.point = point
        self.size_bytes = size_bytes
        self._chunks = chunks
        self._lock = threading.Lock()

    def read(self) -> bytes:
        """The next bytes; empty at the end. Raises OSError."""
        with self._lock:
            return next(self._chunks, b"")

    def close(self) -> None:
        """Remove the copies, and let the next backup be made. Idempotent."""
        with self._lock:
            self._chunks.close()


class Backups:
    """The backups of one server, one at a time. Thread-safe."""

    def __init__(self, store: Store, control: ControlDatabase, settings: ServerSettings) -> None:
        self._store = store
        self._control = control
        self._settings = settings
        self._lock = threading.Lock()
        self.last_point: datetime | None = None
        """Of the last backup of this process that was read to its end, with its zone."""

    def make(self) -> Backup:
        """Copy all that is stored, and look whether the copy is whole. Blocks for as long as that takes.

        Raises:
            Conflict: another backup is being made or read.
            StoreError: it cannot be made; for an engine with tools of its own the message names them.
        """
        if not self._lock.acquire(blocking=False):
            raise Conflict("A backup is being made. Ask again when it is done.")
        staging = self._settings.directory / _STAGING
        folder = staging / new_event_id()
        try:
            # What is there is of a process that was killed.
            shutil.rmtree(staging, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            point, archive = self._collect(folder)
            size_bytes = archive.size_bytes()
        except BaseException as error:
            shutil.rmtree(staging, ignore_errors=True)
            self._lock.release()
            if isinstance(error, OSError | SQLAlchemyError):
                raise StoreError(f"The backup cannot be made: {error}") from error
            raise
        chunks = self._read(archive, staging, point)
        # Its `finally` holds only once it has begun.
        next(chunks)
        return Backup(point, size_bytes, chunks)

    def _read(self, archive: ArchiveWriter, staging: Path, point: datetime) -> Generator[bytes]:
        try:
            yield b""
            yield from filter(None, archive.chunks())
            self.last_point = point
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            self._lock.release()

    def _collect(self, folder: Path) -> tuple[datetime, ArchiveWriter]:
        point = self._store.back_up(folder / EVENTS_FILE).replace(tzinfo=UTC)
        names = [EVENTS_FILE]
        facts: dict[str, Any] = {
            "point": point.isoformat().replace("+00:00", "Z"),
            "written_by": f"llmobserve-server {version('llmobserve-server')}",
            "tables": _store_figures(folder / EVENTS_FILE),
            "control": None,
        }
        # After the events, so that every project that they name is in it.
        if back_up_control(self._control, folder / CONTROL_FILE):
            names.append(CONTROL_FILE)
            facts["control"] = _control_figures(folder / CONTROL_FILE)
        names += self._price_books(folder)
        return point, ArchiveWriter(folder, names, facts)

    def _price_books(self, folder: Path) -> list[str]:
        books = self._settings.price_directory
        if not books.is_dir():
            return []
        names: list[str] = []
        for book in sorted(books.iterdir()):
            if book.is_file():
                (folder / PRICES).mkdir(exist_ok=True, mode=0o700)
                shutil.copyfile(book, folder / PRICES / book.name)
                names.append(f"{PRICES}/{book.name}")
        return names


def _store_figures(file: Path) -> dict[str, Any]:
    """Those of the copy: that they can be had shows that it can be read."""
    store = open_store(f"duckdb:///{file}", memory_limit_bytes=_VERIFY_MEMORY_BYTES, threads=1)
    try:
        return {table: sums_of(store, Slice(table)).as_json() for table in TIME_COLUMNS}
    finally:
        store.close()


def _control_figures(file: Path) -> dict[str, int]:
    control = open_control(f"sqlite:///{file}")
    try:
        return control_rows(control)
    finally:
        control.close()
