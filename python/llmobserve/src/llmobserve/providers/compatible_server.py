"""What servers that speak the OpenAI and Anthropic shapes offer, whoever runs them."""

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Endpoint
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["compatible_endpoints", "own_server_endpoints"]

_OPERATIONS = (
    "chat.completions",
    "completions",
    "responses",
    "embeddings",
    "rerank",
    "audio.transcriptions",
    "audio.translations",
)
_ANY_FOLDERS = r"(?:/(?!chat/|threads/)[^/]+)*"


def compatible_endpoints(prefix: str, messages_prefix: str) -> tuple[Endpoint, ...]:
    """Text, embeddings, reranking and transcription below `prefix`, Anthropic's messages below `messages_prefix`.

    Both are regular expressions of paths.
    """
    return (*shape_endpoints(prefix, only=_OPERATIONS), messages_endpoint(messages_prefix))


def own_server_endpoints() -> tuple[Endpoint, ...]:
    """The same of a server of one's own, which may sit below any folders of a host."""
    return compatible_endpoints(_ANY_FOLDERS, _ANY_FOLDERS + r"/v1")
