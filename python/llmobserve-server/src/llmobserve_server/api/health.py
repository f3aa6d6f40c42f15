"""Whether the server lives, whether it is ready, and its own figures for Prometheus."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import literal, select
from starlette.responses import JSONResponse, Response

from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth import Access, require_monitor
from llmobserve_server.errors import StoreError
from llmobserve_server.ingest import Ingestor
from llmobserve_server.store.protocol import Store, StoreSizes

__all__ = ["router"]

_log = logging.getLogger("llmobserve_server")

router = APIRouter(include_in_schema=False)


@router.api_route("/health", methods=["GET", "HEAD"])
async def health() -> JSONResponse:
    """The event loop runs: 200 as long as the process can answer at all."""
    return JSONResponse({"status": "ok"})


@router.api_route("/ready", methods=["GET", "HEAD"])
async def ready(request: Request) -> JSONResponse:
    """A batch would be taken now: 200. The store does not answer or cannot be written to, or too much waits: 503."""
    ingestor: Ingestor = request.app.state.ingestor
    ingestor.check_room()
    try:
        await in_reader(request, _ask_store, request.app.state.store)
    except StoreError as error:
        # Anybody may ask this, and the reason names files.
        _log.warning("not ready: %s", error.message)
        raise StoreError("The store takes no events now. The log of the server says why.") from error
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics(request: Request, _access: Annotated[Access, Depends(require_monitor)]) -> Response:
    """Counters and gauges of this process in the text format of Prometheus."""
    # Imported by the first request, because most servers are never asked and all of them start.
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    from llmobserve_server.api.metrics import new_registry

    state = request.app.state
    sizes = await in_reader(request, _sizes, state.store)
    registry = new_registry(state.ingestor, sizes, state.retention, state.backups)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _ask_store(store: Store) -> None:
    store.fetch(select(literal(1).label("one")))
    store.check_writable()


def _sizes(store: Store) -> StoreSizes | None:
    try:
        return store.sizes()
    except StoreError as error:
        _log.warning("the size of the store is not known: %s", error.message)
        return None
