"""vLLM and what is built on it: the OpenAI and Anthropic shapes of a server of one's own.

https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, read 2026-11-21. Port 8000 of this machine is
taken for it; other hosts are declared.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/|threads/)[^/]+)*"

PROVIDER = Provider(
    name="vllm",
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
