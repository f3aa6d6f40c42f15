"""Deepgram over WebSocket: transcription while the audio arrives, speech while the text arrives, and voice agents.

Transcription is billed by the seconds of audio, which a closing `Metadata` states; Flux (version 2) states how far it
has heard. Speech is billed by characters, agents by the length of the connection
(https://developers.deepgram.com/reference, and deepgram-sdk 7.17, read 2026-11-21).
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.call_reader import is_on, text_or_none, whole_text
from llmobserve.providers.deepgram import ListenReader
from llmobserve.providers.message_reader import MessageReader, audio_seconds, decoded, now_ns
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity
from llmobserve.providers.sockets import Charge, SessionEnd
from llmobserve.wire import Usage, UsageSource

__all__ = ["AgentSession", "ListenSession", "SpeakSession", "SpeechSession"]

_POSITION = re.compile(rb'"type"\s*:\s*"(?:Results|TurnInfo)"')


class _Session(MessageReader):
    """Keeps the id and the error that any of these sessions may state."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.request_id = text_or_none(self.answer_headers.get("dg-request-id"))
        self.counters = Counters()
        self._error: Mapping[str, Any] | None = None

    def take(self, message: Mapping[str, Any]) -> None:
        """Keep id and error."""
        self.request_id = text_or_none(message.get("request_id")) or self.request_id
        if message.get("type") == "Error":
            self._error = message

    def charge(self, reading: Reading, *, complete: bool, start_ns: int | None = None) -> None:
        """Hand over what the session consumed."""
        reading.remote_id = reading.remote_id or self.request_id
        reading.response_id = reading.response_id or self.request_id
        if self._error is not None:
            error = self._error
            reading.error_type = text_or_none(error.get("code")) or text_or_none(error.get("variant")) or "error"
            reading.error_message = text_or_none(error.get("description")) or text_or_none(error.get("message"))
        self.hand_over(Charge(reading=reading, complete=complete, start_ns=start_ns))


