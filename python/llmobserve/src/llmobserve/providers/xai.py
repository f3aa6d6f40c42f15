"""xAI: OpenAI's shape, where a chat's reasoning is outside its completion, and the charge is stated in ticks.

https://docs.x.ai/docs/api-reference, read 2026-11-21. A tick is a ten-billionth of a dollar.
"""

from decimal import Decimal
from typing import Any

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import (
    ChatReader,
    EmbeddingReader,
    ImageReader,
    ResponsesReader,
    ResponsesRetrieveReader,
    shape_endpoints,
    token_usage,
)
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.quantities import Counters, as_mapping, usage_of, with_units
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"
_TOOLS = {
    "web_search_calls": "web_search_calls",
    "x_search_calls": "x_search_calls",
    "code_interpreter_calls": "code_execution_calls",
    "document_search_calls": "attachment_search_calls",
    "collections_search_calls": "collection_search_calls",
    "file_search_calls": "file_search_calls",
}


def _tool_calls(raw: Any) -> dict[str, Quantity]:
    """Calls of the tools that run at xAI, which are billed each."""
    stated = as_mapping(as_mapping(raw).get("server_side_tool_usage_details"))
    counters = Counters()
    return {unit: counters.whole(stated, key) or 0 for key, unit in _TOOLS.items()}


class _Cost(ShapeReader):
    """`cost_in_usd_ticks` of the usage object."""

    def reported_cost(self) -> Decimal | None:
        """What the answer says the call cost, tools included."""
        ticks = Counters().whole(as_mapping(self.usage_raw), "cost_in_usd_ticks")
        return None if ticks is None else Decimal(ticks).scaleb(-10)


class _Chat(_Cost, ChatReader):
    """A chat: the total says whether the reasoning is part of the completion; without a total it is not."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        raw = as_mapping(self.usage_raw)
        counters = Counters()
        keys = ("prompt_tokens", "completion_tokens", "total_tokens")
        prompt, answer, total = (counters.whole(raw, key) for key in keys)
        reasoning = counters.whole(as_mapping(raw.get("completion_tokens_details")), "reasoning_tokens") or 0
        inside = total is not None and total == (prompt or 0) + (answer or 0)
        if not reasoning or answer is None or inside:
            usage = token_usage(self.usage_raw)
        else:
            whole = token_usage({**raw, "completion_tokens": answer + reasoning})
            usage = whole and usage_of(
                dict(whole.units), self.usage_raw, details=dict(whole.details), flags=whole.flags
            )
        return usage and with_units(usage, _tool_calls(raw))

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; a deferred chat is charged where it is fetched."""
        out = super().reading(ended_early=ended_early)
        out.pending = self.asked.get("deferred") is True and not self.failed
        return out


class _Responses(_Cost, ResponsesReader):
    """A response: reasoning is part of the output."""


class _Retrieved(_Cost, ResponsesRetrieveReader):
    """A later look at a response."""


class _Embedding(_Cost, EmbeddingReader):
    """Embeddings with their cost."""


class _Image(_Cost, ImageReader):
    """Images with their cost."""


class _Deferred(_Chat):
    """A chat that is fetched later: its start is pending, and so is a look that finds nothing yet."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        out.remote_id = self.match.groupdict().get("job")
        out.pending = self._body is None or not self._body.get("choices")
        return out


PROVIDER = Provider(
    name="xai",
    endpoints=(
        Endpoint(
            operation="chat.completions",
            kind="llm",
            methods=("GET",),
            path=LazyPattern(r"(?:/[^/]+)*/chat/deferred-completion/(?P<job>[^/]+)"),
            reader=_Deferred,
        ),
        *shape_endpoints(
            _PREFIX,
            only=("chat.completions", "completions", "responses", "embeddings", "images"),
            readers={
                ChatReader: _Chat,
                ResponsesReader: _Responses,
                ResponsesRetrieveReader: _Retrieved,
                EmbeddingReader: _Embedding,
                ImageReader: _Image,
            },
        ),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("x-request-id",),
)
