"""Keeps what a generator yields, within bounds, so that it can be measured as one result."""

from typing import Any, cast

__all__ = ["Yielded", "Yields"]

_MOST_OBJECTS = 10_000
_MOST_PIECES = 100_000
_MOST_SIZE = 8 * 1024 * 1024


class Yielded(list[Any]):
    """What a generator yielded: the texts in it are pieces of one text."""


class Yields:
    """What one generator has yielded so far."""

    __slots__ = ("_is_full", "_items", "_kinds", "_size")

    def __init__(self) -> None:
        self._items = Yielded()
        self._kinds: set[type[Any]] = set()
        self._size = 0
        self._is_full = False

    def add(self, item: Any) -> None:
        """Keep it, unless there is too much already."""
        if self._is_full:
            return
        kind = cast("type[Any]", type(item))
        self._kinds.add(kind)
        most = _MOST_OBJECTS
        if kind is str or kind is bytes:
            self._size += len(item)
            most = _MOST_PIECES
        self._items.append(item)
        if self._size > _MOST_SIZE or len(self._items) > most:
            self._is_full = True
            self._items.clear()

    @property
    def complete(self) -> bool:
        """False where there was too much to keep: 8 MiB of text and bytes, 100,000 pieces of it, 10,000 objects."""
        return not self._is_full

    def joined(self) -> Any:
        """One text or `bytes` where all are; else the list of them."""
        if self._kinds == {str}:
            return "".join(self._items)
        if self._kinds == {bytes}:
            return b"".join(self._items)
        return self._items
