"""Goes through what a function returned and tells a reader of every text, image and sound in it.

Bounded: at most 20,000 values, eight deep. Libraries are recognised only if the application has imported them.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any, cast

from llmobserve.monitoring.answers import Part, fields_of, parts_of

__all__ = ["Reader", "TooMuch", "read"]

_MOST_VALUES = 20_000
"""They take 30 ms."""
_LONGEST_VECTOR = 1000
_DEEPEST = 8
_PROVIDERS = frozenset({"openai", "anthropic", "google"})
_ATTRIBUTES = ("text", "image", "images", "audio")
"""Looked at in objects of other classes."""
_NUMBERS = (bool, int, float)
_RATES = ("sampling_rate", "sample_rate")
"""Under these names pipelines of transformers and datasets of Hugging Face give the rate beside the samples."""


class TooMuch(Exception):
    """There is more in the result than is looked at. The message says what."""


class Reader:
    """What a collector does with each thing that is found; here nothing."""

    def text(self, text: str) -> None:
        """A `str` of the application: text, or the path, address or base64 of a file."""

    def said(self, text: str, *, goes_on: bool) -> None:
        """Text in the answer of a model. `goes_on`: the next one goes on where it ends."""

    def raw(self, content: bytes | bytearray | memoryview, media_type: str | None) -> None:
        """Bytes. `media_type` as stated beside them, a short name such as `png` included; `None` = not stated."""

    def encoded(self, text: str, media_type: str | None) -> None:
        """Media in base64, or their address, in the answer of a model."""

    def file(self, path: str) -> None:
        """A path that the application says is one."""

    def array(self, array: Any, rate_hz: int | None) -> None:
        """A numpy array. `rate_hz`: the number beside it, taken for a sample rate; `None` without one."""

    def picture(self, image: Any) -> None:
        """An image of Pillow."""


def read(result: Any, reader: Reader) -> None:
    """Tell the reader of everything in the result. Raises TooMuch."""
    _Walk(reader).visit(result, 0)


class _Walk:
    """One way through a result."""

    __slots__ = ("_array", "_left", "_picture", "_reader")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._left = _MOST_VALUES
        self._array: Any = getattr(sys.modules.get("numpy"), "ndarray", ())
        self._picture: Any = getattr(sys.modules.get("PIL.Image"), "Image", ())

    def visit(self, value: Any, depth: int) -> None:
        self._count()
        if value is None or isinstance(value, _NUMBERS):
            return
        if depth > _DEEPEST:
            raise TooMuch(f"more than {_DEEPEST} levels")
        reader = self._reader
        if hasattr(cast("type[Any]", type(value)), "__pydantic_fields__"):
            self._object(value, depth)
        elif isinstance(value, str):
            reader.text(value)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            reader.raw(cast("bytes", value), None)
        elif isinstance(value, (list, tuple)):
            self._sequence(cast("list[Any] | tuple[Any, ...]", value), depth)
        elif isinstance(value, Mapping):
            self._fields(cast("Mapping[Any, Any]", value), depth)
        elif isinstance(value, self._array):
            self._numbers(value, None)
        elif isinstance(value, self._picture):
            reader.picture(value)
        elif isinstance(value, os.PathLike):
            reader.file(os.fsdecode(cast("os.PathLike[str]", value)))
        else:
            self._object(value, depth)

    def _sequence(self, values: "list[Any] | tuple[Any, ...]", depth: int) -> None:
        if len(values) == 2 and isinstance(values, tuple):
            # (samples, rate) as soundfile and librosa give them, (rate, samples) as scipy and gradio do.
            for array, rate in (values, values[::-1]):
                if isinstance(array, self._array) and _is_rate(rate):
                    self._numbers(array, rate)
                    return
        if len(values) > _LONGEST_VECTOR and isinstance(values[0], _NUMBERS):
            return
        for value in values:
            self.visit(value, depth + 1)

    def _fields(self, fields: Mapping[Any, Any], depth: int) -> None:
        parts = parts_of(fields)
        if parts is not None:
            self._parts(parts)
            return
        rate = next((fields[name] for name in _RATES if _is_rate(fields.get(name))), None)
        for value in fields.values():
            if rate is not None and isinstance(value, self._array):
                self._numbers(value, rate)
            else:
                self.visit(value, depth + 1)

    def _numbers(self, array: Any, rate_hz: int | None) -> None:
        if array.dtype.kind in "biuf":  # truth values, numbers with and without sign, fractions: no texts, no objects
            self._reader.array(array, rate_hz)

    def _object(self, value: Any, depth: int) -> None:
        """Of the clients of providers only what is an answer; models of pydantic, dataclasses, and some attributes."""
        kind = cast("type[Any]", type(value))
        if kind.__name__ == "HttpxBinaryResponseContent":  # speech, files and videos of the client of OpenAI
            self._body(value.response)
            return
        fields = fields_of(value)
        if kind.__module__.partition(".")[0] in _PROVIDERS:
            self._parts(parts_of(fields) or ())
        elif fields:
            self._fields(fields, depth)
        else:
            attributes: dict[str, Any] = getattr(value, "__dict__", {})
            for name in _ATTRIBUTES:
                self.visit(attributes.get(name), depth + 1)

    def _body(self, response: Any) -> None:
        """The body of an answer of httpx, if it has been read: reading it is the application's to do."""
        content: Any = cast("dict[str, Any]", vars(response)).get("_content")
        if isinstance(content, bytes):
            self._reader.raw(content, response.headers.get("content-type"))

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"more than {_MOST_VALUES:,} values")

    def _parts(self, parts: "tuple[Part, ...] | list[Part]") -> None:
        for part in parts:
            self._count()
            if part.media_type is None and isinstance(part.value, str):
                self._reader.said(part.value, goes_on=part.goes_on)
            elif isinstance(part.value, str):
                self._reader.encoded(part.value, part.media_type)
            else:
                self._reader.raw(part.value, part.media_type)


def _is_rate(value: Any) -> bool:
    return type(value) is int and value > 0
