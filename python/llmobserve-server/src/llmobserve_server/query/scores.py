"""What was said about runs, sessions and events: scores and facts, by their targets or by time."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, or_

from llmobserve.wire import ScoreTarget
from llmobserve_server.errors import BadRequest
from llmobserve_server.query import cursor as cursors
from llmobserve_server.query.score_answers import FactView, ScoreList, ScoreView
from llmobserve_server.query.window import Scope, as_utc
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import facts, scores

__all__ = ["MAX_PAGE", "facts_of", "list_scores", "scores_of"]

MAX_PAGE = 200
_MOST = 200
"""Scores, or facts, of one target that are answered; the newest."""
_BY_TIME = "-start"


def scores_of(store: Store, scope: Scope, target_type: ScoreTarget, target_ids: Sequence[str]) -> list[ScoreView]:
    """Scores of one run, session or event (of all its records), by name and the newest first, at whatever time."""
    if not target_ids:
        return []
    c = scores.c
    rows = store.fetch(
        scope.unbounded()
        .select(scores, scores)
        .where(c.target_type == target_type, c.target_id.in_(list(target_ids)))
        .order_by(c.said_at.desc(), c.event_id.desc())
        .limit(_MOST)
    )
    # Several records of one call are one target.
    views = _views([{**row, "target_id": target_ids[0]} for row in rows])
    return sorted(views, key=lambda view: view.name)


def facts_of(store: Store, scope: Scope, event_ids: Sequence[str]) -> list[FactView]:
    """Facts about an event (about all its records), in the order in which they were said."""
    c = facts.c
    rows = store.fetch(
        scope.unbounded()
        .select(facts, facts)
        .where(c.target_event_id.in_(list(event_ids)))
        .order_by(c.said_at.desc(), c.event_id.desc())
        .limit(_MOST)
    )
    return [_fact(row) for row in reversed(rows)]


def list_scores(
    store: Store,
    scope: Scope,
    *,
    target_type: ScoreTarget | None = None,
    target_id: str | None = None,
    name: str | None = None,
    source: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> ScoreList:
    """A page of the scores that were said in the window, the newest first. Raises BadRequest."""
    window = scope.window
    if window is None:
        raise BadRequest("scores need a time range", field="from")
    c = scores.c
    statement = scope.select(scores, scores).where(c.said_at >= window.start, c.said_at < window.end)
    wanted = ((c.target_type, target_type), (c.target_id, target_id), (c.name, name), (c.source, source))
    statement = statement.where(*(column == value for column, value in wanted if value is not None))
    before = cursors.decode(cursor, _BY_TIME)
    if before is not None:
        statement = statement.where(
            or_(c.said_at < before.value, and_(c.said_at == before.value, c.event_id < before.id))
        )
    rows = store.fetch(statement.order_by(c.said_at.desc(), c.event_id.desc()).limit(limit + 1))
    page = rows[:limit]
    following = cursors.Cursor(_BY_TIME, page[-1]["said_at"], page[-1]["event_id"]) if len(rows) > limit else None
    return ScoreList(scores=_views(page), next_cursor=cursors.encode(following) if following else None)


def _views(rows: Iterable[Row]) -> list[ScoreView]:
    """Rows from the newest on."""
    seen: set[tuple[Any, ...]] = set()
    views: list[ScoreView] = []
    for row in rows:
        key = (row["target_type"], row["target_id"], row["name"])
        views.append(_score(row, is_current=key not in seen))
        seen.add(key)
    return views


def _score(row: Row, *, is_current: bool) -> ScoreView:
    return ScoreView(
        score_id=row["event_id"],
        target_type=row["target_type"],
        target_id=row["target_id"],
        name=row["name"],
        data_type=row["data_type"],
        value=row["value"],
        label=row["label"],
        comment=row["comment"],
        source=row["source"],
        evaluation_id=row["evaluation_id"],
        said_at=as_utc(row["said_at"]),
        run_id=row["run_id"],
        session_id=row["session_id"],
        customer_id=row["customer_id"],
        is_current=is_current,
    )


def _fact(row: Row) -> FactView:
    return FactView(
        fact_id=row["event_id"],
        kind=row["kind"],
        data=dict(row["data"] or {}),
        said_at=as_utc(row["said_at"]),
        target_event_id=row["target_event_id"],
    )
