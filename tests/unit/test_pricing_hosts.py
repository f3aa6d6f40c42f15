"""Amounts of calls to the providers beside OpenAI and Anthropic, and what the engine does for them alone."""

from datetime import datetime
from decimal import Decimal

import pytest
from unit.pricing_examples_hosts import EXAMPLES, Example

from llmobserve.pricing import PriceRequest, price_amount, price_call
from llmobserve.wire import Usage


def request(example: Example, *, end_us: int | None = None) -> PriceRequest:
    return PriceRequest(
        provider=example.provider,
        operation="chat.completions",
        response_model=example.model,
        usage=Usage(units=example.units, source="response"),
        dimensions=example.dimensions,
        at_us=int(datetime.fromisoformat(example.at).timestamp()) * 1_000_000,
        end_us=end_us,
        http_status=200,
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_amount_is_the_one_worked_out_by_hand(name: str) -> None:
    example = EXAMPLES[name]
    expected = None if example.usd is None else Decimal(example.usd)
    cost = price_call(request(example))
    assert (cost.usd, cost.state) == (expected, example.state), cost.reason
    # Twice: the second answer comes from what the first one remembered.
    assert price_amount(request(example)) == (example.state, expected)
    assert price_amount(request(example)) == (example.state, expected)
    if cost.state in ("unpriced", "estimated", "free"):
        assert cost.reason


def test_the_receipt_shows_the_billed_quantity_and_the_minimum() -> None:
    cost = price_call(request(EXAMPLES["minimum:whisper-short"]))
    (line,) = cost.lines
    assert (line.quantity, line.rate_usd, line.per) == (10, Decimal("0.111"), 3600)
    assert "ten seconds" in line.rule


def test_the_end_of_a_call_decides_where_the_provider_says_so() -> None:
    # Begun at 00:59:59, complete ten seconds later, in peak hours: 1000×1.32
    before = EXAMPLES["clock:before"]
    start_us = request(before).at_us
    assert price_call(request(before, end_us=start_us + 10_000_000)).usd == Decimal("0.00132")
    assert price_amount(request(before, end_us=start_us + 10_000_000)) == ("priced", Decimal("0.00132"))


def test_the_rule_names_the_peak_hours() -> None:
    cost = price_call(request(EXAMPLES["clock:peak"]))
    assert all("peak hours" in line.rule for line in cost.lines)
    assert all(line.source and line.source.startswith("https://api-docs.deepseek.com") for line in cost.lines)


def test_a_queue_of_calls_through_the_hours_is_priced_by_the_hour_of_each() -> None:
    # 24 calls of one Tuesday, 1000 tokens each: 7 hours at 1.32 and 17 at 0.66 = 9.24 + 11.22 = 20.46 thousandths
    example = EXAMPLES["clock:peak"]
    total = Decimal(0)
    for hour in range(24):
        one = example._replace(units={"input_text_tokens": 1000}, at=f"2026-11-10T{hour:02}:30:00+00:00")
        total += price_call(request(one)).usd or Decimal(0)
    assert total == Decimal("0.02046")


def test_a_model_that_the_lists_dispute_says_so() -> None:
    example = EXAMPLES["xai:grok-4.3"]._replace(model="grok-code-fast-1")
    cost = price_call(request(example))
    assert (cost.state, cost.usd) == ("unpriced", None)
    assert cost.reason is not None
    assert "disagree" in cost.reason
