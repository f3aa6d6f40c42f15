"""Reads `generateContent` and `streamGenerateContent`: tokens, grounding, traffic type."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.google_shape.usage import metadata_usage
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.prompt_text import is_measured, prompt_text
from llmobserve.providers.quantities import (
    as_mapping,
    estimate_tokens,
    estimated_usage,
    text_bytes,
    with_sizes,
    with_units,
)
from llmobserve.wire import Quantity, Usage

__all__ = ["GenerateReader", "service_tier"]

_TIERS = {
    "ON_DEMAND": "default",
    "STANDARD": "default",
    "UNSPECIFIED": "default",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
}


def service_tier(*stated: Any) -> str | None:
    """The first tier that is stated, in one spelling; `None` when none is."""
    for value in stated:
        text = text_of(value)
        if text is not None and text.upper() != "TRAFFIC_TYPE_UNSPECIFIED":
            return _TIERS.get(text.upper(), text.lower())
    return None


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [as_mapping(item) for item in cast("list[Any]", value)] if isinstance(value, list) else []


class GenerateReader(OwnReader):
    """Reads an answer, whole or streamed: every chunk may carry the usage, and the last one counts."""

    input_keys = ("contents", "systemInstruction", "system_instruction", "tools")
    _usage_raw: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._queries: dict[int, set[str]] = {}
        self._maps: set[int] = set()
        self._fetched_pages = False
        self._parts: dict[int, list[Any]] = {}

    def take(self, body: Any) -> None:
        """Take the answer; a list is a stream that was read as a whole."""
        for event in _listed(body) or [as_mapping(body)]:
            self.take_event(None, event)
        self._terminal = True

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one chunk."""
        self.model = text_of(event.get("modelVersion")) or self.model
        self.response_id = text_of(event.get("responseId")) or self.response_id
        usage = event.get("usageMetadata")
        self._usage_raw = usage if usage is not None else self._usage_raw
        if as_mapping(event.get("promptFeedback")).get("blockReason"):
            self._terminal = True
        for position, candidate in enumerate(_listed(event.get("candidates"))):
            index = candidate.get("index")
            self._take_candidate(index if isinstance(index, int) else position, candidate)

    def _take_candidate(self, index: int, candidate: Mapping[str, Any]) -> None:
        parts = _listed(as_mapping(candidate.get("content")).get("parts"))
        for part in parts:
            self._has_content = True
            self.output_bytes += text_bytes(part.get("text")) + text_bytes(part.get("functionCall"))
        if self.want_content and parts:
            self._parts.setdefault(index, []).extend(parts)
        if candidate.get("finishReason"):
            self._terminal = True
        grounding = as_mapping(candidate.get("groundingMetadata"))
        if grounding:
            self._take_grounding(index, grounding)
        if candidate.get("urlContextMetadata"):
            self._fetched_pages = True

    def _take_grounding(self, index: int, grounding: Mapping[str, Any]) -> None:
        for key in ("webSearchQueries", "imageSearchQueries"):
            queries = grounding.get(key)
            if isinstance(queries, list):
                asked = {query for query in cast("list[Any]", queries) if isinstance(query, str) and query}
                self._queries.setdefault(index, set()).update(asked)
        if any("maps" in chunk for chunk in _listed(grounding.get("groundingChunks"))):
            self._maps.add(index)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Usage, tier and content."""
        if self.want_content and self._parts:
            out.output = [self._parts[index] for index in sorted(self._parts)]
        raw = as_mapping(self._usage_raw)
        tier = service_tier(
            raw.get("trafficType"),
            raw.get("serviceTier"),
            self.headers.get("x-gemini-service-tier"),
            self.asked.get("serviceTier"),
            self.asked.get("service_tier"),
        )
        if tier is not None:
            out.dimensions["service_tier"] = tier
        searched = any(self._queries.values())
        usage = metadata_usage(self._usage_raw, tools_billed=self._fetched_pages or not (searched or self._maps))
        if usage is None or not usage.units:
            out.usage = self._estimate(usage, ended_early=ended_early)
            return
        counts: dict[str, Quantity] = {}
        if searched:
            counts["grounded_prompts"] = 1
            counts["web_search_calls"] = sum(len(queries) for queries in self._queries.values())
        if self._maps:
            counts["map_queries"] = 1
        broken = self.error is not None or (ended_early and not self._terminal)
        flags = ("partial",) if broken else ()
        if flags and raw.get("candidatesTokenCount") is None and self.output_bytes:
            usage = self._with_output_seen(usage)
        if is_measured(self.response_id) and not flags:
            seen = self.output_bytes if self.is_whole or self.want_content else None
            usage = with_sizes(usage, prompt_text(self.asked, self.input_keys), seen)
        out.usage = with_units(usage, counts, *flags)

    def _with_output_seen(self, stated: Usage) -> Usage:
        """Usage that counts no answer yet, with an estimate of what was seen of it."""
        seen = estimate_tokens(self.output_bytes)
        thoughts = stated.units.get("output_text_tokens", 0)
        units = {**stated.units, "output_text_tokens": thoughts + seen}
        details = dict(stated.details)
        if not thoughts:
            details["output_text_bytes"] = self.output_bytes
        return replace(stated, units=units, details=details, source="estimated")

    def _estimate(self, stated: Usage | None, *, ended_early: bool) -> Usage:
        if stated is not None and stated.flags and self.is_whole:
            return stated
        prompt = prompt_text(self.asked, self.input_keys)
        known = None if ended_early and not self.output_bytes else self.output_bytes
        return estimated_usage(prompt, known, partial=ended_early, raw=self._usage_raw)
