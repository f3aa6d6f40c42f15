"""Cost of a call at the moment it is stored: the price book in use then, frozen into the row."""

import logging
from collections.abc import Callable

from llmobserve.pricing import PriceBook, price_event
from llmobserve.wire import CallEvent, Cost
from llmobserve_server.pricing.books import Books

__all__ = ["Pricer", "price_by", "pricer_of"]

Pricer = Callable[[CallEvent], Cost]
"""Gives the cost of one call; never raises."""

_logger = logging.getLogger(__name__)


def pricer_of(books: Books) -> Pricer:
    """Prices every call by the book that is in use when it arrives."""
    return lambda event: price_by(books.current, event)


def price_by(book: PriceBook, event: CallEvent) -> Cost:
    """Cost of `event` by a price book.

    A defect of the price book must not lose the event: it is stored as `unpriced` with the error as the reason, and
    can be priced again later.
    """
    try:
        return price_event(event, book)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        _logger.exception("pricing failed for %s %s", event.provider, event.response_model or event.request_model)
        return Cost(state="unpriced", usd=None, reason=f"Pricing failed: {type(error).__name__}: {error}"[:300])
