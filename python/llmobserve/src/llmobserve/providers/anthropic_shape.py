"""Anthropic's Messages shape: readers for its own API and for the clouds that serve the same bodies.

`input_tokens` excludes both cache counts, and streams send cumulative figures that replace the earlier ones
(https://docs.anthropic.com/en/api/messages and /messages-streaming, read 2026-11-21).
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Endpoint, LazyPattern, ProviderRequest, ReaderFactory, Reading
from llmobserve.providers.errors import error_in
from llmobserve.providers.progress import Progress
from llmobserve.providers.prompt_text import PromptText, is_measured, prompt_text
from llmobserve.providers.quantities import (
    Counters,
    as_mapping,
    estimate_tokens,
    estimated_usage,
    sendable,
    text_bytes,
    usage_of,
    with_sizes,
)
from llmobserve.wire import Quantity, Usage

__all__ = [
    "MESSAGES_SUMMARY",
    "BatchResultsReader",
    "CompleteReader",
    "MessagesReader",
    "message_usage",
    "messages_endpoint",
]

MESSAGES_SUMMARY = re.compile(rb'"type"\s*:\s*"(?:message_delta|message_stop)"')

_TIERS = {"standard": "default"}
_PROMPT_KEYS = ("system", "messages", "tools", "output_config", "output_format")


def message_usage(raw: Any) -> Usage | None:
    """Usage of a message's `usage` object, `None` when there is none."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        return usage_of({}, raw, flags=("malformed",))
    fields = cast("dict[str, Any]", raw)
    counters = Counters()
    units: dict[str, Quantity] = {}
    details: dict[str, Quantity] = {}
    consistent = _add_tokens(counters, fields, units)
    iterations = fields.get("iterations")
    for item in cast("list[Any]", iterations) if isinstance(iterations, list) else []:
        # The totals leave compaction out although it is charged (SDK 2.11, type `BetaUsage`, 2026-11-21).
        if as_mapping(item).get("type") == "compaction":
            consistent = _add_tokens(counters, as_mapping(item), units) and consistent
    thinking = counters.whole(counters.child(fields, "output_tokens_details"), "thinking_tokens")
    if thinking:
        details["reasoning_tokens"] = thinking
    tools = counters.child(fields, "server_tool_use")
    for key, unit in (("web_search_requests", "web_search_calls"), ("web_fetch_requests", "web_fetch_calls")):
        count = counters.whole(tools, key) if tools else None
        if count:
            units[unit] = count
    flags = () if consistent else ("sum_mismatch",)
    if counters.malformed:
        flags += ("malformed",)
    return usage_of(units, fields, details=details, flags=flags)


def _add_tokens(counters: Counters, fields: Mapping[str, Any], units: dict[str, Quantity]) -> bool:
    """Add the token counts of one usage object. False when the cache writes by lifetime exceed their sum."""
    _add(units, "input_text_tokens", counters.required(fields, "input_tokens"))
    _add(units, "output_text_tokens", counters.required(fields, "output_tokens"))
    _add(units, "cache_read_text_tokens", counters.whole(fields, "cache_read_input_tokens") or None)
    written = counters.whole(fields, "cache_creation_input_tokens")
    split = counters.child(fields, "cache_creation")
    minutes = counters.whole(split, "ephemeral_5m_input_tokens") or 0
    hour = counters.whole(split, "ephemeral_1h_input_tokens") or 0
    total = minutes + hour if written is None else written
    if minutes + hour > total:
        _add(units, "cache_write_tokens", total or None)
        return False
    _add(units, "cache_write_5m_tokens", minutes or None)
    _add(units, "cache_write_1h_tokens", hour or None)
    _add(units, "cache_write_tokens", (total - minutes - hour) or None)
    return True


def _add(units: dict[str, Quantity], name: str, quantity: int | None) -> None:
    if quantity is not None:
        units[name] = units.get(name, 0) + quantity


def _advisor_items(raw: Any, response_id: str | None) -> list[Reading]:
    """Charges of other models inside one message: an advisor's turns are not in the totals of the message."""
    items: list[Reading] = []
    iterations = as_mapping(raw).get("iterations")
    for position, item in enumerate(cast("list[Any]", iterations) if isinstance(iterations, list) else []):
        fields = as_mapping(item)
        if fields.get("type") != "advisor_message":
            continue
        usage = message_usage(dict(fields))
        model = fields.get("model")
        if usage is not None and any(usage.units.values()):
            items.append(
                Reading(
                    response_model=model if isinstance(model, str) else None,
                    response_id=f"{response_id}/advisor/{position}" if response_id else None,
                    usage=usage,
                    operation="messages.advisor",
                )
            )
    return items


