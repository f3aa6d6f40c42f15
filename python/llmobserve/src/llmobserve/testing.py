"""For the tests of applications: what would have been recorded, as plain objects; no collector, no file is left."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from llmobserve import lifecycle
from llmobserve.pricing import price_event
from llmobserve.transport.memory import MemoryTransport
from llmobserve.wire import CallEvent, ContentRecord, Cost, FactRecord, ScoreRecord, SpanEvent
from llmobserve.wire.reading import record_from

__all__ = ["Captured", "captured", "dollars"]

R = TypeVar("R")

_WAIT_S = 5.0


class Captured:
    """What was recorded inside the block, up to now. Every property may be read inside the block and after it."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    @property
    def calls(self) -> list[CallEvent]:
        """The calls in the order in which they ended, each once: by its last revision."""
        latest: dict[str, CallEvent] = {}
        for call in self._records(CallEvent):
            known = latest.get(call.event_id)
            if known is None or known.revision <= call.revision:
                latest[call.event_id] = call
        return list(latest.values())

    @property
    def spans(self) -> list[SpanEvent]:
        """Runs and sections, each once: as it ended, or `running` when a call inside it is all that is known yet."""
        latest: dict[str, SpanEvent] = {}
        for span in self._records(SpanEvent):
            known = latest.get(span.event_id)
            if known is None or known.status == "running":
                latest[span.event_id] = span
        return list(latest.values())

    @property
    def contents(self) -> dict[str, ContentRecord]:
        """Prompts and answers by the `event_id` of their call, where content is captured."""
        return {content.event_id: content for content in self._records(ContentRecord)}

    @property
    def scores(self) -> list[ScoreRecord]:
        """What was judged, by `llmobserve.score` and by evaluations."""
        return self._records(ScoreRecord)

    @property
    def facts(self) -> list[FactRecord]:
        """What the application said about its calls: routing, cache, quality, tracking."""
        return self._records(FactRecord)

    @property
    def call(self) -> CallEvent:
        """The only call. Raises AssertionError when there is none, or more than one."""
        calls = self.calls
        if len(calls) != 1:
            raise AssertionError(f"{len(calls)} calls were recorded, not one: {[one.operation for one in calls]}")
        return calls[0]

    @property
    def cost_usd(self) -> Decimal | None:
        """What all calls cost by the price book of this version; `None` when one of them has no known price."""
        total = Decimal(0)
        for call in self.calls:
            usd = self.cost_of(call).usd
            if usd is None:
                return None
            total += usd
        return total

    def assert_cost(self, *, max_usd: Decimal | str | int, allow_unpriced: bool = False) -> None:
        """Raise AssertionError when the calls cost more than `max_usd`, or may have.

        A call whose price is not known may have cost anything, unless `allow_unpriced`. No float is taken.
        """
        if isinstance(max_usd, float):
            raise TypeError(f"max_usd is {max_usd!r}: give the dollars as a string, an int or a Decimal")
        limit, known_usd, unpriced = Decimal(max_usd), Decimal(0), list[CallEvent]()
        for call in self.calls:
            usd = self.cost_of(call).usd
            known_usd += usd or 0
            if usd is None and not allow_unpriced:
                unpriced.append(call)
        if known_usd > limit:
            raise AssertionError(f"the calls cost {dollars(known_usd)}, more than {dollars(limit)}:\n{self._lines()}")
        if unpriced:
            number = "a call" if len(unpriced) == 1 else f"{len(unpriced)} calls"
            raise AssertionError(f"the price of {number} is not known:\n{self._lines()}")

    def _lines(self) -> str:
        lines: list[str] = []
        for call in self.calls:
            cost = self.cost_of(call)
            usd = f"unpriced ({cost.reason})" if cost.usd is None else dollars(cost.usd)
            lines.append(f"  {call.provider} {call.operation} {call.response_model or call.request_model}: {usd}")
        return "\n".join(lines)

    @staticmethod
    def cost_of(call: CallEvent) -> Cost:
        """Cost of one call with its receipt, by the price book of this version."""
        return price_event(call)

    def _records(self, kind: type[R]) -> list[R]:
        lifecycle.flush(_WAIT_S)
        made = map(record_from, self._transport.events)
        return [record for record in made if isinstance(record, kind)]


def dollars(usd: Decimal) -> str:
    """The amount with all its digits and no more, as `$0.0000312`."""
    return f"${usd.normalize():f}"


@contextmanager
def captured(**settings: Any) -> Generator[Captured]:
    """Record what happens in the block for the test that runs it, instead of for a collector.

    `settings` are those of `observe()`. Where the application calls `observe()` itself inside the block, its settings
    count, and its records come here all the same. What was observed before the block ends with it.
    """
    transport = MemoryTransport()
    with tempfile.TemporaryDirectory(prefix="llmobserve-") as directory, lifecycle.redirected(transport, directory):
        settings.setdefault("enabled", True)
        lifecycle.observe(**settings)
        try:
            yield Captured(transport)
        finally:
            lifecycle.shutdown(_WAIT_S)
