"""Weaviate over REST. It is billed by what is stored and by plan, so operations are counted and have no price.

Searches and batches of the client of version 4 go over gRPC. Paths: https://weaviate.io/developers/weaviate/api/rest,
read 2026-11-21.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]


class OperationReader(CallReader):
    """Reads one operation, with the objects that it writes."""

    def identify(self, out: Reading) -> None:
        """Clusters are one product."""
        out.request_model = "cluster"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One request; the objects of a batch."""
        units: dict[str, Quantity] = {"requests": 1}
        objects = as_items(self.asked.get("objects"))
        if objects:
            units["records"] = len(objects)
        out.usage = self.usage(units, "request")
        errors = as_items(self.body.get("errors"))
        if errors:
            out.error_type = "graphql_error"


PROVIDER = Provider(
    name="weaviate",
    endpoints=(
        Endpoint(
            operation="graphql",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(r"/v1/graphql(?:/batch)?"),
            reader=OperationReader,
            bulk_keys=(b"vector",),
        ),
        Endpoint(
            operation="batch",
            kind="vector_db",
            methods=("POST", "DELETE"),
            path=LazyPattern(r"/v1/batch/(?:objects|references)"),
            reader=OperationReader,
            bulk_keys=(b"vector",),
        ),
        Endpoint(
            operation="objects",
            kind="vector_db",
            methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            path=LazyPattern(r"/v1/objects(?:/.+)?"),
            reader=OperationReader,
            bulk_keys=(b"vector",),
        ),
    ),
)
