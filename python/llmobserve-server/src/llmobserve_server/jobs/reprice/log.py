"""The record of re-pricings that change costs: what was ordered, how far it is, what it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from llmobserve_server.jobs.reprice.calls import Cursor
from llmobserve_server.query.reprice_report import Differences, RepriceFilter
from llmobserve_server.store.protocol import CostBatch, Row, Store
from llmobserve_server.store.tables import reprice_log

__all__ = ["Order", "RepriceLog", "Told", "read_log", "unfinished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, by whom."""

    project_id: str
    job_id: str
    created_at: datetime
    """With its zone."""
    actor: str
    address: str | None
    wanted: RepriceFilter
    price_book: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A job as its entries tell it."""

    order: Order
    found: int
    differences: Differences
    cursor: Cursor | None
    number: int
    """Of the last entry."""
    finished_at: datetime | None
    error: str | None


class RepriceLog:
    """Writes the entries of one job; each together with the costs that it is about."""

    def __init__(self, store: Store, order: Order, told: Told | None = None) -> None:
        self._store = store
        self._order = order
        self._number = 0 if told is None else told.number + 1
        self.cursor = None if told is None else told.cursor
        """The last call of the entries so far."""

    def begin(self, found: int) -> None:
        """Add the order. Raises StoreError."""
        order = self._order
        facts = {
            "actor": order.actor,
            "address": order.address,
            "filter": order.wanted.model_dump(mode="json"),
            "price_book": order.price_book,
            "found": found,
        }
        self._add(facts, at=order.created_at)

    def replace(self, cursor: Cursor, differences: Differences, rows: Sequence[Row]) -> bool:
        """Give the calls of a chunk their new cost; False when one has changed since it was read. Raises StoreError."""
        named = [{**row, "project_id": self._order.project_id} for row in rows]
        return self._add({"differences": differences.to_facts()}, cursor, named)

    def finish(self, differences: Differences, error: str | None = None) -> None:
        """Add the end, with what was seen since the last entry. Raises StoreError."""
        self._add({"differences": differences.to_facts(), "error": error}, self.cursor, done=True)

    def _add(
        self,
        facts: dict[str, Any],
        cursor: Cursor | None = None,
        rows: Sequence[Row] = (),
        *,
        done: bool = False,
        at: datetime | None = None,
    ) -> bool:
        entry = {
            "project_id": self._order.project_id,
            "job_id": self._order.job_id,
            "number": self._number,
            "logged_at": (at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None),
            "cursor_time": None if cursor is None else cursor.start_time,
            "cursor_id": None if cursor is None else cursor.event_id,
            "done": done,
            "facts": facts,
        }
        if not self._store.replace_costs(CostBatch(entry, rows)):
            return False
        self._number += 1
        self.cursor = cursor
        return True


def read_log(store: Store, project_id: str, job_id: str) -> Told | None:
    """The job under `job_id`; `None` when there is none in this project. Raises StoreError."""
    c = reprice_log.c
    mine = select(reprice_log).where(c.project_id == project_id, c.job_id == job_id)
    entries = store.fetch(mine.order_by(c.number))
    if not entries or entries[0]["number"] != 0:
        return None
    ordered, last = entries[0]["facts"], entries[-1]
    differences = Differences()
    for entry in entries[1:]:
        differences.add(Differences.from_facts(entry["facts"]["differences"]))
    return Told(
        order=Order(
            project_id=project_id,
            job_id=job_id,
            created_at=entries[0]["logged_at"].replace(tzinfo=UTC),
            actor=ordered["actor"],
            address=ordered["address"],
            wanted=RepriceFilter.model_validate(ordered["filter"]),
            price_book=ordered["price_book"],
        ),
        found=ordered["found"],
        differences=differences,
        cursor=None if last["cursor_time"] is None else Cursor(last["cursor_time"], last["cursor_id"]),
        number=last["number"],
        finished_at=last["logged_at"].replace(tzinfo=UTC) if last["done"] else None,
        error=last["facts"].get("error") if last["done"] else None,
    )


def unfinished(store: Store) -> list[Told]:
    """Jobs of all projects that were begun and not finished, the oldest first. Raises StoreError."""
    c = reprice_log.c
    finished = select(c.project_id, c.job_id).where(c.done.is_(True)).subquery()
    begun = (
        select(c.project_id, c.job_id)
        .outerjoin(finished, (c.project_id == finished.c.project_id) & (c.job_id == finished.c.job_id))
        .where(c.number == 0, finished.c.job_id.is_(None))
        .order_by(c.logged_at)
    )
    found = [read_log(store, row["project_id"], row["job_id"]) for row in store.fetch(begun)]
    return [told for told in found if told is not None]
