"""OpenAI's Realtime sessions: one charge a response, one a transcription of the speaker, and translation by the minute.

`response.done` states the usage of a response; each carries the conversation so far as its input. Transcription is
another model and billed apart (https://platform.openai.com/docs/api-reference/realtime-server-events, read 2026-11-21).
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.message_reader import MessageReader, audio_seconds, base64_bytes, now_ns
from llmobserve.providers.openai_shape.reader import text_or_none
from llmobserve.providers.openai_shape.usage import token_usage
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of
from llmobserve.providers.sockets import Charge, SessionEnd
from llmobserve.wire import Usage

__all__ = ["RealtimeReader", "TranslationReader"]

_MOST_UNDER_WAY = 64
_CONTENT = re.compile(rb'"(?:response\.[a-z_.]+|conversation\.item\.input_audio_transcription)\.delta"')
_APPENDED = b'"session.input_audio_buffer.append"'
_AUDIO = re.compile(rb'"audio"\s*:\s*"')
_TRANSLATED_RATE = 24_000
_TRANSLATED_WIDTH = "pcm"


@dataclass(slots=True)
class _Part:
    """A response or transcription that has begun."""

    start_ns: int
    place: Any = None
    first_content_ns: int | None = None
    is_item: bool = False
    """True for what the speaker said, which is transcribed."""


class RealtimeReader(MessageReader):
    """Reads a Realtime session, also one that only transcribes."""

    wanted = re.compile(
        rb'"(?:response\.(?:created|done)|input_audio_buffer\.committed|(?:transcription_)?session\.(?:created|updated)'
        rb'|conversation\.item\.input_audio_transcription\.(?:completed|failed))"'
    )
    wanted_sent = re.compile(rb'"response\.create"')
    skipped = re.compile(rb'\{\s*"type"\s*:\s*"[a-z_.]+\.delta"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._model: str | None = None
        self._transcriber: str | None = None
        self._asked: deque[tuple[int, Any]] = deque(maxlen=_MOST_UNDER_WAY)
        self._parts: dict[str, _Part] = {}
        self._without_content: dict[bytes, _Part] = {}

    def look(self, text: bytes) -> None:
        """Note the first content of what has begun."""
        if not self._without_content or _CONTENT.search(text) is None:
            return
        for name, part in list(self._without_content.items()):
            if name in text:
                part.first_content_ns = now_ns()
                del self._without_content[name]

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Note when and where a response was asked for."""
        if message.get("type") == "response.create":
            self._asked.append((now_ns(), place()))

    def take(self, message: Mapping[str, Any]) -> None:
        """Take one event."""
        kind = str(message.get("type"))
        response = as_mapping(message.get("response"))
        if kind == "response.created":
            asked = self._asked.popleft() if self._asked else (now_ns(), None)
            self._begin(text_or_none(response.get("id")), _Part(*asked))
        elif kind == "response.done":
            self._response(response)
        elif kind == "input_audio_buffer.committed":
            if self._transcriber is not None:
                self._begin(text_or_none(message.get("item_id")), _Part(now_ns(), is_item=True))
        elif kind.startswith("conversation."):
            self._transcription(message)
        elif isinstance(message.get("session"), dict):
            self._session(as_mapping(message["session"]))

    def finish(self, end: SessionEnd) -> None:
        """Hand over the responses that never came to an end: what they consumed is not known."""
        for name, part in self._parts.items():
            reading = self._transcribed(name, 0) if part.is_item else self.blank()
            reading.response_id = name
            reading.remote_id = reading.remote_id or name
            reading.usage = Usage(flags=("partial",))
            self.hand_over(
                Charge(
                    reading=reading,
                    start_ns=part.start_ns,
                    first_content_ns=part.first_content_ns,
                    complete=False,
                    place=part.place,
                )
            )
        self._parts.clear()

    def blank(self) -> Reading:
        """The models; a deployment of Azure is named by the address."""
        deployment = text_or_none(self.query.get("deployment"))
        reading = Reading(request_model=text_or_none(self.query.get("model")) or deployment, response_model=self._model)
        if deployment is not None:
            reading.dimensions["deployment"] = deployment
        return reading

    def _begin(self, name: str | None, part: _Part) -> None:
        if name is None:
            return
        if len(self._parts) >= _MOST_UNDER_WAY:
            self._ended(next(iter(self._parts)))
        self._parts[name] = part
        self._without_content[name.encode("utf-8", "replace")] = part

    def _ended(self, name: str | None) -> _Part:
        self._without_content.pop((name or "").encode("utf-8", "replace"), None)
        return self._parts.pop(name or "", None) or _Part(now_ns())

    def _session(self, session: Mapping[str, Any]) -> None:
        self._model = text_or_none(session.get("model")) or self._model
        given = as_mapping(as_mapping(session.get("audio")).get("input"))
        asked = as_mapping(given.get("transcription") or session.get("input_audio_transcription"))
        self._transcriber = text_or_none(asked.get("model")) or self._transcriber

    def _response(self, response: Mapping[str, Any]) -> None:
        name = text_or_none(response.get("id"))
        part = self._ended(name)
        reading = self.blank()
        reading.response_id = reading.remote_id = name
        reading.usage = token_usage(response.get("usage")) or Usage()
        status = response.get("status")
        if status == "failed":
            error = as_mapping(as_mapping(response.get("status_details")).get("error"))
            reading.error_type = text_or_none(error.get("type")) or text_or_none(error.get("code")) or "failed"
            reading.error_message = text_or_none(error.get("message"))
        if self.want_content:
            reading.output = response.get("output")
        self.hand_over(
            Charge(
                reading=reading,
                start_ns=part.start_ns,
                first_content_ns=part.first_content_ns,
                cancelled=status == "cancelled",
                place=part.place,
            )
        )

    def _transcribed(self, item: str | None, index: Any) -> Reading:
        reading = Reading(kind="audio", operation="realtime.transcription", response_model=self._transcriber)
        if item is not None:
            reading.response_id = item
            reading.remote_id = f"{item}/{index if isinstance(index, int) else 0}/transcription"
        return reading

    def _transcription(self, message: Mapping[str, Any]) -> None:
        item = text_or_none(message.get("item_id"))
        part = self._ended(item)
        reading = self._transcribed(item, message.get("content_index"))
        stated = as_mapping(message.get("usage"))
        if stated.get("type") == "duration" or "seconds" in stated:
            counters = Counters()
            seconds = counters.fraction(stated, "seconds")
            units = {} if seconds is None else {"input_seconds": as_quantity(seconds)}
            reading.usage = usage_of(units, stated, flags=("malformed",) if counters.malformed else ())
        elif stated:
            reading.usage = token_usage(stated) or Usage()
        if str(message.get("type")).endswith(".failed"):
            error = as_mapping(message.get("error"))
            reading.error_type = text_or_none(error.get("type")) or text_or_none(error.get("code")) or "failed"
            reading.error_message = text_or_none(error.get("message"))
        if self.want_content:
            reading.output = message.get("transcript")
        self.hand_over(
            Charge(reading=reading, start_ns=part.start_ns, first_content_ns=part.first_content_ns, place=part.place)
        )


