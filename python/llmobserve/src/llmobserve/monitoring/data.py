"""Media wherever they are, in memory, in a file or in base64: parts of them can be read without all of them."""

import os
import stat
from binascii import Error, a2b_base64
from typing import Protocol

__all__ = ["Data", "Encoded", "InFile", "InMemory", "is_base64"]

_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_LOOKED_AT = 128


class Data(Protocol):
    """Some bytes."""

    @property
    def size(self) -> int:
        """How many."""
        ...

    def at(self, start: int, length: int) -> bytes:
        """The bytes from `start` on, at most `length`: fewer, or none, at the end."""
        ...


class InMemory:
    """Bytes that the program holds."""

    __slots__ = ("_view",)

    def __init__(self, content: bytes | bytearray | memoryview) -> None:
        view = memoryview(content)
        # Bytes one by one, in their order: of other arrays only a copy has them.
        self._view = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self._view)

    def at(self, start: int, length: int) -> bytes:
        """A copy of that part."""
        return bytes(self._view[start : start + length])


class InFile:
    """A regular file. Raises OSError where there is none, or it may not be read."""

    __slots__ = ("_path", "_size")

    def __init__(self, path: str) -> None:
        found = os.stat(path)  # noqa: PTH116 (pathlib is slow)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a regular file")  # a pipe or a device would be waited for
        self._path = path
        self._size = found.st_size

    @property
    def size(self) -> int:
        """How many bytes, when it was looked at first."""
        return self._size

    def at(self, start: int, length: int) -> bytes:
        """Reads that part."""
        with open(self._path, "rb") as file:  # noqa: PTH123
            file.seek(start)
            return file.read(length)


class Encoded:
    """Base64, of either alphabet, that begins at `start` of a text and has no line breaks."""

    __slots__ = ("_size", "_start", "_text")

    def __init__(self, text: str, start: int = 0) -> None:
        self._text = text
        self._start = start
        end = len(text)
        while end > start and text[end - 1] in "=\r\n":
            end -= 1
        self._size = (end - start) * 3 // 4

    @property
    def size(self) -> int:
        """How many bytes it stands for."""
        return self._size

    def at(self, start: int, length: int) -> bytes:
        """Decodes that part; nothing where it is no base64."""
        length = min(length, self._size - start)
        if length <= 0:
            return b""
        first = start // 3
        last = (start + length + 2) // 3
        part = self._text[self._start + first * 4 : self._start + last * 4].rstrip("=\r\n")
        part = part.replace("-", "+").replace("_", "/")
        try:
            found = a2b_base64(part + "=" * (-len(part) % 4))
        except (Error, ValueError):
            return b""
        return found[start - first * 3 : start - first * 3 + length]


def is_base64(text: str, start: int = 0) -> bool:
    """True where the text looks like base64 without line breaks, by its beginning."""
    return len(text) > start and _ALPHABET.issuperset(text[start : start + _LOOKED_AT])
