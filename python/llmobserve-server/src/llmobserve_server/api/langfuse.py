"""Paths that SDKs of Langfuse send to beside OTLP: scores, batches of older versions, and the check of the key."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from llmobserve_server.api.foreign_requests import halves_of, read_in_thread, refusals, store_entries
from llmobserve_server.auth.senders import SenderAccess
from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.foreign.entrance import listed
from llmobserve_server.ingest.foreign.langfuse import langfuse_entry, opened
from llmobserve_server.ingest.foreign.langfuse_scores import LANGFUSE_SENDER, langfuse_score
from llmobserve_server.ingest.foreign.parts import json_of

__all__ = ["LANGFUSE_INGEST_PATHS", "router"]

router = APIRouter(include_in_schema=False)
LANGFUSE_INGEST_PATHS = ("/api/public/scores", "/api/public/ingestion")


@router.post("/api/public/scores")
async def take_scores(request: Request, access: SenderAccess) -> JSONResponse:
    """Store a score or a list of them. A single one that cannot be stored is 400; of a list each has its own answer."""
    entries = await read_in_thread(request, listed)
    answer = await store_entries(request, access, entries, langfuse_score, LANGFUSE_SENDER)
    ids = [str(entry.get("id", "")) for entry in entries]
    refused = refusals(answer)
    if len(entries) == 1 and refused:
        raise BadRequest(refused[0])
    if len(entries) == 1:
        return JSONResponse({"id": ids[0]})
    return JSONResponse(_outcomes(ids, refused), status_code=207 if refused else 200)


@router.post("/api/public/ingestion")
async def take_batch(request: Request, access: SenderAccess) -> JSONResponse:
    """Store a batch; 207, with what became of each envelope."""
    halves, project_id = halves_of(request), access.project_id
    envelopes = await read_in_thread(request, lambda body: opened(json_of(body), halves, project_id))
    answer = await store_entries(request, access, envelopes.entries, langfuse_entry, LANGFUSE_SENDER)
    return JSONResponse(_outcomes(envelopes.ids, refusals(answer)), status_code=207)


@router.get("/api/public/projects")
async def project(access: SenderAccess) -> dict[str, Any]:
    """The project of the credential: what `auth_check()` asks for."""
    return {"data": [{"id": access.project_id, "name": access.project_id, "metadata": {}}]}


def _outcomes(ids: Any, refused: dict[int, str]) -> dict[str, Any]:
    stored = [{"id": own_id, "status": 201} for at, own_id in enumerate(ids) if at not in refused]
    errors = [{"id": ids[at], "status": 400, "message": reason} for at, reason in sorted(refused.items())]
    return {"successes": stored, "errors": errors}
