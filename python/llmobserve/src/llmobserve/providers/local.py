"""A server on this machine that speaks the OpenAI or Anthropic shape and that no port gives a name.

It may run a model, or be a gateway to a paid one: so nothing is said about its price.
"""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/|threads/)[^/]+)*"

PROVIDER = Provider(
    name="local",
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
