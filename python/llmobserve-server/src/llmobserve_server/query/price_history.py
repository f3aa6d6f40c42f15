"""All dated rates of one model, past and announced ones too, and the rules of the project that are about it."""

from collections.abc import Sequence
from datetime import datetime

from llmobserve.pricing import PriceBook, PriceOverlay, PriceRequest
from llmobserve.pricing.match import Match, find_model, nearest_name
from llmobserve.pricing.overlaid import is_concerned
from llmobserve_server.control import models
from llmobserve_server.errors import NotFound
from llmobserve_server.pricing.project_rules import engine_rule
from llmobserve_server.query.answers import PriceRow
from llmobserve_server.query.price_answers import PriceHistory
from llmobserve_server.query.price_rules import shown_rules
from llmobserve_server.query.prices import rows_of_model

__all__ = ["price_history"]


def price_history(
    book: PriceBook, rows: Sequence[models.PriceRule], provider: str, model: str, now: datetime
) -> PriceHistory:
    """History of the model that `model` names, an alias or a dated name as well.

    Raises NotFound where the price book does not know it, and no rule of the project gives it a price.
    """
    prices = book.provider(provider)
    match = find_model(prices, model) if prices is not None else None
    call = PriceRequest(provider=provider, operation="", response_model=model, at_us=0)
    about = {row.id for row in rows if _is_about(row, call, match, book)}
    rules = [rule for rule in shown_rules(rows, book, now) if rule.id in about]
    if match is None and all(rule.kind == "discount" for rule in rules):
        near = nearest_name(prices, model) if prices is not None else None
        hint = f" The nearest name is {near!r}." if near else ""
        raise NotFound(f"The price book has no model {model[:80]!r} of {provider[:80]!r}.{hint}", field="model")
    found = [] if match is None else rows_of_model(book, provider, match.model.name)
    return PriceHistory(
        provider=provider,
        model=None if match is None else match.model.name,
        prices=sorted(found, key=_order),
        rules=rules,
        price_book=book.version,
    )


def _is_about(row: models.PriceRule, call: PriceRequest, match: Match | None, book: PriceBook) -> bool:
    rule = engine_rule(row)
    if rule.kind == "mapping" and match is not None and rule.to_provider == call.provider:
        prices = book.provider(call.provider)
        target = find_model(prices, rule.to_model or "") if prices is not None else None
        if target is not None and target.model.name == match.model.name:
            return True
    return is_concerned(rule, call, book, PriceOverlay(()))


def _order(row: PriceRow) -> tuple[str, int, list[tuple[str, str]], bool, float]:
    since = row.valid_from
    return (
        row.unit or "",
        row.above_input_tokens or 0,
        sorted(row.dimensions.items()),
        since is not None,
        0 if since is None else since.timestamp(),
    )
