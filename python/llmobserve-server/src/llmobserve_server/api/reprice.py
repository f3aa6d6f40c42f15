"""Re-pricing: order one, and see how far it is and what it changes."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from llmobserve.wire import CostState
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import AdminAccess
from llmobserve_server.errors import BadRequest
from llmobserve_server.query.reprice_report import RepriceFilter, RepriceJob
from llmobserve_server.query.window import as_utc, parse_time

if TYPE_CHECKING:
    from llmobserve_server.jobs.reprice import Repricings

__all__ = ["RepriceRequest", "filter_of", "router"]

router = APIRouter(tags=["prices"])
_Text = Annotated[str, Field(min_length=1, max_length=512)]


class RepriceRequest(BaseModel):
    """Which calls to price again, and whether to apply it."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = True
    """True: only say what would change."""
    time_from: _Text | None = None
    """Start, ISO 8601; `None`: from the first call on."""
    time_to: _Text | None = None
    """End (exclusive), ISO 8601; `None`: to the last call."""
    provider: _Text | None = None
    model: _Text | None = None
    """Name as it is shown, requested or served."""
    state: CostState | None = None


def filter_of(wanted: RepriceRequest) -> RepriceFilter:
    """The calls that a request is about. Raises BadRequest."""
    start = None if wanted.time_from is None else as_utc(parse_time(wanted.time_from, "time_from"))
    end = None if wanted.time_to is None else as_utc(parse_time(wanted.time_to, "time_to"))
    if start is not None and end is not None and start >= end:
        raise BadRequest("time_from must be before time_to", field="time_from")
    return RepriceFilter(time_from=start, time_to=end, provider=wanted.provider, model=wanted.model, state=wanted.state)


@router.post("/reprice", status_code=202)
async def reprice(request: Request, wanted: RepriceRequest, access: AdminAccess) -> RepriceJob:
    """Begin to price stored calls of the project again with the price book and rules of now.

    Costs that providers reported stay. One re-pricing runs in a project at a time: another is answered with 409.
    """
    jobs = _repricings(request)
    return await in_reader(
        request, jobs.start, access.project_id, filter_of(wanted), access.actor, dry_run=wanted.dry_run
    )


@router.get("/reprice/{job_id}")
async def reprice_job(request: Request, job_id: str, access: AdminAccess) -> RepriceJob:
    """How far a re-pricing is; at its end the differences by model and month."""
    return await in_reader(request, _repricings(request).get, access.project_id, job_id)


@router.delete("/reprice/{job_id}")
async def stop_reprice(request: Request, job_id: str, access: AdminAccess) -> RepriceJob:
    """End a re-pricing that runs. What it has applied stays, and what was said before is kept."""
    return await in_reader(request, _repricings(request).cancel, access.project_id, job_id, access.actor)


def _repricings(request: Request) -> "Repricings":
    return request.app.state.repricings
