"""Totals: what was spent, by up to two dimensions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import AskedHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.query.answers import TotalsAnswer
from llmobserve_server.query.buckets import zone
from llmobserve_server.query.totals import DEFAULT_LIMIT, DIMENSIONS, MAX_LIMIT, TOTALS_SORTS, Question, get_totals

__all__ = ["router"]

router = APIRouter(tags=["totals"])


@router.get("/totals")
async def totals(
    request: Request,
    asked: AskedHere,
    store: StoreHere,
    group_by: Annotated[str, Query(description=f"Up to two, with a comma: {', '.join(DIMENSIONS)}.")] = "",
    sort: Annotated[str | None, Query(description=f"{', '.join(TOTALS_SORTS)}; `-` in front: greatest first.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    compare: Annotated[Literal["previous"] | None, Query(description="Adds the total of the period before.")] = None,
    tz: Annotated[str | None, Query(description="IANA time zone in which days begin; default UTC.")] = None,
) -> TotalsAnswer:
    """Sums, counts and quantiles of the calls in the time range: exact money, with what is estimated or missing."""
    question = Question(
        group_by=tuple(name.strip() for name in group_by.split(",") if name.strip()),
        terms=asked.terms,
        sort=sort,
        limit=limit,
        compare=compare is not None,
        tz=zone(tz),
    )
    return await in_reader(request, get_totals, store, asked.scope, question)
