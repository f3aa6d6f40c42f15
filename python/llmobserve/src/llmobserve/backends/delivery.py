"""Hands the sender's batches to a backend: the same spool, retries and counts as on the way to a collector."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmobserve.backends.base import BackendError, EventRefused, StorageBackend
from llmobserve.backends.rows import rows_of
from llmobserve.guard import guarded
from llmobserve.pricing import load_price_book
from llmobserve.privacy import clean
from llmobserve.transport.base import Reply, TransportError

__all__ = ["BackendTransport"]

_DEFECT = "the backend failed in an unexpected way; internal errors tell more"


class BackendTransport:
    """A `Transport` that ends in storage."""

    def __init__(self, backend: StorageBackend) -> None:
        self._backend = backend
        # In the thread of `observe()`, as all that is loaded: a child that is forked while the sender's thread loads
        # something would have half of it for ever.
        load_price_book()
        self._ready = False

    @property
    def gather_s(self) -> float:
        """How long the sender lets a batch grow, in seconds."""
        return self._backend.gather_s

    def post(self, body: bytes) -> Reply:
        """Store a batch. What the process says of itself is left out: it is in its status, for `llmobserve doctor`.

        Raises TransportError when storage could not take it now.
        """
        batch = json.loads(body)
        if not batch["events"]:
            return _reply(batch, [])
        rows, refused = rows_of(batch)
        if rows:
            self.prepare()
            refused += self._store(rows)
        return _reply(batch, refused)

    def prepare(self) -> None:
        """Have storage ready to be written to. Raises TransportError."""
        if not self._ready:
            self._attempt("initialize", self._backend.initialize)
            self._ready = True

    def _store(self, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> list[tuple[int, str]]:
        """Write all rows at once, or those that are not refused; gives the refused ones."""
        try:
            self._attempt("write", lambda: self._backend.write_batch([row for _, row in rows]))
        except EventRefused as error:
            if len(rows) == 1:
                return [(rows[0][0], clean(str(error), "log"))]
            return [refusal for position, row in rows for refusal in self._store_one(position, row)]
        return []

    def _store_one(self, position: int, row: Mapping[str, Any]) -> list[tuple[int, str]]:
        try:
            self._attempt("write", lambda: self._backend.write_event(row))
        except EventRefused as error:
            return [(position, clean(str(error), "log"))]
        return []

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        """Raises TransportError or EventRefused."""
        known: Exception | None = None
        with guarded(f"backend.{what}"):
            try:
                action()
                return
            except (BackendError, EventRefused, OSError) as error:
                known = error
        if isinstance(known, EventRefused):
            raise known
        self._ready = False
        raise TransportError(_DEFECT if known is None else clean(str(known), "log")) from known

    def after_fork(self) -> None:
        """In the child: this copy is not used any more."""
        with guarded("backend.fork"):
            self._backend.after_fork()

    def close(self) -> None:
        """Give up connections."""
        self._ready = False
        with guarded("backend.close"):
            self._backend.close()


def _reply(batch: Mapping[str, Any], refused: Sequence[tuple[int, str]]) -> Reply:
    """As a collector would answer."""
    verdicts = [
        {"index": position, "event_id": None, "status": "rejected", "message": reason} for position, reason in refused
    ]
    answer = {"accepted": len(batch["events"]) - len(refused), "rejected": len(refused), "verdicts": verdicts}
    return Reply(200, {}, json.dumps(answer).encode())
