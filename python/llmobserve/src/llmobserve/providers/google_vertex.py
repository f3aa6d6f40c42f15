"""Vertex AI on Google Cloud: Gemini, Claude and other publishers' models, each in its own shape.

Paths: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest, read 2026-11-21. The model and the place
are in the path; Claude's token counting (`count-tokens:rawPredict`) is free.
"""

from typing import Any

from llmobserve.providers.anthropic_shape import MESSAGES_SUMMARY, MessagesReader
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.google_shape import ImagePredictReader, LongRunningReader, google_endpoints, live_socket
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints

__all__ = ["PROVIDER"]

_PLACE = r"/[^/]+(?:/projects/[^/]+/locations/[^/]+)?"
_PUBLISHED = _PLACE + r"/publishers/(?P<publisher>[^/]+)/models/(?P<model>[^/:]+)"
_MODEL = _PLACE + r"/(?:publishers/(?P<publisher>[^/]+)/models|endpoints)/(?P<model>[^/:]+)"
_CLAUDE = _PLACE + r"/publishers/anthropic/models/(?!count-tokens)(?P<model>[^/:]+)"
_RAW = r":(?:rawPredict|streamRawPredict)"


def _region_of(host: str) -> dict[str, str]:
    """The place that answers: `us-east5` of `us-east5-aiplatform.googleapis.com`, `global` without one."""
    name = host.partition(":")[0]
    if not name.endswith(".googleapis.com"):
        return {}
    service, _, rest = name.removesuffix(".googleapis.com").partition(".")
    place = rest.removesuffix(".rep") if rest else service.removesuffix("aiplatform").rstrip("-")
    return {"region": place or "global"}


class _Claude(MessagesReader):
    """A message whose model is named by the path, in the spelling that prices have."""

    def __init__(self, request: Any, match: Any, *, want_content: bool) -> None:
        super().__init__(request, match, want_content=want_content)
        self._path_model = match.groupdict().get("model")

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        out.request_model = self._path_model or out.request_model
        return out


class _OtherChat(ChatReader):
    """A chat of another publisher, in OpenAI's shape, whose model is named by the path where the body names none."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        out.request_model = self.match.groupdict().get("model") or out.request_model
        return out


PROVIDER = Provider(
    name="google_vertex",
    endpoints=(
        *google_endpoints(_MODEL, _PLACE),
        Endpoint(
            operation="rawPredict",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_CLAUDE + _RAW),
            reader=_Claude,
            summary=MESSAGES_SUMMARY,
        ),
        Endpoint(
            operation="rawPredict",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(
                _PLACE + r"/publishers/(?!anthropic/)(?P<publisher>[^/]+)/models/(?P<model>[^/:]+)" + _RAW
            ),
            reader=_OtherChat,
        ),
        Endpoint(
            operation="models.predict",
            kind="image",
            methods=("POST",),
            path=LazyPattern(_PUBLISHED + r":predict"),
            reader=ImagePredictReader,
            bulk_keys=(b"values", b"bytesBase64Encoded"),
        ),
        Endpoint(
            operation="models.predictLongRunning",
            kind="video",
            methods=("POST",),
            path=LazyPattern(_PUBLISHED + r":(?P<operation>fetchPredictOperation)"),
            reader=LongRunningReader,
        ),
        *shape_endpoints(_PLACE + r"/endpoints/[^/]+", only=("chat.completions",)),
    ),
    sockets=(live_socket(r"google\.cloud\.aiplatform\.[a-z0-9]+\.LlmBidiService"),),
    request_id_headers=("x-request-id",),
    dimensions_of_host=_region_of,
)
