"""Paths of LangSmith's API that its client sends runs to; what it sends by OTLP goes to `/otel/v1/traces`."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from llmobserve_server.api.foreign_requests import halves_of, read_in_thread, refusals, store_entries
from llmobserve_server.auth.access import Access
from llmobserve_server.auth.senders import SenderAccess
from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.body import BodyLimits
from llmobserve_server.ingest.foreign.langsmith import LANGSMITH_SENDER, langsmith_entry
from llmobserve_server.ingest.foreign.langsmith_bodies import batch_entries, multipart_entries
from llmobserve_server.ingest.foreign.parts import json_of, object_of

__all__ = ["LANGSMITH_INGEST_PATHS", "router"]

router = APIRouter(include_in_schema=False)
LANGSMITH_INGEST_PATHS = ("/runs/multipart", "/runs/batch", "/runs", "/runs/*", "/feedback")
_RUNS_MAX = 1000


@router.get("/info")
async def info(request: Request) -> dict[str, Any]:
    """How the client is to send: by forms of many parts, compressed with zstd, within our limits."""
    limits: BodyLimits = request.app.state.body_limits
    return {
        "version": "llmobserve",
        "batch_ingest_config": {
            "use_multipart_endpoint": True,
            "size_limit": _RUNS_MAX,
            "size_limit_bytes": limits.wire_bytes,
            "scale_up_qsize_trigger": 1000,
            "scale_up_nthreads_limit": 4,
            "scale_down_nempty_trigger": 4,
        },
        "instance_flags": {"zstd_compression_enabled": True},
    }


@router.post("/runs/multipart")
async def take_form(request: Request, access: SenderAccess) -> JSONResponse:
    """Store the runs and the feedback of a form."""
    halves, project_id = halves_of(request), access.project_id
    content_type = request.headers.get("content-type", "")
    entries = await read_in_thread(request, lambda body: multipart_entries(body, content_type, halves, project_id))
    return await _stored(request, access, entries)


@router.post("/runs/batch")
async def take_batch(request: Request, access: SenderAccess) -> JSONResponse:
    """Store the runs of a batch."""
    halves, project_id = halves_of(request), access.project_id
    entries = await read_in_thread(request, lambda body: batch_entries(json_of(body), halves, project_id))
    return await _stored(request, access, entries)


@router.post("/runs")
async def take_run(request: Request, access: SenderAccess) -> JSONResponse:
    """Store the beginning of a run, or all of it."""
    halves, project_id = halves_of(request), access.project_id
    entries = await read_in_thread(
        request, lambda body: batch_entries({"post": [object_of(json_of(body))]}, halves, project_id)
    )
    return await _stored(request, access, entries)


@router.patch("/runs/{run_id}")
async def take_end(request: Request, run_id: str, access: SenderAccess) -> JSONResponse:
    """Store what is said of a run when it ends."""
    halves, project_id = halves_of(request), access.project_id
    entries = await read_in_thread(
        request, lambda body: batch_entries({"patch": [{**object_of(json_of(body)), "id": run_id}]}, halves, project_id)
    )
    return await _stored(request, access, entries)


@router.post("/feedback")
async def take_feedback(request: Request, access: SenderAccess) -> JSONResponse:
    """Store what somebody thought of a run."""
    entry = await read_in_thread(request, lambda body: {**object_of(json_of(body)), "is": "feedback"})
    return await _stored(request, access, [entry])


async def _stored(request: Request, access: Access, entries: list[dict[str, Any]]) -> JSONResponse:
    answer = await store_entries(request, access, entries, langsmith_entry, LANGSMITH_SENDER)
    refused = refusals(answer)
    # A client drops what is refused with 400, so of several runs the good ones count.
    if refused and len(refused) == len(entries):
        raise BadRequest(next(iter(refused.values())))
    return JSONResponse({"rejected": [{"position": at, "message": why} for at, why in refused.items()]}, 202)
