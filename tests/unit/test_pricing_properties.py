"""What holds for every model and every quantity in the price book."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from llmobserve.pricing import PriceOverlay, PriceRequest, PriceRule, price_amount, price_call
from llmobserve.pricing.book import load_price_book
from llmobserve.pricing.overlay import OwnRate
from llmobserve.wire import Cost, Quantity, Usage

NOW_US = 1_794_312_000_000_000  # 2026-11-10T12:00:00Z
BOOK = load_price_book()


def _listed() -> list[tuple[str, str, tuple[str, ...]]]:
    """Provider, model and the units that have a list price now."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for name in sorted(BOOK.providers):
        prices = BOOK.provider(name)
        assert prices is not None
        for model in prices.models():
            units = [
                unit
                for block in model.blocks
                if not block.dimensions and block.above_input_tokens is None and block.until_us is None
                for unit in block.rates()
            ]
            if units:
                found.append((name, model.name, tuple(units)))
    return found


LISTED = _listed()
MODELS = st.sampled_from(LISTED)
QUANTITIES = st.integers(min_value=0, max_value=10**12)


def price(provider: str, model: str, units: Mapping[str, Quantity], **dimensions: str) -> Cost:
    return price_call(
        PriceRequest(
            provider=provider,
            operation="chat.completions",
            response_model=model,
            usage=Usage(units=units, source="response"),
            dimensions=dimensions,
            at_us=NOW_US,
        )
    )


@given(model=MODELS, data=st.data())
@settings(max_examples=300, deadline=None)
def test_the_amount_is_the_exact_sum_of_quantity_times_rate(
    model: tuple[str, str, tuple[str, ...]], data: st.DataObject
) -> None:
    provider, name, units = model
    chosen = data.draw(st.dictionaries(st.sampled_from(units), QUANTITIES, min_size=1))
    cost = price(provider, name, chosen)
    assert cost.usd is not None
    exact = sum((Fraction(line.quantity) * Fraction(line.rate_usd) / line.per for line in cost.lines), Fraction(0))
    assert abs(Fraction(cost.usd) - exact) <= Fraction(1, 2 * 10**12)
    assert {line.unit: line.quantity for line in cost.lines if line.quantity in chosen.values()}.items() <= {
        **chosen,
        "web_search_calls": chosen.get("web_search_calls", 1),
    }.items()


@given(model=MODELS, data=st.data())
@settings(max_examples=200, deadline=None)
def test_more_usage_never_costs_less(model: tuple[str, str, tuple[str, ...]], data: st.DataObject) -> None:
    provider, name, units = model
    chosen = data.draw(st.dictionaries(st.sampled_from(units), QUANTITIES, min_size=1))
    unit = data.draw(st.sampled_from(sorted(chosen)))
    more = {**chosen, unit: chosen[unit] + data.draw(QUANTITIES)}
    less_usd, more_usd = price(provider, name, chosen).usd, price(provider, name, more).usd
    assert less_usd is not None
    assert more_usd is not None
    assert more_usd >= less_usd >= 0


@given(name=st.text(max_size=60), provider=st.sampled_from([*sorted(BOOK.providers), "nobody"]))
@settings(max_examples=300, deadline=None)
def test_any_name_gives_an_answer_and_no_amount_without_a_price(name: str, provider: str) -> None:
    cost = price(provider, name, {"input_text_tokens": 1})
    assert (cost.usd is None) == (cost.state == "unpriced")
    if cost.state == "unpriced":
        assert cost.reason


@given(
    dimensions=st.dictionaries(
        st.sampled_from(["service_tier", "batch", "speed", "inference_geo", "region", "size", "deployment_type"]),
        st.sampled_from(["", "true", "false", "flex", "priority", "fast", "us", "eu", "global", "1024x1024", "x" * 50]),
    ),
    model=MODELS,
)
@settings(max_examples=300, deadline=None)
def test_any_dimensions_give_an_answer(dimensions: dict[str, str], model: tuple[str, str, tuple[str, ...]]) -> None:
    provider, name, units = model
    cost = price(provider, name, {units[0]: 10}, **dimensions)
    assert (cost.usd is None) == (cost.state == "unpriced")


