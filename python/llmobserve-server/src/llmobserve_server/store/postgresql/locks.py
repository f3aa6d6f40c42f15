"""Advisory locks: names of what only one collector may do at a time."""

import zlib
from collections.abc import Iterable
from typing import Any

from psycopg import Connection

__all__ = ["MIGRATION", "PARTITIONS", "SUMS", "lock_key", "lock_projects"]

_OURS = 0x6C6C6D6F
"""First half of the key, so that other programs in the same database are not met."""
MIGRATION, PARTITIONS, SUMS = "migration", "partitions", "sums"


def lock_key(name: str) -> tuple[int, int]:
    """Both halves of a lock's key."""
    return _OURS, zlib.crc32(name.encode()) - 2**31


def lock_projects(connection: Connection[Any], projects: Iterable[str]) -> None:
    """Wait until no other transaction writes to these projects; they are ours until the transaction ends.

    What is found of a call, and which of its records is charged, is decided by looking at what is stored: two that
    look at the same time would not see each other's records.
    """
    for key in sorted({lock_key(f"project:{project}") for project in projects}):
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", key)
