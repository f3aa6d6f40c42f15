"""Where LiteLLM's `generic_api` callback posts its payloads."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from llmobserve_server.api.foreign_requests import refusals
from llmobserve_server.auth.key_headers import project_named
from llmobserve_server.auth.senders import SenderAccess
from llmobserve_server.ingest import Ingestor
from llmobserve_server.ingest.foreign.entrance import foreign_batch
from llmobserve_server.ingest.foreign.litellm import LITELLM_SENDER, litellm_payloads, litellm_span

__all__ = ["LITELLM_PATH", "router"]

router = APIRouter(include_in_schema=False)
LITELLM_PATH = "/v1/litellm"


@router.post(LITELLM_PATH)
async def take_payloads(request: Request, access: SenderAccess) -> JSONResponse:
    """Store payloads: a JSON list, one object, or an object a line. Those that cannot be read are named."""
    ingestor: Ingestor = request.app.state.ingestor
    named = project_named(request.headers)
    answer = await ingestor.submit(
        await request.body(),
        content_encoding=request.headers.get("content-encoding"),
        project_id=access.project_id,
        entrance=partial(
            foreign_batch,
            translate=litellm_span,
            sender=LITELLM_SENDER,
            entries_of=litellm_payloads,
            project=None if named == access.project_id else named,
        ),
    )
    refused = refusals(answer)
    return JSONResponse({"rejected": [{"position": at, "message": why} for at, why in refused.items()]})
