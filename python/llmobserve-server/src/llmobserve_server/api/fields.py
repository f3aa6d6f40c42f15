"""Fields: what filters may name, with values for completion and facets."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import ScopeHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.query.answers import FieldInfo
from llmobserve_server.query.fields import list_fields
from llmobserve_server.query.window import Scope, parse_window

__all__ = ["router"]

router = APIRouter(tags=["fields"])
_DEFAULT_DAYS = 30


@router.get("/fields")
async def fields(
    request: Request,
    scope: ScopeHere,
    store: StoreHere,
    from_: Annotated[str | None, Query(alias="from", description="Start; default: 30 days before the end.")] = None,
    to: Annotated[str | None, Query(description="End (exclusive), ISO 8601; default: now.")] = None,
) -> list[FieldInfo]:
    """Fields of the filter language with their most frequent values; metadata keys in use come as `meta.KEY`."""
    now = datetime.now(UTC)
    window = parse_window(from_, to, now)
    if from_ is None:
        window = type(window)(window.end - timedelta(days=_DEFAULT_DAYS), window.end)
    return await in_reader(request, list_fields, store, Scope(scope.project_id, window))
