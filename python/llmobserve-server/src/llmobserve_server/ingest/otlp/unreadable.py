"""A record of an OTLP request that could not be made into a message of ours: it is refused alone, and kept."""

from dataclasses import dataclass
from typing import NoReturn

from llmobserve_server.errors import PayloadTooLarge

__all__ = [
    "MAX_DEPTH",
    "MAX_MEMBERS",
    "MAX_RECORDS",
    "MAX_RECORD_BYTES",
    "Unreadable",
    "UnreadableError",
    "checked_id",
    "refuse_count",
]

MAX_RECORDS = 50_000
"""Spans, log records or metrics of one request: a hundred times what SDKs send together."""
MAX_RECORD_BYTES = 4 * 1024 * 1024
MAX_MEMBERS = 16_384
"""Attributes, events and list entries of one record, each."""
MAX_DEPTH = 32
"""Of lists and objects inside an attribute."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is refused."""

    reason: str
    body: bytes
    """JSON text that shows the record as it came."""


class UnreadableError(Exception):
    """Why one record cannot be read; the message names what it takes."""


def checked_id(digits: str, name: str, length: int) -> str:
    """The id. Raises UnreadableError unless it is `length` hexadecimal digits that are not all zeros."""
    if len(digits) != length or not digits.strip("0"):
        raise UnreadableError(f"{name} must have {length} hexadecimal digits that are not all 0, not {digits[:40]!r}")
    return digits


def refuse_count() -> NoReturn:
    """Raise PayloadTooLarge for a request of too many records."""
    raise PayloadTooLarge(f"The request has more than {MAX_RECORDS} records: send smaller batches.")
