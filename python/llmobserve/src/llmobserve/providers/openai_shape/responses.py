"""The Responses API in OpenAI's shape: tokens, built-in tool fees, background answers."""

import re
from collections.abc import Collection, Mapping
from typing import Any, cast

from llmobserve.providers.base import ProviderRequest, Reading
from llmobserve.providers.openai_shape.chat import prompt_of
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.openai_shape.usage import token_usage
from llmobserve.providers.prompt_text import is_measured
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, text_bytes, with_sizes
from llmobserve.wire import Quantity, Usage

__all__ = ["SUMMARY", "ResponsesReader", "ResponsesRetrieveReader"]

SUMMARY = re.compile(rb'"type"\s*:\s*"(?:response\.(?:completed|incomplete|failed|cancelled))"')
_FINAL = frozenset({"completed", "incomplete", "failed", "cancelled"})
_NO_SEARCH = frozenset({"open_page", "find", "find_in_page"})


class ResponsesReader(ShapeReader):
    """Reads an answer of the Responses API, whole or streamed."""

    _final: Mapping[str, Any] | None = None
    _status: str | None = None
    _background: bool = False
    _output_bytes: int = 0

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__(request, match, want_content=want_content)
        self._items: dict[int, dict[str, Any]] = {}
        """Items of the output by index, as they grow; only with content."""

    def take(self, body: Mapping[str, Any]) -> None:
        """Take a response object."""
        self.take_identity(body)
        self._background = bool(body.get("background") or self._background)
        status = body.get("status")
        self._status = status if isinstance(status, str) else None
        if self._status in _FINAL or self._status is None:
            self._final = body
        if body.get("error"):
            self.take_error(body["error"])

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one event: deltas are measured, the object of a final event has everything."""
        kind = event.get("type")
        if not isinstance(kind, str):
            return
        if kind == "error":
            self._terminal = True
            self.take_error(event)
            self.error_type = str(event.get("code") or "error")
        elif kind.endswith(".delta"):
            self._has_content = True
            self._output_bytes += text_bytes(event.get("delta"))
            if self.want_content:
                self._collect(kind.removeprefix("response.").removesuffix(".delta"), event)
        elif kind.startswith("response.output_item.") and self.want_content:
            self._items[_index(event)] = dict(as_mapping(event.get("item")))
        elif isinstance(event.get("response"), dict):
            self.take(cast("dict[str, Any]", event["response"]))
            self._terminal = kind.removeprefix("response.") in _FINAL

    def _collect(self, kind: str, event: Mapping[str, Any]) -> None:
        """Add a piece of text to its item: an answer that is broken off has no other record of it."""
        piece = event.get("delta")
        if not isinstance(piece, str):
            return
        item = self._items.setdefault(_index(event), {"type": "message", "role": "assistant"})
        listed = item.get("content")
        parts = cast("list[Any]", listed) if isinstance(listed, list) else []
        last = as_mapping(parts[-1] if parts else None)
        if last.get("type") == kind:
            parts[-1] = {"type": kind, "text": f"{last.get('text', '')}{piece}"}
        else:
            parts.append({"type": kind, "text": piece})
        item["content"] = parts

    def _output(self) -> Any:
        if self._final is not None:
            return self._final.get("output")
        return [self._items[index] for index in sorted(self._items)] or None

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; a background answer is pending until a later look finds it finished."""
        out = self.base_reading()
        if self.want_content:
            out.input = {
                key: self.asked[key] for key in ("instructions", "input", "tools") if key in self.asked
            } or None
            out.output = self._output()
        if self.failed:
            return out
        self._background = self._background or self.asked.get("background") is True
        if self._background:
            out.remote_id = self.response_id
            out.pending = self._final is None and self.response_id is not None
        usage = self.stated_usage()
        if usage is None or not usage.units:
            usage = self._without_usage(ended_early)
        elif is_measured(self.response_id):
            output = text_bytes(self._final.get("output")) if self._final is not None else None
            usage = with_sizes(usage, prompt_of(self.asked), output)
        out.usage = self._with_tools(usage, out)
        return out

    def _without_usage(self, ended_early: bool) -> Usage:
        if self._final is not None and self._status in {"failed", "cancelled"}:
            return Usage()
        output = self._output_bytes or (text_bytes(self._final.get("output")) if self._final else 0)
        known = None if ended_early and not output else output
        return estimated_usage(prompt_of(self.asked), known, partial=ended_early)

    def _with_tools(self, usage: Usage, out: Reading) -> Usage:
        final = self._final
        if final is None:
            return usage
        counters = Counters()
        tools = final.get("tools") or self.asked.get("tools")
        counts = _tool_counts(final, made_before=_named_containers(tools))
        tool_usage = as_mapping(final.get("tool_usage"))
        searches = counters.whole(as_mapping(tool_usage.get("web_search")), "num_requests")
        if searches is not None:
            counts["web_search_calls"] = searches
        memory = _container_memory(tools)
        if counts.get("code_interpreter_sessions") and memory is not None:
            out.dimensions["container_memory"] = memory
        if counts.get("web_search_calls") and _uses_preview_search(tools):
            out.dimensions["web_search_tool"] = "web_search_preview"
        image = _image_item(self.response_id, tool_usage, tools)
        if image is not None:
            out.items.append(image)
        counts = {name: count for name, count in counts.items() if count}
        if not counts:
            return usage
        return Usage(
            units={**usage.units, **counts},
            details=usage.details,
            source=usage.source,
            flags=usage.flags,
            raw=usage.raw,
        )


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else 0


