"""Cerebras: OpenAI's shape, chat and completions.

Paths: client `cerebras-cloud-sdk` 1.91, read 2026-11-21.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="cerebras",
    endpoints=shape_endpoints(r"(?:/(?!chat/)[^/]+)*", only=("chat.completions", "completions")),
    request_id_headers=("x-request-id",),
)
