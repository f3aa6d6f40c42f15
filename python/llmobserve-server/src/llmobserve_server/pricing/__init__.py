"""Money on the server: the cost of a call when it arrives."""

from llmobserve_server.pricing.at_ingest import Pricer, price_on_arrival

__all__ = ["Pricer", "price_on_arrival"]
