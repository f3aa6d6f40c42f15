"""The thread that keeps the sums up to date, with a connection of its own."""

import logging
import threading
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import Connection

from llmobserve_server.errors import StoreError
from llmobserve_server.store.postgresql.connection import Address, connect, explain, is_lost
from llmobserve_server.store.postgresql.sums.renew import renew_sums

__all__ = ["SumsKeeper"]

_EVERY_S = 60.0
_SETTINGS = ("SET work_mem = '64MB'", "SET jit = off")
"""So that all sets of a day are counted in memory, in one pass."""
_logger = logging.getLogger(__name__)


class SumsKeeper:
    """Renews the sums every minute, from its creation until `close`. Questions are right meanwhile, only slower."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection[Any] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._told = False
        self._thread = threading.Thread(target=self._work, name="llmobserve-sums", daemon=True)
        self._thread.start()

    def renew_now(self) -> int:
        """Renew what is due and wait for it; how many hours and days that were. Raises StoreError."""
        with self._lock:
            try:
                if self._connection is None or is_lost(self._connection):
                    self._connection = connect(self._address)
                    for setting in _SETTINGS:
                        self._connection.execute(setting)
                return renew_sums(self._connection)
            except psycopg.Error as error:
                raise StoreError(f"The sums of hours and days cannot be renewed: {explain(error)}") from error

    def close(self) -> None:
        """End the thread, cutting short what it is at. Idempotent."""
        self._closing.set()
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)
        self._thread.join()
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _work(self) -> None:
        while not self._closing.wait(_EVERY_S):
            try:
                self.renew_now()
                self._told = False
            except StoreError as error:
                # Once for each time that the server is away.
                if not self._told and not self._closing.is_set():
                    _logger.warning("%s", error.message)
                self._told = True
