"""Price book, matching and exact arithmetic: what a call cost, and why."""

from llmobserve.pricing.amount import price_amount
from llmobserve.pricing.book import PriceBook, load_price_book, price_book_version
from llmobserve.pricing.calculate import price_call, price_event
from llmobserve.pricing.overlay import PriceOverlay, PriceRule
from llmobserve.pricing.request import PriceRequest

__all__ = [
    "PriceBook",
    "PriceOverlay",
    "PriceRequest",
    "PriceRule",
    "load_price_book",
    "price_amount",
    "price_book_version",
    "price_call",
    "price_event",
]
