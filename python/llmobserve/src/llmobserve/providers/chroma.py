"""Chroma Cloud. It bills bytes that are written, scanned and returned, which no answer states: operations are counted.

Paths: https://docs.trychroma.com/reference/server, read 2026-11-21. Embedded Chroma is no network traffic.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]


class OperationReader(CallReader):
    """Reads one operation."""

    def identify(self, out: Reading) -> None:
        """Databases are one product."""
        out.request_model = "database"
        out.operation = self.named("operation")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One query for each vector or search that is asked for; the records that are written."""
        asked = self.asked
        queries = len(as_items(asked.get("query_embeddings"))) or len(as_items(asked.get("searches"))) or 1
        units: dict[str, Quantity] = {"requests": queries}
        if out.operation in ("add", "upsert", "update"):
            units["records"] = len(as_items(asked.get("ids")))
        out.usage = self.usage(units, "request")


PROVIDER = Provider(
    name="chroma",
    endpoints=(
        Endpoint(
            operation="collection",
            kind="vector_db",
            methods=("POST", "GET"),
            path=LazyPattern(
                r"/api/v2/tenants/[^/]+/databases/[^/]+/collections/[^/]+"
                r"/(?P<operation>add|upsert|update|get|query|search|delete|count)"
            ),
            reader=OperationReader,
        ),
    ),
    request_id_headers=("chroma-trace-id",),
)
