"""What another tool reckons a call cost: taken only where the price book says nothing, and then said so."""

from decimal import Decimal
from typing import Any

from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent, Usage

AT_US = 1_795_000_000_000_000
UNITS = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}


def told(transport: str = "otlp", **changes: Any) -> CallEvent:
    fields: dict[str, Any] = {
        "event_id": "e",
        "kind": "llm",
        "provider": "openai",
        "operation": "chat.completions",
        "request_model": "gpt-4.1-mini",
        "start_time_us": AT_US,
        "usage": Usage(units=UNITS, source="response"),
        "transport": transport,
    }
    return CallEvent(**{**fields, **changes})


def test_our_price_stands_beside_another_figure() -> None:
    # 56 x $0.40 + 64 x $0.10 + 30 x $1.60, each a million
    cost = price_event(told(reported_cost_usd=Decimal("0.5")))
    assert (cost.state, cost.usd, cost.reason) == ("priced", Decimal("0.0000768"), None)


def test_the_figure_is_taken_where_no_price_is_known() -> None:
    cost = price_event(told(request_model="no-such-model", reported_cost_usd=Decimal("0.0123")))
    assert (cost.state, cost.usd, cost.lines) == ("estimated", Decimal("0.0123"), ())
    assert cost.reason is not None
    assert "what the sender of the record reckons" in cost.reason
    assert "no-such-model" in cost.reason


def test_zero_is_no_figure() -> None:
    cost = price_event(told(request_model="no-such-model", reported_cost_usd=Decimal(0)))
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_what_a_provider_states_on_the_wire_still_wins() -> None:
    cost = price_event(told("httpx2", reported_cost_usd=Decimal("0.5")))
    assert (cost.state, cost.usd) == ("provider_reported", Decimal("0.5"))


def test_a_sum_of_calls_is_an_estimate() -> None:
    cost = price_event(told(usage=Usage(units=UNITS, source="response", flags=("aggregate",))))
    assert (cost.state, cost.usd) == ("estimated", Decimal("0.0000768"))
    assert cost.reason == "The usage is the sum of several calls, of which none is known by itself."
