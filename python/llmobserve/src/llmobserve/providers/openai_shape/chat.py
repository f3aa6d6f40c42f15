"""Chat completions, legacy completions and embeddings in OpenAI's shape."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.openai_shape.usage import input_usage
from llmobserve.providers.prompt_text import PromptText, is_measured, prompt_text
from llmobserve.providers.quantities import as_mapping, estimated_usage, text_bytes, with_sizes
from llmobserve.wire import Usage

__all__ = ["ChatReader", "EmbeddingReader", "prompt_of"]

_PROMPT_KEYS = (
    *("messages", "prompt", "input", "instructions", "system"),
    *("tools", "functions", "response_format", "text"),
)
_TEXT_KEYS = ("content", "refusal", "reasoning_content", "reasoning")


def prompt_of(asked: Mapping[str, Any]) -> PromptText:
    """The text that a request puts into the model."""
    return prompt_text(asked, _PROMPT_KEYS)


def prompt_token_ids(prompt: Any) -> int | None:
    """Number of tokens of a prompt that was sent as token ids; `None` if it is text."""
    if not isinstance(prompt, list) or not prompt:
        return None
    items = cast("list[Any]", prompt)
    if isinstance(items[0], int):
        return len(items)
    counts = [prompt_token_ids(item) for item in items]
    return None if None in counts else sum(count or 0 for count in counts)


class ChatReader(ShapeReader):
    """Reads chat and legacy completions, whole or streamed."""

    _usage: Usage | None = None
    _output_bytes: int = 0
    _body: Mapping[str, Any] | None = None
    _parts: dict[int, dict[str, Any]] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take a whole completion."""
        self.take_identity(body)
        self._body = body

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one chunk; the last one that has usage wins."""
        self.take_identity(event)
        choices = event.get("choices")
        if not isinstance(choices, list):
            return
        for choice in cast("list[Any]", choices):
            fields = as_mapping(choice)
            delta = as_mapping(fields.get("delta")) or fields
            size = sum(text_bytes(delta.get(key)) for key in _TEXT_KEYS)
            size += text_bytes(fields.get("text")) + text_bytes(as_mapping(delta.get("audio")).get("transcript"))
            calls = delta.get("tool_calls") or delta.get("function_call")
            if calls:
                size += text_bytes(_call_texts(calls))
            self._output_bytes += size
            if size or calls:
                self._has_content = True
            if self.want_content:
                self._collect(fields, delta)

    def _collect(self, choice: Mapping[str, Any], delta: Mapping[str, Any]) -> None:
        if self._parts is None:
            self._parts = {}
        index = choice.get("index")
        message = self._parts.setdefault(index if isinstance(index, int) else 0, {"role": "assistant"})
        for key in (*_TEXT_KEYS, "text"):
            piece = delta.get(key)
            if isinstance(piece, str) and (piece or key in message):
                message[key] = message.get(key, "") + piece
        for call in cast("list[Any]", delta.get("tool_calls") or ()):
            _merge_call(message.setdefault("tool_calls", []), as_mapping(call))
        if choice.get("finish_reason"):
            message["finish_reason"] = choice["finish_reason"]

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        if self.want_content:
            out.input = {
                key: self.asked[key] for key in ("messages", "prompt", "tools", "functions") if key in self.asked
            } or None
            out.output = self._output()
        if self.failed:
            return out
        usage = self.stated_usage()
        if usage is None or not usage.units:
            out.usage = self._estimate(ended_early, usage)
        else:
            measured = is_measured(self.response_id)
            out.usage = with_sizes(usage, prompt_of(self.asked), self._seen_output()) if measured else usage
        return out

    def _seen_output(self) -> int | None:
        """Size of the output; `None` where pieces of it may have been passed over."""
        if self._body is not None:
            return text_bytes(_answer_texts(self._body))
        return self._output_bytes if self.want_content else None

    def _estimate(self, ended_early: bool, stated: Usage | None) -> Usage:
        output = self._output_bytes
        if self._body is not None:
            output = text_bytes(_answer_texts(self._body))
        known = None if ended_early and self._body is None and not output else output
        ids = prompt_token_ids(self.asked.get("prompt"))
        exact = {"input_text_tokens": ids} if ids is not None else None
        estimate = estimated_usage(
            prompt_of(self.asked), known, partial=ended_early, exact=exact, raw=stated.raw if stated else None
        )
        if stated is None or not stated.flags:
            return estimate
        return replace(estimate, flags=(*estimate.flags, *stated.flags))

    def _output(self) -> Any:
        if self._body is not None:
            choices = self._body.get("choices")
            if not isinstance(choices, list):
                return None
            return [as_mapping(item).get("message") or item for item in cast("list[Any]", choices)]
        return [self._parts[index] for index in sorted(self._parts)] if self._parts else None


def _call_texts(calls: Any) -> list[Any]:
    """Name and arguments of tool calls: `text_bytes` leaves names out, but a model writes them."""
    items = cast("list[Any]", calls) if isinstance(calls, list) else [calls]
    functions = [as_mapping(as_mapping(item).get("function")) or as_mapping(item) for item in items]
    return [value for function in functions for value in (function.get("name"), function.get("arguments"))]


def _answer_texts(body: Mapping[str, Any]) -> list[Any]:
    choices = body.get("choices")
    texts: list[Any] = []
    for choice in cast("list[Any]", choices) if isinstance(choices, list) else []:
        fields = as_mapping(choice)
        message = as_mapping(fields.get("message"))
        texts += [message.get(key) for key in _TEXT_KEYS] + [fields.get("text")]
        texts += _call_texts(message.get("tool_calls") or [])
    return texts


def _merge_call(calls: list[dict[str, Any]], piece: Mapping[str, Any]) -> None:
    """Put one piece of a streamed tool call to its call, by index."""
    index = piece.get("index")
    position = index if isinstance(index, int) and 0 <= index <= len(calls) else len(calls)
    if position == len(calls):
        calls.append({"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[position]
    call["id"] = piece.get("id") or call["id"]
    function = as_mapping(piece.get("function"))
    for key in ("name", "arguments"):
        if isinstance(function.get(key), str):
            call["function"][key] += function[key]


class EmbeddingReader(ShapeReader):
    """Reads embeddings: only the input costs; the vectors are never kept."""

    _vectors: int | None = None

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        return input_usage(self.usage_raw)

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the answer; vectors are counted."""
        self.take_identity(body)
        data = body.get("data")
        self._vectors = len(cast("list[Any]", data)) if isinstance(data, list) else None

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; without usage the input's tokens are estimated."""
        out = self.base_reading()
        if self.want_content:
            out.input = self.asked.get("input")
            out.output = {"vectors": self._vectors} if self._vectors is not None else None
        if self.failed:
            return out
        usage = self.stated_usage()
        if usage is not None and usage.units:
            out.usage = usage
            return out
        ids = prompt_token_ids(self.asked.get("input"))
        exact = {"input_text_tokens": ids} if ids is not None else None
        out.usage = estimated_usage(prompt_of(self.asked), None, partial=ended_early, exact=exact)
        return out
