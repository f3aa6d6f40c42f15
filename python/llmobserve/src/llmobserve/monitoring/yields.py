"""Keeps what a generator yields, within bounds, so that it can be measured as one result."""

from typing import Any, cast

__all__ = ["Yields"]

_MOST = 100_000
_MOST_SIZE = 8 * 1024 * 1024
"""Characters and bytes together."""


class Yields:
    """What one generator has yielded so far."""

    __slots__ = ("_items", "_kinds", "_size")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._kinds: set[type[Any]] = set()
        self._size = 0

    def add(self, item: Any) -> None:
        """Keep it. Beyond 100,000 of them, or 8 MiB of text and bytes, nothing is kept any more."""
        if self._size < 0:
            return
        kind = cast("type[Any]", type(item))
        self._kinds.add(kind)
        if kind is str or kind is bytes:
            self._size += len(item)
        self._items.append(item)
        if self._size > _MOST_SIZE or len(self._items) > _MOST:
            self._size = -1
            self._items.clear()

    @property
    def complete(self) -> bool:
        """False where there was too much to keep."""
        return self._size >= 0

    def joined(self) -> Any:
        """One text or `bytes` where all are; else the list of them."""
        if self._kinds == {str}:
            return "".join(self._items)
        if self._kinds == {bytes}:
            return b"".join(self._items)
        return self._items
