"""Groq: OpenAI's shape below `/openai`. A stream states its usage in `x_groq` even when nobody asked for it.

A compound system answers through several models and tools, which the answer lists: each model is a charge of its own.
Fields: client `groq` 1.7, read 2026-11-21.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llmobserve.providers.base import Endpoint, Provider, ProviderRequest, Reading
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints, token_usage
from llmobserve.providers.own_shape import text_of
from llmobserve.providers.quantities import as_mapping, with_units
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER"]

_SUMMARY = re.compile(rb'"(?:usage|usage_breakdown)"\s*:\s*\{|"executed_tools"\s*:\s*\[\s*\{')
_TOOL_UNITS = {"search": "web_search_calls", "visit": "web_fetch_calls", "python": "code_execution_calls"}
_OTHER_TOOL = "code_execution_calls"


class _Chat(ChatReader):
    """A chat whose stream has the usage beside the choices."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__(request, match, want_content=want_content)
        self._models: list[Mapping[str, Any]] = []
        self._tools: dict[Any, str] = {}
        """Kinds of tools that ran, by their index: a stream tells of each when it starts and when it ends."""

    def take_identity(self, source: Mapping[str, Any]) -> None:
        """Keep what the answer says of itself."""
        super().take_identity(source)
        own = as_mapping(source.get("x_groq"))
        # Of a whole answer this object only tells where its cached tokens came from.
        if "prompt_tokens" in as_mapping(own.get("usage")):
            self.usage_raw = own["usage"]
        if own.get("error"):
            self.take_error(own["error"])
        self.tier = "default" if self.tier == "on_demand" else self.tier
        for place in (source, own):
            models = as_mapping(place.get("usage_breakdown")).get("models")
            if isinstance(models, list) and models:
                self._models = [as_mapping(model) for model in cast("list[Any]", models)]
        choices = source.get("choices")
        for choice in cast("list[Any]", choices) if isinstance(choices, list) else []:
            fields = as_mapping(choice)
            self._take_tools(as_mapping(fields.get("message") or fields.get("delta")).get("executed_tools"))

    def _take_tools(self, tools: Any) -> None:
        for tool in cast("list[Any]", tools) if isinstance(tools, list) else []:
            fields = as_mapping(tool)
            index = fields.get("index")
            self._tools[index if isinstance(index, int) else len(self._tools)] = str(fields.get("type"))

    def _tool_counts(self) -> dict[str, Quantity]:
        counts: dict[str, Quantity] = {}
        for kind in self._tools.values():
            unit = next((unit for start, unit in _TOOL_UNITS.items() if kind.startswith(start)), _OTHER_TOOL)
            counts[unit] = counts.get(unit, 0) + 1
        return counts

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far: tools and the first model of a compound system in front, further models beside it."""
        out = super().reading(ended_early=ended_early)
        if self.failed:
            return out
        parts = [(text_of(part.get("model")), token_usage(part.get("usage"))) for part in self._models]
        stated = [(model, usage) for model, usage in parts if model is not None and usage is not None and usage.units]
        if stated:
            out.response_model, out.usage = stated[0]
        out.items = [self._part(number, *part, out) for number, part in enumerate(stated[1:], 2)]
        if self._tools:
            out.usage = with_units(out.usage, self._tool_counts())
        return out

    def _part(self, number: int, model: str | None, usage: Usage | None, main: Reading) -> Reading:
        return Reading(
            request_model=main.request_model,
            response_model=model,
            response_id=f"{self.response_id}/{number}" if self.response_id else None,
            usage=usage or Usage(),
            dimensions=dict(main.dimensions),
            operation="chat.completions.part",
        )


def _with_summary(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, summary=_SUMMARY) if endpoint.operation == "chat.completions" else endpoint


_SHAPE = shape_endpoints(
    r"(?:/(?!chat/)[^/]+)*",
    only=(
        "chat.completions",
        "responses",
        "embeddings",
        "audio.speech",
        "audio.transcriptions",
        "audio.translations",
        "batches",
    ),
    readers={ChatReader: _Chat},
)

PROVIDER = Provider(
    name="groq",
    endpoints=tuple(_with_summary(endpoint) for endpoint in _SHAPE),
    request_id_headers=("x-request-id",),
)
