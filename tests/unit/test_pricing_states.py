"""When an amount is known, estimated, reported, free or unknown, and what the reason says."""

from collections.abc import Mapping
from decimal import Decimal, localcontext

import pytest

from llmobserve.pricing import PriceRequest, price_call, price_event
from llmobserve.pricing.book import load_price_book
from llmobserve.wire import CallEvent, Quantity, Usage, UsageSource

AT_US = 1_794_312_000_000_000  # 2026-11-10T12:00:00Z


def call(
    units: Mapping[str, Quantity] | None = None,
    *,
    provider: str = "openai",
    operation: str = "chat.completions",
    request_model: str | None = "gpt-4o",
    response_model: str | None = None,
    source: UsageSource = "response",
    flags: tuple[str, ...] = (),
    dimensions: Mapping[str, str] | None = None,
    reported: str | None = None,
    http_status: int | None = 200,
) -> PriceRequest:
    return PriceRequest(
        provider=provider,
        operation=operation,
        request_model=request_model,
        response_model=response_model,
        usage=Usage(units=units or {}, source=source, flags=flags),
        dimensions=dimensions or {},
        reported_cost_usd=None if reported is None else Decimal(reported),
        at_us=AT_US,
        http_status=http_status,
    )


TOKENS: dict[str, Quantity] = {"input_text_tokens": 1000, "output_text_tokens": 500}  # gpt-4o: 0.0075


def test_no_usage_is_unpriced_and_never_zero() -> None:
    cost = price_call(call())
    assert (cost.state, cost.usd) == ("unpriced", None)
    assert cost.reason is not None
    assert "no usage" in cost.reason
    assert cost.model == "gpt-4o"


def test_reported_zero_is_a_price_of_zero() -> None:
    cost = price_call(call({"input_text_tokens": 0, "output_text_tokens": 0}))
    assert (cost.state, cost.usd, cost.lines) == ("priced", Decimal(0), ())


def test_an_estimate_of_nothing_is_unpriced() -> None:
    cost = price_call(call({"input_text_tokens": 0}, source="estimated"))
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_estimated_usage_gives_an_estimated_amount() -> None:
    cost = price_call(call(TOKENS, source="estimated"))
    assert (cost.state, cost.usd) == ("estimated", Decimal("0.0075"))


@pytest.mark.parametrize("flag", ["partial", "sum_mismatch", "malformed"])
def test_doubtful_usage_gives_an_estimated_amount_with_the_doubt(flag: str) -> None:
    cost = price_call(call(TOKENS, flags=(flag,)))
    assert (cost.state, cost.usd) == ("estimated", Decimal("0.0075"))
    assert cost.reason


def test_unknown_model_names_the_nearest_and_does_not_use_it() -> None:
    cost = price_call(call(TOKENS, request_model="gpt-4oo"))
    assert (cost.state, cost.usd, cost.model, cost.lines) == ("unpriced", None, None, ())
    assert cost.reason is not None
    assert "'gpt-4oo'" in cost.reason
    assert "'gpt-4o'" in cost.reason


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-turbo",
        "gpt-4o-2024-13-45",
        "gpt-4o-20241345",
        "gpt-4o-mini-extra",
        "my-gpt-4o",
        "gpt-99",
        "ft:gpt-99:acme::x",
        "gpt-5.2-2025-12-11-preview",
        "",
    ],
)
def test_names_are_never_matched_loosely(name: str) -> None:
    assert price_call(call(TOKENS, request_model=name)).state == "unpriced"


def test_a_fine_tune_is_never_priced_as_its_base() -> None:
    tuned = price_call(call(TOKENS, request_model="ft:gpt-5.2:acme::x"))
    assert (tuned.state, tuned.usd) == ("unpriced", None)


