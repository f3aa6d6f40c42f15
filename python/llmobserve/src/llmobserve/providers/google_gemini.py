"""Gemini API of Google AI: generateContent, embeddings, images, videos, interactions.

Paths: https://ai.google.dev/api, read 2026-11-21. It also speaks OpenAI's shape below `/openai`.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider
from llmobserve.providers.google_shape import ImagePredictReader, LongRunningReader, google_endpoints, live_socket
from llmobserve.providers.openai_shape import shape_endpoints

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/[^/]+)*"

PROVIDER = Provider(
    name="google_gemini",
    endpoints=(
        *google_endpoints(_PREFIX + r"/(?:models|tunedModels|dynamic)/(?P<model>[^/:]+)", _PREFIX),
        Endpoint(
            operation="models.predict",
            kind="image",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/models/(?P<model>[^/:]+):predict"),
            reader=ImagePredictReader,
            bulk_keys=(b"bytesBase64Encoded",),
        ),
        Endpoint(
            operation="models.predictLongRunning",
            kind="video",
            methods=("GET",),
            path=LazyPattern(_PREFIX + r"/models/(?P<model>[^/:]+)/operations/(?P<operation>[^/:]+)"),
            reader=LongRunningReader,
        ),
        *shape_endpoints(
            _PREFIX + "/openai",
            only=("chat.completions", "embeddings", "images", "videos"),
        ),
    ),
    sockets=(live_socket(r"google\.ai\.generativelanguage\.[a-z0-9]+\.GenerativeService"),),
    request_id_headers=("x-request-id",),
)