class TranslationReader(MessageReader):
    """Reads a translation session, which is billed by the length of the audio and states no usage."""

    wanted = re.compile(rb'"session\.(?:created|updated|closed)"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._model: str | None = None
        self._session_id: str | None = None
        self._audio_bytes = 0
        self._is_over = False

    def sent(self, text: bytes, place: Callable[[], Any]) -> Sequence[Charge]:
        """Count the audio of a message."""
        if _APPENDED in text:
            self._audio_bytes += base64_bytes(text, _AUDIO)
        return ()

    def take(self, message: Mapping[str, Any]) -> None:
        """Take model and id of the session."""
        session = as_mapping(message.get("session"))
        self._model = text_or_none(session.get("model")) or self._model
        self._session_id = text_or_none(session.get("id")) or self._session_id
        self._is_over = self._is_over or message.get("type") == "session.closed"

    def finish(self, end: SessionEnd) -> None:
        """Hand over the session: 24 kHz of 16 bits, the only format that it takes."""
        if not self._audio_bytes:
            return
        reading = self.blank()
        reading.response_id = reading.remote_id = self._session_id
        seconds = audio_seconds(self._audio_bytes, _TRANSLATED_WIDTH, _TRANSLATED_RATE)
        if seconds is not None:
            reading.usage = Usage(units={"input_seconds": as_quantity(seconds)}, source="estimated")
        self.hand_over(Charge(reading=reading, complete=self._is_over or (end.is_normal and end.by == "there")))

    def blank(self) -> Reading:
        """The model."""
        return Reading(request_model=text_or_none(self.query.get("model")), response_model=self._model)
