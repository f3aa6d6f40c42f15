"""What merging reads and changes where rows are in Parquet files: all are read, and those that change brought back."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, TypeVar

import duckdb

from llmobserve_server.store.duckdb.call_records import DuckDBCallRecords
from llmobserve_server.store.kept_rows import key_of
from llmobserve_server.store.merging import Requests, Times
from llmobserve_server.store.parquet.bringing_back import bring_back
from llmobserve_server.store.parquet.manifest import Manifest
from llmobserve_server.store.protocol import Key, Row

__all__ = ["ParquetCallRecords"]

T = TypeVar("T")


class ParquetCallRecords:
    """See `CallRecords`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
        self._connection = connection
        self._manifest = manifest
        self._journal = DuckDBCallRecords(connection)

    def any_others(self, times: Times) -> bool:
        """Whether there is a call that no SDK has seen on the wire: of files, by what is noted of them."""
        return self._journal.any_others(times) or any(
            file.has_others and file.first_time <= times[1] and file.last_time >= times[0]
            for file in self._manifest.of("events")
        )

    def of_traces(self, traces: Collection[Key], times: Times) -> Sequence[Row]:
        """All calls and spans of those of the traces that have a record with the transport `otlp`."""
        return self._whole(lambda: self._journal.of_traces(traces, times))

    def counts(
        self, column: Literal["trace_id", "call_key"], pairs: Collection[Key], times: Times
    ) -> Mapping[Key, int]:
        """How many records have each of the pairs."""
        return self._whole(lambda: self._journal.counts(column, pairs, times))

    def sharing(self, keys: Collection[Key], times: Times) -> Sequence[Row]:
        """All records of those of the keys of which a decision may be needed."""
        return self._whole(lambda: self._journal.sharing(keys, times))

    def of_requests(self, requests: Requests, times: Times) -> Sequence[Row]:
        """All records with one of these request ids of a provider that have a `response_id` as well."""
        return self._whole(lambda: self._journal.of_requests(requests, times))

    def near(
        self, projects: Collection[str], providers: Collection[str], times: Times, *, no_id: bool, not_by: str | None
    ) -> Sequence[Row]:
        """Calls to these providers in a short time."""
        return self._whole(lambda: self._journal.near(projects, providers, times, no_id=no_id, not_by=not_by))

    def change(self, rows: Sequence[Row]) -> None:
        """Set all columns of `CHANGED` of stored events."""
        if rows:
            bring_back(self._connection, self._manifest, "events", [key_of(row) for row in rows])
            self._journal.change(rows)

    def _whole(self, read: Callable[[], T]) -> T:
        """Let names of tables mean journal and files together, within the transaction."""
        self._connection.execute("SET search_path = 'whole,main'")
        try:
            return read()
        finally:
            self._connection.execute("SET search_path = 'main'")
