"""The Parquet store: a journal in a DuckDB file for what arrived lately, Parquet files by day for all that is older.

A batch is one transaction of the journal, as in the DuckDB store, whose queries it uses as well: views make one table
of the journal's rows and those of the files.
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Collection, Generator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from llmobserve_server.errors import StoreError
from llmobserve_server.store.duckdb.engine import DuckDBStore
from llmobserve_server.store.parquet.manifest import FILED, Manifest
from llmobserve_server.store.protocol import CostBatch, Key, StoreOptions, StoreSizes, WriteBatch, WriteResult

__all__ = ["JOURNAL", "MOST_UNFILED", "ParquetStore"]

T = TypeVar("T")

JOURNAL = "journal.duckdb"
MOST_UNFILED = 200_000
"""Rows in the journal at which they are filed although more is coming in."""
_WORTH_FILING = 20_000
_FILE_AFTER_S = 60.0
_GONE_AFTER_S = 300.0
"""A file that was replaced is deleted so much later: a query may still be reading it."""


class ParquetStore(DuckDBStore):
    """Events in a directory, owned by this process alone.

    Args:
        directory: of the files and the journal; created on `initialize`.
        options: see `StoreOptions`.
    """

    name = "parquet"

    def __init__(self, directory: Path, options: StoreOptions) -> None:
        super().__init__(
            directory / JOURNAL,
            memory_limit_bytes=options.memory_limit_bytes,
            threads=options.threads,
            disk_reserve_bytes=options.disk_reserve_bytes,
        )
        self._directory = directory.absolute()
        self._manifest = Manifest(directory.absolute())
        self._unfiled_rows = 0
        self._filed_s = 0.0
        self._replaced: list[tuple[float, str]] = []

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        from llmobserve_server.store.parquet.filing import remove_strangers

        # What is in a file never changes: its footer is read once.
        connection.execute("SET GLOBAL parquet_metadata_cache = true")
        self._manifest.prepare(connection)
        try:
            remove_strangers(self._manifest)
        except OSError as error:
            raise StoreError(f"Cannot prepare the store {self._directory}: {error}") from error
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchall() for table in FILED]
        self._unfiled_rows = sum(count for ((count,),) in counts)
        self._filed_s = time.monotonic()

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store a batch in one durable transaction; ids that exist are ignored. Blocks; call from the writer thread.

        Raises StoreError when nothing was stored.
        """
        from llmobserve_server.store.blocks import keys_of
        from llmobserve_server.store.duckdb.writer import write_batch
        from llmobserve_server.store.parquet.call_records import ParquetCallRecords

        keys = {table: keys_of(rows) for table, rows in batch.keyed().items() if rows}

        def work(connection: duckdb.DuckDBPyConnection) -> WriteResult:
            self._bring_back(connection, keys)
            return write_batch(connection, batch, lambda found: ParquetCallRecords(found, self._manifest))

        result = self._changing(work)
        self._unfiled_rows += sum(map(len, keys.values()))
        self._file_many()
        return result

    def replace_costs(self, batch: CostBatch) -> bool:
        """Give calls a new cost in one durable transaction, the old one kept in `cost_versions`. Blocks.

        False, and nothing is stored, when a call has another revision than the one that was read. Raises StoreError
        when nothing was stored.
        """
        from llmobserve_server.store.duckdb.costs import replace_costs
        from llmobserve_server.store.kept_rows import key_of

        keys = [key_of(row) for row in batch.rows]

        def work(connection: duckdb.DuckDBPyConnection) -> bool:
            self._bring_back(connection, {"events": keys} if keys else {})
            return replace_costs(connection, batch)

        self._unfiled_rows += len(keys)
        return self._changing(work)

    def checkpoint(self) -> None:
        """File what has waited, join small files, and checkpoint the journal. Raises StoreError."""
        if self._connection is None:
            return
        waited = time.monotonic() - self._filed_s >= _FILE_AFTER_S
        if self._unfiled_rows >= _WORTH_FILING or (self._unfiled_rows and waited):
            self._file()
        elif waited:
            self._compact()
        self._delete_replaced()
        super().checkpoint()

    def close(self) -> None:
        """File what is in the journal, and release the files. Idempotent."""
        with contextlib.suppress(StoreError):
            if self._connection is not None and self._unfiled_rows:
                self._file()
        super().close()
        self._delete_replaced(at_once=True)

    def expire(self, table: str, before: datetime, *, most_rows: int) -> int:
        """Delete whole files, then rows of the journal, from before a time; how many rows. Raises StoreError.

        A file with a row at or after `before` is kept.
        """
        old = [file for file in self._manifest.of(table) if file.last_time < before]
        if not old:
            return super().expire(table, before, most_rows=most_rows)

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            from llmobserve_server.store.duckdb.writer import transaction

            with transaction(connection):
                connection.execute(
                    "DELETE FROM filed.files WHERE path IN (SELECT unnest(?))", [[file.path for file in old]]
                )
                self._manifest.read(connection)
                self._manifest.make_views(connection, [table])

        self._changing(work, below_reserve=True)
        self._replaced += [(time.monotonic(), path) for path in self._manifest.paths(old)]
        return sum(file.n_rows for file in old)

    def sizes(self) -> StoreSizes:
        """What the directory takes on disk; of tables, their files and what is of them in the journal."""
        from llmobserve_server.store.duckdb.whole_rows import table_bytes

        try:
            with self._reader() as cursor:
                # Not of the views.
                cursor.execute("SET search_path = 'main'")
                tables = table_bytes(cursor)
            journal = sum(file.stat().st_size for file in self._path.parent.glob(f"{JOURNAL}*") if file.is_file())
            free = shutil.disk_usage(self._path.parent).free
        except (duckdb.Error, OSError) as error:
            raise StoreError(f"The store did not answer: {error}") from error
        files = self._manifest.files
        for file in files:
            tables[file.table_name] += file.n_bytes
        return StoreSizes(
            total_bytes=journal + sum(file.n_bytes for file in files), tables=tables, disk_free_bytes=free
        )

    def back_up(self, file: Path) -> datetime:
        """Not to one file. Raises StoreError, which says how."""
        raise StoreError(
            "A Parquet store is backed up by copying its directory while no collector runs, or by "
            "`llmobserve db export DIR`."
        )

    def load_rows(self, table: str, rows: Any) -> int:
        """Store the rows of an Arrow table as they are; the number of those that are new. Raises StoreError."""
        from llmobserve_server.store.duckdb.whole_rows import insert_rows

        keys: dict[str, Collection[Key]] = {}
        if table in FILED:
            ids = rows.column("event_id").to_pylist()
            keys = {table: list(zip(rows.column("project_id").to_pylist(), ids, strict=True))}

        def work(connection: duckdb.DuckDBPyConnection) -> int:
            self._bring_back(connection, keys)
            return insert_rows(connection, table, rows)

        count = self._changing(work)
        self._unfiled_rows += count if keys else 0
        self._file_many()
        return count

    def _bring_back(self, connection: duckdb.DuckDBPyConnection, keys: Mapping[str, Collection[Key]]) -> None:
        """Have rows with these ids in the journal, where they are found and changed."""
        from llmobserve_server.store.duckdb.writer import transaction
        from llmobserve_server.store.parquet.bringing_back import bring_back

        if not self._manifest.files or not keys:
            return
        with transaction(connection):
            for table, wanted in keys.items():
                self._unfiled_rows += bring_back(connection, self._manifest, table, wanted)

    def _changing(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, below_reserve: bool = False) -> T:
        """Run `work` as the writer. Where it fails the manifest is what was committed."""

        def guarded(connection: duckdb.DuckDBPyConnection) -> T:
            try:
                return work(connection)
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    self._manifest.read(connection)
                raise

        return self._transact(guarded, below_reserve=below_reserve)

    def _file(self) -> None:
        from llmobserve_server.store.parquet.filing import file_rows

        self._changing(lambda connection: file_rows(connection, self._manifest))
        self._unfiled_rows = 0
        self._filed_s = time.monotonic()

    def _file_many(self) -> None:
        """File what is too much for the journal. What was stored is stored, also where that fails."""
        if self._unfiled_rows >= MOST_UNFILED:
            with contextlib.suppress(StoreError):
                self._file()

    def _compact(self) -> None:
        from llmobserve_server.store.parquet.filing import compact

        gone = self._changing(lambda connection: compact(connection, self._manifest))
        self._replaced += [(time.monotonic(), path) for path in gone]
        if not gone:
            self._filed_s = time.monotonic()

    def _delete_replaced(self, *, at_once: bool = False) -> None:
        kept: list[tuple[float, str]] = []
        for since_s, path in self._replaced:
            if at_once or time.monotonic() - since_s >= _GONE_AFTER_S:
                with contextlib.suppress(OSError):
                    Path(path).unlink(missing_ok=True)
            else:
                kept.append((since_s, path))
        self._replaced = kept

    @contextlib.contextmanager
    def _reader(self) -> Generator[duckdb.DuckDBPyConnection]:
        with super()._reader() as cursor:
            cursor.execute("SET search_path = 'whole,main'")
            yield cursor

    def _own_cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = super()._own_cursor()
        cursor.execute("SET search_path = 'whole,main'")
        return cursor
