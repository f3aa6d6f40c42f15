"""Play.ht: speech. The characters of the request are what its plans count.

Paths: https://docs.play.ht/reference/api-generate-tts-audio-stream, read 2026-11-21. gRPC: schema of pyht 0.1.14
(`playht.v1`), whose requests do not name the engine: it has two, of which one is for servers of the customer's own.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.providers.message_fields import MessageFields, Take
from llmobserve.providers.quantities import as_mapping

__all__ = ["PROVIDER"]

_USUAL_ENGINE = "PlayHT2.0-turbo"


class SpeechReader(CallReader):
    """Reads speech. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """The voice engine is the model."""
        out.request_model = text_or_none(self.asked.get("voice_engine")) or text_or_none(self.asked.get("model"))
        if out.request_model is None:
            out.request_model = _USUAL_ENGINE

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters of the request."""
        text = self.asked.get("text")
        out.usage = self.usage({"input_characters": len(text)} if isinstance(text, str) else {}, "request")
        out.response_id = text_or_none(self.body.get("id"))
        if self.want_content:
            out.input = text


class SpeechMessageReader(CallReader):
    """Reads speech over gRPC, where a text comes in parts and failures come in the stream."""

    _status: Mapping[str, Any] = {}

    def identify(self, out: Reading) -> None:
        """The engine is not named."""
        out.request_model = _USUAL_ENGINE

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one piece; its audio is not looked at."""
        super().read_event(name, data)
        self._status = as_mapping(as_mapping(data).get("status")) or self._status

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters of the request."""
        texts = [text for text in as_items(as_mapping(self.asked.get("params")).get("text")) if isinstance(text, str)]
        out.usage = self.usage({"input_characters": sum(map(len, texts))} if texts else {}, "request")
        out.response_id = text_or_none(self.body.get("id"))
        if self._status.get("code") == "CODE_ERROR":
            out.error_type = "CODE_ERROR"
            out.error_message = " ".join(map(str, as_items(self._status.get("message")))) or None
        if self.want_content:
            out.input = texts or None


PROVIDER = Provider(
    name="playht",
    endpoints=(
        Endpoint(
            operation="tts",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/api/v[12]/(?:tts(?:/stream)?|convert)"),
            reader=SpeechReader,
            binary_response=True,
        ),
        Endpoint(
            operation="tts",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/playht\.v1\.Tts/Tts"),
            reader=SpeechMessageReader,
            messages=MessageFields(
                request={"params": {"text": Take.VALUE}},
                answer={"id": Take.VALUE, "status": {"code": Take.VALUE, "message": Take.VALUE}},
            ),
        ),
    ),
)
