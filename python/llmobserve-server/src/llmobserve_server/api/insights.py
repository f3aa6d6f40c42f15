"""The questions of earlier versions under their names: totals whose dimensions are in the path."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import Asked, LongAskedHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.query.answers import TotalsAnswer
from llmobserve_server.query.buckets import zone
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.store.protocol import Store

__all__ = ["router"]

router = APIRouter(tags=["insights"])
ZoneHere = Annotated[str | None, Query(description="IANA time zone in which days begin; default UTC.")]


@router.get("/insights/daily")
async def daily(request: Request, asked: LongAskedHere, store: StoreHere, tz: ZoneHere = None) -> TotalsAnswer:
    """What was spent on each day, the oldest first: `/totals?group_by=day`."""
    return await _totals(request, asked, store, "day", tz=tz)


@router.get("/insights/provider")
async def by_provider(request: Request, asked: LongAskedHere, store: StoreHere) -> TotalsAnswer:
    """What was spent with each provider, the costliest first: `/totals?group_by=provider`."""
    return await _totals(request, asked, store, "provider")


@router.get("/events/provider-stats")
async def provider_operations(request: Request, asked: LongAskedHere, store: StoreHere) -> TotalsAnswer:
    """Calls, errors, tokens, money and latency by provider and operation: `/totals?group_by=provider,operation`."""
    return await _totals(request, asked, store, "provider", "operation")


@router.get("/dashboard/customers")
async def customers(request: Request, asked: LongAskedHere, store: StoreHere) -> TotalsAnswer:
    """What each customer cost, the costliest first: `/totals?group_by=customer`."""
    return await _totals(request, asked, store, "customer")


@router.get("/dashboard/stats")
async def stats(request: Request, asked: LongAskedHere, store: StoreHere) -> TotalsAnswer:
    """The total of the time range, and of the same length of time before it: `/totals?compare=previous`."""
    return await _totals(request, asked, store)


async def _totals(request: Request, asked: Asked, store: Store, *group_by: str, tz: str | None = None) -> TotalsAnswer:
    question = Question(group_by=group_by, terms=asked.terms, compare=not group_by, tz=zone(tz))
    return await in_reader(request, get_totals, store, asked.scope, question)
