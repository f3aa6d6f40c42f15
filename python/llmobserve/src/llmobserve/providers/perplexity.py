"""Perplexity: Sonar chat, the agent interface, search and embeddings; answers state their cost.

Fields: client `perplexityai` 0.46, read 2026-11-21.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import (
    BatchReader,
    ChatReader,
    DecisionReader,
    EmbeddingReader,
    ResponsesReader,
    ResponsesRetrieveReader,
    shape_endpoints,
    token_usage,
)
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, dollars, usage_of, with_units
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/|async/)[^/]+)*"
_SEARCH_TOOLS = ("web_search", "search_web", "fetch_url", "people_search", "finance_search")


def _cost_of(raw: Any) -> Decimal | None:
    cost = as_mapping(as_mapping(raw).get("cost"))
    return dollars(cost.get("total_cost")) if cost.get("currency", "USD") == "USD" else None


class _Cost(ShapeReader):
    """`cost` of the usage object."""

    def reported_cost(self) -> Decimal | None:
        """What the answer says the call cost."""
        return _cost_of(self.usage_raw)


class _Chat(_Cost, ChatReader):
    """A chat. Deep research bills its searches, citations and reasoning beside the tokens of the answer."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        usage = token_usage(self.usage_raw)
        if usage is None:
            return None
        raw = as_mapping(self.usage_raw)
        counters = Counters()
        searches, citations, reasoning = (
            counters.whole(raw, key) or 0 for key in ("num_search_queries", "citation_tokens", "reasoning_tokens")
        )
        if "deep-research" in (self.model or text_of(self.asked.get("model")) or ""):
            added: dict[str, Quantity] = {
                "citation_tokens": citations,
                "reasoning_tokens": reasoning,
                "web_search_calls": searches,
            }
            return with_units(usage, added)
        details = {**usage.details, **({"reasoning_tokens": reasoning} if reasoning else {})}
        return usage_of(dict(usage.units), usage.raw, details=details, flags=usage.flags)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        asked = as_mapping(self.asked.get("web_search_options")).get("search_context_size")
        size = text_of(as_mapping(self.usage_raw).get("search_context_size")) or text_of(asked)
        if size is not None and not self.failed:
            out.dimensions["search_context_size"] = size
        return out


class _AsyncChat(_Chat):
    """A chat that runs on: its answer is inside the job once that is finished."""

    _job: Mapping[str, Any] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the job."""
        self._job = body
        answer = as_mapping(body.get("response"))
        if answer:
            super().take(answer)
        self.asked = as_mapping(self.asked.get("request")) or self.asked

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; pending until the job is over."""
        out = super().reading(ended_early=ended_early)
        job = self._job or {}
        out.remote_id = text_of(job.get("id"))
        status = job.get("status")
        out.pending = not self.failed and status not in ("COMPLETED", "FAILED")
        if status == "FAILED":
            out.error_type, out.error_message = "failed", text_of(job.get("error_message"))
            out.usage = Usage()
        return out


class _Agent(_Cost, ResponsesReader):
    """A response of the agent interface: the input includes cached tokens; tools are counted in the usage."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        raw = as_mapping(self.usage_raw)
        parts = as_mapping(raw.get("input_tokens_details"))
        given: Any = self.usage_raw
        if "cache_read_input_tokens" in parts or "cache_creation_input_tokens" in parts:
            renamed = {
                "cached_tokens": parts.get("cache_read_input_tokens"),
                "cache_write_tokens": parts.get("cache_creation_input_tokens"),
            }
            given = {**raw, "input_tokens_details": renamed}
        usage = token_usage(given)
        if usage is None:
            return None
        calls = as_mapping(raw.get("tool_calls_details"))
        counters = Counters()
        counts = {name: counters.whole(as_mapping(calls.get(name)), "invocation") or 0 for name in _SEARCH_TOOLS}
        fetched = counts.pop("fetch_url")
        usage = usage_of(dict(usage.units), self.usage_raw, details=dict(usage.details), flags=usage.flags)
        return with_units(usage, {"web_search_calls": sum(counts.values()), "web_fetch_calls": fetched})


class _AgentRetrieved(_Agent, ResponsesRetrieveReader):
    """A later look at a response."""


class _Embedding(_Cost, EmbeddingReader):
    """Embeddings with their cost."""


class _Decision(_Cost, DecisionReader):
    """A decision with its cost."""


class _Batch(_Cost, BatchReader):
    """A batch with its cost."""


class _Search(OwnReader):
    """A search, billed by the request."""

    input_keys = ("query",)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """One request, however many queries it has."""
        out.request_model = out.request_model or "search"
        out.usage = Usage(units={"requests": 1}, source="request")


PROVIDER = Provider(
    name="perplexity",
    endpoints=(
        *shape_endpoints(
            _PREFIX,
            only=("chat.completions", "responses", "embeddings", "decisions", "batches"),
            readers={
                BatchReader: _Batch,
                DecisionReader: _Decision,
                ChatReader: _Chat,
                ResponsesReader: _Agent,
                ResponsesRetrieveReader: _AgentRetrieved,
                EmbeddingReader: _Embedding,
            },
        ),
        Endpoint(
            operation="responses",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/agent"),
            reader=_Agent,
        ),
        Endpoint(
            operation="chat.completions",
            kind="llm",
            methods=("POST", "GET"),
            path=LazyPattern(r"(?:/v1)?/async/(?:chat/completions|sonar)(?:/[^/]+)?"),
            reader=_AsyncChat,
        ),
        Endpoint(
            operation="contextualizedembeddings",
            kind="embedding",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/contextualizedembeddings"),
            reader=_Embedding,
            bulk_keys=(b"embedding",),
        ),
        Endpoint(
            operation="chat.completions",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/sonar"),
            reader=_Chat,
        ),
        Endpoint(
            operation="search",
            kind="search",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/search"),
            reader=_Search,
        ),
    ),
    request_id_headers=("x-request-id",),
)
