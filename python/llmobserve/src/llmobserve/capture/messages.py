"""Follows the messages of one gRPC answer and feeds the provider's reader, as `payload` does with bytes."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from llmobserve.capture.protobuf import fields_of
from llmobserve.providers.base import Reader
from llmobserve.providers.message_fields import Fields

__all__ = ["Messages"]

_HELD = 256
"""Messages of a stream that are kept at most before they are read."""


class Messages:
    """The messages of one answer. After the first content they are only kept, and read when the call has ended."""

    __slots__ = (
        "_body",
        "_fields",
        "_headers",
        "_held",
        "_open",
        "_reader",
        "_status",
        "complete",
        "count",
        "first_content_ns",
        "is_awaited",
        "mode",
        "problem",
    )

    def __init__(self, fields: Fields, open_reader: Callable[[], Reader], *, stream: bool) -> None:
        self._fields = fields
        self._open = open_reader
        self._reader: Reader | None = None
        self._held: list[Any] = []
        self._body: Any = None
        self._status = 200
        self._headers: Mapping[str, str] = {}
        self.mode: Literal["json", "stream", "binary"] = "stream" if stream else "json"
        self.count = 0
        self.complete = False
        """The server has ended the call with success."""
        self.is_awaited = False
        """The application waits for the next message."""
        self.first_content_ns: int | None = None
        """`time.perf_counter_ns` at the first content of a stream."""
        self.problem: str | None = None

    @property
    def reader(self) -> Reader:
        """The provider's reader, opened on first use."""
        if self._reader is None:
            self._reader = self._open()
        return self._reader

    def take(self, message: Any) -> None:
        """Take a message as the application gets it."""
        self.count += 1
        self._held.append(message)
        if self.mode != "stream":
            return
        if self.first_content_ns is None:
            self._read_held()
            if self.reader.has_content:
                self.first_content_ns = time.perf_counter_ns()
        elif len(self._held) >= _HELD:
            self._read_held()

    def take_end(self, headers: Mapping[str, str]) -> None:
        """Take the metadata of a call that succeeded."""
        self.complete = True
        self._headers = headers

    def take_refusal(self, name: str, details: str | None, status: int, headers: Mapping[str, str]) -> None:
        """Take the status of a call that the server refused, in the form in which errors come over HTTP."""
        self.mode = "json"
        self.complete = True
        self._body = {"error": {"type": name, "message": details}}
        self._status, self._headers = status, headers

    def finish(self) -> bool:
        """Take the end of the answer; True when it is complete."""
        if self.mode == "stream":
            self._read_held()
            if self.complete:
                self.reader.read_event(None, None)
        elif self.complete:
            body = fields_of(self._held[-1], self._fields) if self._held else self._body
            self._held.clear()
            self.reader.read_body(body, self._status, self._headers)
        return self.complete

    def take_unreadable(self) -> None:
        """Tell the reader that there is an answer which cannot be read."""
        self.reader.read_body(None, self._status, self._headers)

    def _read_held(self) -> None:
        held, self._held = self._held, []
        for message in held:
            fields = fields_of(message, self._fields)
            if fields is not None:
                self.reader.read_event(None, fields)