@given(parts=st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=20))
@settings(deadline=None)
def test_amounts_of_parts_add_up_to_the_amount_of_the_whole(parts: list[int]) -> None:
    # gpt-4o has no price by size, and its rates have fewer than twelve decimals: nothing is rounded.
    singles = [price("openai", "gpt-4o", {"input_text_tokens": part}).usd or Decimal(0) for part in parts]
    assert sum(singles) == price("openai", "gpt-4o", {"input_text_tokens": sum(parts)}).usd


@given(
    model=MODELS,
    data=st.data(),
    dimensions=st.dictionaries(
        st.sampled_from(["service_tier", "batch", "region", "cache", "profile", "search_context_size"]),
        st.sampled_from(["default", "true", "flex", "priority", "us", "global", "local_hit", "high"]),
    ),
    at_us=st.integers(min_value=1_700_000_000_000_000, max_value=1_830_000_000_000_000),
    flags=st.sampled_from([(), (), ("partial",)]),
)
@settings(max_examples=600, deadline=None)
def test_the_short_way_gives_the_same_state_and_amount(
    model: tuple[str, str, tuple[str, ...]],
    data: st.DataObject,
    dimensions: dict[str, str],
    at_us: int,
    flags: tuple[str, ...],
) -> None:
    provider, name, units = model
    quantities = st.one_of(st.integers(min_value=-1, max_value=10**7), st.decimals(0, 1000, places=9))
    call = PriceRequest(
        provider=provider,
        operation="chat.completions",
        response_model=name,
        usage=Usage(
            units=data.draw(st.dictionaries(st.sampled_from(units), quantities)), source="response", flags=flags
        ),
        dimensions=dimensions,
        at_us=at_us,
    )
    whole = price_call(call)
    assert price_amount(call) == (whole.state, whole.usd)
    assert price_amount(call) == (whole.state, whole.usd)


@given(
    model=MODELS,
    data=st.data(),
    percent=st.decimals(0, 100, places=6),
    dimensions=st.dictionaries(st.sampled_from(["service_tier", "batch"]), st.sampled_from(["flex", "true"])),
)
@settings(max_examples=300, deadline=None)
def test_a_discount_is_taken_off_the_exact_sum_before_it_is_rounded(
    model: tuple[str, str, tuple[str, ...]], data: st.DataObject, percent: Decimal, dimensions: dict[str, str]
) -> None:
    provider, name, units = model
    call = _call(provider, name, data.draw(st.dictionaries(st.sampled_from(units), QUANTITIES, min_size=1)), dimensions)
    rule = PriceRule(id="r", kind="discount", provider=provider, from_us=0, percent=percent)
    plain, less = price_call(call), price_call(call, overlay=PriceOverlay([rule]))
    assert less.state == plain.state
    if plain.usd is None or less.usd is None:
        assert plain.usd == less.usd
        return
    exact = sum((Fraction(line.quantity) * Fraction(line.rate_usd) / line.per for line in plain.lines), Fraction(0))
    assert Fraction(less.usd) == round(exact * (100 - Fraction(percent)) / 100 * 10**12) / Fraction(10**12)


@given(
    model=MODELS, data=st.data(), at_us=st.integers(min_value=1_700_000_000_000_000, max_value=1_830_000_000_000_000)
)
@settings(max_examples=300, deadline=None)
def test_rules_about_other_models_change_nothing(
    model: tuple[str, str, tuple[str, ...]], data: st.DataObject, at_us: int
) -> None:
    provider, name, units = model
    call = _call(provider, name, data.draw(st.dictionaries(st.sampled_from(units), QUANTITIES, min_size=1)), {}, at_us)
    rates = (OwnRate(unit=units[0], usd=Decimal(1), per=1),)
    overlay = PriceOverlay(
        [
            PriceRule(id="1", kind="override", provider=provider, model=f"{name}-other", from_us=0, rates=rates),
            PriceRule(id="2", kind="override", provider=provider, from_us=at_us + 1, rates=rates),
            PriceRule(id="3", kind="free", provider=provider, from_us=0, until_us=at_us),
            PriceRule(id="4", kind="discount", provider="nobody", model=name, from_us=0, percent=Decimal(50)),
        ]
    )
    assert price_call(call, overlay=overlay) == price_call(call)


def _call(
    provider: str, model: str, units: Mapping[str, Quantity], dimensions: Mapping[str, str], at_us: int = NOW_US
) -> PriceRequest:
    return PriceRequest(
        provider=provider,
        operation="chat.completions",
        response_model=model,
        usage=Usage(units=units, source="response"),
        dimensions=dimensions,
        at_us=at_us,
    )