def test_the_answer_names_the_model() -> None:
    # 1000×0.15 + 500×0.60
    cost = price_call(call(TOKENS, request_model="gpt-4o", response_model="gpt-4o-mini-2024-07-18"))
    assert (cost.state, cost.usd, cost.model) == ("priced", Decimal("0.00045"), "gpt-4o-mini")


def test_requested_model_stands_in_for_an_unknown_answer_as_an_estimate() -> None:
    cost = price_call(call(TOKENS, request_model="gpt-4o", response_model="gpt-4o-next"))
    assert (cost.state, cost.usd) == ("estimated", Decimal("0.0075"))
    assert cost.reason is not None
    assert "'gpt-4o-next'" in cost.reason


def test_azure_deployment_that_is_no_model_is_unpriced() -> None:
    cost = price_call(call(TOKENS, provider="azure_openai", request_model="prod-chat"))
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_azure_deployment_says_nothing_beside_an_answer() -> None:
    cost = price_call(
        call(TOKENS, provider="azure_openai", request_model="gpt-4o", response_model="somebody-elses-model")
    )
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_azure_deployment_named_like_a_model_is_an_estimate() -> None:
    cost = price_call(call(TOKENS, provider="azure_openai", request_model="gpt-4o"))
    assert (cost.state, cost.usd) == ("estimated", Decimal("0.0075"))


@pytest.mark.parametrize(
    ("dimensions", "word"),
    [
        ({"service_tier": "flex"}, "service_tier=flex"),
        ({"service_tier": "scale"}, "service_tier=scale"),
        ({"service_tier": "priority", "batch": "true"}, "batch=true"),
    ],
)
def test_conditions_without_a_price_are_not_ignored(dimensions: dict[str, str], word: str) -> None:
    cost = price_call(call(TOKENS, dimensions=dimensions))
    assert (cost.state, cost.usd) == ("unpriced", None)
    assert cost.reason is not None
    assert word in cost.reason


def test_azure_regional_deployment_is_unpriced() -> None:
    cost = price_call(
        call(TOKENS, provider="azure_openai", response_model="gpt-4o", dimensions={"deployment_type": "standard"})
    )
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_fast_mode_after_its_end_is_unpriced() -> None:
    request = call(
        TOKENS,
        provider="anthropic",
        operation="messages",
        request_model="claude-opus-4-6",
        dimensions={"speed": "fast"},
    )
    cost = price_call(request)
    assert cost.state == "unpriced"
    assert cost.reason is not None
    assert "at the time of the call" in cost.reason


def test_long_request_without_a_long_price_is_unpriced() -> None:
    units: dict[str, Quantity] = {"input_text_tokens": 272_001}
    cost = price_call(call(units, request_model="gpt-5.5", dimensions={"service_tier": "priority"}))
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_one_unit_without_a_price_leaves_the_whole_amount_open() -> None:
    cost = price_call(call({**TOKENS, "input_audio_tokens": 7}))
    assert (cost.state, cost.usd) == ("unpriced", None)
    assert [line.unit for line in cost.lines] == ["input_text_tokens", "output_text_tokens"]
    assert cost.reason is not None
    assert "input_audio_tokens" in cost.reason


def test_zero_of_an_unknown_unit_does_not_matter() -> None:
    assert price_call(call({**TOKENS, "input_audio_tokens": 0})).usd == Decimal("0.0075")


@pytest.mark.parametrize("quantity", [-1, 10**18, Decimal("NaN"), Decimal("Infinity"), Decimal("-0.5")])
def test_a_quantity_out_of_range_is_unpriced(quantity: Quantity) -> None:
    cost = price_call(call({"input_text_tokens": quantity}))
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_moderation_is_free_whatever_the_model() -> None:
    for model in ("omni-moderation-latest", "omni-moderation-2024-09-26", None):
        cost = price_call(call({"requests": 1}, operation="moderations", request_model=model))
        assert (cost.state, cost.usd) == ("free", Decimal(0))
        assert cost.reason


