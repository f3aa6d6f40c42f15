"""Cost of a call at the moment it is stored: the price book and rules in force, frozen into the row."""

import logging
from collections.abc import Callable

from llmobserve.pricing import PriceBook, PriceOverlay, price_event
from llmobserve.wire import CallEvent, Cost
from llmobserve_server.pricing.books import Books
from llmobserve_server.pricing.project_rules import ProjectRules

__all__ = ["Pricer", "price_by", "pricer_of"]

Pricer = Callable[[str, CallEvent], Cost]
"""Gives the cost of one call of a project. Raises StoreError when the rules of the project cannot be read."""

_logger = logging.getLogger(__name__)


def pricer_of(books: Books, rules: ProjectRules | None = None) -> Pricer:
    """Prices every call by the book that is in use when it arrives, and the rules that its project has then.

    `rules`: `None` where no project has any.
    """

    def price(project_id: str, event: CallEvent) -> Cost:
        return price_by(books.current, event, None if rules is None else rules.of(project_id))

    return price


def price_by(book: PriceBook, event: CallEvent, overlay: PriceOverlay | None = None) -> Cost:
    """Cost of `event` by a price book and the rules of a project.

    A defect of the price book must not lose the event: it is stored as `unpriced` with the error as the reason, and
    can be priced again later.
    """
    try:
        return price_event(event, book, overlay)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        _logger.exception("pricing failed for %s %s", event.provider, event.response_model or event.request_model)
        return Cost(state="unpriced", usd=None, reason=f"Pricing failed: {type(error).__name__}: {error}"[:300])
