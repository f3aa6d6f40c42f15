"""State and amount of a call without its receipt: the same figures as `price_call`, in a fraction of its time."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from llmobserve.pricing.book import load_price_book
from llmobserve.pricing.calculate import price_call
from llmobserve.pricing.lookup import plan_of
from llmobserve.pricing.request import PriceRequest
from llmobserve.pricing.rows import Rate
from llmobserve.wire import CostState, Quantity, input_tokens

__all__ = ["price_amount"]

# Money in whole units of 10^-18 dollars: every rate of the book is a whole number of them, or is left to `price_call`.
_DIGITS = 18
_KEPT_DIGITS = 12
_ROUNDED_OFF = 10 ** (_DIGITS - _KEPT_DIGITS)
_HALF = _ROUNDED_OFF // 2
_LARGEST_QUANTITY = 10**18
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Quick:
    """Whole-number rates for calls that differ only in quantities and time."""

    from_us: int
    until_us: int
    tiers: tuple[tuple[int, Mapping[str, int]], ...]
    """(input tokens to exceed, rates), the highest threshold first."""
    inputs: frozenset[str]
    """Units that count towards a threshold; empty when there is none."""


_NONE: Mapping[str, int] = {}
_quick: dict[tuple[Any, ...], _Quick | None] = {}


def price_amount(call: PriceRequest) -> tuple[CostState, Decimal | None]:
    """State and amount of one call, equal to those of `price_call`.

    Args:
        call: as for `price_call`.

    Returns:
        The state, and the amount in US dollars; the amount is `None` exactly when the state is `unpriced`.
    """
    usage = call.usage
    if call.reported_cost_usd is None and not usage.flags and usage.source != "estimated" and usage.units:
        # Dimensions in another order are another key, which costs a second entry and no mistake.
        key = (call.provider, call.operation, call.response_model, call.request_model, *call.dimensions.items())
        quick = _quick.get(key)
        if quick is not None and quick.from_us <= call.at_us < quick.until_us:
            each = _each(quick, usage.units) if quick.inputs else quick.tiers[0][1]
            total = 0
            for unit, quantity in usage.units.items():
                # Anything but a plain, known quantity is left to `price_call`, which says what is wrong with it.
                if type(quantity) is not int or unit not in each or not 0 <= quantity < _LARGEST_QUANTITY:
                    break
                total += each[unit] * quantity
            else:
                if total:
                    return "priced", _dollars(total)
        elif quick is None and key not in _quick:
            _remember(key, call)
    cost = price_call(call)
    return cost.state, cost.usd


def _each(quick: _Quick, units: Mapping[str, Quantity]) -> Mapping[str, int]:
    sent = 0
    for unit, quantity in units.items():
        if unit in quick.inputs and type(quantity) is int:
            sent += quantity
    return next((each for above, each in quick.tiers if sent > above), _NONE)


def _dollars(total: int) -> Decimal:
    """Rounded to twelve decimals, half to even."""
    kept, rest = divmod(total, _ROUNDED_OFF)
    if rest > _HALF or (rest == _HALF and kept & 1):
        kept += 1
    return Decimal(kept).scaleb(-_KEPT_DIGITS)


def _remember(key: tuple[Any, ...], call: PriceRequest) -> None:
    if len(_quick) >= _REMEMBERED:
        _quick.clear()
    _quick[key] = _make(call)


def _make(call: PriceRequest) -> _Quick | None:
    """The rates, or `None` for calls that need more than a plain sum: fees of every call, notes, prices by the end."""
    book = load_price_book()
    prices = book.provider(call.provider)
    if prices is None or prices.by_completion or call.operation in prices.free_operations or "cache" in call.dimensions:
        return None
    plan, note = plan_of(call, book)
    if plan is None or note or plan.missing:
        return None
    if plan.model.free or plan.model.unpriced or plan.model.per_call:
        return None
    tiers = tuple((above, _whole(rates)) for above, rates in plan.tiers)
    counted = book.units() if len(tiers) > 1 else ()
    return _Quick(plan.from_us, plan.until_us, tiers, frozenset(unit for unit in counted if input_tokens({unit: 1})))


def _whole(rates: Mapping[str, Rate]) -> dict[str, int]:
    each: dict[str, int] = {}
    for unit, rate in rates.items():
        if rate.usd_each is None or rate.estimated or rate.minimum is not None or rate.increment is not None:
            continue
        whole = rate.usd_each.scaleb(_DIGITS)
        if whole == whole.to_integral_value():
            each[unit] = int(whole)
    return each
