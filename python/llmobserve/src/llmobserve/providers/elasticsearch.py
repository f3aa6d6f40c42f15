"""Elasticsearch in Elastic Cloud. It is billed by capacity, so operations are counted and have no price.

Paths: https://www.elastic.co/docs/api/doc/elasticsearch, read 2026-11-21. Own hosts have to be declared.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader

__all__ = ["PROVIDER"]


class OperationReader(CallReader):
    """Reads one operation."""

    def identify(self, out: Reading) -> None:
        """Deployments are one product."""
        out.request_model = "deployment"
        out.operation = self.named("operation")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One request; whether it is a vector search is noted."""
        out.usage = self.usage({"requests": 1}, "request")
        if out.operation == "search" and ("knn" in self.asked or "retriever" in self.asked):
            out.dimensions["search"] = "knn" if "knn" in self.asked else "retriever"


_INDEX = r"(?:/[^/_][^/]*)?"

PROVIDER = Provider(
    name="elasticsearch",
    endpoints=(
        Endpoint(
            operation="search",
            kind="vector_db",
            methods=("POST", "GET"),
            path=LazyPattern(_INDEX + r"/_(?P<operation>search|msearch|knn_search|count)"),
            reader=OperationReader,
        ),
        Endpoint(
            operation="write",
            kind="vector_db",
            methods=("POST", "PUT"),
            path=LazyPattern(_INDEX + r"/_(?P<operation>bulk|update_by_query|delete_by_query)"),
            reader=OperationReader,
        ),
        Endpoint(
            operation="index",
            kind="vector_db",
            methods=("POST", "PUT"),
            path=LazyPattern(r"/[^/_][^/]*/_(?P<operation>doc|create|update)(?:/[^/]+)?"),
            reader=OperationReader,
        ),
        Endpoint(
            operation="inference",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(r"/_(?P<operation>inference)/.+"),
            reader=OperationReader,
        ),
    ),
    request_id_headers=("x-opaque-id",),
)
