"""What is exported, page by page, in an order in which nothing is missed or repeated while more arrives."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import and_, or_

from llmobserve_server.export.columns import (
    CONTENT_COLUMNS,
    EVENT_COLUMNS,
    RUN_COLUMNS,
    SCORE_COLUMNS,
    TOTALS_MEASURES,
    Column,
    Record,
)
from llmobserve_server.query.conditions import where
from llmobserve_server.query.events import EventType
from llmobserve_server.query.filters import Term
from llmobserve_server.query.model import Model
from llmobserve_server.query.runs import MAX_PAGE, list_runs
from llmobserve_server.query.scores import list_scores
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import contents, events

__all__ = ["Export", "events_of", "runs_of", "scores_said", "totals_of"]

_PAGE = 5_000
_PAGE_WITH_CONTENT = 500
_STORED = tuple(column.name for column in EVENT_COLUMNS)


@dataclass(frozen=True, slots=True)
class Export:
    """A table to be written."""

    columns: Sequence[Column]
    pages: Callable[[], Iterator[Sequence[Record]]]
    """Reads the store page by page; each step blocks, and is to be made in a reader thread."""


def events_of(store: Store, scope: Scope, terms: Sequence[Term], of_type: EventType, *, content: bool) -> Export:
    """Events of the window in order of start. Raises BadFilter."""
    c = events.c
    statement = scope.select(events, c.project_id, *(c[name] for name in _STORED))
    statement = statement.where(*where(terms)).order_by(c.start_time, c.event_id)
    if of_type != "all" and not any(term.field == "type" for term in terms):
        statement = statement.where(c.type == of_type)
    page_rows = _PAGE_WITH_CONTENT if content else _PAGE

    def pages() -> Iterator[Sequence[Record]]:
        following = statement
        while True:
            rows = store.fetch(following.limit(page_rows))
            yield _with_content(store, scope, rows) if content else rows
            if len(rows) < page_rows:
                return
            last = rows[-1]["start_time"], rows[-1]["event_id"]
            behind = or_(c.start_time > last[0], and_(c.start_time == last[0], c.event_id > last[1]))
            # The bound on the time alone is what the engine finds blocks and partitions by.
            following = statement.where(c.start_time >= last[0], behind)

    return Export((*EVENT_COLUMNS, *CONTENT_COLUMNS) if content else EVENT_COLUMNS, pages)


def _with_content(store: Store, scope: Scope, rows: Sequence[Row]) -> list[Record]:
    c = contents.c
    ids = [row["event_id"] for row in rows]
    statement = scope.unbounded().select(contents, c.event_id, c.input, c.output).where(c.event_id.in_(ids))
    found = store.fetch(statement) if ids else []
    said = {row["event_id"]: {"input": _document(row["input"]), "output": _document(row["output"])} for row in found}
    return [{**row, **said.get(row["event_id"], {})} for row in rows]


def _document(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def runs_of(store: Store, scope: Scope, terms: Sequence[Term]) -> Export:
    """Runs with a record in the window, the oldest first."""

    def pages() -> Iterator[Sequence[Record]]:
        cursor = None
        while True:
            page = list_runs(store, scope, terms, sort="start", cursor=cursor, limit=MAX_PAGE)
            yield [_flat(run) for run in page.runs]
            cursor = page.next_cursor
            if cursor is None:
                return

    return Export(RUN_COLUMNS, pages)


def scores_said(store: Store, scope: Scope, *, name: str | None, source: str | None) -> Export:
    """Scores that were said in the window, the newest first."""

    def pages() -> Iterator[Sequence[Record]]:
        cursor = None
        while True:
            page = list_scores(store, scope, name=name, source=source, cursor=cursor, limit=MAX_PAGE)
            yield [_flat(score) for score in page.scores]
            cursor = page.next_cursor
            if cursor is None:
                return

    return Export(SCORE_COLUMNS, pages)


def totals_of(store: Store, scope: Scope, question: Question) -> Export:
    """Totals by group, in the order of the answer; without dimensions the one total. Raises BadRequest."""
    keys = tuple(Column(name, "text") for name in question.group_by)

    def pages() -> Iterator[Sequence[Record]]:
        answer = get_totals(store, scope, question)
        rows = answer.rows if question.group_by else [answer.total]
        yield [{**row.keys, **_flat(row)} for row in rows]

    return Export((*keys, *TOTALS_MEASURES), pages)


def _flat(answer: Model) -> Record:
    """An answer of the API with its money as columns and its times as the tables have them."""
    # Not `dict(answer)`: totals have a field that is called `keys`.
    fields: dict[str, Any] = {name: value for name, value in answer}
    fields.update(dict(fields.pop("spend", {})))
    return {name: _naive(value) if isinstance(value, datetime) else value for name, value in fields.items()}


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
