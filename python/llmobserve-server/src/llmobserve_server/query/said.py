"""Search in what was said: the condition that the content of an event has a text in it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from llmobserve_server.query.window import Window
from llmobserve_server.store.tables import contents

__all__ = ["CONTENT_FIELDS", "said", "slices"]

CONTENT_FIELDS = {"content": ("input", "output"), "input": ("input",), "output": ("output",)}
"""Fields of the filter language that look into content, with the columns that each looks at."""
_FIRST = timedelta(hours=2)
_GROWTH = 4


def said(field: str, pattern: str, columns: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Whether the content of the row's event matches the `LIKE` pattern, in lower case, escaped by a backslash.

    `columns`: those of `events`, or of a subquery with the same names.
    """
    c = contents.c
    texts = [func.lower(c[name]).like(pattern, escape="\\") for name in CONTENT_FIELDS[field]]
    return exists().where(c.project_id == columns.project_id, c.event_id == columns.event_id, or_(*texts))


def slices(window: Window) -> list[Window]:
    """The window in parts, the newest first, each several times as long as the one before.

    A list that wants the newest few hits of a text finds them without reading all that was ever said.
    """
    found: list[Window] = []
    end, length = window.end, _FIRST
    while end > window.start:
        start = max(window.start, end - length)
        found.append(Window(start, end))
        end, length = start, length * _GROWTH
    return found
