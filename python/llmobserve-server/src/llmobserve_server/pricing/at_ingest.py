"""Cost of a call at the moment it is stored: the shipped price book, frozen into the row."""

import logging
from collections.abc import Callable

from llmobserve.wire import CallEvent, Cost

__all__ = ["Pricer", "price_on_arrival"]

Pricer = Callable[[CallEvent], Cost]
"""Gives the cost of one call; never raises."""

_logger = logging.getLogger(__name__)


def price_on_arrival(event: CallEvent) -> Cost:
    """Cost of `event` by the shipped price book.

    A defect of the price book must not lose the event: it is stored as `unpriced` with the error as the reason, and
    can be priced again later.
    """
    from llmobserve.pricing import price_event  # its data is loaded when the first call arrives

    try:
        return price_event(event)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        _logger.exception("pricing failed for %s %s", event.provider, event.response_model or event.request_model)
        return Cost(state="unpriced", usd=None, reason=f"Pricing failed: {type(error).__name__}: {error}"[:300])
