"""MongoDB Atlas Search and Vector Search, through its own protocol: aggregations that begin with a search stage.

Stages: https://www.mongodb.com/docs/atlas/atlas-search/aggregation-stages/, read 2026-11-21. Atlas bills clusters by
the hour; searches are counted.
"""

from llmobserve.providers.base import OWN_PROTOCOL, Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader

__all__ = ["PROVIDER"]


class SearchReader(CallReader):
    """Reads one aggregation."""

    def identify(self, out: Reading) -> None:
        """Clusters are one product."""
        out.request_model = "cluster"
        out.operation = self.named("operation")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One search."""
        out.usage = self.usage({"requests": 1}, "request")


PROVIDER = Provider(
    name="mongodb",
    endpoints=(
        Endpoint(
            operation="search",
            kind="vector_db",
            methods=(OWN_PROTOCOL,),
            path=LazyPattern(r"/aggregate/(?P<operation>vector_search|search|hybrid_search)"),
            reader=SearchReader,
        ),
    ),
)
