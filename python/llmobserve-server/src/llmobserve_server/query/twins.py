"""The records of one provider call: the one that is charged, and those that say the same again."""

from collections.abc import Sequence

from llmobserve_server.query.score_answers import TwinView
from llmobserve_server.query.window import Scope, as_utc
from llmobserve_server.store.merging import NEAR
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import contents, events

__all__ = ["twins_of"]

_MOST = 50
_READ = (
    *("event_id", "billable", "is_exchange", "start_time", "model", "transport", "usage_source", "input_tokens"),
    *("output_tokens", "cost_usd", "cost_state", "run_id", "section_path", "customer_id"),
)


def twins_of(store: Store, scope: Scope, row: Row) -> list[TwinView]:
    """The other records of the call that `row` (of `events`) is one of, the charged one first, then by time."""
    if row["type"] != "call" or row["call_key"] is None:
        return []
    c = events.c
    charged = row["merged_into"] or row["event_id"]
    # Of a chain of records each is near the next one only. Two statements: most blocks have nothing merged, and where
    # an id is asked for as well they would all be read.
    near = scope.between(row["start_time"] - 2 * NEAR, row["start_time"] + 2 * NEAR)
    statement = near.select(events, *(c[name] for name in _READ)).order_by(c.start_time, c.event_id).limit(_MOST)
    rows = [] if charged == row["event_id"] else store.fetch(statement.where(c.event_id == charged))
    rows += store.fetch(statement.where(c.merged_into == charged, c.event_id != row["event_id"]))
    said = _with_content(store, scope, [found["event_id"] for found in rows])
    return [_twin(found, said) for found in rows]


def _with_content(store: Store, scope: Scope, event_ids: Sequence[str]) -> set[str]:
    if not event_ids:
        return set()
    c = contents.c
    found = store.fetch(scope.unbounded().select(contents, c.event_id).where(c.event_id.in_(list(event_ids))))
    return {row["event_id"] for row in found}


def _twin(row: Row, said: set[str]) -> TwinView:
    return TwinView(
        event_id=row["event_id"],
        is_charged=bool(row["billable"]),
        recorded_by="sdk" if row["is_exchange"] else "gateway" if row["transport"] == "gateway" else "application",
        start_time=as_utc(row["start_time"]),
        model=row["model"],
        transport=row["transport"],
        usage_source=row["usage_source"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        cost_state=row["cost_state"],
        run_id=row["run_id"],
        section_path=row["section_path"],
        customer_id=row["customer_id"],
        has_content=row["event_id"] in said,
    )
