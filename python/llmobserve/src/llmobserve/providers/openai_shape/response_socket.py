"""OpenAI's Responses API over one connection: every `response.create` is a request, with the events of a stream.

https://platform.openai.com/docs/guides/websocket-mode, and `stream_id` where several run side by side (openai 3.52).
Live sessions are billed by the second, and the responses that they delegate by the token.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.message_reader import MessageReader, now_ns
from llmobserve.providers.openai_shape.reader import text_or_none
from llmobserve.providers.openai_shape.responses import ResponsesReader
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of
from llmobserve.providers.sockets import Charge, SessionEnd

__all__ = ["LiveReader", "ResponseSocketReader"]

_MOST_UNDER_WAY = 256
_FINAL = rb"response\.(?:created|completed|incomplete|failed|cancelled)"
_CONTENT = re.compile(rb'"response\.[a-z_.]+\.delta"')
_STREAM_ID = re.compile(rb'"stream_id"\s*:\s*"([^"]*)"')


class _Asked:
    """One request on the connection, with the reader of its answer."""

    __slots__ = ("first_content_ns", "name", "place", "reader", "start_ns")

    def __init__(self, reader: ResponsesReader, place: Any) -> None:
        self.reader = reader
        self.place = place
        self.start_ns = now_ns()
        self.first_content_ns: int | None = None
        self.name: str | None = None
        """Id of the response, once it is known."""


class ResponseSocketReader(MessageReader):
    """Reads such a connection."""

    wanted = re.compile(rb'"(?:' + _FINAL + rb'|error)"')
    wanted_sent = re.compile(rb'"response\.create"')
    skipped = re.compile(rb'\{\s*"type"\s*:\s*"response\.[a-z_.]+\.delta"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked: deque[tuple[str | None, _Asked]] = deque(maxlen=_MOST_UNDER_WAY)
        self._without_content = 0

    def look(self, text: bytes) -> None:
        """Note the first content of an answer."""
        if not self._without_content or _CONTENT.search(text) is None:
            return
        lane = _STREAM_ID.search(text)
        asked = self._of_lane(lane[1].decode("utf-8", "replace") if lane is not None else None)
        if asked is not None and asked.first_content_ns is None:
            asked.first_content_ns = now_ns()
            self._without_content -= 1

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Take a request."""
        if message.get("type") != "response.create":
            return
        body = as_mapping(message.get("response")) or message
        self._asked.append((text_or_none(message.get("stream_id")), self._open(body, place())))
        self._without_content += 1

    def take(self, message: Mapping[str, Any]) -> None:
        """Take one event that begins or ends an answer."""
        kind = str(message.get("type"))
        lane = text_or_none(message.get("stream_id"))
        name = text_or_none(as_mapping(message.get("response")).get("id"))
        asked = self._of_name(name) or self._of_lane(lane)
        if kind == "response.created":
            if asked is not None:
                asked.name = name
            return
        if asked is None:
            if kind == "error":
                return
            asked = self._open({}, None)
        status = Counters().whole(message, "status") if kind == "error" else None
        if status is not None and status >= 400:
            asked.reader.read_body(message, status, {})
        else:
            asked.reader.read_event(None, message)
        self._close(asked, http_status=status)

    def finish(self, end: SessionEnd) -> None:
        """Hand over the requests that were not answered."""
        for _, asked in list(self._asked):
            self._close(asked, is_complete=False)

    def _open(self, body: Mapping[str, Any], place: Any) -> _Asked:
        request = ProviderRequest(
            method="POST", host=self.request.host, path=self.request.path, query=self.query, body=dict(body)
        )
        return _Asked(ResponsesReader(request, self.match, want_content=self.want_content), place)

    def _of_lane(self, lane: str | None) -> _Asked | None:
        return next((asked for its_lane, asked in self._asked if its_lane == lane), None)

    def _of_name(self, name: str | None) -> _Asked | None:
        return None if name is None else next((asked for _, asked in self._asked if asked.name == name), None)

    def _close(self, asked: _Asked, *, is_complete: bool = True, http_status: int | None = None) -> None:
        if asked.first_content_ns is None:
            self._without_content = max(self._without_content - 1, 0)
        self._asked = deque(((k, v) for k, v in self._asked if v is not asked), maxlen=_MOST_UNDER_WAY)
        reading = asked.reader.reading(ended_early=not is_complete)
        reading.remote_id = reading.response_id = reading.response_id or asked.name
        self.hand_over(
            Charge(
                reading=reading,
                start_ns=asked.start_ns,
                first_content_ns=asked.first_content_ns,
                complete=is_complete,
                http_status=http_status if http_status is not None and http_status >= 400 else None,
                place=asked.place,
            )
        )


class LiveReader(MessageReader):
    """Reads a Live session: its seconds are cumulative, so the last figure counts, also on a second connection."""

    wanted = re.compile(
        rb'"(?:session\.(?:usage\.updated|started|updated|closed)|response\.(?:completed|incomplete|failed))"'
    )
    skipped = re.compile(rb'\{\s*"type"\s*:\s*"session\.[a-z_.]+\.delta"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._session: Mapping[str, Any] = {}
        self._usage: Mapping[str, Any] | None = None
        self._is_over = False

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the session, its usage, or an event of a delegated response."""
        kind = message.get("type")
        self._session = as_mapping(message.get("session")) or self._session
        if kind == "response.event":
            self._delegated(as_mapping(message.get("event")))
        elif "usage" in message:
            self._usage = as_mapping(message["usage"])
        self._is_over = self._is_over or kind == "session.closed"

    def finish(self, end: SessionEnd) -> None:
        """Hand over the session, unless it never began."""
        if self._usage is None and not self._session:
            return
        reading = self.blank()
        reading.response_id = reading.remote_id = text_or_none(self._session.get("id")) or self.match.groupdict().get(
            "session"
        )
        counters = Counters()
        seconds = counters.fraction(self._usage or {}, "seconds")
        flags = () if self._is_over else ("partial",)
        units = {} if seconds is None else {"input_seconds": as_quantity(seconds)}
        reading.usage = usage_of(units, self._usage, flags=flags)
        # The final figure replaces those of connections that ended before.
        reading.revision = 1 + self._is_over if units else 0
        self.hand_over(Charge(reading=reading, complete=self._is_over))

    def blank(self) -> Reading:
        """The model."""
        return Reading(response_model=text_or_none(self._session.get("model")))

    def _delegated(self, event: Mapping[str, Any]) -> None:
        if not isinstance(event.get("response"), dict) or event.get("type") == "response.created":
            return
        request = ProviderRequest(method="POST", host=self.request.host, path=self.request.path)
        reader = ResponsesReader(request, self.match, want_content=self.want_content)
        reader.read_event(None, event)
        reading = reader.reading()
        reading.kind, reading.operation = "llm", "responses"
        reading.remote_id = reading.response_id
        self.hand_over(Charge(reading=reading, start_ns=now_ns()))
