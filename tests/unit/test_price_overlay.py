"""Rules of a project over the price book: own rates, discounts, free models and mappings, with figures worked by hand.

List prices used (2026-11, US dollars for a million tokens): gpt-4o 2.50 in, 10.00 out; in a batch 1.25 and 5.00, at
priority 4.25 and 17.00. gpt-4o-mini 0.15 and 0.60. gemini-2.5-pro 1.25 and 10.00, above 200,000 input tokens 2.50 and
15.00.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from llmobserve.pricing import PriceOverlay, PriceRequest, PriceRule, price_call
from llmobserve.pricing.overlay import OwnRate, PriceRuleKind
from llmobserve.wire import Cost, Quantity, Usage

AT_US = 1_794_312_000_000_000  # 2026-11-10T12:00:00Z
DAY_US = 86_400_000_000
MILLION = 1_000_000
TOKENS: dict[str, Quantity] = {"input_text_tokens": 1000, "output_text_tokens": 500}  # gpt-4o: 0.0025 + 0.005


def rule(kind: PriceRuleKind, rule_id: str = "r1", **facts: Any) -> PriceRule:
    chosen: dict[str, Any] = {"provider": "openai", "from_us": 0, **facts}
    if "rates" in chosen:
        chosen["rates"] = tuple(
            OwnRate(unit=unit, usd=Decimal(usd), per=per) for unit, (usd, per) in chosen["rates"].items()
        )
    if "percent" in chosen:
        chosen["percent"] = Decimal(chosen["percent"])
    return PriceRule(id=rule_id, kind=kind, **chosen)


def price(
    rules: PriceRule | list[PriceRule],
    units: Mapping[str, Quantity] = TOKENS,
    *,
    provider: str = "openai",
    model: str | None = "gpt-4o",
    asked: str | None = None,
    at_us: int = AT_US,
    reported: str | None = None,
    end_us: int | None = None,
    **dimensions: str,
) -> Cost:
    overlay = PriceOverlay([rules] if isinstance(rules, PriceRule) else rules)
    call = PriceRequest(
        provider=provider,
        operation="chat.completions",
        request_model=asked,
        response_model=model,
        usage=Usage(units=units, source="response"),
        dimensions=dimensions,
        reported_cost_usd=None if reported is None else Decimal(reported),
        at_us=at_us,
        end_us=end_us,
        http_status=200,
    )
    cost = price_call(call, overlay=overlay)
    assert price_call(call, overlay=overlay) == cost, "what is remembered is what was found"
    return cost


def test_a_discount_is_taken_off_every_line_and_the_receipt_says_so() -> None:
    until_us = 1_798_761_600_000_000  # 2027-01-01T00:00:00Z
    cost = price(rule("discount", percent="12", until_us=until_us))
    # 0.0025 × 0.88 = 0.0022; 0.005 × 0.88 = 0.0044
    assert (cost.state, cost.usd, cost.table_usd) == ("priced", Decimal("0.0066"), Decimal("0.0075"))
    line = cost.lines[0]
    assert (line.usd, line.rate_usd, line.per) == (Decimal("0.0022"), Decimal("2.2"), MILLION)
    assert line.rule == "list price: $2.5 per 1,000,000; project discount of 12 % until 2027-01-01 (rule r1)"
    assert (line.price_id, line.source is not None) == ("openai/gpt-4o/input_text_tokens", True)
    assert line.project is not None
    assert (line.project.rule_ids, line.project.list_usd) == (("r1",), Decimal("0.0025"))
    assert cost.reason is None


def test_a_discount_on_named_units_leaves_the_others() -> None:
    cost = price(rule("discount", percent="50", units=frozenset({"output_text_tokens"})))
    assert (cost.usd, cost.lines[0].project) == (Decimal("0.005"), None)  # 0.0025 + 0.005 / 2


@pytest.mark.parametrize(
    ("more", "usd"),
    [
        ({"provider": "openai", "model": "gpt-4o", "percent": "20"}, "0.006"),  # 0.0075 × 0.8
        ({"provider": None, "model": "gpt-4o", "percent": "20"}, "0.006"),
        ({"provider": "openai", "model": "GPT-4o-2024-08-06", "percent": "20"}, "0.006"),
        ({"provider": "openai", "model": "gpt-4o", "percent": "0"}, "0.0075"),
        ({"provider": "openai", "units": frozenset({"output_text_tokens"}), "percent": "20"}, "0.00625"),
        ({"provider": "openai", "model": "gpt-4o-mini", "percent": "20"}, "0.00675"),  # another model: 0.0075 × 0.9
        ({"provider": "azure_openai", "model": "gpt-4o", "percent": "20"}, "0.00675"),
    ],
)
def test_of_two_discounts_the_more_special_one_holds_alone(more: dict[str, Any], usd: str) -> None:
    general = rule("discount", "general", percent="10")
    for rules in ([general, rule("discount", "special", **more)], [rule("discount", "special", **more), general]):
        # Named units: 0.0025 × 0.9 + 0.005 × 0.8 = 0.00625
        assert price(rules, model="gpt-4o-2024-08-06").usd == Decimal(usd)


def test_own_rates_take_the_place_of_list_prices_unit_by_unit() -> None:
    cost = price(rule("override", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)}))
    # 1000 × 2 / 1e6 + 500 × 10 / 1e6
    assert (cost.state, cost.usd, cost.table_usd) == ("priced", Decimal("0.007"), Decimal("0.0075"))
    own, listed = cost.lines
    assert (own.price_id, own.rate_usd, own.source) == ("rule:r1", Decimal(2), None)
    assert own.rule == "own rate of the project (rule r1); list price: $2.5 per 1,000,000"
    assert own.project is not None
    assert own.project.list_usd == Decimal("0.0025")
    assert (listed.price_id, listed.project) == ("openai/gpt-4o/output_text_tokens", None)


def test_an_own_rate_for_another_number_of_units() -> None:
    cost = price(rule("override", model="gpt-4o", rates={"input_text_tokens": ("0.003", 1000)}))
    assert cost.usd == Decimal("0.008")  # 1000 × 0.003 / 1000 + 0.005
    thirds = price(rule("override", model="gpt-4o", rates={"input_text_tokens": ("1", 3)}), {"input_text_tokens": 1})
    assert thirds.usd == Decimal("0.333333333333")


def test_a_discount_comes_after_an_own_rate() -> None:
    rules = [
        rule("discount", "off", percent="10"),
        rule("override", "own", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)}),
    ]
    cost = price(rules)
    assert (cost.usd, cost.table_usd) == (Decimal("0.0063"), Decimal("0.0075"))  # (0.002 + 0.005) × 0.9
    assert cost.lines[0].project is not None
    assert cost.lines[0].project.rule_ids == ("own", "off")
    assert "own rate" in cost.lines[0].rule
    assert "discount of 10 %" in cost.lines[0].rule


def test_an_own_rate_holds_under_the_conditions_it_names() -> None:
    rules = [
        rule("override", "plain", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)}),
        rule(
            "override",
            "batch",
            model="gpt-4o",
            rates={"input_text_tokens": ("1", MILLION)},
            dimensions={"batch": "true"},
        ),
    ]
    assert price(rules).usd == Decimal("0.007")
    # Own 0.001, list price of a batch 500 × 5 / 1e6.
    assert price(rules, batch="true").usd == Decimal("0.0035")
    # Nothing of its own says what priority costs: list price 0.00425 + 0.0085.
    assert price(rules, service_tier="priority").usd == Decimal("0.01275")
    # `default` and no batch mean the list price, as in the price book.
    assert price(rules, service_tier="default", batch="false").usd == Decimal("0.007")
    # A condition that does not change the price of this model does not keep its own rate from holding.
    assert price(rules, region="global").usd == Decimal("0.007")


def test_long_requests_have_own_rates_where_a_rule_says_so() -> None:
    facts: dict[str, Any] = {"provider": "google_gemini", "model": "gemini-2.5-pro"}
    plain = rule("override", "plain", rates={"input_text_tokens": ("1", MILLION)}, **facts)
    long = rule("override", "long", rates={"input_text_tokens": ("2", MILLION)}, above_input_tokens=200_000, **facts)

    def usd(rules: list[PriceRule], tokens: int) -> Decimal | None:
        units: dict[str, Quantity] = {"input_text_tokens": tokens, "output_text_tokens": 1000}
        return price(rules, units, provider="google_gemini", model="gemini-2.5-pro").usd

    assert usd([plain, long], 200_000) == Decimal("0.21")  # 0.2 + 1000 × 10 / 1e6
    assert usd([plain, long], 200_001) == Decimal("0.415002")  # 0.400002 + 1000 × 15 / 1e6
    # Without a rule for long requests, the own rate holds for any length; other units keep their list price.
    assert usd([plain], 200_001) == Decimal("0.215001")
    # Only long requests have a rate of their own: 200,000 × 1.25 / 1e6 + 0.01.
    assert usd([long], 200_000) == Decimal("0.26")
    assert usd([long], 200_001) == Decimal("0.415002")


def test_a_limit_that_the_price_book_does_not_have() -> None:
    own = rule("override", model="gpt-4o", rates={"input_text_tokens": ("5", MILLION)}, above_input_tokens=999)
    assert price(own, {"input_text_tokens": 999}).usd == Decimal("0.0024975")  # 999 × 2.5 / 1e6
    assert price(own).usd == Decimal("0.01")  # 0.005 + 0.005: the output keeps its list price


def test_the_least_quantity_of_the_provider_stays() -> None:
    # Groq bills at least ten seconds a request.
    own = rule("override", provider="groq", model="whisper-large-v3", rates={"input_seconds": ("0.0001", 1)})
    cost = price(own, {"input_seconds": 3}, provider="groq", model="whisper-large-v3")
    assert (cost.usd, cost.lines[0].quantity) == (Decimal("0.001"), 10)


def test_rules_hold_from_their_beginning_to_before_their_end_at_the_start_of_the_call() -> None:
    old = rule("discount", "old", percent="10", from_us=AT_US, until_us=AT_US + DAY_US)
    new = rule("discount", "new", percent="20", from_us=AT_US + DAY_US)
    overlay = PriceOverlay([old, new])

    def usd(at_us: int) -> Decimal | None:
        call = PriceRequest(
            provider="openai",
            operation="chat.completions",
            response_model="gpt-4o",
            usage=Usage(units=TOKENS, source="response"),
            at_us=at_us,
            end_us=at_us + 2 * DAY_US,
        )
        return price_call(call, overlay=overlay).usd

    expected = {
        AT_US - 1: "0.0075",
        AT_US: "0.00675",
        AT_US + DAY_US - 1: "0.00675",
        AT_US + DAY_US: "0.006",
        AT_US + 400 * DAY_US: "0.006",
    }
    for _ in range(2):
        for at_us, amount in expected.items():
            assert usd(at_us) == Decimal(amount)


def test_rules_are_chosen_by_the_start_and_prices_by_the_end_where_the_provider_says_so() -> None:
    # DeepSeek bills by the time of completion; deepseek-chat was cheaper at night in 2025 (16:30 to 00:30 UTC).
    start_us = 1_754_065_800_000_000 - 60_000_000  # 2025-08-01T16:29:00Z
    facts: dict[str, Any] = {"provider": "deepseek", "model": "deepseek-chat"}
    units: dict[str, Quantity] = {"input_text_tokens": MILLION}
    by_day = price([], units, at_us=start_us, end_us=start_us + 1, **facts).usd
    by_night = price([], units, at_us=start_us, end_us=start_us + 120_000_000, **facts).usd
    assert by_day is not None
    assert by_night is not None
    assert by_night < by_day
    half = rule("discount", provider="deepseek", percent="50", from_us=0, until_us=start_us + 1)
    assert price(half, units, at_us=start_us, end_us=start_us + 120_000_000, **facts).usd == by_night / 2


def test_a_mapped_deployment_is_priced_exactly() -> None:
    mapping = rule("mapping", provider="azure_openai", model="Prod-Chat", to_provider="azure_openai", to_model="gpt-4o")
    cost = price(mapping, provider="azure_openai", model=None, asked="prod-chat")
    assert (cost.state, cost.usd, cost.model, cost.reason) == ("priced", Decimal("0.0075"), "gpt-4o", None)
    assert cost.table_usd is None
    assert cost.lines[0].project is not None
    assert cost.lines[0].project.rule_ids == ("r1",)
    assert "Prod-Chat is mapped to azure_openai/gpt-4o by the project (rule r1)" in cost.lines[0].rule


def test_the_name_in_the_answer_wins_over_a_mapping_of_the_name_in_the_request() -> None:
    mapping = rule("mapping", provider="azure_openai", model="prod-chat", to_provider="azure_openai", to_model="gpt-4o")
    facts: dict[str, Any] = {"provider": "azure_openai", "asked": "prod-chat"}
    # gpt-4o-mini: 1000 × 0.15 + 500 × 0.60, for a million
    assert price(mapping, model="gpt-4o-mini-2024-07-18", **facts).usd == Decimal("0.00045")
    assert price(mapping, model="a-private-model", **facts).usd == Decimal("0.0075")
    served = rule("mapping", "r2", provider="openai", model="gpt-4o", to_provider="openai", to_model="gpt-4o-mini")
    assert price(served).usd == Decimal("0.00045")


def test_after_a_mapping_the_call_is_one_to_its_target() -> None:
    rules = [
        rule("mapping", "map", provider="acme_ai", model="big", to_provider="openai", to_model="gpt-4o-2024-08-06"),
        rule("override", "own", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)}),
        rule("discount", "off", percent="10"),
        rule("discount", "not", provider="acme_ai", percent="90"),
    ]
    cost = price(rules, provider="acme_ai", model="big")
    assert (cost.state, cost.usd) == ("priced", Decimal("0.0063"))
    assert cost.lines[0].project is not None
    assert cost.lines[0].project.rule_ids == ("map", "own", "off")


def test_a_mapping_to_a_model_that_a_newer_book_no_longer_has_says_so() -> None:
    mapping = rule("mapping", provider="acme_ai", model="big", to_provider="openai", to_model="gpt-99")
    cost = price(mapping, provider="acme_ai", model="big")
    assert (cost.state, cost.usd) == ("unpriced", None)
    assert cost.reason is not None
    assert "gpt-99" in cost.reason
    assert "rule r1" in cost.reason


def test_a_free_model_costs_nothing_and_shows_what_it_would() -> None:
    cost = price(rule("free", model="gpt-4o"))
    assert (cost.state, cost.usd, cost.table_usd) == ("free", Decimal(0), Decimal("0.0075"))
    assert cost.reason is not None
    assert "rule r1" in cost.reason
    assert [(line.usd, line.rate_usd) for line in cost.lines] == [(0, 0), (0, 0)]
    assert "list price: $2.5 per 1,000,000" in cost.lines[0].rule


def test_a_model_that_nobody_knows_may_be_free() -> None:
    cost = price(rule("free", provider="acme_ai"), provider="acme_ai", model="big")
    assert (cost.state, cost.usd, cost.table_usd, cost.lines, cost.model) == ("free", Decimal(0), None, (), "big")


def test_of_free_and_own_rates_the_closer_rule_holds() -> None:
    free = rule("free", "free")
    own = rule("override", "own", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)})
    assert price([free, own]).usd == Decimal("0.007")
    assert price([free, own], model="gpt-4o-mini").state == "free"
    named = rule("free", "named", model="gpt-4o-2024-08-06")
    assert price([named, own], model="gpt-4o-2024-08-06").state == "free"
    assert price([named, own]).usd == Decimal("0.007")
    # Own rates that do not hold for this call do not keep it from being free.
    batch = rule(
        "override", "batch", model="gpt-4o", rates={"input_text_tokens": ("1", MILLION)}, dimensions={"batch": "true"}
    )
    assert price([free, batch]).state == "free"


def test_own_rates_price_what_the_price_book_does_not_know() -> None:
    rates = {"input_text_tokens": ("1", MILLION), "output_text_tokens": ("2", MILLION)}
    own = rule("override", provider="acme_ai", model="Big", rates=rates)
    cost = price(own, provider="acme_ai", model="big")
    assert (cost.state, cost.usd, cost.table_usd, cost.model) == ("priced", Decimal("0.002"), None, "big")
    assert cost.lines[0].project is not None
    assert cost.lines[0].project.list_usd is None
    more: dict[str, Quantity] = {**TOKENS, "images": 1}
    incomplete = price(own, more, provider="acme_ai", model="big")
    assert (incomplete.state, incomplete.usd) == ("unpriced", None)
    assert incomplete.reason is not None
    assert "images" in incomplete.reason


def test_own_rates_price_what_is_billed_by_capacity() -> None:
    own = rule("override", provider="weaviate", rates={"requests": ("0.5", 1000)})
    cost = price(own, {"requests": 3}, provider="weaviate", model="cluster")
    assert (cost.state, cost.usd) == ("priced", Decimal("0.0015"))
    assert price([], {"requests": 3}, provider="weaviate", model="cluster").state == "unpriced"


def test_a_deployment_named_like_a_model_is_no_guess_once_the_project_says_what_it_costs() -> None:
    own = rule("override", provider="azure_openai", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)})
    assert price([], provider="azure_openai", model=None, asked="gpt-4o").state == "estimated"
    cost = price(own, provider="azure_openai", model=None, asked="gpt-4o")
    assert (cost.state, cost.usd) == ("priced", Decimal("0.007"))


def test_what_was_asked_for_is_not_what_was_served() -> None:
    own = rule("override", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)})
    assert price(own, model="gpt-4o-mini", asked="gpt-4o").usd == Decimal("0.00045")
    # At Azure the name in the request is the customer's own, and a rule may be about it.
    free = rule("free", provider="azure_openai", model="reserved")
    assert price(free, provider="azure_openai", model="gpt-4o", asked="reserved").state == "free"
    assert price(free, provider="azure_openai", model="gpt-4o", asked="other").usd == Decimal("0.0075")


def test_the_figure_of_the_provider_stays_but_for_own_rates() -> None:
    off = price(rule("discount", percent="12"), reported="0.0066")
    assert (off.state, off.usd, off.table_usd) == ("provider_reported", Decimal("0.0066"), Decimal("0.0075"))
    assert off.reason is None, "the discount explains the difference"
    strange = price(rule("discount", percent="12"), reported="0.009")
    assert strange.reason is not None
    free = price(rule("free", model="gpt-4o"), reported="0.0075")
    assert (free.state, free.usd) == ("provider_reported", Decimal("0.0075"))
    own = price(rule("override", model="gpt-4o", rates={"input_text_tokens": ("2", MILLION)}), reported="0.0075")
    assert (own.state, own.usd, own.table_usd) == ("priced", Decimal("0.007"), Decimal("0.0075"))
    assert own.reason is not None
    assert "0.0075" in own.reason
    other = price(rule("override", model="gpt-4o", rates={"images": ("2", 1)}), reported="0.0075")
    assert other.state == "provider_reported"
    part = rule("override", provider="acme_ai", model="big", rates={"input_text_tokens": ("2", MILLION)})
    unknown = price(part, provider="acme_ai", model="big", reported="0.0075")
    assert (unknown.state, unknown.usd) == ("provider_reported", Decimal("0.0075"))


@pytest.mark.parametrize("percent", ["0", "100", "0.000001", "99.999999"])
def test_discounts_at_the_ends_of_their_range(percent: str) -> None:
    cost = price(rule("discount", percent=percent))
    assert cost.usd == (Decimal("0.0075") * (100 - Decimal(percent)) / 100).quantize(Decimal("1e-12"))
    assert cost.state == "priced"
