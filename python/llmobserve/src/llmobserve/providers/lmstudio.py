"""LM Studio: the OpenAI and Anthropic shapes of a server of one's own.

https://lmstudio.ai/docs/app/api, read 2026-11-21. Port 1234 of this machine is taken for it; other hosts are declared.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/|threads/)[^/]+)*"

PROVIDER = Provider(
    name="lmstudio",
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
        messages_endpoint(_PREFIX + r"/v1"),
    ),
)
