"""Z.ai (Zhipu, GLM): OpenAI's shape below `/api/paas`, Anthropic's below `/api/anthropic`.

https://docs.z.ai/api-reference, read 2026-11-21.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"

PROVIDER = Provider(
    name="zai",
    endpoints=(
        *shape_endpoints(
            _PREFIX,
            only=("chat.completions", "embeddings", "rerank", "images", "audio.speech", "audio.transcriptions"),
        ),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("x-log-id", "x-request-id"),
)
