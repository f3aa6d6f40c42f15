"""Costs of calls that are a plain sum, in whole numbers, as columns: what `price_event` says in a tenth of its time.

A provider, model and set of conditions has one plan of rates for a span of time. Where the plan needs nothing but
`rate × quantity` for each unit, the rates are kept as whole numbers beside the part of the receipt that does not
change; everything else is left to `price_event`. tests/server/test_plain_costs.py holds both against each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from llmobserve.pricing import PriceBook, PriceOverlay
from llmobserve.pricing.lookup import plan_of
from llmobserve.pricing.overlaid import overlaid_plan
from llmobserve.pricing.plan import Plan
from llmobserve.pricing.request import PriceRequest
from llmobserve.pricing.rows import Rate
from llmobserve.wire import CallEvent, Quantity, input_tokens

__all__ = ["PlainCost", "PlainPrices", "line_opening"]

_DIGITS = 18
"""Amounts are summed as whole numbers of 10^-18 dollars; a finer rate is left to `price_event`."""
_KEPT_DIGITS = 12
_ROUNDED_OFF = 10 ** (_DIGITS - _KEPT_DIGITS)
_HALF = _ROUNDED_OFF // 2
_LARGEST_PICO = 10**18
_LARGEST_QUANTITY = 2**53
_LARGEST_MANTISSA = 10**18
_REMEMBERED = 20_000


class PlainCost(NamedTuple):
    """The cost of a call as its row has it; the state is `priced`."""

    usd_pico: int
    """In 10^-12 US dollars."""
    lines: str
    """The receipt as JSON."""
    price_book: str
    model: str
    """Name of the priced model in the price book."""


class _Each(NamedTuple):
    """One rate in whole numbers."""

    mantissa: int
    decimals: int
    """The rate for one unit is `mantissa` × 10^-decimals."""
    scale: int
    """10^(18 - decimals)"""
    opening: str
    """The receipt line up to the quantity."""


@dataclass(frozen=True, slots=True)
class _Rates:
    """What calls cost that differ only in quantities, from one time to another."""

    from_us: int
    until_us: int
    tiers: tuple[tuple[int, Mapping[str, _Each]], ...]
    """(input tokens to exceed, rates), the highest threshold first."""
    model: str


class PlainPrices:
    """Plain sums by one price book and the rules of one project. Thread-safe: what it remembers is only ever added."""

    def __init__(self, book: PriceBook, overlay: PriceOverlay | None) -> None:
        self.book = book
        self.overlay = overlay
        self._known: dict[tuple[Any, ...], tuple[_Rates | None, ...]] = {}

    def of(self, call: CallEvent) -> PlainCost | None:
        """The cost of a call with whole quantities from 0 to 2^53; `None` where it takes more than a plain sum."""
        usage = call.usage
        units = usage.units
        if call.reported_cost_usd is not None or usage.flags or usage.source == "estimated":
            return None
        rates = self._rates(call)
        if rates is None:
            return None
        each_of = rates.tiers[0][1] if len(rates.tiers) == 1 else _tier(rates, units)
        total = 0
        lines: list[str] = []
        for unit, quantity in units.items():
            if not quantity:
                continue
            each = each_of.get(unit)
            if each is None or type(quantity) is not int or not 0 < quantity <= _LARGEST_QUANTITY:
                return None
            amount = each.mantissa * quantity
            total += amount * each.scale
            decimals = each.decimals
            if decimals:
                digits = str(amount)
                if len(digits) <= decimals:
                    digits = digits.zfill(decimals + 1)
                usd = f"{digits[:-decimals]}.{digits[-decimals:]}"
            else:
                usd = str(amount)
            lines.append(f'{each.opening}{quantity},"usd":"{usd}"}}')
        if not total:
            return None
        kept, rest = divmod(total, _ROUNDED_OFF)
        if rest > _HALF or (rest == _HALF and kept & 1):
            kept += 1
        if kept >= _LARGEST_PICO:
            return None
        return PlainCost(kept, f"[{','.join(lines)}]", self.book.version, rates.model)

    def _rates(self, call: CallEvent) -> _Rates | None:
        # Dimensions in another order are another key, which costs a second entry and no mistake.
        key = (call.provider, call.operation, call.response_model, call.request_model, *call.dimensions.items())
        known = self._known.get(key, ())
        at_us = call.start_time_us
        for rates in known:
            if rates is None or rates.from_us <= at_us < rates.until_us:
                return rates
        rates = self._make(call)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = (rates, *known[:7])
        return rates

    def _make(self, call: CallEvent) -> _Rates | None:
        """The rates; `None` for calls that need more, whenever they start."""
        book, overlay = self.book, self.overlay
        prices = book.provider(call.provider)
        if prices is None or prices.by_completion or call.operation in prices.free_operations:
            return None
        if "cache" in call.dimensions:
            # Hits of a local cache cost nothing.
            return None
        request = PriceRequest.from_event(call)
        if overlay is None or not overlay.rules:
            return _rates_of(*plan_of(request, book))
        in_force = overlay.at(request.at_us)
        rates = _rates_of(*overlaid_plan(request, book, overlay))
        if rates is None:
            # At another time no rule may be about the call.
            return _Rates(in_force.from_us, in_force.until_us, ((-1, {}),), "")
        return _Rates(
            max(rates.from_us, in_force.from_us), min(rates.until_us, in_force.until_us), rates.tiers, rates.model
        )


def _rates_of(plan: Plan | None, note: str | None) -> _Rates | None:
    if plan is None or note or plan.missing or plan.ruled:
        return None
    model = plan.model
    if model.free is not None or model.unpriced is not None or model.per_call:
        return None
    tiers = tuple((above, _whole(rates)) for above, rates in plan.tiers)
    return _Rates(plan.from_us, plan.until_us, tiers, model.name)


def _tier(rates: _Rates, units: Mapping[str, Quantity]) -> Mapping[str, _Each]:
    total = input_tokens(units) or 0
    return next((each_of for above, each_of in rates.tiers if total > above), dict[str, _Each]())


def _whole(rates: Mapping[str, Rate]) -> dict[str, _Each]:
    """The rates that are a plain product; a call with another unit is left to `price_event`."""
    plain: dict[str, _Each] = {}
    for unit, rate in rates.items():
        if rate.usd_each is None or rate.estimated or rate.minimum is not None or rate.increment is not None:
            continue
        sign, digits, exponent = rate.usd_each.as_tuple()
        mantissa = int("".join(map(str, digits)))
        if sign or not isinstance(exponent, int) or not -_DIGITS <= exponent <= 0 or mantissa >= _LARGEST_MANTISSA:
            continue
        opening = line_opening(unit, rate.usd, rate.per, rate.price_id, rate.rule, rate.source)
        plain[unit] = _Each(mantissa, -exponent, 10 ** (_DIGITS + exponent), f'{opening},"quantity":')
    return plain


def line_opening(unit: str, rate_usd: Decimal, per: int, price_id: str, rule: str, source: str | None) -> str:
    """The part of a receipt line that is the same for all calls at this price, as JSON up to its open end."""
    part = {"unit": unit, "rate_usd": f"{rate_usd:f}", "per": per, "price_id": price_id, "rule": rule, "source": source}
    return msgspec.json.encode(part).decode()[:-1]
