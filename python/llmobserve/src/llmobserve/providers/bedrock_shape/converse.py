"""Reads `converse` and `converse-stream`, whose usage leaves cached tokens out of the input.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

from llmobserve.providers.aws_target import aws_error_type
from llmobserve.providers.base import Reading
from llmobserve.providers.bedrock_shape.guardrail_units import guardrail_reading
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import (
    Counters,
    as_mapping,
    estimated_usage,
    text_bytes,
    usage_of,
)
from llmobserve.wire import Quantity, Usage

__all__ = ["BedrockReader", "ConverseReader", "converse_usage"]

_TIMED_WRITES = {"5m": "cache_write_5m_tokens", "1h": "cache_write_1h_tokens"}


def converse_usage(raw: Any) -> Usage | None:
    """Usage of a `usage` object of `converse`, or of Amazon's own models; `None` when there is none."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        return usage_of({}, raw, flags=("malformed",))
    fields = cast("dict[str, Any]", raw)
    counters = Counters()
    whole = counters.whole
    units: dict[str, Quantity] = {}
    fresh, answer = counters.required(fields, "inputTokens"), counters.required(fields, "outputTokens")
    read = _first(counters, fields, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _first(counters, fields, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    if fresh is not None:
        units["input_text_tokens"] = fresh
    if answer is not None:
        units["output_text_tokens"] = answer
    if read:
        units["cache_read_text_tokens"] = read
    consistent = _add_writes(counters, fields, written, units)
    total = whole(fields, "totalTokens")
    if total is not None:
        bare = (fresh or 0) + (answer or 0)
        consistent = consistent and total in (bare, bare + read + written)
    flags = () if consistent else ("sum_mismatch",)
    if counters.malformed:
        flags += ("malformed",)
    return usage_of(units, fields, flags=flags)


def _first(counters: Counters, fields: Mapping[str, Any], *keys: str) -> int:
    found = (counters.whole(fields, key) for key in keys)
    return next((number for number in found if number is not None), 0)


def _add_writes(counters: Counters, fields: Mapping[str, Any], written: int, units: dict[str, Quantity]) -> bool:
    """Put cache writes into `units` by their lifetime. False when those exceed their sum."""
    timed: dict[str, int] = {}
    listed = fields.get("cacheDetails")
    for item in cast("list[Any]", listed) if isinstance(listed, list) else []:
        entry = as_mapping(item)
        unit = _TIMED_WRITES.get(str(entry.get("ttl")), "cache_write_tokens")
        timed[unit] = timed.get(unit, 0) + (counters.whole(entry, "inputTokens") or 0)
    rest = written - sum(timed.values())
    if rest < 0:
        units["cache_write_tokens"] = written
        return False
    timed["cache_write_tokens"] = timed.get("cache_write_tokens", 0) + rest
    units.update({unit: number for unit, number in timed.items() if number})
    return True


class BedrockReader(OwnReader):
    """What both interfaces have in common: model, tier, latency, exceptions in a stream."""

    tier: str | None = None
    latency: str | None = None

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer; the type of an error is in a header."""
        super().read_body(body, status, headers)
        kind = aws_error_type(body, headers) if self.error is not None else None
        if kind is not None and self.error is not None:
            self.error = (kind, self.error[1])

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event; an exception ends the stream."""
        if name is not None and name.lower().endswith(("exception", "error")):
            self._terminal = True
            self.error = (name, text_of(as_mapping(data).get("message")))
            return
        super().read_event(name, data)

    def asked_model(self) -> str | None:
        """The model as the path spells it."""
        group = self.groups.get("model")
        return self.named_model(unquote(group) if group else super().asked_model())

    @staticmethod
    def named_model(name: str | None) -> str | None:
        """The name of a model without the ARN around it; other ARNs are kept."""
        if name is None or not name.startswith("arn:"):
            return name
        head, _, rest = name.partition("/")
        kind = head.rpartition(":")[2]
        return rest if kind in {"inference-profile", "foundation-model"} and rest else name

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The dimensions."""
        tier = self.tier or self.headers.get("x-amzn-bedrock-service-tier")
        if tier:
            out.dimensions["service_tier"] = tier
        if self.latency:
            out.dimensions["latency"] = self.latency

    def take_terms(self, source: Mapping[str, Any]) -> None:
        """Keep tier and latency where they are stated."""
        self.tier = text_of(as_mapping(source.get("serviceTier")).get("type")) or self.tier
        self.latency = text_of(as_mapping(source.get("performanceConfig")).get("latency")) or self.latency


class ConverseReader(BedrockReader):
    """Reads one turn, whole or streamed: the event `metadata` has the usage."""

    input_keys = ("system", "messages", "toolConfig")
    _usage_raw: Any = None
    _message: Any = None
    _trace: Mapping[str, Any] = {}

    def take(self, body: Any) -> None:
        """Take the answer."""
        fields = as_mapping(body)
        self.take_terms(fields)
        self._usage_raw = fields.get("usage")
        self._take_trace(fields)
        self._message = as_mapping(fields.get("output")).get("message")
        self.output_bytes = text_bytes(as_mapping(self._message).get("content"))

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event."""
        if name == "contentBlockDelta" or "contentBlockDelta" in event:
            self._has_content = True
            delta = as_mapping(event.get("delta") or as_mapping(event.get("contentBlockDelta")).get("delta"))
            self.output_bytes += text_bytes([delta.get("text"), delta.get("toolUse"), delta.get("reasoningContent")])
            self._collect(delta.get("text"))
        elif name == "metadata" or "metadata" in event:
            fields = as_mapping(event.get("metadata")) or event
            self._terminal = True
            self._usage_raw = fields.get("usage")
            self._take_trace(fields)
            self.take_terms(fields)

    def _take_trace(self, source: Mapping[str, Any]) -> None:
        """Keep what guardrails did, and which model a prompt router chose."""
        self._trace = as_mapping(source.get("trace"))
        chosen = text_of(as_mapping(self._trace.get("promptRouter")).get("invokedModelId"))
        self.model = self.named_model(chosen) or self.model

    def _collect(self, text: Any) -> None:
        if self.want_content and isinstance(text, str):
            self._message = {"role": "assistant", "text": as_mapping(self._message).get("text", "") + text}

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Usage, dimensions and content."""
        super().fill(out, ended_early=ended_early)
        if self.want_content:
            out.output = self._message
        guardrail = guardrail_reading(self._trace, self.headers.get("x-amzn-requestid"))
        if guardrail is not None:
            out.items.append(guardrail)
        usage = converse_usage(self._usage_raw)
        if usage is not None and usage.units:
            out.usage = usage
            return
        prompt = prompt_text(self.asked, self.input_keys)
        known = None if ended_early and not self.output_bytes else self.output_bytes
        out.usage = estimated_usage(prompt, known, partial=ended_early, raw=self._usage_raw)
