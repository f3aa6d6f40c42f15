"""Zilliz Cloud (Milvus) over REST. Serverless clusters state the cost of an operation in virtual compute units.

The field is `cost` (https://docs.zilliz.com/reference/restful/search-v2, read 2026-11-21); without it the cluster is
a dedicated one, billed by the hour. The Python client goes over gRPC.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]


class OperationReader(CallReader):
    """Reads one operation."""

    def identify(self, out: Reading) -> None:
        """Whether the cluster is serverless is known from the answer only."""
        out.request_model = "dedicated"
        out.operation = self.named("operation")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Compute units, else one request."""
        code = self.body.get("code")
        if code not in (None, 0, 200):
            out.error_type = f"code_{code}" if isinstance(code, int) else "error"
            out.error_message = text_or_none(self.body.get("message"))
        cost = self.counters.fraction(self.body, "cost")
        written = len(as_items(self.asked.get("data"))) if out.operation in ("insert", "upsert") else 0
        details: dict[str, Quantity] = {"records": written} if written else {}
        if cost is not None:
            out.request_model = "serverless"
            out.usage = self.usage({"compute_units": cost}, "response", details=details)
        else:
            out.usage = self.usage({"requests": 1}, "request", details=details)


PROVIDER = Provider(
    name="milvus",
    endpoints=(
        Endpoint(
            operation="entities",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(
                r"/v[12]/vectordb/(?:entities/)?(?P<operation>search|hybrid_search|advanced_search|query|get|insert|upsert|delete)"
            ),
            reader=OperationReader,
        ),
    ),
)
