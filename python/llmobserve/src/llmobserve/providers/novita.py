"""Novita AI: OpenAI's and Anthropic's shapes.

https://novita.ai/docs/api-reference, read 2026-11-21.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"

PROVIDER = Provider(
    name="novita",
    endpoints=(
        *shape_endpoints(_PREFIX, only=("chat.completions", "completions", "embeddings", "rerank")),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("x-request-id", "x-novita-trace-id"),
)
