"""Together AI: OpenAI's shape, with reranking, images, audio and videos.

Paths: client `together` 3.1, read 2026-11-21.
"""

from llmobserve.providers.base import Provider
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

PROVIDER = Provider(
    name="together",
    endpoints=shape_endpoints(
        r"(?:/(?!chat/)[^/]+)*",
        only=(
            "chat.completions",
            "completions",
            "embeddings",
            "rerank",
            "images",
            "audio.speech",
            "audio.transcriptions",
            "audio.translations",
            "videos",
        ),
    ),
    request_id_headers=("x-request-id", "cf-ray"),
)
