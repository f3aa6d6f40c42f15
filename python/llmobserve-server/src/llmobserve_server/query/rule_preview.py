"""What a price rule would have changed: the calls of the last 30 days, priced again without it and with it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, or_

from llmobserve.pricing import PriceBook, PriceOverlay, PriceRequest, PriceRule, price_call
from llmobserve.pricing.overlaid import is_concerned
from llmobserve.wire import Cost
from llmobserve_server.query.price_answers import PriceRuleChanges
from llmobserve_server.query.spend import is_charged
from llmobserve_server.query.stored_call import CALL_FACTS, call_of
from llmobserve_server.query.window import Scope, Window, as_utc
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["MAX_CALLS", "preview_rule"]

MAX_CALLS = 20_000
"""Calls that are priced again for one answer, the newest: some seconds of work."""
_DAYS = 30
_MAX_NAMES = 2000
_NAMES = ("provider", "request_model", "response_model")


@dataclass(slots=True)
class _Sums:
    calls: int = 0
    before_usd: Decimal = Decimal(0)
    after_usd: Decimal = Decimal(0)
    before_unpriced: int = 0
    after_unpriced: int = 0

    def add(self, before: Cost, after: Cost) -> None:
        if (before.state, before.usd) == (after.state, after.usd):
            return
        self.calls += 1
        self.before_usd += before.usd or 0
        self.after_usd += after.usd or 0
        self.before_unpriced += before.usd is None
        self.after_unpriced += after.usd is None


def preview_rule(
    store: Store,
    scope: Scope,
    book: PriceBook,
    overlay: PriceOverlay | None,
    rule: PriceRule,
    now: datetime,
    replaces: str | None = None,
) -> PriceRuleChanges:
    """Differences that `rule` makes beside the rules of `overlay`, as if it had always been in force.

    `replaces`: id of a rule of the overlay that would not be there with it; `None`: they would all.
    """
    end = now.astimezone(UTC).replace(tzinfo=None) + timedelta(minutes=5)
    window = Window(end - timedelta(days=_DAYS), end)
    rules = overlay.rules if overlay is not None else ()
    always = replace(rule, from_us=0, until_us=None)
    with_rule = PriceOverlay((*(other for other in rules if other.id != replaces), always))
    rows = _rows(store, Scope(scope.project_id, window), book, with_rule, always)
    sums = _Sums()
    for row in rows[:MAX_CALLS]:
        call = PriceRequest.from_event(call_of(row))
        sums.add(price_call(call, book, overlay), price_call(call, book, with_rule))
    return PriceRuleChanges(
        time_from=as_utc(window.start),
        time_to=as_utc(window.end),
        calls=sums.calls,
        examined=min(len(rows), MAX_CALLS),
        truncated=len(rows) > MAX_CALLS,
        before_usd=sums.before_usd,
        after_usd=sums.after_usd,
        before_unpriced=sums.before_unpriced,
        after_unpriced=sums.after_unpriced,
    )


def _rows(store: Store, scope: Scope, book: PriceBook, overlay: PriceOverlay, rule: PriceRule) -> list[Row]:
    c = events.c
    names = [c[name] for name in _NAMES]
    kinds = store.fetch(scope.select(events, *names).where(is_charged(c)).distinct().limit(_MAX_NAMES + 1))
    conditions: list[ColumnElement[bool]] = [is_charged(c)]
    if len(kinds) <= _MAX_NAMES:
        concerned = [kind for kind in kinds if is_concerned(rule, _named(kind), book, overlay)]
        if not concerned:
            return []
        conditions += _among(concerned)
    statement = scope.select(events, *(c[name] for name in CALL_FACTS)).where(*conditions)
    return store.fetch(statement.order_by(c.start_time.desc()).limit(MAX_CALLS + 1))


def _among(kinds: Iterable[Row]) -> list[ColumnElement[bool]]:
    """Conditions that keep at least the calls with the names of `kinds`, and few others."""
    found: list[ColumnElement[bool]] = []
    for name in _NAMES:
        values = {kind[name] for kind in kinds}
        column = events.c[name]
        known = column.in_(sorted(value for value in values if value is not None))
        found.append(or_(known, column.is_(None)) if None in values else known)
    return found


def _named(row: Row) -> PriceRequest:
    return PriceRequest(
        provider=row["provider"] or "",
        operation="",
        request_model=row["request_model"],
        response_model=row["response_model"],
        at_us=0,
    )
