"""Cohere: chat, embeddings, reranking of both versions of the API, where billed units count, and OpenAI's shape.

Fields: client `cohere` 7.3, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import shape_endpoints
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.prompt_text import prompt_text
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, usage_of
from llmobserve.wire import CallKind, Quantity, Usage

__all__ = ["PROVIDER"]

_BILLED = (
    ("output_tokens", "output_text_tokens"),
    ("image_tokens", "input_image_tokens"),
    ("search_units", "search_units"),
    ("classifications", "requests"),
    ("pages", "pages"),
)
_DOCUMENTS_A_UNIT = 100


def _billed_usage(raw: Any) -> Usage | None:
    """Usage of an object with `billed_units`, `None` when there is none."""
    fields = as_mapping(raw)
    if not isinstance(raw, dict) or "billed_units" not in fields:
        return None
    counters = Counters()
    billed = counters.child(fields, "billed_units")
    units: dict[str, Quantity] = {}
    # With images the text is counted apart from the whole input.
    text = counters.whole(billed, "text_tokens")
    text = counters.whole(billed, "input_tokens") if text is None else text
    if text is not None:
        units["input_text_tokens"] = text
    for key, unit in _BILLED:
        number = counters.whole(billed, key)
        if number is not None:
            units[unit] = number
    images = counters.whole(billed, "images")
    if images and "input_image_tokens" not in units:
        units["images"] = images
    kept = {key: fields[key] for key in ("billed_units", "tokens", "cached_tokens") if key in fields}
    return usage_of(units, kept, flags=("malformed",) if counters.malformed else ())


class _Reader(OwnReader):
    """Reads an answer of any endpoint: usage in `usage` or `meta`, at the end of a stream."""

    input_keys = ("messages", "message", "chat_history", "documents", "tools", "prompt", "texts", "inputs", "query")
    _usage_raw: Any = None
    _body: Mapping[str, Any] | None = None

    def is_error(self, body: Any) -> bool:
        """Errors come with their status."""
        return False

    def take(self, body: Any) -> None:
        """Take an answer, or the one that ends a stream."""
        fields = as_mapping(body)
        self._body = fields
        self.response_id = text_of(fields.get("id")) or text_of(fields.get("generation_id")) or self.response_id
        for key in ("usage", "meta"):
            if isinstance(fields.get(key), dict):
                self._usage_raw = fields[key]

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event of either version."""
        kind = event.get("type") or event.get("event_type") or name
        if kind == "message-start":
            self.response_id = text_of(event.get("id")) or self.response_id
        elif kind == "message-end":
            self._terminal = True
            self._usage_raw = as_mapping(event.get("delta")).get("usage")
        elif kind == "stream-start":
            self.response_id = text_of(event.get("generation_id")) or self.response_id
        elif kind == "stream-end" or event.get("is_finished") is True:
            self._terminal = True
            self.take(event.get("response"))
        else:
            self._take_piece(event)

    def _take_piece(self, event: Mapping[str, Any]) -> None:
        message = as_mapping(as_mapping(event.get("delta")).get("message"))
        calls = as_mapping(as_mapping(message.get("tool_calls")).get("function"))
        pieces = [event.get("text"), message.get("content"), message.get("tool_plan"), calls.get("arguments")]
        size = text_bytes(pieces)
        self.output_bytes += size
        if size:
            self._has_content = True

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The usage."""
        if self.want_content and self._body is not None:
            out.output = self._body.get("message") or self._body.get("text")
        usage = _billed_usage(self._usage_raw)
        out.usage = usage if usage is not None and usage.units else self.without_usage(ended_early=ended_early)

    def without_usage(self, *, ended_early: bool) -> Usage:
        """Usage of an answer that states none."""
        body = self._body or {}
        prompt = prompt_text(self.asked, self.input_keys)
        output = self.output_bytes or text_bytes([body.get("message"), body.get("text"), body.get("generations")])
        known = None if ended_early and not output else output
        return estimated_usage(prompt, known, partial=ended_early)


class _Embed(_Reader):
    """Embeddings: input only."""

    def without_usage(self, *, ended_early: bool) -> Usage:
        """The tokens of the texts, estimated."""
        prompt = prompt_text(self.asked, ("texts", "inputs"))
        return estimated_usage(prompt, None, partial=ended_early)


class _Rerank(_Reader):
    """Reranking: a search unit is a query with up to a hundred documents."""

    def without_usage(self, *, ended_early: bool) -> Usage:
        """Units worked out from the request."""
        documents = self.asked.get("documents")
        if not isinstance(documents, list):
            return Usage()
        units: dict[str, Quantity] = {
            "search_units": max(1, -(-len(cast("list[Any]", documents)) // _DOCUMENTS_A_UNIT))
        }
        return Usage(units=units, source="estimated", flags=("partial",) if ended_early else ())


class _Plain(_Reader):
    """Work whose answer states its billed units or nothing."""

    def without_usage(self, *, ended_early: bool) -> Usage:
        """Nothing is known."""
        return Usage(flags=("partial",) if ended_early else ())


def _endpoint(operation: str, kind: CallKind, path: str, reader: Any, **options: Any) -> Endpoint:
    return Endpoint(
        operation=operation,
        kind=kind,
        methods=("POST",),
        path=LazyPattern(r"(?:/[^/]+)*" + path),
        reader=reader,
        **options,
    )


PROVIDER = Provider(
    name="cohere",
    endpoints=(
        _endpoint("chat", "llm", r"/v[12]/chat", _Reader, stream_format="ndjson"),
        _endpoint("embed", "embedding", r"/v[12]/embed", _Embed, bulk_keys=(b"embeddings",)),
        _endpoint("rerank", "rerank", r"/v[12]/rerank", _Rerank, usage_key="meta"),
        _endpoint("generate", "llm", r"/v1/generate", _Reader, stream_format="ndjson"),
        _endpoint("summarize", "llm", r"/v1/summarize", _Plain),
        _endpoint("classify", "other", r"/v1/classify", _Plain),
        _endpoint("parse", "other", r"/v2/parse", _Plain),
        _endpoint("audio.transcriptions", "audio", r"/v2/audio/transcriptions", _Plain),
        *shape_endpoints(r"/compatibility/v1", only=("chat.completions", "embeddings")),
    ),
    request_id_headers=("x-request-id", "x-debug-trace-id"),
)
