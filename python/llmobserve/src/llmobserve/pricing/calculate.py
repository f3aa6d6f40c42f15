"""From a call to its cost: state, exact amount and receipt."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal

from llmobserve.pricing.book import PriceBook, ProviderPrices, load_price_book
from llmobserve.pricing.match import Match, find_model, nearest_name
from llmobserve.pricing.plan import Plan, find_plan
from llmobserve.pricing.request import PriceRequest
from llmobserve.pricing.rows import Rate
from llmobserve.wire import CallEvent, Cost, CostLine, Quantity, Usage, input_tokens

__all__ = ["plan_of", "price_call", "price_event"]

# Own context: the application's may round or trap. 50 digits hold every product of a quantity below 10^18 exactly.
_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)
_multiply = _EXACT.multiply
_add = _EXACT.add
_QUANTUM = Decimal("0.000000000001")
_ZERO = Decimal(0)
_LARGEST_QUANTITY = 10**18
_DRIFT = Decimal("0.01")
_HTTP_ERROR = 400


def price_event(event: CallEvent, book: PriceBook | None = None) -> Cost:
    """Cost of a recorded call. See `price_call`."""
    return price_call(PriceRequest.from_event(event), book)


def price_call(call: PriceRequest, book: PriceBook | None = None) -> Cost:
    """Cost of one call by a price book.

    Args:
        call: the call; quantities are disjoint units, the time is UTC.
        book: the price book; `None` for the one that ships with this version.

    Returns:
        A `Cost` whose amount is `None` exactly when the state is `unpriced`. Never raises on strange input: what
        cannot be priced is `unpriced` with a reason.
    """
    book = book or load_price_book()
    if call.dimensions.get("cache") == "local_hit":
        return Cost(state="free", usd=_ZERO, reason="Answered from a local cache: the provider was not called.")
    prices = book.provider(call.provider)
    if prices is not None and call.operation in prices.free_operations:
        return Cost(state="free", usd=_ZERO, reason=prices.free_operations[call.operation], price_book=book.version)
    if call.reported_cost_usd is not None:
        return _reported(call, book)
    return _by_table(call, book)


def _by_table(call: PriceRequest, book: PriceBook) -> Cost:
    version = book.version
    units = call.usage.units
    if not any(units.values()) and call.http_status is not None and call.http_status >= _HTTP_ERROR:
        return Cost(
            state="free",
            usd=_ZERO,
            reason=f"The provider answered with HTTP {call.http_status} and reported no usage: errors are not billed.",
            price_book=version,
        )
    plan, note = plan_of(call, book)
    if plan is None:
        return Cost(state="unpriced", usd=None, reason=note, price_book=version)
    model = plan.model
    if model.free is not None:
        return Cost(state="free", usd=_ZERO, reason=model.free, price_book=version, model=model.name)
    reason = model.unpriced or plan.missing or (_NO_USAGE if _knows_nothing(call.usage) else None)
    if reason is not None:
        return Cost(state="unpriced", usd=None, reason=reason, price_book=version, model=model.name)
    return _sum(call, plan, note, version)


def _knows_nothing(usage: Usage) -> bool:
    """True without any quantity, and for an estimate that found nothing to count. A reported zero is knowledge."""
    return not usage.units or (usage.source == "estimated" and not any(usage.units.values()))


_NO_USAGE = "The answer carried no usage, so the amount is not known."


def plan_of(call: PriceRequest, book: PriceBook) -> tuple[Plan | None, str | None]:
    """The plan, with a note when the name is not quite the model's; or no plan, with the reason."""
    prices = book.provider(call.provider)
    if prices is None:
        return None, f"The price book has no prices of provider {call.provider!r}."
    match, note = _match_of(call, prices)
    if match is None:
        return None, note
    at_us = call.end_us if prices.by_completion and call.end_us is not None else call.at_us
    notes = " ".join(part for part in (note, match.note) if part) or None
    return find_plan(prices, match, call.operation, call.dimensions, at_us), notes


def _match_of(call: PriceRequest, prices: ProviderPrices) -> tuple[Match | None, str | None]:
    name = call.response_model or call.request_model or ""
    match = find_model(prices, name) if call.response_model or not prices.deployments else None
    if match is not None:
        return match, None
    if not name:
        return None, "Neither the request nor the answer named a model."
    if call.request_model and (call.request_model != name or prices.deployments):
        match = None if prices.deployments and call.response_model else find_model(prices, call.request_model)
        if match is not None:
            note = (
                f"The deployment name {call.request_model!r} was taken for the model."
                if prices.deployments
                else f"The answer named {name!r}, which has no price; priced as the requested {call.request_model!r}."
            )
            return match, note
    near = nearest_name(prices, name)
    hint = f" The nearest known name is {near!r}." if near else ""
    return None, f"No price of {call.provider} model {name!r} is known.{hint}"


