"""For the tests of applications: what would have been recorded, as plain objects; no collector, no file is left."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from typing import Any, TypeVar

from llmobserve import lifecycle
from llmobserve.pricing import price_event
from llmobserve.transport.memory import MemoryTransport
from llmobserve.wire import (
    CallEvent,
    ContentRecord,
    Context,
    Cost,
    ErrorInfo,
    FactRecord,
    ScoreRecord,
    SpanEvent,
    Usage,
)

__all__ = ["Captured", "captured", "dollars"]

R = TypeVar("R")

_WAIT_S = 5.0
_TUPLES = frozenset({"flags", "tags"})
"""Fields that are lists on the wire."""


class Captured:
    """What was recorded inside the block, up to now. Every property may be read inside the block and after it."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    @property
    def calls(self) -> list[CallEvent]:
        """The calls in the order in which they ended, each once: by its last revision."""
        latest: dict[str, CallEvent] = {}
        for record in self._records("call"):
            call = _call(record)
            known = latest.get(call.event_id)
            if known is None or known.revision <= call.revision:
                latest[call.event_id] = call
        return list(latest.values())

    @property
    def spans(self) -> list[SpanEvent]:
        """Runs and sections, each once: as it ended, or `running` when a call inside it is all that is known yet."""
        latest: dict[str, SpanEvent] = {}
        for record in self._records("span"):
            span = _made(SpanEvent, record, error=_error(record), context=_context(record))
            known = latest.get(span.event_id)
            if known is None or known.status == "running":
                latest[span.event_id] = span
        return list(latest.values())

    @property
    def contents(self) -> dict[str, ContentRecord]:
        """Prompts and answers by the `event_id` of their call, where content is captured."""
        return {record["event_id"]: _made(ContentRecord, record) for record in self._records("content")}

    @property
    def scores(self) -> list[ScoreRecord]:
        """What was judged, by `llmobserve.score` and by evaluations."""
        return [
            _made(ScoreRecord, record, context=_context(record), value=_decimal(record.get("value")))
            for record in self._records("score")
        ]

    @property
    def facts(self) -> list[FactRecord]:
        """What the application said about its calls: routing, cache, quality, tracking."""
        return [_made(FactRecord, record, context=_context(record)) for record in self._records("fact")]

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

    def _records(self, kind: str) -> list[dict[str, Any]]:
        lifecycle.flush(_WAIT_S)
        return [record for record in self._transport.events if record["type"] == kind]


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


def _call(record: Mapping[str, Any]) -> CallEvent:
    usage = record.get("usage", {})
    return _made(
        CallEvent,
        record,
        error=_error(record),
        context=_context(record),
        usage=_made(Usage, usage, units=_quantities(usage, "units"), details=_quantities(usage, "details")),
        reported_cost_usd=_decimal(record.get("reported_cost_usd")),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _quantities(usage: Mapping[str, Any], key: str) -> dict[str, int | Decimal]:
    """Whole numbers as they are; fractional ones travel as text."""
    return {unit: Decimal(n) if isinstance(n, str) else n for unit, n in usage.get(key, {}).items()}


def _error(record: Mapping[str, Any]) -> ErrorInfo | None:
    return _made(ErrorInfo, record["error"]) if "error" in record else None


def _context(record: Mapping[str, Any]) -> Context:
    return _made(Context, record.get("context", {}))


def _made(kind: type[R], record: Mapping[str, Any], **given: Any) -> R:
    """The record as an object; what the wire leaves out has its default."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    values = {name: value for name, value in record.items() if name in known}
    for name in _TUPLES & values.keys():
        values[name] = tuple(values[name])
    return kind(**{**values, **given})