def test_a_local_cache_hit_is_free_though_the_answer_repeats_its_usage() -> None:
    cost = price_call(call(TOKENS, dimensions={"cache": "local_hit"}, reported="1"))
    assert (cost.state, cost.usd, cost.lines) == ("free", Decimal(0), ())


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
def test_an_error_answer_without_usage_is_not_billed(status: int) -> None:
    cost = price_call(call(http_status=status))
    assert (cost.state, cost.usd) == ("free", Decimal(0))
    assert cost.reason is not None
    assert str(status) in cost.reason


def test_an_error_answer_with_usage_is_billed() -> None:
    assert price_call(call(TOKENS, http_status=500)).usd == Decimal("0.0075")


def test_no_answer_at_all_may_have_been_billed() -> None:
    assert price_call(call(http_status=None)).state == "unpriced"


def test_reported_cost_wins_and_drift_is_named() -> None:
    cost = price_call(call(TOKENS, reported="0.009"))
    assert (cost.state, cost.usd, cost.table_usd) == ("provider_reported", Decimal("0.009"), Decimal("0.0075"))
    assert cost.reason is not None
    assert "0.009" in cost.reason


@pytest.mark.parametrize("reported", ["0.0075", "0.007575", "0.007425"])
def test_up_to_one_percent_is_no_drift(reported: str) -> None:
    cost = price_call(call(TOKENS, reported=reported))
    assert (cost.state, cost.usd, cost.reason) == ("provider_reported", Decimal(reported), None)


def test_reported_cost_needs_no_price() -> None:
    cost = price_call(call(TOKENS, provider="nobody", reported="19.95"))
    assert (cost.state, cost.usd, cost.table_usd) == ("provider_reported", Decimal("19.95"), None)


@pytest.mark.parametrize("reported", ["-1", "NaN", "Infinity"])
def test_a_reported_cost_that_is_no_amount_is_not_taken(reported: str) -> None:
    cost = price_call(call(TOKENS, reported=reported))
    assert cost.usd is None or cost.usd == Decimal("0.0075")
    assert cost.state != "provider_reported"


def test_provider_without_prices() -> None:
    cost = price_call(call(TOKENS, provider="somebody", request_model="gemini-3.8-flash"))
    assert (cost.state, cost.usd, cost.price_book) == ("unpriced", None, load_price_book().version)


def test_call_without_a_model() -> None:
    cost = price_call(call(TOKENS, request_model=None))
    assert (cost.state, cost.usd) == ("unpriced", None)


def test_rounding_is_half_even_once_at_twelve_decimals() -> None:
    # 0.02 a million is 2e-8 a token; halves of the twelfth decimal need a fraction of a second:
    # 0.017 a minute × 0.0075 s = 0.0000021250 exactly; × 0.00000003 s = 0.0000000000085 -> 8 (half to even)
    cost = price_call(call({"input_seconds": Decimal("0.00000003")}, request_model="gpt-live-transcribe"))
    assert cost.usd == Decimal("0.000000000008")
    # × 0.00000009 s = 0.0000000000255 -> 26
    cost = price_call(call({"input_seconds": Decimal("0.00000009")}, request_model="gpt-live-transcribe"))
    assert cost.usd == Decimal("0.000000000026")


def test_the_applications_decimal_context_does_not_matter() -> None:
    with localcontext() as context:
        context.prec = 3
        cost = price_call(call({"input_text_tokens": 123_457}))
    # 123457×2.50
    assert cost.usd == Decimal("0.3086425")


def test_a_recorded_event_is_priced_like_its_facts() -> None:
    event = CallEvent(
        event_id="0199",
        kind="llm",
        provider="openai",
        operation="chat.completions",
        request_model="gpt-4o",
        start_time_us=AT_US,
        http_status=200,
        usage=Usage(units=TOKENS, source="response"),
    )
    assert price_event(event) == price_call(call(TOKENS))