def _add_dimensions(raw: Any, dimensions: dict[str, str]) -> None:
    fields = as_mapping(raw)
    tier = fields.get("service_tier")
    if tier == "batch":
        dimensions["batch"] = "true"
    elif isinstance(tier, str):
        dimensions["service_tier"] = _TIERS.get(tier, tier)
    speed = fields.get("speed")
    if isinstance(speed, str) and speed != "standard":
        dimensions["speed"] = speed
    place = fields.get("inference_geo")
    if isinstance(place, str) and place not in {"", "not_available"}:
        dimensions["inference_geo"] = place


class MessagesReader(Progress):
    """Reads one message, whole or streamed."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__()
        self.asked = as_mapping(request.body)
        self.want_content = want_content
        self.model: str | None = None
        self.response_id: str | None = None
        self.usage_raw: Any = None
        self.error: tuple[str, str | None] | None = None
        self.failed = False
        self._final_usage = False
        self._output_bytes = 0
        self._content: Any = None
        self._blocks: dict[int, dict[str, Any]] = {}

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer."""
        self._terminal = True
        fields = as_mapping(body)
        if status >= 400 or fields.get("type") == "error":
            self.failed = True
            self.error = error_in(body, status)
        else:
            self.take_message(fields)
            self._final_usage = True

    def take_message(self, message: Mapping[str, Any]) -> None:
        """Take a message object."""
        model, response_id = message.get("model"), message.get("id")
        self.model = model if isinstance(model, str) else self.model
        self.response_id = response_id if isinstance(response_id, str) else self.response_id
        usage = message.get("usage")
        self.usage_raw = dict(cast("dict[str, Any]", usage)) if isinstance(usage, dict) else usage
        self._content = message.get("content") or None
        if self._content:
            self._output_bytes = text_bytes(self._content)

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event of the stream."""
        event = as_mapping(data)
        kind = event.get("type")
        if kind == "content_block_delta":
            self._take_delta(event)
        elif kind == "message_start":
            self.take_message(as_mapping(event.get("message")))
        elif kind == "message_delta":
            self._merge_usage(event.get("usage"))
        elif kind == "message_stop":
            self._terminal = True
        elif kind == "content_block_start":
            self._start_block(event)
        elif kind == "error":
            self._terminal = True
            self._take_error(event.get("error"))

    def _merge_usage(self, usage: Any) -> None:
        """Later figures replace earlier ones field by field; a null or a missing field keeps the earlier one."""
        if not isinstance(usage, dict):
            return
        later = {key: value for key, value in cast("dict[str, Any]", usage).items() if value is not None}
        self.usage_raw = {**as_mapping(self.usage_raw), **later}
        self._final_usage = "output_tokens" in later

    def _start_block(self, event: Mapping[str, Any]) -> None:
        block = as_mapping(event.get("content_block"))
        if block.get("type") in {"tool_use", "server_tool_use"}:
            self._has_content = True
            self._output_bytes += text_bytes(block.get("name"))
        if self.want_content:
            index = event.get("index")
            self._blocks[index if isinstance(index, int) else len(self._blocks)] = dict(block)

    def _take_delta(self, event: Mapping[str, Any]) -> None:
        self._has_content = True
        delta = as_mapping(event.get("delta"))
        pieces = {
            "text": delta.get("text"),
            "thinking": delta.get("thinking"),
            "partial_json": delta.get("partial_json"),
        }
        for key, piece in pieces.items():
            if not isinstance(piece, str):
                continue
            self._output_bytes += text_bytes(piece)
            index = event.get("index")
            block = self._blocks.get(index) if self.want_content and isinstance(index, int) else None
            if block is not None:
                block[key] = (block.get(key) or "") + piece

    def _take_error(self, error: Any) -> None:
        if error is None:
            return
        fields = as_mapping(error)
        message = fields.get("message") or (error if isinstance(error, str) else None)
        self.error = (str(fields.get("type") or "provider_error"), message if isinstance(message, str) else None)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far. Ended early, the input is exact from the start event and the output is estimated."""
        asked_model = self.asked.get("model")
        out = Reading(
            request_model=asked_model if isinstance(asked_model, str) else None,
            response_model=self.model,
            response_id=self.response_id,
        )
        if self.error is not None:
            out.error_type, out.error_message = self.error
        if self.want_content:
            out.input = {key: self.asked[key] for key in ("system", "messages", "tools") if key in self.asked} or None
            out.output = self._content or [self._blocks[index] for index in sorted(self._blocks)] or None
        if self.failed:
            return out
        _add_dimensions(self.usage_raw, out.dimensions)
        out.items = _advisor_items(self.usage_raw, self.response_id)
        usage = message_usage(self.usage_raw)
        if usage is not None and usage.units and self._final_usage:
            measured = is_measured(self.response_id)
            out.usage = with_sizes(usage, self._prompt(), self._seen_output()) if measured else usage
        else:
            out.usage = self._estimate(usage, ended_early=ended_early)
        return out

    def _prompt(self) -> PromptText:
        return prompt_text(self.asked, _PROMPT_KEYS)

    def _seen_output(self) -> int | None:
        """Size of the output; `None` where pieces of it may have been passed over."""
        return self._output_bytes if self._content or self.want_content else None

    def _estimate(self, stated: Usage | None, *, ended_early: bool) -> Usage:
        if stated is None or not stated.units:
            known = None if ended_early and not self._output_bytes else self._output_bytes
            return estimated_usage(self._prompt(), known, partial=ended_early, raw=self.usage_raw)
        # The start event counts the first tokens of the output only.
        first = stated.units.get("output_text_tokens", 0)
        units = {**stated.units, "output_text_tokens": max(int(first), estimate_tokens(self._output_bytes))}
        flags = ("partial", *stated.flags) if ended_early else stated.flags
        details: dict[str, Quantity] = {"output_text_bytes": self._output_bytes}
        return Usage(units=units, details=details, source="estimated", flags=flags, raw=sendable(self.usage_raw))


