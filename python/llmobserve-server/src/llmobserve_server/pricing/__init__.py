"""Money on the server: the cost of a call when it arrives and afterwards, and the price books."""

from llmobserve_server.pricing.at_ingest import PlainPricer, Pricer, price_by, pricer_of
from llmobserve_server.pricing.books import Books
from llmobserve_server.pricing.project_rules import ProjectRules

__all__ = ["Books", "PlainPricer", "Pricer", "ProjectRules", "price_by", "pricer_of"]
