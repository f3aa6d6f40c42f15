"""xAI's voice agents, which speak the protocol of OpenAI's Realtime sessions and are billed by the minute.

A minute of audio that is sent or received, and in another edition a minute of the connection, is what the pages name
(https://docs.x.ai/developers/models/voice-agent-api, read 2026-11-21). No message states it: the connection is taken.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.message_reader import MessageReader
from llmobserve.providers.own_shape import text_of
from llmobserve.providers.quantities import as_mapping
from llmobserve.providers.sockets import Charge, SessionEnd
from llmobserve.wire import Usage

__all__ = ["VoiceSession"]


class VoiceSession(MessageReader):
    """Reads such a session."""

    wanted = re.compile(rb'"(?:session\.(?:created|updated)|conversation\.created|response\.created)"')
    skipped = re.compile(rb'\{\s*"type"\s*:\s*"[a-z_.]+\.delta"')

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._model: str | None = None
        self._id: str | None = None
        self._responses = 0

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the model, and note that the agent speaks."""
        session = as_mapping(message.get("session"))
        conversation = as_mapping(message.get("conversation"))
        self._model = text_of(session.get("model")) or self._model
        self._id = self._id or text_of(conversation.get("id")) or text_of(session.get("id"))
        self._responses += message.get("type") == "response.created"

    def finish(self, end: SessionEnd) -> None:
        """Hand over the time, if anything was said."""
        if not self._responses:
            return
        reading = self.blank()
        reading.remote_id = reading.response_id = self._id
        seconds = end.seconds.quantize(Decimal("0.001"))
        reading.usage = Usage(units={"input_seconds": seconds}, source="estimated")
        self.hand_over(Charge(reading=reading, complete=end.by == "here" or end.is_normal))

    def blank(self) -> Reading:
        """The model."""
        return Reading(request_model=text_of(self.query.get("model")), response_model=self._model)
