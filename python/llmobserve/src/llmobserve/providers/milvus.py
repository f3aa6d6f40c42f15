"""Zilliz Cloud (Milvus), over REST and gRPC. Serverless clusters state the cost of an operation.

It is in virtual compute units. The field is `cost` (https://docs.zilliz.com/reference/restful/search-v2, read
2026-11-21); without it the cluster is a dedicated one, billed by the hour. Over gRPC the same figure is `report_value`
of the status, which pymilvus 3.0 gives out as `cost`.
"""

from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.providers.message_fields import MessageFields, Take
from llmobserve.providers.quantities import as_mapping
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
        self.take_code(out, self.body.get("code"), self.body.get("message"))
        written = len(as_items(self.asked.get("data"))) if out.operation in ("insert", "upsert") else 0
        self.take_cost(out, self.counters.fraction(self.body, "cost"), written)

    def take_code(self, out: Reading, code: Any, message: Any) -> None:
        """Put an error in, where the code says that there was one."""
        if code not in (None, 0, 200):
            out.error_type = f"code_{code}" if isinstance(code, int) else "error"
            out.error_message = text_or_none(message)

    def take_cost(self, out: Reading, cost: Decimal | None, written: int) -> None:
        """Put the usage in: compute units where they are stated, else one request."""
        details: dict[str, Quantity] = {"records": written} if written else {}
        if cost is not None:
            out.request_model = "serverless"
            out.usage = self.usage({"compute_units": cost}, "response", details=details)
        else:
            out.usage = self.usage({"requests": 1}, "request", details=details)


class MessageReader(OperationReader):
    """Reads one operation over gRPC."""

    def identify(self, out: Reading) -> None:
        """As over REST; the operation is the method's."""
        super().identify(out)
        out.operation = _METHODS.get(self.named("method") or "")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Compute units, else one request."""
        status = as_mapping(self.body.get("status"))
        self.take_code(out, status.get("code"), status.get("reason"))
        cost = self.counters.fraction(as_mapping(status.get("extra_info")), "report_value")
        # What is not stated is left out or 0 in the map, depending on the server.
        self.take_cost(out, cost or None, self.counters.whole(self.asked, "num_rows") or 0)


_METHODS = {
    "Search": "search",
    "HybridSearch": "hybrid_search",
    "Query": "query",
    "Insert": "insert",
    "Upsert": "upsert",
    "Delete": "delete",
}

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
        Endpoint(
            operation="entities",
            kind="vector_db",
            methods=("POST",),
            path=LazyPattern(rf"/milvus\.proto\.milvus\.MilvusService/(?P<method>{'|'.join(_METHODS)})"),
            reader=MessageReader,
            messages=MessageFields(
                request={"num_rows": Take.VALUE},
                answer={"status": {"code": Take.VALUE, "reason": Take.VALUE, "extra_info": Take.VALUE}},
            ),
        ),
    ),
)
