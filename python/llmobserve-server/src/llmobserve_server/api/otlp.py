"""OTLP by HTTP: traces, logs and metrics, in protobuf and in JSON; answers 2xx only when they are durable."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from llmobserve_server.api.otlp_answers import MEDIA_TYPES, encoding_of
from llmobserve_server.api.otlp_paths import OTLP_PATHS
from llmobserve_server.auth.key_headers import project_named
from llmobserve_server.auth.senders import SenderAccess
from llmobserve_server.errors import UnsupportedMediaType
from llmobserve_server.ingest import Ingestor
from llmobserve_server.ingest.otlp.answers import success_body
from llmobserve_server.ingest.otlp.batch import log_batch, metric_batch, trace_batch

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_ENTRANCES = {"traces": trace_batch, "logs": log_batch, "metrics": metric_batch}


async def take_otlp(request: Request, access: SenderAccess) -> Response:
    """Store what an exporter sends. The credential decides the project; names in the request are kept with it."""
    encoding = encoding_of(request.headers.get("content-type"))
    if encoding is None:
        taken = " or ".join(f"`{media_type}`" for media_type in MEDIA_TYPES.values())
        raise UnsupportedMediaType(f"OTLP is taken as `Content-Type:` {taken}.")
    signal = OTLP_PATHS[request.scope["route"].path]
    body = await request.body()
    answer = None
    if body:
        ingestor: Ingestor = request.app.state.ingestor
        named = project_named(request.headers)
        answer = await ingestor.submit(
            body,
            content_encoding=request.headers.get("content-encoding"),
            project_id=access.project_id,
            entrance=partial(
                _ENTRANCES[signal], encoding=encoding, project=None if named == access.project_id else named
            ),
        )
    return Response(success_body(answer, signal, encoding), media_type=MEDIA_TYPES[encoding])


for _path in OTLP_PATHS:
    router.add_api_route(_path, take_otlp, methods=["POST"])
