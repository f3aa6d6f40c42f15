"""Content that came in pieces: messages that log records of OpenTelemetry tell one by one, around their span."""

import json
from typing import Any, cast

from sqlalchemy import and_, or_

from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.span_target import answer_target, content_names, span_target
from llmobserve_server.store.tables import contents

__all__ = ["content_of_pieces"]

_MOST = 500
"""Pieces of one event that are put together; the first."""


def content_of_pieces(store: Store, scope: Scope, row: Row) -> Row | None:
    """The content of a row of `events`, put together from all pieces that name its span or its answer; else `None`."""
    targets = _targets(row)
    if not targets:
        return None
    c = contents.c
    names = [content_names(target) for target in targets]
    of_event = or_(*(and_(c.event_id >= first, c.event_id < end) for first, end in names))
    pieces = store.fetch(scope.unbounded().select(contents, contents).where(of_event).order_by(c.event_id).limit(_MOST))
    if not pieces:
        return None
    return {
        **pieces[0],
        "event_id": row["event_id"],
        "input": _together(pieces, "input"),
        "output": _together(pieces, "output"),
        "truncated": any(piece["truncated"] for piece in pieces) or len(pieces) == _MOST,
        "redactions": sum(piece["redactions"] or 0 for piece in pieces),
    }


def _targets(row: Row) -> list[str]:
    trace_id, span_id, response_id = row["trace_id"], row["span_id"], row["response_id"]
    found = [span_target(trace_id, span_id)] if trace_id and span_id else []
    return [*found, answer_target(response_id)] if response_id else found


def _together(pieces: list[Row], column: str) -> str | None:
    """One list of the messages of all pieces, as JSON."""
    messages: list[Any] = []
    for piece in pieces:
        text = piece[column]
        if text is not None:
            said = json.loads(text)
            messages += cast("list[Any]", said) if isinstance(said, list) else [said]
    return json.dumps(messages, ensure_ascii=False) if messages else None