def _tool_counts(final: Mapping[str, Any], made_before: Collection[str]) -> dict[str, Quantity]:
    """Completed built-in tool calls; a code interpreter costs once a container, where that was not `made_before`.

    To open a page of the results, or to search in one, is no web search
    (https://developers.openai.com/api/docs/guides/tools-web-search, read 2026-11-21).
    """
    output = final.get("output")
    items = [as_mapping(item) for item in cast("list[Any]", output)] if isinstance(output, list) else []
    done = [item for item in items if item.get("status") == "completed"]
    containers = {
        str(item.get("container_id") or item.get("id")) for item in done if item.get("type") == "code_interpreter_call"
    }
    searches = [item for item in done if item.get("type") == "web_search_call"]
    return {
        "web_search_calls": sum(str(as_mapping(item.get("action")).get("type")) not in _NO_SEARCH for item in searches),
        "file_search_calls": sum(item.get("type") == "file_search_call" for item in done),
        "code_interpreter_sessions": len(containers - set(made_before)),
    }


def _tools_of_type(tools: Any, start: str) -> list[Mapping[str, Any]]:
    items = [as_mapping(tool) for tool in cast("list[Any]", tools)] if isinstance(tools, list) else []
    return [tool for tool in items if str(tool.get("type", "")).startswith(start)]


def _named_containers(tools: Any) -> list[str]:
    """Containers that the request names: they were charged when they were made."""
    named = [tool.get("container") for tool in _tools_of_type(tools, "code_interpreter")]
    return [name for name in named if isinstance(name, str)]


def _container_memory(tools: Any) -> str | None:
    """Size of the containers that are made for the request; `None` where it is the ordinary one."""
    for tool in _tools_of_type(tools, "code_interpreter"):
        limit = as_mapping(tool.get("container")).get("memory_limit")
        if isinstance(limit, str) and limit:
            return limit
    return None


def _uses_preview_search(tools: Any) -> bool:
    return bool(_tools_of_type(tools, "web_search_preview"))


def _image_item(response_id: str | None, tool_usage: Mapping[str, Any], tools: Any) -> Reading | None:
    """The charge of the image tool: it is another model, so it is a call of its own. `None` when it was not used."""
    stated = as_mapping(tool_usage.get("image_gen"))
    cached = stated.get("cached_tokens")
    if cached:
        parts = {**as_mapping(stated.get("input_tokens_details")), "cached_tokens": cached}
        parts["cached_tokens_details"] = stated.get("cached_tokens_details")
        stated = {**stated, "input_tokens_details": parts}
    usage = token_usage(stated, text_output=False) if stated else None
    if usage is None or not any(usage.units.values()):
        return None
    asked = _tools_of_type(tools, "image_generation")
    model = asked[0].get("model") if asked else None
    return Reading(
        request_model=model if isinstance(model, str) else None,
        response_id=f"{response_id}/image_generation" if response_id else None,
        usage=usage,
        kind="image",
        operation="responses.image_generation",
    )


class ResponsesRetrieveReader(ResponsesReader):
    """Reads a later look at a response. Only a background one is a charge: others were recorded when they were made."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__(request, match, want_content=want_content)
        self.response_id = match.groupdict().get("response")

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; pending unless a background answer is finished."""
        out = super().reading(ended_early=ended_early)
        out.pending = self.failed or not self._background or self._final is None
        return out
