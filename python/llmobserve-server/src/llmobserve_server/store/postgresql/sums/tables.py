"""The tables of sums as statements see them; the columns of `events` under their own names."""

from sqlalchemy import BigInteger, Column, MetaData, Numeric, String, Table

from llmobserve_server.store.tables import events

__all__ = ["DAY_COLUMNS", "DAY_DIMENSIONS", "HOUR_COLUMNS", "MEASURES", "day_sums", "hour_sums", "sums_to_renew"]

_own = MetaData()

HOUR_COLUMNS = (
    *("type", "billable", "kind", "status", "cost_state", "environment", "service", "provider", "model", "operation"),
    *("error_type", "host", "transport", "sdk", "stream"),
)
"""Columns of `events` whose values are kept apart in the sums of hours: all have few."""
DAY_COLUMNS = ("type", "billable", "status", "cost_state", "environment")
"""Those of the sums of days, beside one of `DAY_DIMENSIONS`."""
DAY_DIMENSIONS = ("agent", "customer_id", "run_name", "section_path", "user_id")
"""Columns of `events` with many values: each is summed up on its own, by day."""
MEASURES = ("cost_usd", "input_tokens", "output_tokens", "cache_read_tokens")
"""Columns of `events` that are added up; NULL where no event has a value."""


def _measures() -> list[Column[object]]:
    return [
        Column("n_records", BigInteger),
        Column("cost_usd", Numeric(38, 12)),
        *(Column(name, Numeric) for name in MEASURES if name != "cost_usd"),
        Column("duration_shape", Numeric),
        Column("ttft_shape", Numeric),
    ]


def _like_events(*names: str) -> list[Column[object]]:
    return [Column(name, events.c[name].type) for name in names]


hour_sums = Table("hour_sums", _own, *_like_events("project_id", "start_time", *HOUR_COLUMNS), *_measures())
day_sums = Table(
    "day_sums",
    _own,
    *_like_events("project_id", "start_time", *DAY_COLUMNS),
    Column("dimension", String),
    Column("value", String),
    *_measures(),
)
sums_to_renew = Table(
    "sums_to_renew",
    _own,
    Column("grain", String),
    Column("project_id", String),
    Column("begins", events.c.start_time.type),
    Column("changes", BigInteger),
)
