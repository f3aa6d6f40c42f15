"""Which models were called without a known cost, and what the price book lacks."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from sqlalchemy import func

from llmobserve.pricing import PriceBook, PriceOverlay, PriceRequest, PriceRule
from llmobserve.pricing.match import find_model, nearest_name
from llmobserve.pricing.overlaid import is_concerned
from llmobserve_server.query.answers import UnpricedList, UnpricedModel
from llmobserve_server.query.spend import as_int, is_charged
from llmobserve_server.query.window import Scope, as_utc
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["MAX_MODELS", "list_unpriced"]

MAX_MODELS = 100
"""Models in an answer: to search the nearest name of one takes milliseconds."""
Missing = Literal["provider", "model", "other"]


def list_unpriced(
    store: Store, scope: Scope, book: PriceBook, overlay: PriceOverlay | None = None, at_us: int = 0
) -> UnpricedList:
    """Models of charged calls in the scope whose cost is unknown, one row a model and reason.

    `overlay`: rules of the project; those in force at `at_us` say which models have a cost in the meantime.
    """
    rules = overlay.at(at_us).rules if overlay is not None else ()
    c = events.c
    unpriced = (is_charged(c), c.cost_state == "unpriced")
    calls = func.count().label("n_calls")
    key = (c.provider, c.model, c.cost_reason)
    statement = (
        scope.select(events, *key, calls, func.min(c.start_time).label("first"), func.max(c.start_time).label("last"))
        .where(*unpriced)
        .group_by(*key)
        .order_by(calls.desc(), *key)
        .limit(MAX_MODELS + 1)
    )
    rows = store.fetch(statement)
    total = store.fetch(scope.select(events, calls).where(*unpriced))
    return UnpricedList(
        models=[_model(row, book, rules) for row in rows[:MAX_MODELS]],
        calls=as_int(total[0]["n_calls"]),
        truncated=len(rows) > MAX_MODELS,
    )


def _model(row: Row, book: PriceBook, rules: Sequence[PriceRule]) -> UnpricedModel:
    missing, nearest = _lacking(book, row["provider"], row["model"])
    rule = _helping(row, book, rules)
    return UnpricedModel(
        provider=row["provider"],
        model=row["model"],
        calls=as_int(row["n_calls"]),
        first_seen=as_utc(row["first"]),
        last_seen=as_utc(row["last"]),
        reason=row["cost_reason"],
        missing=missing,
        nearest=nearest,
        rule_id=None if rule is None else rule.id,
        mapped_to=f"{rule.to_provider}/{rule.to_model}" if rule is not None and rule.kind == "mapping" else None,
    )


def _helping(row: Row, book: PriceBook, rules: Sequence[PriceRule]) -> PriceRule | None:
    """The rule that gives calls of this model a cost: a mapping before others, a discount never."""
    call = PriceRequest(
        provider=row["provider"] or "", operation="", response_model=row["model"], request_model=None, at_us=0
    )
    about = [rule for rule in rules if rule.kind != "discount" and is_concerned(rule, call, book, PriceOverlay(()))]
    return min(about, key=lambda rule: rule.kind != "mapping", default=None)


@lru_cache(maxsize=1024)
def _lacking(book: PriceBook, provider: str | None, model: str | None) -> tuple[Missing, str | None]:
    prices = book.provider(provider) if provider else None
    if prices is None:
        return "provider", None
    if not model or find_model(prices, model):
        return "other", None
    return "model", nearest_name(prices, model)
