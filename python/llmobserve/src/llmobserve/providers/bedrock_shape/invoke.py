"""Reads `invoke` and `invoke-with-response-stream`: bodies of every model family, and the counts in the headers.

Headers and `amazon-bedrock-invocationMetrics`: seen in recorded exchanges, 2024 to 2025.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.anthropic_shape import message_usage
from llmobserve.providers.base import Reading
from llmobserve.providers.bedrock_shape.converse import BedrockReader, converse_usage
from llmobserve.providers.openai_shape import token_usage
from llmobserve.providers.own_shape import text_of
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["InvokeReader"]

_HEADER = "x-amzn-bedrock-{}-token-count"
_HEADERS = {
    "input_text_tokens": _HEADER.format("input"),
    "output_text_tokens": _HEADER.format("output"),
    "cache_read_text_tokens": _HEADER.format("cache-read-input"),
    "cache_write_tokens": _HEADER.format("cache-write-input"),
}
_METRICS = {
    "input_text_tokens": "inputTokenCount",
    "output_text_tokens": "outputTokenCount",
    "cache_read_text_tokens": "cacheReadInputTokenCount",
    "cache_write_tokens": "cacheWriteInputTokenCount",
}
# Llama; Titan in one piece and streamed; their answers count in fields of the body itself.
_PLAIN_INPUT = ("prompt_token_count", "inputTextTokenCount")
_PLAIN_OUTPUT = ("generation_token_count", "totalOutputTextTokenCount")
_DOCUMENTS_A_UNIT = 100
_TEXT_KEYS = ("prompt", "messages", "system", "inputText", "inputTexts", "texts", "query", "documents")


class InvokeReader(BedrockReader):
    """Reads one invocation. Figures of the body come first, headers and metrics fill what it leaves open."""

    input_keys = _TEXT_KEYS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._usage_raw: Any = None
        self._plain: dict[str, Any] = {}
        self._metrics: Mapping[str, Any] = {}
        self._images: int | None = None

    def take(self, body: Any) -> None:
        """Take the answer of one model family."""
        fields = as_mapping(body)
        self._take_fields(fields)
        self.output_bytes = text_bytes([fields.get(key) for key in ("content", "completion", "generation", "output")])
        counters = Counters()
        results = fields.get("results")
        if isinstance(results, list):
            counts = [counters.whole(as_mapping(item), "tokenCount") for item in cast("list[Any]", results)]
            self._plain["totalOutputTextTokenCount"] = sum(count or 0 for count in counts)
        images = fields.get("images")
        if isinstance(images, list):
            self._images = len(cast("list[Any]", images))

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one chunk: base64 of an event in the family's own form."""
        data = event.get("bytes")
        if isinstance(data, str):
            try:
                decoded = json.loads(base64.b64decode(data))
            except (binascii.Error, ValueError, RecursionError):
                return
            event = as_mapping(decoded)
        self._take_fields(event)
        text = [event.get(key) for key in ("outputText", "completion", "generation", "text")]
        delta = as_mapping(event.get("delta")) or as_mapping(as_mapping(event.get("contentBlockDelta")).get("delta"))
        size = text_bytes(text) + text_bytes([delta.get("text"), delta.get("partial_json"), delta.get("thinking")])
        self.output_bytes += size
        if size:
            self._has_content = True

    def _take_fields(self, fields: Mapping[str, Any]) -> None:
        self.take_terms(fields)
        for key in (*_PLAIN_INPUT, *_PLAIN_OUTPUT):
            if fields.get(key) is not None:
                self._plain[key] = fields[key]
        for source in (fields, as_mapping(fields.get("message")), as_mapping(fields.get("metadata"))):
            usage = source.get("usage")
            if isinstance(usage, dict):
                later = {key: value for key, value in cast("dict[str, Any]", usage).items() if value is not None}
                self._usage_raw = {**as_mapping(self._usage_raw), **later}
            elif usage is not None:
                self._usage_raw = usage
        message = as_mapping(fields.get("message")) or fields
        self.response_id = text_of(message.get("id")) or self.response_id
        metrics = as_mapping(fields.get("amazon-bedrock-invocationMetrics"))
        if metrics:
            self._metrics = metrics
            self._terminal = True
        if fields.get("completionReason") or (fields.get("stop_reason") and "generation_token_count" in fields):
            self._terminal = True

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Usage, and what decides the price of images and reranking."""
        super().fill(out, ended_early=ended_early)
        model = out.request_model or ""
        if "rerank" in model:
            out.kind = "rerank"
            documents = self.asked.get("documents")
            if isinstance(documents, list) and not ended_early:
                units: dict[str, Quantity] = {
                    "search_units": max(1, -(-len(cast("list[Any]", documents)) // _DOCUMENTS_A_UNIT))
                }
                out.usage = Usage(units=units, source="request")
            return
        if "embed" in model:
            out.kind = "embedding"
        if self._images is not None:
            self._fill_images(out)
            return
        out.usage = self._usage(ended_early=ended_early)

    def _fill_images(self, out: Reading) -> None:
        out.kind = "image"
        out.usage = usage_of({"images": self._images or 0}, None)
        settings = as_mapping(self.asked.get("imageGenerationConfig"))
        width, height = settings.get("width"), settings.get("height")
        if isinstance(width, int) and isinstance(height, int):
            out.dimensions["size"] = f"{width}x{height}"
        quality = text_of(settings.get("quality"))
        if quality is not None:
            out.dimensions["quality"] = quality

    def _usage(self, *, ended_early: bool) -> Usage:
        stated = self._family_usage()
        units = dict(stated.units) if stated is not None else {}
        flags = stated.flags if stated is not None else ()
        counters = Counters()
        source = stated.source if stated is not None and units else "header"
        for unit, number in {**self._header_counts(counters), **self._metric_counts(counters)}.items():
            splits_it = unit == "cache_write_tokens" and any(name.startswith("cache_write_") for name in units)
            if unit not in units and not splits_it and (number or unit in {"input_text_tokens", "output_text_tokens"}):
                units[unit] = number
        if counters.malformed and "malformed" not in flags:
            flags = (*flags, "malformed")
        if ended_early and not self._terminal:
            flags = (*flags, "partial")
        if not units:
            prompt = prompt_text(self.asked, _TEXT_KEYS)
            known = None if ended_early and not self.output_bytes else self.output_bytes
            return estimated_usage(prompt, known, partial=ended_early, raw=self._usage_raw)
        if source == "header" and self._metrics:
            source = "response"
        raw = stated.raw if stated is not None else None
        return Usage(units=units, details=stated.details if stated else {}, source=source, flags=flags, raw=raw)

    def _family_usage(self) -> Usage | None:
        """Usage of whatever form the body has; `None` when it states none."""
        raw = self._usage_raw
        if raw is not None:
            fields = as_mapping(raw)
            if "inputTokens" in fields or "outputTokens" in fields:
                return converse_usage(raw)
            return token_usage(raw) if "prompt_tokens" in fields else message_usage(raw)
        if not self._plain:
            return None
        counters = Counters()
        units: dict[str, Quantity] = {}
        for unit, keys in (("input_text_tokens", _PLAIN_INPUT), ("output_text_tokens", _PLAIN_OUTPUT)):
            found = [number for key in keys if (number := counters.whole(self._plain, key)) is not None]
            if found:
                units[unit] = found[0]
        return usage_of(units, self._plain, flags=("malformed",) if counters.malformed else ())

    def _header_counts(self, counters: Counters) -> dict[str, int]:
        counts: dict[str, int] = {}
        for unit, name in _HEADERS.items():
            text = self.headers.get(name)
            if text is None:
                continue
            if text.isascii() and text.isdigit() and len(text) <= 15:
                counts[unit] = int(text)
            else:
                counters.malformed = True
        return counts

    def _metric_counts(self, counters: Counters) -> dict[str, int]:
        counts = {unit: counters.whole(self._metrics, key) for unit, key in _METRICS.items()}
        return {unit: number for unit, number in counts.items() if number is not None}
