"""ElevenLabs over WebSocket: speech while the text arrives, transcription while the audio arrives, and agents.

Speech is billed by the characters that were sent, transcription by the seconds of audio, agents by the minute; no
message states any of them (https://elevenlabs.io/docs/api-reference, and elevenlabs 2.78, read 2026-11-21).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.call_reader import is_on, joined, text_or_none, whole_text
from llmobserve.providers.elevenlabs import DEFAULT_VOICE_MODEL
from llmobserve.providers.message_reader import MessageReader, audio_seconds, base64_bytes, now_ns
from llmobserve.providers.quantities import as_mapping, as_quantity
from llmobserve.providers.sockets import Charge, SessionEnd
from llmobserve.wire import Usage

__all__ = ["ConversationSession", "SpeechSession", "TranscriptSession"]

_AUDIO_CAME = re.compile(rb'"audio"\s*:\s*"[A-Za-z0-9+/]')
_AUDIO_SENT = re.compile(rb'"audio_base_64"\s*:\s*"')
_FORMAT = re.compile(r"(?P<encoding>pcm|ulaw)_(?P<rate>\d+)")
_OPTIONS = ("keyterms", "entity_detection", "entity_redaction", "transcript_edit")


class SpeechSession(MessageReader):
    """Reads speech, of one context or several."""

    wanted = re.compile(rb'"is_?[Ff]inal"\s*:\s*true|"error"')
    wanted_sent = re.compile(rb'"text"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._characters = 0
        self._start_ns: int | None = None
        self._first_content_ns: int | None = None
        self._is_final = False
        self._error: Mapping[str, Any] | None = None
        self._said: list[str] = []

    def look(self, text: bytes) -> None:
        """Note the first audio."""
        if self._first_content_ns is None and self._start_ns is not None and _AUDIO_CAME.search(text) is not None:
            self._first_content_ns = now_ns()

    def take_sent(self, message: Mapping[str, Any], place: Callable[[], Any]) -> None:
        """Count the text of a message; the blank that opens a session or a context is none."""
        text = message.get("text")
        if not isinstance(text, str) or not text.strip():
            return
        self._start_ns = self._start_ns or now_ns()
        self._characters += len(text)
        self._is_final = False
        if self.want_content:
            self._said.append(text)

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the end, or an error."""
        if message.get("error"):
            self._error = message
        else:
            self._is_final = True

    def finish(self, end: SessionEnd) -> None:
        """Hand over the characters."""
        if not self._characters and self._error is None:
            return
        reading = self.blank()
        reading.usage = Usage(units={"input_characters": self._characters}, source="request")
        reading.input = self._said or None
        if self._error is not None:
            reading.error_type = text_or_none(self._error.get("error")) or "error"
            reading.error_message = text_or_none(self._error.get("message"))
        self.hand_over(
            Charge(
                reading=reading,
                start_ns=self._start_ns,
                first_content_ns=self._first_content_ns,
                complete=self._is_final or (end.is_normal and end.by == "there"),
            )
        )

    def blank(self) -> Reading:
        """The model is a parameter of the address."""
        return Reading(request_model=text_or_none(self.query.get("model_id")) or DEFAULT_VOICE_MODEL)


class TranscriptSession(MessageReader):
    """Reads a transcription, whose audio comes in text messages."""

    wanted = re.compile(rb'"message_type"\s*:\s*"(?:session_started|[a-z_]*(?:error|exceeded|limited|exhausted))"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._audio_bytes = 0
        self._session_id: str | None = None
        self._config: Mapping[str, Any] = {}
        self._error: Mapping[str, Any] | None = None

    def sent(self, text: bytes, place: Callable[[], Any]) -> Sequence[Charge]:
        """Count the audio of a message."""
        self._audio_bytes += base64_bytes(text, _AUDIO_SENT)
        return ()

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the begin, or an error."""
        if message.get("message_type") == "session_started":
            self._session_id = text_or_none(message.get("session_id"))
            self._config = as_mapping(message.get("config"))
        else:
            self._error = message

    def finish(self, end: SessionEnd) -> None:
        """Hand over the seconds of audio; a compressed format does not tell them."""
        if not self._audio_bytes and self._error is None:
            return
        reading = self.blank()
        reading.remote_id = reading.response_id = self._session_id
        form = _FORMAT.fullmatch(str(self.query.get("audio_format") or self._config.get("audio_format")))
        seconds = audio_seconds(self._audio_bytes, form["encoding"], whole_text(form["rate"])) if form else None
        if seconds is not None:
            reading.usage = Usage(units={"input_seconds": as_quantity(seconds)}, source="request")
        if self._error is not None:
            reading.error_type = text_or_none(self._error.get("message_type"))
            reading.error_message = text_or_none(self._error.get("error"))
        self.hand_over(Charge(reading=reading, complete=end.by == "here" or end.is_normal))

    def blank(self) -> Reading:
        """Model and options are parameters of the address."""
        reading = Reading(
            request_model=text_or_none(self.query.get("model_id")),
            response_model=text_or_none(self._config.get("model_id")),
        )
        if add_ons := joined([name for name in _OPTIONS if self.query.get(name) and is_given(self.query[name])]):
            reading.dimensions["add_ons"] = add_ons
        return reading


def is_given(value: str) -> bool:
    """False for an option that is there but switched off."""
    return is_on(value) or value.lower() not in ("false", "none", "0")


class ConversationSession(MessageReader):
    """Reads a conversation with an agent."""

    wanted = re.compile(rb'"conversation_initiation_metadata"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._conversation_id: str | None = None

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the id."""
        event = as_mapping(message.get("conversation_initiation_metadata_event"))
        self._conversation_id = text_or_none(event.get("conversation_id"))

    def finish(self, end: SessionEnd) -> None:
        """Hand over the length of the connection, if a conversation began."""
        if self._conversation_id is None:
            return
        reading = self.blank()
        reading.remote_id = reading.response_id = self._conversation_id
        seconds = end.seconds.quantize(Decimal("0.001"))
        reading.usage = Usage(units={"input_seconds": seconds}, source="estimated")
        self.hand_over(Charge(reading=reading, complete=end.by == "here" or end.is_normal))

    def blank(self) -> Reading:
        """Agents are one product, whatever models they use."""
        return Reading(request_model="agents")
