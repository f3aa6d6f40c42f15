"""Prices: what the price book says, and what it lacks."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from llmobserve.wire import now_us
from llmobserve_server.api.asked import BooksHere, RulesHere, ScopeHere, StoreHere
from llmobserve_server.api.deps import in_reader
from llmobserve_server.auth.access import ReadAccess, gate_of, require_reader
from llmobserve_server.control import price_rules
from llmobserve_server.query.answers import PriceList, UnpricedList
from llmobserve_server.query.price_answers import PriceHistory
from llmobserve_server.query.price_history import price_history
from llmobserve_server.query.prices import DEFAULT_PRICES, MAX_PRICES, list_prices
from llmobserve_server.query.unpriced import list_unpriced
from llmobserve_server.query.window import Scope, parse_window

__all__ = ["router"]

router = APIRouter(tags=["prices"])


@router.get("/prices", dependencies=[Depends(require_reader)])
async def prices(
    request: Request,
    books: BooksHere,
    provider: Annotated[str | None, Query(description="One provider; default: all.")] = None,
    q: Annotated[str, Query(max_length=200, description="Part of a model name; exact names come first.")] = "",
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PRICES)] = DEFAULT_PRICES,
) -> PriceList:
    """Rates of the price book with their conditions, validity and source; the same for every project."""
    return await in_reader(request, list_prices, books.current, provider=provider, q=q, cursor=cursor, limit=limit)


@router.get("/prices/unpriced")
async def unpriced(
    request: Request,
    scope: ScopeHere,
    store: StoreHere,
    books: BooksHere,
    rules: RulesHere,
    from_: Annotated[
        str | None, Query(alias="from", description="Start, ISO 8601; default: 24 hours before the end.")
    ] = None,
    to: Annotated[str | None, Query(description="End (exclusive), ISO 8601; default: now.")] = None,
) -> UnpricedList:
    """Models that were called in the time range and whose cost is unknown, with the reason."""
    window = parse_window(from_, to, datetime.now(UTC))
    overlay = await in_reader(request, rules.of, scope.project_id)
    inside = Scope(scope.project_id, window)
    return await in_reader(request, list_unpriced, store, inside, books.current, overlay, now_us())


@router.get("/prices/history")
async def history(
    request: Request,
    access: ReadAccess,
    books: BooksHere,
    provider: Annotated[str, Query(max_length=200, description="Provider of the model.")],
    model: Annotated[str, Query(max_length=200, description="A name in the price book, or one that calls have.")],
) -> PriceHistory:
    """Every dated rate of one model, past and announced ones too, and the project's rules about it."""
    control = gate_of(request).control
    rows = await in_reader(request, price_rules.list_rules, control, access.project_id)
    return await in_reader(request, price_history, books.current, rows, provider, model, datetime.now(UTC))
