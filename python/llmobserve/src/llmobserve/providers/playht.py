"""Play.ht: speech over HTTP. The characters of the request are what its plans count.

Paths: https://docs.play.ht/reference/api-generate-tts-audio-stream, read 2026-11-21.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, text_or_none

__all__ = ["PROVIDER"]


class SpeechReader(CallReader):
    """Reads speech. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """The voice engine is the model."""
        out.request_model = text_or_none(self.asked.get("voice_engine")) or text_or_none(self.asked.get("model"))
        if out.request_model is None:
            out.request_model = "PlayHT2.0-turbo"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters of the request."""
        text = self.asked.get("text")
        out.usage = self.usage({"input_characters": len(text)} if isinstance(text, str) else {}, "request")
        out.response_id = text_or_none(self.body.get("id"))
        if self.want_content:
            out.input = text


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
    ),
)
