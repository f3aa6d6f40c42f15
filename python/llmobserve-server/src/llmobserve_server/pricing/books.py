"""The price book in use: the one that ships with this version, or a newer one that was loaded while it ran."""

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from llmobserve.pricing import PriceBook, load_price_book
from llmobserve_server.errors import BadRequest, StoreError

__all__ = ["Books", "LoadedBook", "loaded_now"]

_CHOICE = "current.json"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """Which loaded book was taken, and when."""

    version: str
    sha256: str
    loaded_at: str
    """ISO 8601, UTC."""
    loaded_by: str
    shipped_version: str
    """The book that shipped with the server which took it."""


class Books:
    """Holds the price book in use and the files of all that were ever loaded. Thread-safe.

    Args:
        directory: where loaded books are kept; `None`: there are none, and none can be loaded.

    A loaded book is used until a server is installed that ships one with a newer check.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._loaded: LoadedBook | None = None
        self._open: Callable[[], PriceBook] = load_price_book
        self._book: PriceBook | None = None
        if directory is not None:
            self._choose(directory)

    @property
    def current(self) -> PriceBook:
        """The book that calls are priced with; hold on to it where several prices have to fit together."""
        book = self._book
        if book is None:
            # The first call or question opens it, because a start need not wait for it.
            with self._lock:
                book = self._book = self._book or self._opened()
        return book

    @property
    def loaded(self) -> LoadedBook | None:
        """Where the book in use came from; `None` for the shipped one."""
        return self._loaded

    def named(self, version: str) -> PriceBook | None:
        """The shipped book or one that was loaded, by its version; `None` when there is none such."""
        for book in (self.current, load_price_book()):
            if book.version == version:
                return book
        path = self._path(version)
        return _from_file(path, None) if path is not None and path.is_file() else None

    def take(self, book: PriceBook, content: bytes, loaded: LoadedBook) -> None:
        """Price with `book` from now on, also after a restart; its file is kept beside those before it.

        Raises BadRequest without a directory, StoreError when the file cannot be written.
        """
        if self._directory is None:
            raise BadRequest("This server keeps no price books: it has no data directory.")
        path = self._path(book.version)
        if path is None:
            raise BadRequest("The version of this price book is not one.")
        with self._lock:
            try:
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(path, content)
                choice = {name: getattr(loaded, name) for name in LoadedBook.__slots__}
                _write(self._directory / _CHOICE, json.dumps(choice, indent=2).encode())
            except OSError as error:
                raise StoreError(f"The price book cannot be kept in {self._directory}: {error.strerror}") from error
            self._book, self._loaded = book, loaded

    def _path(self, version: str) -> Path | None:
        plain = version.replace(".", "").replace("-", "").isalnum() and version.isascii()
        return self._directory / f"{version}.json.gz" if self._directory is not None and plain else None

    def _choose(self, directory: Path) -> None:
        try:
            text = (directory / _CHOICE).read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            _logger.error("the chosen price book cannot be read, the shipped one is used: %s", error)
            return
        try:
            loaded = LoadedBook(**cast("dict[str, Any]", json.loads(text)))
            path = self._path(loaded.version)
        except (TypeError, ValueError, AttributeError) as error:
            _logger.error("%s does not name a price book, the shipped one is used: %s", directory / _CHOICE, error)
            return
        if path is not None and not _is_overtaken(loaded):
            self._loaded = loaded
            self._open = partial(_from_file, path, loaded.sha256)

    def _opened(self) -> PriceBook:
        try:
            return self._open()
        except (OSError, BadRequest) as error:
            _logger.error("the loaded price book cannot be used, the shipped one is: %s", error)
            self._loaded = None
            return load_price_book()


def _is_overtaken(loaded: LoadedBook) -> bool:
    """Another server ships a book that was checked later than the loaded one."""
    shipped = load_price_book().version
    return shipped != loaded.shipped_version and shipped[:10] > loaded.version[:10]


def _from_file(path: Path, sha256: str | None) -> PriceBook:
    from llmobserve_server.pricing.book_file import read_book_file

    file = read_book_file(path.read_bytes())
    if sha256 not in (None, file.sha256):
        raise BadRequest(f"{path} was changed after it was loaded")
    return file.book


def _write(path: Path, content: bytes) -> None:
    """Replace a file so that after a crash it is the old one or the new one."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def loaded_now(book: PriceBook, sha256: str, by: str, at: datetime) -> LoadedBook:
    """The entry for a book that is taken now."""
    return LoadedBook(book.version, sha256, at.isoformat(timespec="seconds"), by, load_price_book().version)
