"""What a backend is: four methods, and two errors that say what becomes of a batch that it does not take."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["BackendError", "EventRefused", "StorageBackend"]


class BackendError(Exception):
    """Storage cannot be reached or written to now. The batch stays in the spool and is tried again, with the rest."""


class EventRefused(ValueError):
    """Storage will never take an event. Of a batch each is then tried alone, and the refused ones become dead letters.

    Any other exception counts as a defect: it is shown in `status()` and `llmobserve doctor`, and the batch is tried
    again.
    """


class StorageBackend(ABC):
    """Where events are stored. One thread uses it at a time; after a fork the child makes one of its own."""

    gather_s: float = 0.0
    """How long events are gathered before a batch that is not full is written, in seconds. They are safe meanwhile."""

    @abstractmethod
    def __init__(self, address: str) -> None:
        """`address` is what follows `backend=`, scheme included; nothing is opened or written yet.

        Raises:
            ValueError: the address cannot be used; the message says what is expected.
            ImportError: a library is missing; the message says what to install.
        """

    def initialize(self) -> None:
        """Make ready what is written to: called before the first write, and again after one that failed.

        Raises BackendError.
        """
        return

    def write_event(self, event: Mapping[str, Any]) -> None:
        """Store one event, as `write_batch`."""
        self.write_batch([event])

    @abstractmethod
    def write_batch(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Store events durably: what it has returned for is removed from the spool.

        An event has all columns of schemas/storage.md, `None` for what is not known. The same batch may come again,
        after a crash or a failure that came too late: storing it twice must be the same as storing it once. Of events
        with the same `event_id` and `type` the one of the highest `revision` counts.

        Raises BackendError or EventRefused.
        """

    def close(self) -> None:
        """Give up connections. It may be written to again."""
        return

    def after_fork(self) -> None:
        """In a forked child, before this copy is dropped: let go of what the parent goes on using."""
        return
