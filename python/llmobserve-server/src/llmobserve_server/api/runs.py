"""Runs: the list, and one run with its nodes."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import AskedHere, ScopeHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.errors import NotFound
from llmobserve_server.query.answers import RunDetail, RunList
from llmobserve_server.query.run_detail import get_run, latest_run_id
from llmobserve_server.query.runs import MAX_PAGE, RunSort, list_runs

__all__ = ["router"]

router = APIRouter(tags=["runs"])


@router.get("/runs")
async def runs(
    request: Request,
    asked: AskedHere,
    store: StoreHere,
    sort: RunSort = "-start",
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> RunList:
    """Runs with a record in the time range, running ones included; `-` in front of a sort key: greatest first."""
    return await in_reader(request, list_runs, store, asked.scope, asked.terms, sort=sort, cursor=cursor, limit=limit)


@router.get("/runs/latest")
async def latest_run(request: Request, asked: AskedHere, store: StoreHere) -> RunDetail:
    """The run of the newest record in the time range, with its nodes."""
    run_id = await in_reader(request, latest_run_id, store, asked.scope)
    if run_id is None:
        raise NotFound("There is no run in this time range.")
    return await in_reader(request, get_run, store, asked.scope, run_id)


@router.get("/runs/{run_id}")
async def run(request: Request, run_id: str, scope: ScopeHere, store: StoreHere) -> RunDetail:
    """One run with its spans and calls in order of start; content is read with each event."""
    return await in_reader(request, get_run, store, scope, run_id)
