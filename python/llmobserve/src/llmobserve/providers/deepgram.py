"""Deepgram: transcription, speech and text intelligence over HTTP; `deepgram_session.py` has its WebSockets.

The answer states the length of the audio in `metadata.duration`, the tokens of summaries and the like in
`metadata.*_info`, and the header `dg-char-count` the characters that were spoken
(https://developers.deepgram.com/reference, read 2026-11-21).
"""

from decimal import Decimal

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, is_on, joined, text_or_none, whole_text
from llmobserve.providers.quantities import as_mapping
from llmobserve.providers.sockets import LazyReader, SocketEndpoint
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_ADD_ONS = ("diarize", "diarize_model", "redact", "keyterm", "keywords", "detect_entities")
_TOKENS = ("summary_info", "sentiment_info", "topics_info", "intents_info")


class _IntelligenceReader(CallReader):
    """Reads the tokens that text intelligence consumed."""

    def tokens(self) -> dict[str, Quantity]:
        """Tokens of all intelligence features together."""
        units: dict[str, Quantity] = {}
        metadata = as_mapping(self.body.get("metadata"))
        for name in _TOKENS:
            info = as_mapping(metadata.get(name))
            for key, unit in (("input_tokens", "input_text_tokens"), ("output_tokens", "output_text_tokens")):
                count = self.counters.whole(info, key)
                if count is not None:
                    units[unit] = units.get(unit, 0) + count
        return units


class ListenReader(_IntelligenceReader):
    """Reads a transcription."""

    def identify(self, out: Reading) -> None:
        """Model and options are parameters of the address."""
        query = self.request.query
        out.request_model = text_or_none(query.get("model"))
        if query.get("language") == "multi":
            out.dimensions["language"] = "multi"
        if add_ons := joined([name for name in _ADD_ONS if query.get(name, "false") != "false"]):
            out.dimensions["add_ons"] = add_ons

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Seconds of audio (of every channel, where channels are transcribed apart), and tokens."""
        metadata = as_mapping(self.body.get("metadata"))
        out.response_id = text_or_none(metadata.get("request_id"))
        units: dict[str, Quantity] = {}
        seconds = self.counters.fraction(metadata, "duration")
        if seconds is not None:
            channels = self.counters.whole(metadata, "channels") if is_on(self.request.query.get("multichannel")) else 1
            units["input_seconds"] = seconds * Decimal(channels or 1)
        out.usage = self.usage(units | self.tokens(), "response")


class SpeakReader(CallReader):
    """Reads speech. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """The model is a parameter of the address."""
        out.request_model = text_or_none(self.request.query.get("model")) or "aura-asteria-en"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters by the answer's header, else of the request."""
        out.response_model = text_or_none(self.headers.get("dg-model-name"))
        text = self.asked.get("text")
        counted = whole_text(self.headers.get("dg-char-count"))
        if counted is not None:
            out.usage = self.usage({"input_characters": counted}, "header")
        elif isinstance(text, str):
            out.usage = self.usage({"input_characters": len(text)}, "request")
        if self.want_content:
            out.input = text


class ReadReader(_IntelligenceReader):
    """Reads an analysis of text."""

    def identify(self, out: Reading) -> None:
        """Text intelligence is one product."""
        out.request_model = "text-intelligence"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Tokens."""
        out.usage = self.usage(self.tokens(), "response")
        out.response_id = text_or_none(as_mapping(self.body.get("metadata")).get("request_id"))


PROVIDER = Provider(
    name="deepgram",
    endpoints=(
        Endpoint(
            operation="listen", kind="audio", methods=("POST",), path=LazyPattern(r"/v[12]/listen"), reader=ListenReader
        ),
        Endpoint(
            operation="speak",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v[12]/speak"),
            reader=SpeakReader,
            binary_response=True,
        ),
        Endpoint(operation="read", kind="llm", methods=("POST",), path=LazyPattern(r"/v1/read"), reader=ReadReader),
    ),
    sockets=(
        SocketEndpoint(
            operation="listen",
            kind="audio",
            path=LazyPattern(r"/v[12]/listen"),
            reader=LazyReader("llmobserve.providers.deepgram_session:ListenSession"),
            raw_audio=True,
        ),
        SocketEndpoint(
            operation="speak",
            kind="audio",
            path=LazyPattern(r"/v1/speak"),
            reader=LazyReader("llmobserve.providers.deepgram_session:SpeakSession"),
            raw_audio=True,
        ),
        SocketEndpoint(
            operation="speak",
            kind="audio",
            path=LazyPattern(r"/v2/speak"),
            reader=LazyReader("llmobserve.providers.deepgram_session:SpeechSession"),
            raw_audio=True,
        ),
        SocketEndpoint(
            operation="agent",
            kind="audio",
            path=LazyPattern(r"/v1/agent/converse"),
            reader=LazyReader("llmobserve.providers.deepgram_session:AgentSession"),
            raw_audio=True,
        ),
    ),
    request_id_headers=("dg-request-id",),
)
