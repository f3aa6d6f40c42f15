"""AssemblyAI: transcripts, which are ordered, polled and charged once when they are complete; speech; language models.

The completed transcript states `audio_duration` in seconds, the model that was used and every option
(https://www.assemblyai.com/docs/api-reference/transcripts/get, read 2026-11-21). Failed ones are not charged.
Hosts and headers of the others: client assemblyai 1.8.2.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, joined, seconds_of, text_or_none, whole_text
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints
from llmobserve.providers.sockets import LazyReader, SocketEndpoint
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_ADD_ONS = (
    "speaker_labels",
    "sentiment_analysis",
    "entity_detection",
    "auto_highlights",
    "auto_chapters",
    "content_safety",
    "iab_categories",
    "redact_pii",
    "summarization",
)


class TranscriptReader(CallReader):
    """Reads a transcript at any stage."""

    def identify(self, out: Reading) -> None:
        """The model and the options that cost extra, as the answer repeats them."""
        facts = self.body or self.asked
        models = [name for name in as_items(facts.get("speech_models")) if isinstance(name, str)]
        asked = text_or_none(facts.get("speech_model")) or (models[0] if models else None)
        out.request_model = asked
        out.response_model = text_or_none(self.body.get("speech_model_used"))
        if add_ons := joined([name for name in _ADD_ONS if facts.get(name) is True]):
            out.dimensions["add_ons"] = add_ons
        if facts.get("multichannel") is True or facts.get("dual_channel") is True:
            out.dimensions["channels"] = "multi"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Seconds once it is complete; zero when it failed."""
        state = self.body.get("status")
        out.remote_id = text_or_none(self.body.get("id"))
        is_over = state in ("completed", "error")
        # The order is recorded too: whoever is told by webhook never fetches the transcript.
        out.pending = out.remote_id is None or (self.request.method == "GET" and not is_over)
        if state == "error":
            out.usage = Usage(units={"input_seconds": 0}, source="response")
            out.error_type = "transcript_error"
            out.error_message = text_or_none(self.body.get("error"))
        elif state == "completed":
            seconds = self.counters.fraction(self.body, "audio_duration")
            out.usage = self.usage({} if seconds is None else {"input_seconds": seconds}, "response")
            if self.want_content:
                out.output = self.body.get("text")


class LiveReader(CallReader):
    """Reads a transcription whose text is the answer (`sync.assemblyai.com`, and dictation with its rewriting)."""

    def identify(self, out: Reading) -> None:
        """All models of this interface cost the same; the one that was asked for is named in a header."""
        out.request_model = "dictation" if self.request.host.startswith("dictation.") else "sync"
        if model := text_or_none(self.request.headers.get("x-aai-model")):
            out.dimensions["speech_model"] = model

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The length of the audio as the answer states it."""
        seconds = seconds_of(self.body.get("audio_duration_ms"), 1000)
        out.usage = self.usage({} if seconds is None else {"input_seconds": seconds}, "response")
        out.response_id = text_or_none(self.body.get("session_id"))
        if self.want_content:
            out.output = self.body.get("text")


class SpeechReader(CallReader):
    """Reads speech. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """The model that spoke, else the one that was asked for."""
        out.request_model = text_or_none(self.asked.get("model_id")) or "tts"
        out.response_model = text_or_none(self.headers.get("x-tts-model"))

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters by the answer's header, else of the request."""
        counted = whole_text(self.headers.get("x-tts-billed-characters"))
        text = self.asked.get("text")
        if counted is not None:
            out.usage = self.usage({"input_characters": counted}, "header")
        elif isinstance(text, str):
            out.usage = self.usage({"input_characters": len(text)}, "request")
        if self.want_content:
            out.input = text


class _Chat(ChatReader):
    """A chat through the gateway, whose price is the gateway's."""

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep what the answer says of itself."""
        super().take_identity(source)
        self.response_id = text_or_none(source.get("request_id")) or self.response_id


PROVIDER = Provider(
    name="assemblyai",
    endpoints=(
        *shape_endpoints(r"/v1", only=("chat.completions",), readers={ChatReader: _Chat}),
        Endpoint(
            operation="speech",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/speech"),
            reader=SpeechReader,
            binary_response=True,
        ),
        Endpoint(
            operation="transcript",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v2/transcript"),
            reader=TranscriptReader,
        ),
        Endpoint(
            operation="transcript",
            kind="audio",
            methods=("GET",),
            path=LazyPattern(r"/v2/transcript/(?P<id>[^/]+)"),
            reader=TranscriptReader,
        ),
        Endpoint(
            operation="transcribe",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/transcribe(?:/live)?"),
            reader=LiveReader,
        ),
    ),
    sockets=(
        SocketEndpoint(
            operation="streaming",
            kind="audio",
            path=LazyPattern(r"/v3/ws"),
            reader=LazyReader("llmobserve.providers.assemblyai_session:StreamingSession"),
            raw_audio=True,
        ),
    ),
    request_id_headers=("x-request-id",),
)
