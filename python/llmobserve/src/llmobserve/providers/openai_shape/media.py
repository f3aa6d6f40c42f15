"""Images, speech, transcription and moderation in OpenAI's shape."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader, text_or_none
from llmobserve.providers.openai_shape.usage import token_usage
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["ImageReader", "ModerationReader", "SpeechReader", "TranscriptionReader"]


class ImageReader(ShapeReader):
    """Reads images: tokens where the model states them, else a count with size and quality."""

    _body: Mapping[str, Any] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the answer."""
        self.take_identity(body)
        self._body = body

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: partial images mark content, the completed one has the usage."""
        kind = event.get("type")
        if isinstance(kind, str) and kind.endswith(".partial_image"):
            self._has_content = True
        elif isinstance(kind, str) and kind.endswith(".completed"):
            self._has_content = self._terminal = True
            self.take({**event, "data": [{}]})

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        out.response_model = self.model
        if self.want_content:
            out.input = {"prompt": self.asked.get("prompt")}
        if self.failed:
            return out
        body = self._body or {}
        for key in ("size", "quality"):
            value = text_or_none(body.get(key)) or text_or_none(self.asked.get(key))
            if value is not None and value != "auto":
                out.dimensions[key] = value
        self._add_svg(body, out)
        usage = self.stated_usage(text_output=False)
        if usage is not None and usage.units:
            out.usage = usage
            return out
        data = body.get("data")
        if isinstance(data, list):
            out.usage = usage_of({"images": len(cast("list[Any]", data))}, None)
        else:
            out.usage = Usage(flags=("partial",) if ended_early else ())
        return out

    def _add_svg(self, body: Mapping[str, Any], out: Reading) -> None:
        """Drawing an SVG is charged to a text model, apart from the image."""
        svg = as_mapping(body.get("svg_usage"))
        usage = token_usage(dict(svg)) if svg else None
        if usage is not None and any(usage.units.values()):
            out.items.append(
                Reading(response_model=text_or_none(svg.get("model")), usage=usage, kind="llm", operation="images.svg")
            )


class SpeechReader(ShapeReader):
    """Reads speech: billed by the characters of the request, or by tokens where the stream states them."""

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: audio marks content, `speech.audio.done` has the usage."""
        kind = event.get("type")
        if kind == "speech.audio.delta":
            self._has_content = True
        elif kind == "speech.audio.done":
            self._terminal = True
            self.take_identity(event)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far. The characters are known even when the audio was not read."""
        out = self.base_reading()
        text = self.asked.get("input")
        if self.want_content:
            out.input = text
        if self.failed:
            return out
        usage = self.stated_usage()
        if usage is not None and usage.units:
            units = dict(usage.units)
            if "output_text_tokens" in units and "output_audio_tokens" not in units:
                units["output_audio_tokens"] = units.pop("output_text_tokens")
            out.usage = Usage(units=units, source="response", flags=usage.flags, raw=usage.raw)
        elif isinstance(text, str):
            out.usage = Usage(units={"input_characters": len(text)}, source="request")
        return out


class TranscriptionReader(ShapeReader):
    """Reads transcriptions and translations: tokens or seconds. Plain text, SRT and VTT state neither."""

    _body: Mapping[str, Any] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take a JSON answer."""
        self.take_identity(body)
        self._body = body

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: text deltas mark content, `transcript.text.done` has the usage."""
        kind = event.get("type")
        if kind == "transcript.text.delta":
            self._has_content = True
        elif kind == "transcript.text.done":
            self._terminal = True
            self.take(event)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        body = self._body or {}
        if self.want_content:
            out.output = body.get("text")
        if self.failed:
            return out
        raw = self.usage_raw
        counters = Counters()
        seconds = None
        if as_mapping(raw).get("type") == "duration":
            seconds = counters.fraction(as_mapping(raw), "seconds")
        elif raw is None:
            seconds = counters.fraction(body, "duration")
        flags = ("malformed",) if counters.malformed else ()
        if seconds is not None:
            units: dict[str, Quantity] = {"input_seconds": seconds}
            out.usage = usage_of(units, raw, flags=flags)
        else:
            out.usage = self.stated_usage() or Usage(flags=(*flags, "partial") if ended_early else flags)
        return out


class ModerationReader(ShapeReader):
    """Reads moderations, which are free: recorded as one request."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        if self.want_content:
            out.input = self.asked.get("input")
        if not self.failed:
            out.usage = Usage(units={"requests": 1}, source="request")
        return out
