"""Mistral: chat, code completion, agents, conversations, embeddings, OCR, audio, moderation.

Fields: client `mistralai` 3.7, read 2026-11-21. The usage object also states the tier and the seconds of audio.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import (
    ChatReader,
    EmbeddingReader,
    SpeechReader,
    TranscriptionReader,
    shape_endpoints,
    token_usage,
)
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import (
    Counters,
    as_mapping,
    as_quantity,
    estimated_usage,
    text_bytes,
    usage_of,
    with_units,
)
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"
_POST = ("POST",)


def _audio_seconds(raw: Any) -> dict[str, Quantity]:
    seconds = Counters().fraction(as_mapping(raw), "prompt_audio_seconds")
    return {} if seconds is None else {"input_seconds": as_quantity(seconds)}


def _add_tier(raw: Any, out: Reading) -> None:
    tier = as_mapping(raw).get("service_tier")
    if isinstance(tier, str) and tier:
        out.dimensions["service_tier"] = "default" if tier == "standard" else tier


class _Chat(ChatReader):
    """A chat; audio of the prompt is billed by its seconds beside the tokens."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        usage = token_usage(self.usage_raw, cached_key="num_cached_tokens")
        return usage and with_units(usage, _audio_seconds(self.usage_raw))

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        _add_tier(self.usage_raw, out)
        return out


class _Transcription(TranscriptionReader):
    """A transcription, billed by the seconds of audio."""

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: `transcription.done` has the usage."""
        kind = event.get("type") or name
        if kind == "transcription.text.delta":
            self._has_content = True
        elif kind == "transcription.done":
            self._terminal = True
            self.take(event)

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        seconds = _audio_seconds(self.usage_raw)
        return usage_of(seconds, self.usage_raw) if seconds else super().stated_usage()


class _Ocr(ShapeReader):
    """A document, billed by the page; with annotations a page costs more."""

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep the model and the usage, which is called `usage_info`."""
        super().take_identity(source)
        self.usage_raw = source.get("usage_info", self.usage_raw)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        if self.failed:
            return out
        counters = Counters()
        pages = counters.whole(as_mapping(self.usage_raw), "pages_processed")
        annotated = any(self.asked.get(key) for key in ("document_annotation_format", "bbox_annotation_format"))
        units: dict[str, Quantity] = {}
        if pages is not None:
            units["annotated_pages" if annotated else "pages"] = pages
        out.usage = usage_of(units, self.usage_raw, flags=("malformed",) if counters.malformed else ())
        return out


class _Conversation(ShapeReader):
    """A turn of a conversation with an agent; tokens of its tools are input as well."""

    _output_bytes: int = 0

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep what the answer says of itself."""
        super().take_identity(source)
        conversation = source.get("conversation_id")
        self.response_id = conversation if isinstance(conversation, str) else self.response_id

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event."""
        kind = str(event.get("type") or name)
        self.take_identity(event)
        if kind == "message.output.delta":
            self._has_content = True
            self._output_bytes += text_bytes(event.get("content"))
        elif kind == "conversation.response.done":
            self._terminal = True

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        raw = as_mapping(self.usage_raw)
        counters = Counters()
        of_tools = counters.whole(raw, "connector_tokens") or 0
        fields = {key: value for key, value in raw.items() if key != "total_tokens"} if of_tools else raw
        usage = token_usage(dict(fields) if raw else self.usage_raw)
        if usage is None:
            return None
        units = dict(usage.units)
        if of_tools:
            units["input_text_tokens"] = units.get("input_text_tokens", 0) + of_tools
        searches = counters.whole(as_mapping(raw.get("connectors")), "web_search")
        return with_units(usage_of(units, self.usage_raw, flags=usage.flags), {"web_search_calls": searches or 0})

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        out.response_id = None
        if self.want_content:
            out.input = self.asked.get("inputs")
        if self.failed:
            return out
        usage = self.stated_usage()
        if usage is None or not usage.units:
            prompt = prompt_text(self.asked, ("inputs", "instructions"))
            known = None if ended_early and not self._output_bytes else self._output_bytes
            usage = estimated_usage(prompt, known, partial=ended_early)
        out.usage = usage
        return out


def _endpoint(operation: str, kind: Any, path: str, reader: Any, **options: Any) -> Endpoint:
    return Endpoint(
        operation=operation, kind=kind, methods=_POST, path=LazyPattern(_PREFIX + path), reader=reader, **options
    )


PROVIDER = Provider(
    name="mistral",
    endpoints=(
        _endpoint("fim.completions", "llm", r"/fim/completions", _Chat),
        _endpoint("agents.completions", "llm", r"/agents/completions", _Chat),
        _endpoint("ocr", "other", r"/ocr", _Ocr, usage_key="usage_info", bulk_keys=(b"image_base64",)),
        _endpoint("conversations", "llm", r"/conversations(?:/[^/]+(?:/restart)?)?", _Conversation),
        _endpoint("moderations", "moderation", r"(?:/chat)?/moderations", EmbeddingReader),
        _endpoint("classifications", "other", r"(?:/chat)?/classifications", EmbeddingReader),
        _endpoint("audio.speech", "audio", r"/audio/speech", SpeechReader, bulk_keys=(b"audio_data",)),
        *shape_endpoints(
            _PREFIX,
            only=("chat.completions", "embeddings", "audio.transcriptions"),
            readers={ChatReader: _Chat, TranscriptionReader: _Transcription},
        ),
    ),
    request_id_headers=("x-request-id", "mistral-correlation-id"),
)
