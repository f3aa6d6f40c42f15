"""A stored call as the event that it was: the facts that decide its price."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from llmobserve.wire import CallEvent, Quantity, Usage
from llmobserve_server.store.protocol import Row

__all__ = ["CALL_FACTS", "call_of"]

CALL_FACTS = (
    *("event_id", "start_time", "revision", "kind", "provider", "operation", "request_model", "response_model"),
    *("duration_ms", "http_status", "units", "usage_details", "usage_source", "usage_flags"),
    *("dimensions", "reported_cost_usd", "transport"),
)
"""Columns of `events` that `call_of` reads."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the tables hold naive UTC)
_US = timedelta(microseconds=1)


def call_of(row: Row) -> CallEvent:
    """The facts of a stored call that decide its price."""
    return CallEvent(
        event_id=row["event_id"],
        revision=row["revision"] or 0,
        kind=row["kind"],
        provider=row["provider"] or "",
        operation=row["operation"] or "",
        request_model=row["request_model"],
        response_model=row["response_model"],
        start_time_us=(row["start_time"] - _EPOCH) // _US,
        duration_ms=row["duration_ms"],
        http_status=row["http_status"],
        usage=Usage(
            units=_quantities(row["units"]),
            details=_quantities(row["usage_details"]),
            source=row["usage_source"] or "unknown",
            flags=tuple(row["usage_flags"] or ()),
        ),
        dimensions=row["dimensions"] or {},
        reported_cost_usd=row["reported_cost_usd"],
        transport=row["transport"],
    )


def _quantities(units: Mapping[str, Any] | None) -> dict[str, Quantity]:
    return {
        unit: quantity if isinstance(quantity, int) else Decimal(quantity) for unit, quantity in (units or {}).items()
    }
