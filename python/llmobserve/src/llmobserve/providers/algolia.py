"""Algolia: search requests, one for each query, and records that are written.

Its client library tries several hosts; attempts that failed cost nothing
(https://www.algolia.com/doc/rest-api/search, read 2026-11-21).
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items

__all__ = ["PROVIDER"]


class SearchReader(CallReader):
    """Reads a search with one or several queries."""

    def identify(self, out: Reading) -> None:
        """Search is one product."""
        out.request_model = "search"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Queries of the request."""
        out.usage = self.usage({"requests": len(as_items(self.asked.get("requests"))) or 1}, "request")


class RecommendReader(SearchReader):
    """Reads recommendations."""

    def identify(self, out: Reading) -> None:
        """Recommendations are a product of their own."""
        out.request_model = "recommend"


class IndexReader(CallReader):
    """Reads a write: records are billed by the month they are stored, writing them is not."""

    def identify(self, out: Reading) -> None:
        """Indexing is one product."""
        out.request_model = "indexing"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Records that are written."""
        out.usage = self.usage({"records": len(as_items(self.asked.get("requests"))) or 1}, "request")


PROVIDER = Provider(
    name="algolia",
    endpoints=(
        Endpoint(
            operation="recommend",
            kind="search",
            methods=("POST",),
            path=LazyPattern(r"/1/indexes/(?:\*|%2A)/recommendations"),
            reader=RecommendReader,
        ),
        Endpoint(
            operation="search",
            kind="search",
            methods=("POST",),
            path=LazyPattern(r"/1/indexes/[^/]+/(?:query|queries|browse|facets/[^/]+/query)"),
            reader=SearchReader,
        ),
        Endpoint(
            operation="index",
            kind="search",
            methods=("POST", "PUT"),
            path=LazyPattern(r"/1/indexes/[^/]+(?:/batch|/[^/]+(?:/partial)?)?"),
            reader=IndexReader,
        ),
    ),
)
