"""Tavily: web search, extraction, maps, crawls and research, charged in credits.

An answer states `usage.credits` when that was asked for; else they follow from the documented table: a search is 1, an
advanced one 2; five extracted pages 1 (advanced 2); ten mapped pages 1 (with instructions 2)
(https://docs.tavily.com/documentation/api-credits, read 2026-11-21).
"""

from decimal import Decimal

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, is_on, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import UsageSource

__all__ = ["PROVIDER"]

_PAGES_PER_EXTRACT_CREDIT = 5
_PAGES_PER_MAP_CREDIT = 10


class CreditReader(CallReader):
    """Reads one operation of any kind."""

    def identify(self, out: Reading) -> None:
        """The operation is the product; the depth decides the credits."""
        out.operation = self.named("operation") or "search"
        out.request_model = out.operation
        if depth := text_or_none(self.asked.get("search_depth") or self.asked.get("extract_depth")):
            out.dimensions["depth"] = depth
        if self.want_content:
            out.input = self.asked.get("query") or self.asked.get("input") or self.asked.get("url")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits by the answer, else by the table."""
        usage = as_mapping(self.body.get("usage"))
        stated = self.counters.fraction(usage, "credits")
        out.response_id = text_or_none(self.body.get("request_id"))
        if stated is not None:
            out.usage = self.usage({"credits": stated}, "response", raw=dict(usage))
            return
        credit, source = self._by_table(out.operation or "")
        out.usage = self.usage({} if credit is None else {"credits": credit}, source)

    def _by_table(self, operation: str) -> tuple[Decimal | None, UsageSource]:
        """Credits and how far they are known. Pages are charged by the block over several requests: a share of one."""
        pages = Decimal(len(as_items(self.body.get("results"))))
        advanced = 2 if self.asked.get("extract_depth") == "advanced" else 1
        if operation == "search":
            if is_on(self.asked.get("auto_parameters")):
                return Decimal(2), "estimated"
            return Decimal(2 if self.asked.get("search_depth") == "advanced" else 1), "request"
        extracted = pages * advanced / _PAGES_PER_EXTRACT_CREDIT
        mapped = pages * (2 if self.asked.get("instructions") else 1) / _PAGES_PER_MAP_CREDIT
        if operation in ("extract", "map", "crawl") and self.body:
            return {"extract": extracted, "map": mapped, "crawl": extracted + mapped}[operation], "estimated"
        return None, "unknown"


class ResearchReader(CreditReader):
    """Reads research that was ordered earlier: it counts once it is complete."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits where they are stated."""
        super().describe(out, ended_early=ended_early)
        out.request_model = out.operation = "research"
        out.remote_id = text_or_none(self.body.get("request_id"))
        out.pending = self.body.get("status") not in ("completed", "failed")


PROVIDER = Provider(
    name="tavily",
    endpoints=(
        Endpoint(
            operation="search",
            kind="search",
            methods=("POST",),
            path=LazyPattern(r"/(?P<operation>search|extract|map|crawl)"),
            reader=CreditReader,
        ),
        Endpoint(
            operation="research",
            kind="search",
            methods=("GET",),
            path=LazyPattern(r"/research/(?P<request>[^/]+)"),
            reader=ResearchReader,
        ),
    ),
    request_id_headers=("x-request-id",),
)
