"""What was said of a call's cost before it was priced again."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from llmobserve_server.query.answers import CostLine, CostVersion
from llmobserve_server.query.window import Scope, as_utc
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import cost_versions

__all__ = ["earlier_costs"]

Line = Callable[[Mapping[str, Any]], CostLine]

_SLACK = timedelta(days=2)
"""A later record of a call may correct its start by so much."""


def earlier_costs(store: Store, scope: Scope, event: Row, line: Line) -> list[CostVersion]:
    """Costs of a stored event that a re-pricing replaced, the latest first.

    `line`: makes a receipt's line for the answer of the stored one.
    """
    c = cost_versions.c
    # The window spares reading all of a table that has no index.
    near = scope.between(event["start_time"] - _SLACK, event["start_time"] + _SLACK)
    found = near.select(cost_versions, cost_versions).where(c.event_id == event["event_id"])
    return [_version(row, line) for row in store.fetch(found.order_by(c.replaced_at.desc()))]


def _version(row: Row, line: Line) -> CostVersion:
    return CostVersion(
        cost_usd=row["cost_usd"],
        cost_state=row["cost_state"],
        cost_reason=row["cost_reason"],
        receipt=[line(one) for one in row["cost_lines"] or ()],
        price_book=row["price_book"],
        priced_model=row["priced_model"],
        table_usd=row["table_usd"],
        replaced_at=as_utc(row["replaced_at"]),
        job_id=row["job_id"],
    )
