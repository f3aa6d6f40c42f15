"""What the provider served and what the collector bills, in the same form; the prices are worked out by hand."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.request import Request

from e2e.collector import Collector, wait_until

from llmobserve.demo_provider import Entry

__all__ = ["Bill", "LiveCollector", "Project", "served"]

# openai.com/api/pricing and claude.com/pricing, 2026-11, in US dollars a million tokens: input, cached input, output.
# Every answer of the demo provider has 56 fresh, 64 cached and 30 output tokens; a text embedded is 8 tokens.
_CALL_USD = {
    "gpt-4o-mini": Decimal("0.0000312"),  # 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths
    "gpt-4o": Decimal("0.00052"),  # 56 × 2.50 + 64 × 1.25 + 30 × 10 = 520
    "gpt-4.1": Decimal("0.000384"),  # 56 × 2 + 64 × 0.50 + 30 × 8 = 384
    "gpt-4.1-mini": Decimal("0.0000768"),  # 56 × 0.40 + 64 × 0.10 + 30 × 1.60 = 76.8
    "gpt-4.1-nano": Decimal("0.0000192"),  # 56 × 0.10 + 64 × 0.025 + 30 × 0.40 = 19.2
    "claude-haiku-4-5": Decimal("0.0002124"),  # 56 × 1 + 64 × 0.10 + 30 × 5 = 212.4
    "claude-sonnet-4-5": Decimal("0.0006372"),  # 56 × 3 + 64 × 0.30 + 30 × 15 = 637.2
    "claude-opus-4-5": Decimal("0.001062"),  # 56 × 5 + 64 × 0.50 + 30 × 25 = 1062
}
_EMBEDDED_TEXT_USD = Decimal("0.00000016")  # text-embedding-3-small: 8 × 0.02 = 0.16 millionths


@dataclass(frozen=True)
class Bill:
    """Calls by model and what they are, and the sum."""

    calls: Counter[tuple[Any, ...]] = field(default_factory=Counter[tuple[Any, ...]])
    """(provider, model, failed, input tokens, cached tokens, output tokens, cost) → how many such calls."""
    usd: Decimal = Decimal(0)

    @property
    def count(self) -> int:
        return self.calls.total()

    def without_usage(self, model: str) -> "Bill":
        """What can be known where the calls of `model` tell no usage."""
        calls, usd = Counter(self.calls), self.usd
        for call, count in self.calls.items():
            if call[1] == model:
                del calls[call]
                calls[(*call[:3], None, None, None, None)] += count
                usd -= call[-1] * count
        return Bill(calls, usd)


def served(ledger: Iterable[Entry]) -> Bill:
    """What the provider would charge."""
    calls: Counter[tuple[Any, ...]] = Counter()
    total = Decimal(0)
    for entry in ledger:
        if entry.status != 200:
            calls[entry.provider, entry.model, True, None, None, None, None] += 1
            continue
        if entry.operation == "embeddings":
            tokens, cached, output = entry.usage["prompt_tokens"], None, None
            usd = _EMBEDDED_TEXT_USD * (tokens // 8)
        else:
            tokens, cached, output = 120, 64, 30
            usd = _CALL_USD[entry.model]
        calls[entry.provider, entry.model, False, tokens, cached, output, usd] += 1
        total += usd
    return Bill(calls, total)


@dataclass(frozen=True)
class Project:
    """A project of its own for one program, with its key."""

    collector: "LiveCollector"
    id: str
    key: str

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Records that are charged."""
        rows = self.collector.calls(project=self.id)
        return [row for row in rows if row["merged_into"] is None]

    @property
    def merged(self) -> list[dict[str, Any]]:
        """Records of the same calls that are not charged."""
        rows = self.collector.calls(project=self.id)
        return [row for row in rows if row["merged_into"] is not None]

    def bill(self) -> Bill:
        """What the collector says was spent: its list of calls, and its totals, which have to agree."""
        calls: Counter[tuple[Any, ...]] = Counter()
        for row in self.calls:
            failed = row["status"] == "error"
            cost = None if row["cost_usd"] is None else Decimal(row["cost_usd"])
            if failed:
                assert not cost  # free where the instrumentation tells the status, else unknown
                cost = None
            tokens = (row["input_tokens"], row["cache_read_tokens"] or None, row["output_tokens"])
            calls[(row["provider"], row["model"], failed, *tokens, cost)] += 1
        total = self.collector.get("totals", project=self.id)["total"]
        assert total["spend"]["calls"] == calls.total()
        return Bill(calls, Decimal(total["spend"]["cost_usd"]))

    def wait_for(self, expected: Bill, within_s: float = 20.0) -> Bill:
        """The bill, once it has as many calls as expected; what it is at the end of the time otherwise."""
        with suppress(AssertionError):
            wait_until(lambda: self.bill().count >= expected.count, within_s)
        return self.bill()


class LiveCollector(Collector):
    """A collector in a process of its own that makes projects and keys."""

    def new_project(self, name: str) -> Project:
        """A project with a key that may only send."""
        self._post("projects", {"id": name, "name": name})
        key = self._post("keys", {"name": name, "scope": "ingest", "project_id": name})["secret"]
        return Project(self, name, key)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        request = Request(f"{self.url}/api/v1/{path}", json.dumps(body).encode(), headers)
        with self._opener.open(request, timeout=30) as answer:
            return json.load(answer)
