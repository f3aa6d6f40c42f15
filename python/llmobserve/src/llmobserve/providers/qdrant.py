"""Qdrant, over REST and gRPC. Clusters are billed by their size, so operations are counted and have no price.

Only inference is billed by use: the answer states the tokens of each model in `usage.inference`
(https://api.qdrant.tech/api-reference, read 2026-11-21). gRPC: schema of qdrant-client 1.20 (`qdrant.Points`).
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.providers.message_fields import Fields, MessageFields, Take
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_MOST_MODELS = 16


class OperationReader(CallReader):
    """Reads one operation."""

    def identify(self, out: Reading) -> None:
        """Clusters are one product."""
        out.request_model = "cluster"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The searches of the request and the points it writes; inference is a charge of each model."""
        units: dict[str, Quantity] = {"requests": self.searches() or 1}
        points = self.points()
        if points:
            units["records"] = points
        usage = as_mapping(self.body.get("usage"))
        out.usage = self.usage(units, "request", raw=dict(usage) or None)
        models = as_mapping(as_mapping(usage.get("inference")).get("models"))
        for model, spent in list(models.items())[:_MOST_MODELS]:
            tokens = self.counters.whole(as_mapping(spent), "tokens")
            if tokens:
                said = self.usage({"input_text_tokens": tokens}, "response")
                out.items.append(Reading(request_model=model, usage=said, kind="embedding", operation="inference"))

    def error(self) -> tuple[str | None, str | None]:
        """Qdrant says what is wrong in its status."""
        message = text_or_none(as_mapping(self.body.get("status")).get("error"))
        return ("provider_error", message) if message else super().error()

    def searches(self) -> int:
        """How many searches the request holds, 0 where it is no list of them."""
        return len(as_items(self.asked.get("searches")))

    def points(self) -> int:
        """How many points the request writes, as far as it lists them."""
        if self.request.method != "PUT":
            return 0
        batch = as_mapping(self.asked.get("batch"))
        return len(as_items(self.asked.get("points"))) or len(as_items(batch.get("ids")))


class MessageReader(OperationReader):
    """Reads one operation over gRPC, where lists come as their length."""

    def searches(self) -> int:
        """How many searches the request holds, 0 where it is no list of them."""
        return sum(self.counters.whole(self.asked, key) or 0 for key in _SEARCHES)

    def points(self) -> int:
        """How many points the request writes, as far as it lists them."""
        listed: list[Mapping[str, Any]] = [self.asked]
        for operation in as_items(self.asked.get("operations")):
            listed += map(as_mapping, as_mapping(operation).values())
        return sum(self.counters.whole(fields, "points") or 0 for fields in listed)


_SEARCHES = ("search_points", "recommend_points", "discover_points", "query_points")
_POINTS: Fields = {"points": Take.COUNT}
_USAGE: Fields = {
    "hardware": dict.fromkeys(
        (
            *("cpu", "payload_io_read", "payload_io_write", "payload_index_io_read", "payload_index_io_write"),
            *("vector_io_read", "vector_io_write"),
        ),
        Take.VALUE,
    ),
    "inference": {"models": {"tokens": Take.VALUE}},
}


def _methods(names: str, operation: str, request: Fields) -> Endpoint:
    return Endpoint(
        operation=operation,
        kind="vector_db",
        methods=("POST",),
        path=LazyPattern(rf"/qdrant\.Points/(?:{names})"),
        reader=MessageReader,
        messages=MessageFields(request=request, answer={"usage": _USAGE}),
    )


_COLLECTION = r"/collections/[^/]+"

PROVIDER = Provider(
    name="qdrant",
    endpoints=(
        Endpoint(
            operation="search",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(
                _COLLECTION + r"/(?:points/(?:query|search|recommend|discover)(?:/batch|/groups)?|facet|points/scroll)"
            ),
            reader=OperationReader,
            bulk_keys=(b"vector",),
        ),
        Endpoint(
            operation="write",
            kind="vector_db",
            methods=("PUT", "POST"),
            path=LazyPattern(
                _COLLECTION + r"/points(?:/(?:delete|payload|payload/delete|vectors|vectors/delete|batch))?"
            ),
            reader=OperationReader,
            bulk_keys=(b"vector",),
        ),
        Endpoint(
            operation="count",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(_COLLECTION + r"/points/count"),
            reader=OperationReader,
        ),
        _methods(
            "(?:Search|Recommend|Discover|Query)(?:Batch|Groups)?|SearchMatrix(?:Pairs|Offsets)|Scroll|Facet|Get",
            "search",
            dict.fromkeys(_SEARCHES, Take.COUNT),
        ),
        _methods("Upsert|UpdateVectors", "write", _POINTS),
        _methods("UpdateBatch", "write", {"operations": {"upsert": _POINTS, "update_vectors": _POINTS}}),
        _methods("Delete(?:Vectors|Payload)?|(?:Set|Overwrite|Clear)Payload", "write", {}),
        _methods("Count", "count", {}),
    ),
)
