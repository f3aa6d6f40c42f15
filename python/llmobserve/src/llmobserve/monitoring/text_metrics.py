"""Characters, words, lines and bytes of the text that a function returned."""

from collections.abc import Mapping
from typing import Any

from llmobserve.monitoring.data import InFile
from llmobserve.monitoring.result_collector import ResultCollector
from llmobserve.monitoring.results import Reader, TooMuch, read
from llmobserve.monitoring.yields import Yielded

__all__ = ["TextCollector"]

_LONGEST = 1_000_000
"""Characters up to which words and lines are counted: they take about 10 ms."""
_MEDIA = ("image/", "audio/", "video/")


class TextCollector(ResultCollector):
    """`characters` (code points), `words` (between white space), `lines` and `bytes` (of UTF-8).

    Of more than one text the sum. Nothing where there is no text. Of a text above 1,000,000 characters `words` and
    `lines` are left out, and `bytes` where it is not all ASCII; `bytes` and files above that are not read.
    """

    later = frozenset({str, bytes, type(None)})

    @property
    def metric_type(self) -> str:
        """`text`."""
        return "text"

    def measure(self, result: Any) -> Mapping[str, Any]:
        """The figures of all texts in the result."""
        tally = _Tally(is_stream=isinstance(result, Yielded))
        if type(result) is str:
            tally.text(result)
        else:
            try:
                read(result, tally)
            except TooMuch as error:
                return {"not_measured": str(error)}
        return tally.figures()


class _Tally(Reader):
    """Adds up."""

    def __init__(self, *, is_stream: bool) -> None:
        """`is_stream`: all texts are pieces of one."""
        self._is_stream = is_stream
        self._pieces: list[str] = []
        self._characters: int | None = None
        self._words: int | None = 0
        self._lines: int | None = 0
        self._bytes: int | None = 0

    def text(self, text: str) -> None:
        self.said(text, goes_on=False)

    def said(self, text: str, *, goes_on: bool) -> None:
        if goes_on or self._is_stream:
            self._pieces.append(text)
        else:
            self._add(text)

    def _add(self, text: str) -> None:
        number = len(text)
        self._characters = (self._characters or 0) + number
        words = lines = size = None
        if number <= _LONGEST:
            words = len(text.split())
            lines = text.count("\n") + (number > 0 and text[-1] != "\n")
        if text.isascii():
            size = number
        elif number <= _LONGEST:
            size = len(text.encode("utf-8", "surrogatepass"))
        self._words, self._lines = _sum(self._words, words), _sum(self._lines, lines)
        self._bytes = _sum(self._bytes, size)

    def raw(self, content: bytes | bytearray | memoryview, media_type: str | None) -> None:
        """Bytes are a text where they are UTF-8 without a zero and no media; above 1,000,000 they are left."""
        if len(content) > _LONGEST or (media_type or "").startswith(_MEDIA):
            return
        try:
            text = bytes(content).decode("utf-8")
        except UnicodeDecodeError:
            return
        if "\0" not in text:
            self.text(text)

    def file(self, path: str) -> None:
        try:
            data = InFile(path)
            content = data.at(0, _LONGEST + 1)
        except (OSError, ValueError):
            return
        self.raw(content, None)

    def figures(self) -> Mapping[str, Any]:
        if self._pieces:
            self._add("".join(self._pieces))
            self._pieces.clear()
        if self._characters is None:
            return {}
        return {"characters": self._characters, "words": self._words, "lines": self._lines, "bytes": self._bytes}


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
