"""Fireworks AI: OpenAI's and Anthropic's shapes below `/inference`.

Paths: client `fireworks-ai` 1.2, read 2026-11-21.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"

PROVIDER = Provider(
    name="fireworks",
    endpoints=(
        *shape_endpoints(
            _PREFIX,
            only=(
                "chat.completions",
                "completions",
                "responses",
                "embeddings",
                "rerank",
                "audio.transcriptions",
                "audio.translations",
            ),
        ),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("x-request-id",),
)
