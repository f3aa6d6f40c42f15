"""The shape of Ollama: its own interface, which streams JSON lines and counts in the last one, and those it imitates.

https://github.com/ollama/ollama/blob/main/docs/api.md, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Endpoint, LazyPattern, Reading
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, usage_of
from llmobserve.wire import CallKind, Quantity

__all__ = ["ENDPOINTS"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"
_COUNTS = (("prompt_eval_count", "input_text_tokens"), ("eval_count", "output_text_tokens"))


class _Generation(OwnReader):
    """Reads an answer, whole or streamed. A prompt that was cached as a whole has no count of its own."""

    input_keys = ("messages", "prompt", "system", "tools")
    _last: Mapping[str, Any] | None = None

    def take(self, body: Any) -> None:
        """Take an answer, or the line that ends a stream."""
        fields = as_mapping(body)
        self._last = fields
        self.model = text_of(fields.get("model")) or self.model
        self._take_text(fields)

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one line."""
        if event.get("done") is True:
            self._terminal = True
            self.take(event)
            return
        self.model = text_of(event.get("model")) or self.model
        before = self.output_bytes
        self._take_text(event)
        self._has_content = self._has_content or self.output_bytes > before

    def _take_text(self, fields: Mapping[str, Any]) -> None:
        message = as_mapping(fields.get("message"))
        pieces = [fields.get("response"), message.get("content"), message.get("thinking"), message.get("tool_calls")]
        self.output_bytes += text_bytes(pieces)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The counts."""
        last = self._last or {}
        if self.want_content:
            out.output = last.get("message") or last.get("response")
        counters = Counters()
        units: dict[str, Quantity] = {}
        for key, unit in _COUNTS:
            number = counters.whole(last, key)
            if number is not None:
                units[unit] = number
        raw = {key: last[key] for key, _ in _COUNTS if key in last}
        if units:
            out.usage = usage_of(units, raw, flags=("malformed",) if counters.malformed else ())
            return
        prompt = prompt_text(self.asked, (*self.input_keys, "input"))
        out.usage = estimated_usage(prompt, self.output_bytes or None, partial=ended_early)


def _endpoint(operation: str, path: str, kind: CallKind = "llm", **options: Any) -> Endpoint:
    return Endpoint(
        operation=operation,
        kind=kind,
        methods=("POST",),
        path=LazyPattern(r"/api" + path),
        reader=_Generation,
        stream_format="ndjson",
        usage_key="",
        **options,
    )


ENDPOINTS = (
    _endpoint("chat", r"/chat"),
    _endpoint("generate", r"/generate"),
    _endpoint("embed", r"/embed(?:dings)?", "embedding", bulk_keys=(b"embedding",)),
    *shape_endpoints(_PREFIX, only=("chat.completions", "completions", "responses", "embeddings")),
    messages_endpoint(_PREFIX),
)
