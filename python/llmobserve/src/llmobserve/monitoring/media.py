"""Finds the images or sounds among what a function returned, wherever they are: what both collectors have in common."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

from llmobserve.monitoring.data import Data, Encoded, InFile, InMemory, is_base64
from llmobserve.monitoring.results import Reader

__all__ = ["MediaReader", "same", "total"]

T = TypeVar("T")
N = TypeVar("N", int, float)

_LONGEST_PATH = 4096
_SHORTEST_BASE64 = 64
_ADDRESSES = ("https://", "http://")


class MediaReader(Reader):
    """Hands every image, or every sound, to `found`. Addresses are never fetched."""

    kind: ClassVar[str]
    """`image` or `audio`, as media types begin."""
    formats: ClassVar[Mapping[str, str]]
    """Formats by what they are called: endings of files, second parts of media types."""

    @abstractmethod
    def found(self, data: Data | None, stated: str | None, media_type: str | None) -> None:
        """Something that may be of this kind.

        Args:
            data: where it is; `None` where only its address is known.
            stated: its format by its name or media type, empty where these say no more than that it is of this kind;
                `None` where they do not even say that.
            media_type: as it was stated, whatever it says.
        """

    def text(self, text: str) -> None:
        """A data URL, an address or path whose ending is that of a format, or base64."""
        start = text[:12].lstrip()
        if start.startswith(("data:", *_ADDRESSES)):
            self._addressed(text.strip())
            return
        if len(text) <= _LONGEST_PATH and self._by_name(text) is not None:
            self.file(text)
        elif len(text) >= _SHORTEST_BASE64 and is_base64(text):
            self.found(Encoded(text), None, None)

    def raw(self, content: bytes | bytearray | memoryview, media_type: str | None) -> None:
        """Bytes, if they are not stated to be something else."""
        self._typed(InMemory(content), media_type)

    def encoded(self, text: str, media_type: str | None) -> None:
        """Media of an answer: base64, a data URL or an address."""
        if text.startswith("data:"):
            self._addressed(text)
        elif text.startswith(_ADDRESSES):
            if self._is_of_kind(media_type):
                self.found(None, self._by_name(text) or self._by_type(media_type), media_type)
        else:
            self._typed(Encoded(text), media_type)

    def file(self, path: str) -> None:
        """A file, if it is there."""
        try:
            data = InFile(path)
            self.found(data, self._by_name(path), None)
        except (OSError, ValueError):  # not there, not readable, or no path at all
            return

    def _typed(self, data: Data, media_type: str | None) -> None:
        if media_type is None or self._is_of_kind(media_type):
            self.found(data, self._by_type(media_type), media_type)

    def _addressed(self, text: str) -> None:
        """A data URL or the address of a file elsewhere."""
        if not text.startswith("data:"):
            name = self._by_name(text.partition("?")[0])
            if name is not None:
                self.found(None, name, None)
            return
        comma = text.find(",", 0, 200)
        media_type = text[5:comma] if comma > 0 else ""
        if media_type.endswith(";base64") and media_type.startswith(f"{self.kind}/"):
            media_type = media_type.removesuffix(";base64")
            self.found(Encoded(text, comma + 1), self._by_type(media_type), media_type)

    def _is_of_kind(self, media_type: str | None) -> bool:
        """False where it is stated to be something else."""
        if media_type is None:
            return False
        first, slash, _ = media_type.partition("/")
        if slash:
            return first == self.kind or media_type.startswith("application/octet-stream")
        return media_type in {self.kind, "data"} or media_type in self.formats

    def _by_type(self, media_type: str | None) -> str | None:
        if media_type is None:
            return None
        name = media_type.partition(";")[0].strip().lower()
        first, slash, second = name.partition("/")
        if not slash:
            return self.formats.get(name, "" if name == self.kind else None)
        return self.formats.get(second.removeprefix("x-"), "") if first == self.kind else None

    def _by_name(self, path: str) -> str | None:
        return self.formats.get(path[-8:].rpartition(".")[2].lower()) if "." in path[-6:] else None


def same(values: Iterable[T | None]) -> T | None:
    """What all of them are; `None` where they differ or one is not known."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def total(values: Iterable[N | None]) -> N | None:
    """Their sum; `None` where one is not known, or there are none."""
    known: list[N] = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    return sum(known[1:], known[0]) if known else None
