"""Reads the Interactions API, whose names are in snake case and whose background work is fetched later."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.google_shape.generate import service_tier
from llmobserve.providers.google_shape.usage import interaction_usage
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, with_units
from llmobserve.wire import Quantity, Usage

__all__ = ["InteractionReader"]

_OVER = frozenset({"completed", "failed", "cancelled", "incomplete", "requires_action", "budget_exceeded"})
_GROUNDING = {"google_search": "web_search_calls", "google_maps": "map_queries"}


class InteractionReader(OwnReader):
    """Reads an interaction, whole, streamed or fetched. A look at one that was not run in background is no charge."""

    input_keys = ("input", "system_instruction", "tools")
    _interaction: Mapping[str, Any] | None = None
    _usage_raw: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pieces: list[str] = []
        """Text of a stream, kept with content only."""

    def take(self, body: Any) -> None:
        """Take the interaction."""
        interaction = as_mapping(body)
        self._interaction = interaction
        self.model = text_of(interaction.get("model")) or text_of(interaction.get("agent")) or self.model
        self.response_id = text_of(interaction.get("id")) or self.response_id
        usage = interaction.get("usage")
        self._usage_raw = usage if usage is not None else self._usage_raw

    def is_error(self, body: Any) -> bool:
        """An interaction that failed is an answer like any other."""
        return bool(as_mapping(body).get("error")) and "status" not in as_mapping(body)

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event."""
        kind = event.get("event_type") or name
        if kind == "step.delta" or kind == "content.delta":
            self._has_content = True
            delta = as_mapping(event.get("delta"))
            self.output_bytes += text_bytes([delta.get("text"), delta.get("arguments")])
            piece = text_of(delta.get("text"))
            if self.want_content and piece is not None:
                self._pieces.append(piece)
        elif isinstance(event.get("interaction"), dict):
            self.take(event["interaction"])
            self._terminal = str(kind).endswith((".completed", ".complete", ".failed"))

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Usage, tier and content; pending while it runs."""
        found = self._interaction or {}
        out.request_model = out.request_model or text_of(self.asked.get("agent"))
        background = bool(self.asked.get("background") or found.get("background"))
        looked_at = self.groups.get("interaction") is not None
        if background or looked_at:
            out.remote_id = self.response_id
            out.pending = text_of(found.get("status")) not in _OVER or (looked_at and not background)
        tier = service_tier(found.get("service_tier"), self.asked.get("service_tier"))
        if tier is not None:
            out.dimensions["service_tier"] = tier
        if self.want_content:
            out.output = found.get("steps") or found.get("outputs") or "".join(self._pieces) or None
        error = as_mapping(found.get("error"))
        if found.get("status") == "failed" or error:
            out.error_type = text_of(error.get("code")) or "failed"
            out.error_message = text_of(error.get("message"))
        out.usage = self._usage(ended_early=ended_early)

    def _usage(self, *, ended_early: bool) -> Usage:
        counts = _grounding_counts(self._usage_raw)
        usage = interaction_usage(self._usage_raw, tools_billed=not counts)
        if usage is not None and usage.units:
            return with_units(usage, counts)
        if self._interaction is not None and self.is_whole:
            return usage or Usage()
        prompt = prompt_text(self.asked, self.input_keys)
        known = None if ended_early and not self.output_bytes else self.output_bytes
        return estimated_usage(prompt, known, partial=ended_early)


def _grounding_counts(raw: Any) -> dict[str, Quantity]:
    counts: dict[str, Quantity] = {}
    listed = as_mapping(raw).get("grounding_tool_count")
    counters = Counters()
    for item in cast("list[Any]", listed) if isinstance(listed, list) else []:
        fields = as_mapping(item)
        unit = _GROUNDING.get(str(fields.get("type")))
        number = counters.whole(fields, "count")
        if unit is not None and number:
            counts[unit] = counts.get(unit, 0) + number
    if "web_search_calls" in counts:
        counts["grounded_prompts"] = 1
    return counts
