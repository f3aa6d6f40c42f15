"""How complete the data is, and the records that were refused, which can be decided about again."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve_server.api.asked import ScopeHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import AdminAccess
from llmobserve_server.ingest import Ingestor
from llmobserve_server.query.data_health import get_data_health
from llmobserve_server.query.health_answers import DataHealth, DeadLetterList, RefusedAgain, ReplayAnswer
from llmobserve_server.query.health_losses import list_dead_letters
from llmobserve_server.query.window import Scope, as_utc, parse_time, parse_window

__all__ = ["router"]

router = APIRouter(tags=["health"])

From = Annotated[str | None, Query(alias="from", description="Start, ISO 8601; default: 24 hours before the end.")]
To = Annotated[str | None, Query(description="End (exclusive), ISO 8601; default: now.")]
Service = Annotated[str | None, Query(max_length=512, description="Only this service; empty: senders without one.")]


def _within(scope: Scope, start: str | None, end: str | None) -> Scope:
    return Scope(scope.project_id, parse_window(start, end, datetime.now(UTC)))


@router.get("/health/data")
async def data_health(
    request: Request, scope: ScopeHere, store: StoreHere, from_: From = None, to: To = None, service: Service = None
) -> DataHealth:
    """What was covered, lost, refused, merged or is uncertain in what arrived in the time range, each with its fix."""
    asked = _within(scope, from_, to)
    return await in_reader(request, get_data_health, store, asked, service, datetime.now(UTC))


@router.get("/health/dead-letters")
async def dead_letters(
    request: Request,
    scope: ScopeHere,
    store: StoreHere,
    from_: From = None,
    to: To = None,
    service: Service = None,
    reason: Annotated[str | None, Query(max_length=2000, description="Only those refused for this reason.")] = None,
) -> DeadLetterList:
    """The latest records that were refused in the time range, as they came."""
    return await in_reader(request, list_dead_letters, store, _within(scope, from_, to), service, reason)


@router.post("/health/dead-letters/replay")
async def replay_dead_letters(
    request: Request,
    access: AdminAccess,
    after: Annotated[str | None, Query(description="`next_after` of the answer before; default: the first.")] = None,
) -> ReplayAnswer:
    """Decide again about refused records, at most a thousand, the oldest first: after an upgrade, or another rule.

    Asking twice stores nothing twice. The records stay in the list until their retention ends.
    """
    ingestor: Ingestor = request.app.state.ingestor
    replayed = await ingestor.replay(access.project_id, None if after is None else parse_time(after, "after"))
    return ReplayAnswer(
        letters=replayed.letters,
        stored=replayed.stored,
        duplicates=replayed.duplicates,
        refused=[RefusedAgain(event_id=event_id, reason=reason) for event_id, reason in replayed.refused],
        next_after=None if replayed.next_after is None else as_utc(replayed.next_after),
    )
