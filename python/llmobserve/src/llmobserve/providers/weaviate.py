"""Weaviate. It is billed by what is stored and by plan, so operations are counted and have no price.

Paths: https://weaviate.io/developers/weaviate/api/rest, read 2026-11-21. Searches and batches of the client of version
4 go over gRPC: schema of weaviate-client 4.23 (`weaviate.v1`).
"""

from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items
from llmobserve.providers.message_fields import Fields, MessageFields, Take
from llmobserve.providers.quantities import as_mapping
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


class MessageReader(CallReader):
    """Reads one operation over gRPC, with the objects that it writes: those of a stream by the answers to them."""

    _answered: int = 0

    def identify(self, out: Reading) -> None:
        """Clusters are one product."""
        out.request_model = "cluster"

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one message of a batch without an end."""
        super().read_event(name, data)
        results = as_mapping(as_mapping(data).get("results"))
        self._answered += sum(self.counters.whole(results, key) or 0 for key in ("successes", "errors"))

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One request; the objects of a batch."""
        units: dict[str, Quantity] = {"requests": 1}
        written = self.counters.whole(self.asked, "objects") or self._answered
        if written:
            units["records"] = written
        out.usage = self.usage(units, "response" if self._answered else "request")


def _method(name: str, operation: str, request: Fields, answer: Fields) -> Endpoint:
    return Endpoint(
        operation=operation,
        kind="vector_db",
        methods=("POST",),
        path=LazyPattern(rf"/weaviate\.v1\.Weaviate/{name}"),
        reader=MessageReader,
        messages=MessageFields(request=request, answer=answer),
    )


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
        _method("Search", "search", {}, {}),
        _method("Aggregate", "aggregate", {}, {}),
        _method("BatchObjects", "batch", {"objects": Take.COUNT}, {}),
        _method("(?:BatchReferences|BatchDelete)", "batch", {}, {}),
        _method("BatchStream", "batch", {}, {"results": {"successes": Take.COUNT, "errors": Take.COUNT}}),
    ),
)
