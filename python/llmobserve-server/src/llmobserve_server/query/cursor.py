"""Cursors of lists: where the last page ended, as an opaque text that the client hands back."""

import base64
import binascii
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, or_

from llmobserve_server.errors import BadRequest

__all__ = ["Cursor", "SortValue", "after", "decode", "encode"]

SortValue = datetime | Decimal | float | int | None
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_MAX_LENGTH = 1000
_MAX_NUMBER = 2**63
_KINDS = {"start": "t", "last": "t", "cost": "dn", "duration": "fn", "tokens": "in", "calls": "in"}
"""Kinds of value by sort column: t time, d decimal, f float, i whole number, n none."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page under one sort order."""

    sort: str
    value: SortValue
    """The row's value of the sort column; `None` where it has none (such rows come last)."""
    id: str


def encode(cursor: Cursor) -> str:
    """The cursor as URL-safe text."""
    value: Any = cursor.value
    kind = "n"
    match cursor.value:
        case datetime():
            kind, value = "t", (cursor.value - _EPOCH) // timedelta(microseconds=1)
        case Decimal():
            kind, value = "d", format(cursor.value, "f")
        case float():
            kind, value = "f", cursor.value
        case int():
            kind, value = "i", cursor.value
        case None:
            pass
    body = json.dumps([1, cursor.sort, kind, value, cursor.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode(text: str | None, sort: str) -> Cursor | None:
    """The cursor in `text`, which must belong to the same `sort`. Raises BadRequest for anything else."""
    if not text:
        return None
    try:
        if len(text) > _MAX_LENGTH:
            raise ValueError("too long")
        body: object = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(body, list):
            raise ValueError("not a list")
        version, made_for, kind, value, identifier = cast("list[object]", body)
        if version != 1 or not isinstance(identifier, str):
            raise ValueError("not ours")
        identifier.encode()
        decoded = _value(kind, value)
    except (ValueError, TypeError, binascii.Error, InvalidOperation, OverflowError, RecursionError):
        raise BadRequest("cursor is not one that this API gave: start again without it", field="cursor") from None
    if made_for != sort or str(kind) not in _KINDS[sort.removeprefix("-")]:
        raise BadRequest("cursor belongs to another sort order: start again without it", field="cursor")
    return Cursor(sort, decoded, identifier)


def _value(kind: object, value: object) -> SortValue:
    match kind, value:
        case "n", None:
            return None
        case "t", int():
            return _EPOCH + timedelta(microseconds=value)
        case "d", str():
            amount = Decimal(value)
            if not amount.is_finite() or abs(amount) > _MAX_NUMBER:
                raise ValueError("not an amount")
            return amount
        case ("f", float() | int()):
            if not math.isfinite(value):
                raise ValueError("not finite")
            return float(value)
        case "i", int():
            if abs(value) >= _MAX_NUMBER:
                raise ValueError("too large")
            return value
        case _:
            raise ValueError("unknown kind")


def after(
    column: ColumnElement[Any], identifier: ColumnElement[Any], cursor: Cursor, *, descending: bool
) -> ColumnElement[bool]:
    """Condition for the rows behind `cursor`, rows without a value last, ids as the tie-break in the same direction."""
    later_id = identifier < cursor.id if descending else identifier > cursor.id
    if cursor.value is None:
        return and_(column.is_(None), later_id)
    beyond = column < cursor.value if descending else column > cursor.value
    return or_(beyond, and_(column == cursor.value, later_id), column.is_(None))
