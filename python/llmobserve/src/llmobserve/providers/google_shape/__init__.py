"""Google's shapes, shared by the Gemini API and Vertex AI: endpoints and their readers."""

from llmobserve.providers.base import Endpoint, LazyPattern
from llmobserve.providers.google_shape.batches import BatchReader, CacheReader
from llmobserve.providers.google_shape.embed import EmbedReader, PredictEmbeddingReader
from llmobserve.providers.google_shape.generate import GenerateReader
from llmobserve.providers.google_shape.interactions import InteractionReader
from llmobserve.providers.google_shape.media import ImagePredictReader, LongRunningReader
from llmobserve.providers.google_shape.usage import metadata_usage
from llmobserve.providers.sockets import LazyReader, SocketEndpoint

__all__ = [
    "EmbedReader",
    "GenerateReader",
    "ImagePredictReader",
    "InteractionReader",
    "LongRunningReader",
    "PredictEmbeddingReader",
    "google_endpoints",
    "live_socket",
    "metadata_usage",
]

_POST = ("POST",)


def google_endpoints(model: str, place: str) -> tuple[Endpoint, ...]:
    """The endpoints that both services have.

    `model` is a regular expression of the path before `:generateContent` with a group `model`, `place` that of the path
    before `/interactions`. Counting tokens is free and so not listed.
    """
    return (
        Endpoint(
            operation="models.generateContent",
            kind="llm",
            methods=_POST,
            path=LazyPattern(model + r":(?:generateContent|generateAnswer)"),
            reader=GenerateReader,
            usage_key="usageMetadata",
        ),
        Endpoint(
            operation="models.generateContent",
            kind="llm",
            methods=_POST,
            path=LazyPattern(model + r":streamGenerateContent"),
            reader=GenerateReader,
            stream_format="json_array",
            unmarked_end=True,
            usage_key="usageMetadata",
        ),
        Endpoint(
            operation="models.embedContent",
            kind="embedding",
            methods=_POST,
            path=LazyPattern(model + r":(?:embedContent|batchEmbedContents)"),
            reader=EmbedReader,
            usage_key="usageMetadata",
            bulk_keys=(b"values",),
        ),
        Endpoint(
            operation="models.predictLongRunning",
            kind="video",
            methods=_POST,
            path=LazyPattern(model + r":predictLongRunning"),
            reader=LongRunningReader,
        ),
        Endpoint(
            operation="cachedContents",
            kind="other",
            methods=("POST", "PATCH"),
            path=LazyPattern(place + r"/cachedContents(?:/(?P<cache>[^/:]+))?"),
            reader=CacheReader,
        ),
        Endpoint(
            operation="batches",
            kind="llm",
            methods=_POST,
            path=LazyPattern(model + r":(?:batchGenerateContent|asyncBatchEmbedContent)"),
            reader=BatchReader,
        ),
        Endpoint(
            operation="batches",
            kind="llm",
            methods=("GET",),
            path=LazyPattern(place + r"/batches/(?P<batch>[^/:]+)"),
            reader=BatchReader,
            bulk_keys=(b"values",),
        ),
        Endpoint(
            operation="interactions",
            kind="llm",
            methods=_POST,
            path=LazyPattern(place + r"/interactions"),
            reader=InteractionReader,
        ),
        Endpoint(
            operation="interactions",
            kind="llm",
            methods=("GET", "POST"),
            path=LazyPattern(place + r"/interactions/(?P<interaction>[^/:]+)(?:[/:]cancel)?"),
            reader=InteractionReader,
        ),
    )


def live_socket(service: str) -> SocketEndpoint:
    """The Live session of a service, whose name in the path is a regular expression."""
    return SocketEndpoint(
        operation="live",
        kind="llm",
        path=LazyPattern(rf"(?:/+[^/]+)*/+ws/{service}[./]BidiGenerateContent(?:Constrained)?"),
        reader=LazyReader("llmobserve.providers.google_shape.live:LiveReader"),
    )
