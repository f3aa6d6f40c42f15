"""Sessions: the list; the runs of one are `/runs?q=session:ID`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import AskedHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.query.session_answers import SessionList
from llmobserve_server.query.sessions import MAX_PAGE, SessionSort, list_sessions

__all__ = ["router"]

router = APIRouter(tags=["sessions"])


@router.get("/sessions")
async def sessions(
    request: Request,
    asked: AskedHere,
    store: StoreHere,
    sort: SessionSort = "-last",
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> SessionList:
    """Sessions with a record in the time range, each as a whole; `-` in front of a sort key: greatest first."""
    return await in_reader(
        request, list_sessions, store, asked.scope, asked.terms, sort=sort, cursor=cursor, limit=limit
    )
