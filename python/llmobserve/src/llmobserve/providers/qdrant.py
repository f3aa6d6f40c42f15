"""Qdrant over REST. Clusters are billed by their size, so operations are counted and have no price.

Only inference is billed by use: the answer states the tokens of each model in `usage.inference`
(https://api.qdrant.tech/api-reference, read 2026-11-21).
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
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
        units: dict[str, Quantity] = {"requests": len(as_items(self.asked.get("searches"))) or 1}
        points = self._points()
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

    def _points(self) -> int:
        if self.request.method != "PUT":
            return 0
        batch = as_mapping(self.asked.get("batch"))
        return len(as_items(self.asked.get("points"))) or len(as_items(batch.get("ids")))


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
    ),
)
