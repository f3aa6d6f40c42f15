"""What happened in one run: its nodes as a tree without gaps or cycles, whatever arrived and whatever did not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_

from llmobserve_server.errors import NotFound
from llmobserve_server.query.answers import RunDetail, RunNode
from llmobserve_server.query.filter_fields import Columns
from llmobserve_server.query.run_summary import summaries
from llmobserve_server.query.scores import scores_of
from llmobserve_server.query.tree import Tree
from llmobserve_server.query.window import Scope, id_time
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events, span_starts

__all__ = ["MAX_NODES", "get_run", "latest_run_id"]

MAX_NODES = 50_000
_HINT_SLACK = timedelta(days=1)
_SHARED = (
    *("event_id", "type", "kind", "name", "status", "start_time", "run_name", "customer_id"),
    *("span_id", "parent_span_id", "section_path"),
)
_FINISHED = (
    *("duration_ms", "time_to_first_token_ms", "provider", "model", "operation", "cost_usd", "cost_state"),
    *("input_tokens", "output_tokens", "attempt", "error_type", "billable", "merged_into"),
)


def get_run(store: Store, scope: Scope, run_id: str, *, max_nodes: int = MAX_NODES) -> RunDetail:
    """The run with this id at whatever time it was, at most `max_nodes` of its nodes. Raises NotFound."""
    whole = scope.unbounded()
    summary = summaries(store, whole, [run_id]).get(run_id)
    if summary is None:
        raise NotFound(f"There is no run {run_id[:80]!r} in this project.", field="run_id")
    near = _near(whole, run_id, summary.start_time)
    open_status = "running" if summary.status == "running" else "abandoned"
    rows = _rows(store, near, run_id, max_nodes + 1, open_status)
    start = summary.start_time.replace(tzinfo=None)
    tree = Tree(rows[:max_nodes], run_name=summary.name)
    nodes = [_node(row, start) for row in tree.nodes]
    session_id = summary.session_id
    return RunDetail(
        run=summary,
        nodes=nodes,
        truncated=len(rows) > max_nodes,
        scores=scores_of(store, scope, "run", [run_id]),
        session_scores=[] if session_id is None else scores_of(store, scope, "session", [session_id]),
    )


def latest_run_id(store: Store, scope: Scope) -> str | None:
    """The run of the newest record in the window; `None` when there is none."""
    c = events.c
    rows = store.fetch(
        scope.select(events, c.run_id).where(c.run_id.is_not(None)).order_by(c.start_time.desc()).limit(1)
    )
    return rows[0]["run_id"] if rows else None


def _near(scope: Scope, run_id: str, start: datetime) -> Scope:
    """The run's time from its start on; the time in the id keeps nothing out that began before it."""
    hint = id_time(run_id)
    first = start.replace(tzinfo=None)
    return scope.between(min(first, hint) - _HINT_SLACK if hint else first - _HINT_SLACK, None)


def _columns(c: Columns, names: Sequence[str]) -> list[ColumnElement[Any]]:
    return [c[name] for name in names]


def _rows(store: Store, scope: Scope, run_id: str, limit: int, open_status: str) -> list[Row]:
    """Finished records in order of start, and among them, as `open_status`, the announced spans that have not ended."""
    c, s = events.c, span_starts.c
    finished = store.fetch(
        scope.select(events, *_columns(c, [*_SHARED, *_FINISHED]))
        .where(c.run_id == run_id)
        .order_by(c.start_time, c.event_id)
        .limit(limit)
    )
    ended = scope.unbounded().select(events, c.event_id).where(and_(c.event_id == s.event_id, c.run_id == run_id))
    opened = store.fetch(
        scope.select(span_starts, *_columns(s, _SHARED))
        .where(s.run_id == run_id, ~ended.correlate(span_starts).exists())
        .order_by(s.start_time, s.event_id)
        .limit(limit)
    )
    blank = dict.fromkeys(_FINISHED)
    rows: list[Row] = [*finished, *({**blank, **row, "status": open_status} for row in opened)]
    return sorted(rows, key=lambda row: (row["start_time"], row["type"] == "call", row["event_id"]))[:limit]


def _node(row: Row, run_start: datetime) -> RunNode:
    charged = bool(row["billable"])
    return RunNode(
        event_id=row["event_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        type=row["type"],
        kind=row["kind"],
        name=row["name"] or row["operation"] or row["kind"],
        status=row["status"],
        start_offset_ms=(row["start_time"] - run_start) / timedelta(milliseconds=1),
        duration_ms=row["duration_ms"],
        time_to_first_token_ms=row["time_to_first_token_ms"],
        provider=row["provider"],
        model=row["model"],
        operation=row["operation"],
        cost_usd=row["cost_usd"] if charged else None,
        cost_state=row["cost_state"] if charged else None,
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        attempt=row["attempt"] or 0,
        error_type=row["error_type"],
        customer_id=row["customer_id"],
        merged_into=row["merged_into"],
        synthetic=bool(row.get("synthetic")),
    )