class CompleteReader(MessagesReader):
    """Reads a legacy text completion, which states no usage: it stays unknown."""

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one event of the stream."""
        event = as_mapping(data)
        if event.get("type") == "error":
            super().read_event(name, data)
        elif event.get("completion"):
            self._has_content = True
        if event.get("stop_reason"):
            self._terminal = True
        self.take_message(event)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        out.usage = Usage(flags=("partial",) if ended_early else ())
        if self.want_content:
            out.input = {"prompt": self.asked.get("prompt")}
        return out


class BatchResultsReader:
    """Reads the results of a message batch: one item a line, each an event of its own."""

    terminal = True
    has_content = False

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        self._request = request
        self._match = match
        self._want_content = want_content
        self._items: list[Reading] = []
        self._error: MessagesReader | None = None

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take an answer that is no list of lines: an error, or a single line."""
        if status >= 400:
            self._error = MessagesReader(self._request, self._match, want_content=False)
            self._error.read_body(body, status, headers)
        elif body is not None:
            self.read_event(None, body)

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one line. Only finished messages are charged."""
        line = as_mapping(data)
        result = as_mapping(line.get("result"))
        if result.get("type") != "succeeded":
            return
        reader = MessagesReader(self._request, self._match, want_content=self._want_content)
        reader.read_body(result.get("message"), 200, {})
        item = reader.reading()
        item.input = None
        item.dimensions["batch"] = "true"
        item.dimensions.pop("service_tier", None)
        item.remote_id = f"{self._match.group('batch')}/{line.get('custom_id')}"
        item.operation = "messages.batches"
        self._items.append(item)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The lines as items; the fetch itself costs nothing."""
        if self._error is not None:
            return self._error.reading()
        return Reading(pending=True, items=self._items)


def messages_endpoint(prefix: str, reader: ReaderFactory = MessagesReader) -> Endpoint:
    """The endpoint `messages` below `prefix`, of a provider that speaks Anthropic's shape beside its own."""
    return Endpoint(
        operation="messages",
        kind="llm",
        methods=("POST",),
        path=LazyPattern(prefix + r"/messages"),
        reader=reader,
        summary=MESSAGES_SUMMARY,
    )
