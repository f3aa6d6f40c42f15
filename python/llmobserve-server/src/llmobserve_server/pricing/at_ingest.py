"""Cost of a call at the moment it is stored: the price book and rules in force, frozen into the row."""

import logging
from collections.abc import Callable

from llmobserve.pricing import PriceBook, PriceOverlay, price_event
from llmobserve.wire import CallEvent, Cost
from llmobserve_server.pricing.books import Books
from llmobserve_server.pricing.plain_costs import PlainCost, PlainPrices
from llmobserve_server.pricing.project_rules import ProjectRules

__all__ = ["PlainPricer", "Pricer", "price_by", "pricer_of"]

Pricer = Callable[[str, CallEvent], Cost]
"""Gives the cost of one call of a project. Raises StoreError when the rules of the project cannot be read."""

_DEFECTS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, OSError)
_logger = logging.getLogger(__name__)


class PlainPricer:
    """Prices every call by the book that is in use when it arrives, and the rules that its project has then.

    `rules`: `None` where no project has any.
    """

    def __init__(self, books: Books, rules: ProjectRules | None = None) -> None:
        self._books = books
        self._rules = rules
        self._plain: dict[str, PlainPrices] = {}

    def __call__(self, project_id: str, event: CallEvent) -> Cost:
        """The cost of any call. Raises StoreError when the rules of the project cannot be read."""
        return price_by(self._books.current, event, None if self._rules is None else self._rules.of(project_id))

    def plain(self, project_id: str, event: CallEvent) -> PlainCost | None:
        """The same cost, where it is a plain sum; `None` for others. Raises StoreError as above."""
        book, overlay = self._books.current, None if self._rules is None else self._rules.of(project_id)
        prices = self._plain.get(project_id)
        if prices is None or prices.book is not book or prices.overlay is not overlay:
            prices = self._plain[project_id] = PlainPrices(book, overlay)
        try:
            return prices.of(event)
        except _DEFECTS:
            # The long way meets the same and says so.
            return None


def pricer_of(books: Books, rules: ProjectRules | None = None) -> Pricer:
    """See `PlainPricer`."""
    return PlainPricer(books, rules)


def price_by(book: PriceBook, event: CallEvent, overlay: PriceOverlay | None = None) -> Cost:
    """Cost of `event` by a price book and the rules of a project.

    A defect of the price book must not lose the event: it is stored as `unpriced` with the error as the reason, and
    can be priced again later.
    """
    try:
        return price_event(event, book, overlay)
    except _DEFECTS as error:
        _logger.exception("pricing failed for %s %s", event.provider, event.response_model or event.request_model)
        return Cost(state="unpriced", usd=None, reason=f"Pricing failed: {type(error).__name__}: {error}"[:300])
