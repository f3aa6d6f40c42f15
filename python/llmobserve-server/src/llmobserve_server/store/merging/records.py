"""What merging reads and changes in a store, inside the transaction that has just written the rows: one per engine."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Literal, Protocol

from llmobserve_server.store.protocol import Key, Row

__all__ = ["BORROWED", "CHANGED", "FACTS", "READ", "CallRecords", "Requests", "Times"]

BORROWED = (
    ("run_id", "run_name"),
    ("session_id",),
    ("user_id",),
    ("customer_id",),
    ("section_path", "agent"),
    ("error_type", "error_message"),
    ("http_status",),
    ("time_to_first_token_ms",),
)
"""Columns that a record without the first of a group takes from other records. `borrowed` names those it has taken."""

READ = (
    *("project_id", "event_id", "type", "kind", "status", "start_time", "duration_ms"),
    *("trace_id", "span_id", "parent_span_id", "service", "sdk", "transport", "is_exchange"),
    *("provider", "operation", "request_model", "response_model", "response_id", "request_id"),
    *("call_key", "billable", "merged_into", "borrowed"),
    *("usage_source", "usage_flags", "input_tokens", "output_tokens", "units"),
    *chain.from_iterable(BORROWED),
)
"""Columns of `events` that every row has which a `CallRecords` returns, as `store.protocol.Row` describes values."""

FACTS = tuple(name for name in READ if name not in {"billable", "merged_into", "borrowed"})
"""Columns of a new row that merging looks at: those of `READ` that it does not set itself."""

CHANGED = ("call_key", "billable", "merged_into", "borrowed", "usage_flags", *chain.from_iterable(BORROWED))
"""Columns of `events` that merging sets: text, `billable` boolean, `http_status` integer, `time_to_first_token_ms`
double, `borrowed` and `usage_flags` JSON (lists of words)."""

Times = tuple[datetime, datetime]
"""Bounds of `start_time`, both inclusive, naive UTC."""

Requests = Collection[tuple[str, str, str]]
"""(project_id, provider, request_id)"""


class CallRecords(Protocol):
    """The table `events` within one write transaction of an engine.

    - Rows that the transaction has written or replaced are seen by every method, and so is what `change` has set.
    - Several collectors on one database must not decide about the same call at the same time: the engine takes a lock
      of each project (or of the table) before the first read and holds it to the end of the transaction.
    - An engine without transactions reads the newest version of each row, and writes whole rows as new versions.
    - Collections may have several thousand members; an empty one finds nothing. Rows come in any order, each once.
    - `times` is there for indexes, partitions and statistics: a row outside of it is never returned.
    - What is written here belongs to the batch: when the transaction is undone, so is it.
    """

    def any_others(self, times: Times) -> bool:
        """Whether there is a call of any project that no SDK has seen on the wire (`NOT is_exchange`).

        Asked for every batch; where it is false a batch of the SDK's own calls needs nothing else.
        """
        ...

    def of_traces(self, traces: Collection[Key], times: Times) -> Sequence[Row]:
        """All calls and spans of those of the traces, (project_id, trace_id), that have a record by OTLP.

        That is one with the transport `otlp`; nothing of the other traces is returned.
        """
        ...

    def counts(
        self, column: Literal["trace_id", "call_key"], pairs: Collection[Key], times: Times
    ) -> Mapping[Key, int]:
        """How many records have each of the pairs of project and value of a column; those that none has may be absent.

        Asked for all traces and keys of a batch that OTLP brought: where the batch has them all, nothing is read again.
        """
        ...

    def sharing(self, keys: Collection[Key], times: Times) -> Sequence[Row]:
        """All records of those of the keys, (project_id, call_key), of which a decision may be needed.

        Those are the keys that a record has which is no exchange (`NOT is_exchange`), or whose `merged_into` or
        `borrowed` is set.
        """
        ...

    def of_requests(self, requests: Requests, times: Times) -> Sequence[Row]:
        """All records with one of these request ids of a provider that have a `response_id` as well."""
        ...

    def near(
        self, projects: Collection[str], providers: Collection[str], times: Times, *, no_id: bool, not_by: str | None
    ) -> Sequence[Row]:
        """Calls (`type = 'call'`) to these providers.

        Args:
            projects: of one of these.
            providers: to one of these.
            times: a few minutes.
            no_id: only those whose `response_id` is NULL.
            not_by: only those whose `sdk` is another or NULL; `None`: whatever it is.
        """
        ...

    def change(self, rows: Sequence[Row]) -> None:
        """Set all columns of `CHANGED` of stored events.

        A row has `project_id`, `event_id`, `start_time` (as it is stored: for partitions) and `CHANGED`.
        """
        ...
