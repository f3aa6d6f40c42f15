"""Every hand-worked example comes out to the last digit, and its receipt adds up."""

from datetime import datetime
from decimal import Decimal

import pytest
from unit.pricing_examples import EXAMPLES, Example

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.wire import Cost, Usage


def priced(example: Example) -> Cost:
    request = PriceRequest(
        provider=example.provider,
        operation=example.operation,
        request_model="a-deployment" if example.provider == "azure_openai" else example.model,
        response_model=example.model if example.provider == "azure_openai" else None,
        usage=Usage(units=example.units, source="response"),
        dimensions=example.dimensions,
        at_us=int(datetime.fromisoformat(example.at).timestamp()) * 1_000_000,
    )
    return price_call(request)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_amount_is_exact(example: Example) -> None:
    cost = priced(example)
    assert (cost.state, cost.usd) == (example.state, Decimal(example.usd)), cost.reason


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_receipt_explains_the_amount(example: Example) -> None:
    cost = priced(example)
    assert cost.usd is not None
    total = sum((line.quantity * line.rate_usd / line.per for line in cost.lines), Decimal(0))
    assert abs(total - cost.usd) <= Decimal("5e-13")
    for line in cost.lines:
        assert line.price_id.startswith(f"{example.provider}/{cost.model}/{line.unit}")
        assert line.rule
        assert line.source is not None
        assert line.source.startswith("https://")
