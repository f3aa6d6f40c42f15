"""Events: the list of calls (or spans), and everything about one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import AskedHere, ScopeHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.query.answers import EventDetail, EventList
from llmobserve_server.query.event_detail import get_event
from llmobserve_server.query.events import MAX_PAGE, EventSort, EventType, list_events

__all__ = ["router"]

router = APIRouter(tags=["events"])


@router.get("/events")
async def events(
    request: Request,
    asked: AskedHere,
    store: StoreHere,
    of_type: Annotated[EventType, Query(alias="type")] = "call",
    sort: EventSort = "-start",
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> EventList:
    """Events in the time range; a `type` in the filter wins over the parameter."""
    return await in_reader(
        request,
        list_events,
        store,
        asked.scope,
        asked.terms,
        of_type=of_type,
        sort=sort,
        cursor=cursor,
        limit=limit,
    )


@router.get("/events/{event_id}")
async def event(request: Request, event_id: str, scope: ScopeHere, store: StoreHere) -> EventDetail:
    """One event with usage, receipt and content."""
    return await in_reader(request, get_event, store, scope, event_id)
