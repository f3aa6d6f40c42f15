"""Money of a group of calls: the sum, and what is estimated or missing in it."""

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Numeric, and_, case, cast, func, literal

from llmobserve_server.query.answers import Spend
from llmobserve_server.query.filter_fields import Columns
from llmobserve_server.store.protocol import Row

__all__ = ["as_int", "is_charged", "records_of", "spend_columns", "spend_of", "total_of"]

_SUM = Numeric(38, 12)


def is_charged(c: Columns) -> ColumnElement[bool]:
    """Only these rows count as calls and as money: one charge a provider call, however many records describe it."""
    return and_(c.type == "call", c.billable.is_(True))


def total_of(amount: ColumnElement[Any], only: ColumnElement[bool]) -> ColumnElement[Any]:
    """Exact sum of an amount in US dollars over the rows where `only` holds; NULL when none has an amount."""
    return cast(func.sum(case((only, amount), else_=None)), _SUM)


def records_of(c: Columns) -> ColumnElement[Any]:
    """How many events a row stands for: one, but for rows of `SummingStore.summed_events`."""
    return c.n_records if "n_records" in c else literal(1)


def _count(c: Columns, only: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((only, records_of(c)), else_=0))


def spend_columns(c: Columns) -> list[ColumnElement[Any]]:
    """Columns that `spend_of` reads, over charged calls only."""
    charged = is_charged(c)
    estimated = and_(charged, c.cost_state == "estimated")
    return [
        total_of(c.cost_usd, charged).label("sum_usd"),
        total_of(c.cost_usd, estimated).label("sum_estimated_usd"),
        _count(c, charged).label("n_calls"),
        _count(c, estimated).label("n_estimated"),
        _count(c, and_(charged, c.cost_usd.is_(None))).label("n_unpriced"),
    ]


def as_int(value: Any) -> int:
    """A count or sum of whole numbers; no rows count as 0."""
    return int(value or 0)


def spend_of(row: Row) -> Spend:
    """The money of a row that was selected with `spend_columns`."""
    return Spend(
        cost_usd=row["sum_usd"] or Decimal(0),
        estimated_usd=row["sum_estimated_usd"] or Decimal(0),
        calls=as_int(row["n_calls"]),
        estimated_calls=as_int(row["n_estimated"]),
        unpriced_calls=as_int(row["n_unpriced"]),
    )
