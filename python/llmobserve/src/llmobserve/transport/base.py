"""What the sender needs of a transport: post one body, get status and answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Reply", "Transport", "TransportError"]


class TransportError(Exception):
    """No answer arrived; the message says why. Worth trying again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of the collector."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Lower-case names."""
    body: bytes = b""


class Transport(Protocol):
    """Moves one batch at a time.

    One that wants few, large batches has `gather_s`, how long in seconds records are gathered while they are safe in
    the spool; one that holds what a forked child must not touch has `after_fork()`.
    """

    def post(self, body: bytes) -> Reply:
        """Deliver a batch (JSON, not compressed). Raises TransportError when no answer arrived."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...
