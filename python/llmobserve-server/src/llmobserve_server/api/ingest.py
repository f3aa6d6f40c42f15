"""Takes batches of events; answers 2xx only when they are durable."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from llmobserve.wire.batch import BatchAnswer
from llmobserve.wire.codec import to_builtins
from llmobserve_server.auth.access import IngestAccess
from llmobserve_server.ingest import Ingestor

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.post("/v1/events")
@router.post("/events")
async def take_events(request: Request, access: IngestAccess) -> JSONResponse:
    """Store a batch and say what became of each record. The credential decides the project, never the batch."""
    ingestor: Ingestor = request.app.state.ingestor
    answer = await ingestor.submit(
        await request.body(),
        content_encoding=request.headers.get("content-encoding"),
        project_id=access.project_id,
    )
    return JSONResponse(_json(answer))


def _json(answer: BatchAnswer) -> dict[str, object]:
    return {
        "accepted": answer.accepted,
        "duplicates": answer.duplicates,
        "rejected": answer.rejected,
        "verdicts": to_builtins(answer.verdicts),
        "directives": to_builtins(answer.directives),
    }