class ListenSession(_Session):
    """Reads a transcription of either version."""

    wanted = re.compile(rb'"type"\s*:\s*"(?:Metadata|Connected|Error)"')
    wanted_sent = re.compile(rb'"CloseStream"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._metadata: Mapping[str, Any] = {}
        self._last = b""
        self._is_closing = False

    def look(self, text: bytes) -> None:
        """Keep the newest result, undecoded: it says how much was heard."""
        if _POSITION.search(text) is not None:
            self._last = text

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the closing summary."""
        super().take(message)
        if message.get("type") == "Metadata":
            self._metadata = message

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Note that no more audio follows."""
        self._is_closing = self._is_closing or message.get("type") == "CloseStream"

    def finish(self, end: SessionEnd) -> None:
        """Hand over the seconds: of the summary, else of the newest result, else of the audio that was sent."""
        last = decoded(self._last)
        seconds = self.counters.fraction(self._metadata, "duration")
        is_complete = seconds is not None
        source: UsageSource = "response"
        if seconds is None and last.get("type") == "TurnInfo":
            seconds = self.counters.fraction(last, "audio_window_end")
            is_complete = self._is_closing or (end.by == "there" and end.is_normal)
        elif seconds is None and last:
            start, length = (self.counters.fraction(last, key) for key in ("start", "duration"))
            seconds = None if length is None else length + (start or 0)
            self.request_id = text_or_none(as_mapping(last.get("metadata")).get("request_id")) or self.request_id
        if seconds is not None and is_on(self.query.get("multichannel")):
            seconds *= self._channels()
        if seconds is None:
            source = "estimated"
            seconds = audio_seconds(end.sent_bytes, self.query.get("encoding"), self.query.get("sample_rate"))
        if not end.sent_bytes and not seconds and self._error is None:
            return
        reading = self.blank()
        flags = () if is_complete else ("partial",)
        units = {} if seconds is None else {"input_seconds": as_quantity(seconds)}
        reading.usage = Usage(units=units, source=source if units else "unknown", flags=flags)
        self.charge(reading, complete=is_complete)

    def blank(self) -> Reading:
        """Model and options are parameters of the address; streaming has prices of its own."""
        reading = Reading()
        ListenReader(self.request, self.match, want_content=False).identify(reading)
        reading.dimensions["mode"] = "streaming"
        return reading

    def _channels(self) -> int:
        stated = self.counters.whole(self._metadata, "channels")
        return max(stated or whole_text(self.query.get("channels")) or 1, 1)


class SpeakSession(_Session):
    """Reads speech of version 1: all text that was sent is billed."""

    wanted = re.compile(rb'"type"\s*:\s*"(?:Metadata|Error)"')
    wanted_sent = re.compile(rb'"Speak"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._characters = 0
        self._start_ns: int | None = None
        self._model: str | None = None
        self._said: list[str] = []

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the name of the model."""
        super().take(message)
        self._model = text_or_none(message.get("model_name")) or self._model

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Count the text of a message."""
        text = message.get("text")
        if message.get("type") == "Speak" and isinstance(text, str):
            self._start_ns = self._start_ns or now_ns()
            self._characters += len(text)
            if self.want_content:
                self._said.append(text)

    def finish(self, end: SessionEnd) -> None:
        """Hand over the characters."""
        if not self._characters and self._error is None:
            return
        reading = self.blank()
        reading.response_model = self._model
        reading.usage = Usage(units={"input_characters": self._characters}, source="request")
        reading.input = self._said or None
        self.charge(reading, complete=end.by == "here" or end.is_normal, start_ns=self._start_ns)

    def blank(self) -> Reading:
        """The model is a parameter of the address."""
        return Reading(request_model=text_or_none(self.query.get("model")) or "aura-asteria-en")


class SpeechSession(_Session):
    """Reads speech of version 2: every turn states the characters that are billed."""

    wanted = re.compile(rb'"type"\s*:\s*"(?:SpeechStarted|SpeechMetadata|SpeechInterrupted|Connected|Error)"')
    wanted_sent = re.compile(rb'"Speak"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unbilled = 0
        self._started: dict[str, int] = {}

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Count the text of a message."""
        text = message.get("text")
        if message.get("type") == "Speak" and isinstance(text, str):
            self._unbilled += len(text)

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the begin or the end of a turn."""
        super().take(message)
        kind = message.get("type")
        facts = as_mapping(message.get("metadata")) or message
        name = text_or_none(facts.get("speech_id"))
        if kind == "SpeechStarted" and name is not None:
            self._started[name] = now_ns()
        elif kind in ("SpeechMetadata", "SpeechInterrupted"):
            billed = self.counters.whole(facts, "billable_character_count")
            self._unbilled = max(self._unbilled - (self.counters.whole(facts, "input_character_count") or 0), 0)
            reading = self.blank()
            reading.response_id = reading.remote_id = name
            units = {} if billed is None else {"input_characters": billed}
            reading.usage = Usage(units=units, source="response" if units else "unknown")
            self.charge(reading, complete=True, start_ns=self._started.pop(name or "", None) or now_ns())

    def finish(self, end: SessionEnd) -> None:
        """Hand over text of which no end was stated."""
        if not self._unbilled and self._error is None:
            return
        reading = self.blank()
        reading.usage = Usage(units={"input_characters": self._unbilled}, source="request", flags=("partial",))
        self.charge(reading, complete=False)

    def blank(self) -> Reading:
        """The model is a parameter of the address."""
        return Reading(request_model=text_or_none(self.query.get("model")))


class AgentSession(_Session):
    """Reads a voice agent: the length of the connection is billed, and no message states it."""

    wanted = re.compile(rb'"type"\s*:\s*"(?:Welcome|Error)"')

    def finish(self, end: SessionEnd) -> None:
        """Hand over the time, once the agent has answered."""
        if self.request_id is None and self._error is None:
            return
        reading = self.blank()
        seconds = end.seconds.quantize(Decimal("0.001"))
        reading.usage = Usage(units={"input_seconds": seconds}, source="estimated")
        self.charge(reading, complete=end.by == "here" or end.is_normal)

    def blank(self) -> Reading:
        """Agents are one product, in tiers by the models they use."""
        return Reading(request_model="voice-agent")
