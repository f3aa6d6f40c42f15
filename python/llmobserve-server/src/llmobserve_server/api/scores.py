"""Scores: the list by time and target, and one more from outside (a review tool, a thumb of a user)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from llmobserve.wire import ScoreTarget
from llmobserve_server.api.asked import StoreHere, WindowHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.api.score_models import NewScore
from llmobserve_server.auth.access import IngestAccess
from llmobserve_server.ingest import Ingestor
from llmobserve_server.query.score_answers import ScoreAdded, ScoreList
from llmobserve_server.query.scores import MAX_PAGE, list_scores

__all__ = ["router"]

router = APIRouter(tags=["scores"])


@router.get("/scores")
async def scores(
    request: Request,
    scope: WindowHere,
    store: StoreHere,
    target_type: ScoreTarget | None = None,
    target_id: str | None = None,
    name: str | None = None,
    source: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> ScoreList:
    """Scores that were said in the time range, the newest first."""
    return await in_reader(
        request,
        list_scores,
        store,
        scope,
        target_type=target_type,
        target_id=target_id,
        name=name,
        source=source,
        cursor=cursor,
        limit=limit,
    )


@router.post("/scores", status_code=201)
async def add_score(request: Request, body: NewScore, access: IngestAccess) -> ScoreAdded:
    """Store a score; it is durable when this answers. The same `score_id` again changes nothing."""
    ingestor: Ingestor = request.app.state.ingestor
    score = body.as_record()
    answer = await ingestor.attach(score, project_id=access.project_id)
    return ScoreAdded(score_id=score.event_id, status="duplicate" if answer.duplicates else "accepted")
