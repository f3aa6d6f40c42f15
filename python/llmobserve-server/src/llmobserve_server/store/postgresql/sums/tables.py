"""By which columns events are added up, and the tables of sums as statements see them."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from sqlalchemy import BigInteger, Column, MetaData, Numeric, SmallInteger, String, Table

from llmobserve_server.store.tables import events

__all__ = ["ALWAYS", "MEASURES", "OPTIONAL", "SETS", "Grain", "SumSet", "event_sums", "set_for", "sums_to_renew"]

Grain = Literal["hour", "day"]

_own = MetaData()

ALWAYS = ("type", "billable", "status", "cost_state", "environment")
"""Columns of `events` that are kept apart in all sums, beside those of the set, and whether there is a cost."""
MEASURES = ("cost_usd", "input_tokens", "output_tokens", "cache_read_tokens")
"""Columns of `events` that are added up; NULL where no event has a value."""


@dataclass(frozen=True, slots=True)
class SumSet:
    """Events added up by `ALWAYS` and these columns."""

    number: int
    """Of its sums of days; those of its hours have the number plus 100."""
    columns: tuple[str, ...]
    has_hours: bool = True
    """False where there are nearly as many values as events in an hour."""

    def set_id(self, grain: Grain) -> int:
        """What its rows have in `set_id`."""
        return self.number + (100 if grain == "hour" else 0)


SETS = (
    SumSet(1, ()),
    SumSet(2, ("provider",)),
    SumSet(3, ("kind", "provider", "model", "operation")),
    SumSet(4, ("service", "error_type")),
    SumSet(5, ("host", "transport", "sdk", "stream")),
    SumSet(6, ("agent",), has_hours=False),
    SumSet(7, ("customer_id",), has_hours=False),
    SumSet(8, ("run_name",), has_hours=False),
    SumSet(9, ("section_path",), has_hours=False),
    SumSet(10, ("user_id",), has_hours=False),
)
"""All sets, those with fewer rows before those that have the same columns and more."""
OPTIONAL = tuple(dict.fromkeys(chain.from_iterable(each.columns for each in SETS)))
"""Columns of any set; NULL in rows of the others."""


def set_for(columns: Collection[str]) -> SumSet | None:
    """The smallest set that tells these columns of `events` apart; `None` when there is none."""
    return next((each for each in SETS if set(columns) <= {*ALWAYS, *each.columns}), None)


event_sums = Table(
    "event_sums",
    _own,
    Column("set_id", SmallInteger),
    *(Column(name, events.c[name].type) for name in ("project_id", "start_time", *ALWAYS, *OPTIONAL)),
    Column("n_records", BigInteger),
    Column("cost_usd", Numeric(38, 12)),
    *(Column(name, Numeric) for name in MEASURES if name != "cost_usd"),
    Column("duration_shape", Numeric),
    Column("ttft_shape", Numeric),
)
sums_to_renew = Table(
    "sums_to_renew",
    _own,
    Column("grain", String),
    Column("project_id", String),
    Column("begins", events.c.start_time.type),
    Column("changes", BigInteger),
)
