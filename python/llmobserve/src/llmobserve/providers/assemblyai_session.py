"""AssemblyAI's streaming transcription, which is billed by the length of the session, silence included.

`Termination` states it; a connection that ends without is measured here
(https://www.assemblyai.com/docs/faq/how-does-universal-streaming-session-based-pricing-work, read 2026-11-21).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.call_reader import is_on, joined, text_or_none
from llmobserve.providers.message_reader import MessageReader
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity
from llmobserve.providers.sockets import Charge, SessionEnd
from llmobserve.wire import Usage

__all__ = ["StreamingSession"]

_SWITCHES = ("speaker_labels", "redact_pii")
_GIVEN = ("domain", "keyterms_prompt", "prompt", "llm_gateway", "voice_focus")


class StreamingSession(MessageReader):
    """Reads such a session."""

    wanted = re.compile(rb'"type"\s*:\s*"(?:Begin|Termination|Error)"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._session_id: str | None = None
        self._model: str | None = None
        self._termination: Mapping[str, Any] | None = None
        self._error: Mapping[str, Any] | None = None

    def take(self, message: Mapping[str, Any]) -> None:
        """Take begin, end or error."""
        kind = message.get("type")
        if kind == "Begin":
            self._session_id = text_or_none(message.get("id"))
            self._model = text_or_none(as_mapping(message.get("configuration")).get("model"))
        elif kind == "Termination":
            self._termination = message
        elif kind == "Error":
            self._error = message

    def finish(self, end: SessionEnd) -> None:
        """Hand over the length of the session, if it began."""
        if self._session_id is None and self._error is None:
            return
        reading = self.blank()
        reading.remote_id = reading.response_id = self._session_id
        counters = Counters()
        seconds = counters.fraction(self._termination or {}, "session_duration_seconds")
        if seconds is not None:
            reading.usage = Usage(units={"input_seconds": as_quantity(seconds)}, source="response")
        elif self._session_id is not None:
            length = end.seconds.quantize(Decimal("0.001"))
            reading.usage = Usage(units={"input_seconds": length}, source="estimated", flags=("partial",))
        if self._error is not None:
            reading.error_type = str(self._error.get("error_code") or "error")
            reading.error_message = text_or_none(self._error.get("error"))
        self.hand_over(Charge(reading=reading, complete=self._termination is not None))

    def blank(self) -> Reading:
        """Model and options are parameters of the address."""
        query = self.query
        reading = Reading(request_model=text_or_none(query.get("speech_model")), response_model=self._model)
        reading.dimensions["mode"] = "streaming"
        extra = [name for name in _SWITCHES if is_on(query.get(name))] + [name for name in _GIVEN if query.get(name)]
        if add_ons := joined(extra):
            reading.dimensions["add_ons"] = add_ons
        return reading
