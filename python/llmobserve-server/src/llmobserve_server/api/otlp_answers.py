"""Refusals of OTLP requests in the form that exporters read: `google.rpc.Status`, and statuses that they know.

Exporters send again after 429, 502, 503 and 504 only, at times after no more than ten seconds in all (measured with
opentelemetry-exporter-otlp 1.45, November 2026), so what passes is answered 503 with a short wait.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from llmobserve_server.api.otlp_paths import OTLP_PATHS
from llmobserve_server.ingest.otlp.answers import status_body
from llmobserve_server.ingest.otlp.batch import Encoding

__all__ = ["MEDIA_TYPES", "encoding_of", "is_otlp", "otlp_refusal"]

MEDIA_TYPES: Mapping[Encoding, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}
_ENCODINGS: Mapping[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
_RETRY_AFTER_S = 1


def encoding_of(content_type: str | None) -> Encoding | None:
    """The encoding that a content type stands for; `None` for another one."""
    return _ENCODINGS.get((content_type or "").partition(";")[0].strip().lower())


def is_otlp(scope: Scope) -> bool:
    """Whether a request is to one of the paths of OTLP."""
    return scope["path"].removeprefix(scope.get("root_path", "")) in OTLP_PATHS


def otlp_refusal(scope: Scope, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """The refusal in the encoding of the request."""
    encoding = encoding_of(Headers(scope=scope).get("content-type")) or "protobuf"
    given = dict(headers)
    if status == 408:
        # The batch is whole at its sender; what was slow is the way here.
        status = 503
    wait_s = _RETRY_AFTER_S if status == 503 else None
    if wait_s is not None:
        given["Retry-After"] = str(wait_s)
    body = status_body(status, message, encoding, wait_s)
    return Response(body, status_code=status, headers=given, media_type=MEDIA_TYPES[encoding])
