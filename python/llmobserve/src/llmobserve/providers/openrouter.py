"""OpenRouter: OpenAI's and Anthropic's shapes; every answer states its cost in credits, which are US dollars.

https://openrouter.ai/docs/use-cases/usage-accounting, read 2026-11-21. With a key of one's own the stated cost is
OpenRouter's fee alone, and the charge of the host behind it comes on top.
"""

from decimal import Decimal
from typing import Any

from llmobserve.providers.anthropic_shape import MessagesReader, messages_endpoint
from llmobserve.providers.base import Provider, Reading
from llmobserve.providers.openai_shape import (
    ChatReader,
    EmbeddingReader,
    ImageReader,
    RerankReader,
    ResponsesReader,
    ResponsesRetrieveReader,
    shape_endpoints,
)
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.quantities import as_mapping, dollars

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"


def _cost_of(raw: Any) -> Decimal | None:
    usage = as_mapping(raw)
    cost = dollars(usage.get("cost"))
    if cost is None or usage.get("is_byok") is not True:
        return cost
    upstream = dollars(as_mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    return cost if upstream is None else cost + upstream


class _Cost(ShapeReader):
    """`cost` of the usage object."""

    def reported_cost(self) -> Decimal | None:
        """What the answer says the call cost."""
        return _cost_of(self.usage_raw)


class _Chat(_Cost, ChatReader):
    """A chat with its cost."""


class _Responses(_Cost, ResponsesReader):
    """A response with its cost."""


class _Retrieved(_Cost, ResponsesRetrieveReader):
    """A later look at a response."""


class _Embedding(_Cost, EmbeddingReader):
    """Embeddings with their cost."""


class _Image(_Cost, ImageReader):
    """Images with their cost."""


class _Rerank(_Cost, RerankReader):
    """A reranking with its cost."""


class _Messages(MessagesReader):
    """A message with its cost."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        if not self.failed:
            out.reported_cost_usd = _cost_of(self.usage_raw)
        return out


PROVIDER = Provider(
    name="openrouter",
    endpoints=(
        *shape_endpoints(
            _PREFIX,
            only=("chat.completions", "completions", "responses", "embeddings", "rerank", "images"),
            readers={
                ChatReader: _Chat,
                ResponsesReader: _Responses,
                ResponsesRetrieveReader: _Retrieved,
                EmbeddingReader: _Embedding,
                ImageReader: _Image,
                RerankReader: _Rerank,
            },
        ),
        messages_endpoint(_PREFIX, _Messages),
    ),
    request_id_headers=("x-generation-id", "x-request-id"),
)
