"""Random applications: traces with holes and circles, and calls that several tools tell of, each in its own way."""

from random import Random
from typing import Any

from server.merging_rows import native_call, otlp_call, otlp_span

__all__ = ["scenario", "split"]

_NO_USAGE: dict[str, Any] = {"units": None, "input_tokens": None, "usage_source": "unknown"}
Rows = list[dict[str, Any]]


class _Application:
    """Makes the records of one application."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.rows: Rows = []
        self._traces: list[tuple[str, Rows]] = []

    def _id(self) -> str:
        return f"e{len(self.rows):03d}"

    def _often(self, share: float) -> bool:
        return self._dice.random() < share

    def add_trace(self) -> None:
        dice, trace, spans, at_ms = self._dice, f"trace-{len(self._traces)}", Rows(), 0
        for _ in range(dice.randint(0, 5)):
            event_id = self._id()
            parent = dice.choice([None, "missing", event_id, *(span["span_id"] for span in spans)])
            kind = dice.choice(["agent", "tool", "workflow", "step", "other"])
            facts: dict[str, Any] = {"kind": kind, "trace_id": trace, "parent_span_id": parent}
            if kind != "other":
                facts["section_path"] = f"{kind}:{event_id}"
            for name, value, share in (
                ("session_id", dice.choice(["s1", "s2"]), 0.3),
                ("customer_id", "c1", 0.2),
                ("run_name", f"run of {event_id}", 0.0 if parent else 0.7),
                ("run_id", "told", 0.1),
            ):
                if self._often(share):
                    facts[name] = value
            spans.append(otlp_span(event_id, at_ms=at_ms, ms=dice.choice([10, 2000, 20_000]), **facts))
            self.rows.append(spans[-1])
            at_ms += dice.choice([0, 1, 50, 3000])
        if spans and self._often(0.15):
            dice.choice(spans)["parent_span_id"] = dice.choice(spans)["span_id"]
        self._traces.append((trace, spans))
        for span in spans:
            if self._often(0.15):
                facts = {"trace_id": trace, "parent_span_id": span["span_id"], "usage_flags": ["aggregate"]}
                total = otlp_call(self._id(), "framework", 0, span["duration_ms"], **facts)
                self.rows.append({**total, "start_time": span["start_time"]})

    def _place(self) -> dict[str, Any]:
        trace, spans = self._dice.choice([*self._traces, (f"alone-{len(self.rows)}", Rows())])
        return {"trace_id": trace, "parent_span_id": self._dice.choice([None, *(span["span_id"] for span in spans)])}

    def add_call(self, number: int, at_ms: float) -> None:
        """A call as spans of several scopes, as records of ours, of the gateway and by hand, or as a stream."""
        dice = self._dice
        ms, status = dice.choice([5, 20, 100, 5000]), dice.choice(["ok", "ok", "error"])
        answer = None if status == "error" or self._often(0.35) else dice.choice([f"r{number}", f"r{number}", "same"])
        request = f"q{number}" if self._often(0.4) else None
        shared: dict[str, Any] = {
            "provider": dice.choice(["openai", "openai", "anthropic"]),
            "request_model": dice.choice(["m1", "m1", "m2"]),
            "kind": dice.choice(["llm", "llm", "embedding"]),
            "status": status,
            "operation": "op",
        }
        inside = self._add_spans(shared, at_ms, ms, answer, request)
        ids = {"response_id": answer, "request_id": request}
        if self._often(0.5):
            around = inside if inside and self._often(0.5) else {}
            for attempt in range(dice.choice([1, 1, 2])):
                own = {**shared, **around, "response_id": None if attempt else answer, "request_id": request}
                self.rows.append(native_call(self._id(), at_ms + 1, max(1, ms - 3), **own))
        if self._often(0.25):
            facts = {"transport": "gateway", "is_exchange": False, **shared, **ids}
            self.rows.append(native_call(self._id(), at_ms + 2, ms, **facts))
        if self._often(0.25):
            facts = {"transport": "manual", "is_exchange": False, "customer_id": "by hand", **shared, **ids}
            if self._often(0.5):
                facts["response_id"] = None
            self.rows.append(native_call(self._id(), at_ms + 30, 0, **facts))
        if self._often(0.2):
            place = self._place()
            stream = {**shared, "status": "ok"}
            self.rows.append(otlp_call(self._id(), "logfire", at_ms, 2, **{**stream, **_NO_USAGE, **place}))
            facts = {**stream, **(place if self._often(0.5) else self._place()), "usage_flags": ["carrier"]}
            self.rows.append(otlp_call(self._id(), "logfire", at_ms + 3, dice.choice([0, 50]), **facts))

    def _add_spans(
        self, shared: dict[str, Any], at_ms: float, ms: float, answer: str | None, request: str | None
    ) -> dict[str, Any]:
        """Spans of the call by some scopes; where the innermost one encloses something."""
        dice, inside = self._dice, dict[str, Any]()
        service = dice.choice([None, "app", "app"])
        for scope in dice.sample(["a", "b", "sdk"], dice.randint(0, 3)):
            facts: dict[str, Any] = {**shared, **(inside if inside and self._often(0.5) else self._place())}
            facts |= {"service": service, "response_id": answer if self._often(0.7) else None}
            facts |= {"request_id": request if self._often(0.3) else None}
            facts |= {"session_id": "s3"} if self._often(0.2) else {}
            facts |= _NO_USAGE if self._often(0.2) else {}
            facts |= {"units": {"a": 1, "b": 2}, "input_tokens": 500} if self._often(0.1) else {}
            row = otlp_call(self._id(), scope, at_ms - dice.choice([0, 1, 3]), ms + dice.choice([0, 2, 6, 8]), **facts)
            self.rows.append(row)
            inside = {"trace_id": row["trace_id"], "parent_span_id": row["span_id"]}
        return inside


def scenario(dice: Random) -> Rows:
    """The records of a random application."""
    made = _Application(dice)
    for _ in range(dice.randint(1, 4)):
        made.add_trace()
    at_ms = 0.0
    for number in range(dice.randint(1, 7)):
        at_ms += dice.choice([0, 1, 5, 20, 400, 40_000])
        made.add_call(number, at_ms)
    return made.rows


def split(dice: Random, rows: Rows) -> list[tuple[Rows, bool]]:
    """The rows in another order, in batches, one of which comes twice; and whether each is one OTLP request."""
    left, batches = dice.sample(rows, len(rows)), list[tuple[Rows, bool]]()
    while left:
        size = dice.choice([1, 1, 2, 3, 10, 100])
        batches.append((left[:size], dice.random() < 0.7))
        left = left[size:]
    if batches:
        batches.append(dice.choice(batches))
    return batches