def _rates(plan: Plan, units: Mapping[str, Quantity]) -> Mapping[str, Rate]:
    tiers = plan.tiers
    if len(tiers) == 1:
        return tiers[0][1]
    total = input_tokens(units) or 0
    return next((rates for above, rates in tiers if total > above), dict[str, Rate]())


def _sum(call: PriceRequest, plan: Plan, note: str | None, version: str) -> Cost:
    units = call.usage.units
    rates = _rates(plan, units)
    if plan.model.per_call:
        units = {**plan.model.per_call, **units}
    lines: list[CostLine] = []
    total = _ZERO
    estimated = False
    for unit, quantity in units.items():
        if not quantity:
            continue
        rate = rates.get(unit)
        if rate is None or not _is_sane(quantity):
            return _incomplete(plan, unit, quantity, tuple(lines), version)
        if rate.minimum is not None or rate.increment is not None:
            quantity = _billed(rate, quantity)
        if rate.usd_each is not None:
            usd = _multiply(rate.usd_each, quantity)
        else:
            usd = _EXACT.divide(_multiply(rate.usd, quantity), rate.per)
        total = _add(total, usd)
        if rate.estimated:
            estimated = True
        lines.append(
            CostLine(
                unit=unit,
                quantity=quantity,
                rate_usd=rate.usd,
                per=rate.per,
                usd=usd,
                price_id=rate.price_id,
                rule=rate.rule,
                source=rate.source,
            )
        )
    reason = _doubt(call, note, estimated=estimated)
    return Cost(
        state="estimated" if reason else "priced",
        usd=_rounded(total),
        lines=tuple(lines),
        reason=reason,
        price_book=version,
        model=plan.model.name,
    )


def _billed(rate: Rate, quantity: Quantity) -> Quantity:
    """The quantity after the provider's minimum and increment."""
    billed = Decimal(quantity) if rate.minimum is None else max(Decimal(quantity), rate.minimum)
    if rate.increment is not None:
        whole = _EXACT.divide(billed, rate.increment).to_integral_value(rounding=ROUND_CEILING)
        billed = _multiply(whole, rate.increment)
    return int(billed) if billed == billed.to_integral_value() else billed


def _is_sane(quantity: Quantity) -> bool:
    if type(quantity) is not int and not Decimal(quantity).is_finite():
        return False
    return 0 <= quantity < _LARGEST_QUANTITY


def _incomplete(plan: Plan, unit: str, quantity: Quantity, lines: tuple[CostLine, ...], version: str) -> Cost:
    what = (
        f"The quantity {quantity} of {unit} is out of range."
        if not _is_sane(quantity)
        else f"{plan.model.name} has no price for {unit} {plan.conditions} ({quantity} consumed): the amount would be "
        "incomplete."
    )
    return Cost(state="unpriced", usd=None, lines=lines, reason=what, price_book=version, model=plan.model.name)


def _doubt(call: PriceRequest, note: str | None, *, estimated: bool) -> str | None:
    """Why the amount is an estimate, or `None` when nothing is uncertain."""
    usage = call.usage
    if not (note or usage.flags or estimated or usage.source == "estimated"):
        return None
    doubts = [note] if note else []
    if usage.source == "estimated":
        doubts.append("The usage was estimated, not reported by the provider.")
    if usage.flags:
        doubts.extend(_FLAGS[flag] for flag in usage.flags if flag in _FLAGS)
    if estimated:
        doubts.append("The price is an approximation of how the provider bills.")
    return " ".join(doubts) or None


_FLAGS = {
    "partial": "The stream ended early: the usage is what had been reported until then.",
    "sum_mismatch": "The reported units do not add up to the provider's own total.",
    "malformed": "A part of the reported usage was not a sane number and is left out.",
}


def _rounded(total: Decimal) -> Decimal:
    exponent = total.as_tuple().exponent
    return total if isinstance(exponent, int) and exponent >= -12 else _EXACT.quantize(total, _QUANTUM)


def _reported(call: PriceRequest, book: PriceBook) -> Cost:
    """The provider's own figure, with the price book's beside it."""
    reported = call.reported_cost_usd
    if reported is None or not reported.is_finite() or reported < 0:
        return Cost(state="unpriced", usd=None, reason=f"The provider reported a cost of {reported}.")
    table = _by_table(call, book)
    usable = table.usd is not None and table.state in ("priced", "estimated")
    table_usd = table.usd if usable else None
    reason = None
    if table_usd is not None and abs(_EXACT.subtract(reported, table_usd)) > _EXACT.multiply(table_usd, _DRIFT):
        reason = f"The provider reported ${reported:f}; the price book says ${table_usd:f}."
    return Cost(
        state="provider_reported",
        usd=_rounded(reported),
        lines=table.lines,
        reason=reason,
        price_book=book.version,
        model=table.model,
        table_usd=table_usd,
    )
