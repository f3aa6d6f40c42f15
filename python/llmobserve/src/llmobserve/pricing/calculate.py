"""From a call to its cost: state, exact amount and receipt."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal

from llmobserve.pricing.book import PriceBook, load_price_book
from llmobserve.pricing.doubts import usage_doubts
from llmobserve.pricing.lookup import plan_of
from llmobserve.pricing.overlaid import overlaid_plan
from llmobserve.pricing.overlay import RULE_PRICE_PREFIX, PriceOverlay
from llmobserve.pricing.plan import Plan
from llmobserve.pricing.request import PriceRequest
from llmobserve.pricing.rows import Rate
from llmobserve.wire import CallEvent, Cost, CostLine, LineRules, Quantity, Usage, input_tokens

__all__ = ["price_call", "price_event"]

# Own context: the application's may round or trap. 50 digits hold every product of a quantity below 10^18 exactly.
_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)
_multiply = _EXACT.multiply
_add = _EXACT.add
_QUANTUM = Decimal("0.000000000001")
_ZERO = Decimal(0)
_LARGEST_QUANTITY = 10**18
_DRIFT = Decimal("0.01")
_HTTP_ERROR = 400


def price_event(event: CallEvent, book: PriceBook | None = None, overlay: PriceOverlay | None = None) -> Cost:
    """Cost of a recorded call. See `price_call`."""
    return price_call(PriceRequest.from_event(event), book, overlay)


def price_call(call: PriceRequest, book: PriceBook | None = None, overlay: PriceOverlay | None = None) -> Cost:
    """Cost of one call by a price book.

    Args:
        call: the call; quantities are disjoint units, the time is UTC.
        book: the price book; `None` for the one that ships with this version.
        overlay: rules of a project; `None` for the price book alone.

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
        return _reported(call, book, overlay)
    table = _by_table(call, book, overlay)
    return table if table.state != "unpriced" or call.reckoned_cost_usd is None else _reckoned(call, table)


def _by_table(call: PriceRequest, book: PriceBook, overlay: PriceOverlay | None) -> Cost:
    version = book.version
    units = call.usage.units
    if not any(units.values()) and call.http_status is not None and call.http_status >= _HTTP_ERROR:
        return Cost(
            state="free",
            usd=_ZERO,
            reason=f"The provider answered with HTTP {call.http_status} and reported no usage: errors are not billed.",
            price_book=version,
        )
    plan, note = plan_of(call, book) if overlay is None else overlaid_plan(call, book, overlay)
    if plan is None:
        return Cost(state="unpriced", usd=None, reason=note, price_book=version)
    model = plan.model
    if model.free is not None:
        return _free(call, plan, model.free, version)
    reason = model.unpriced or plan.missing or (_NO_USAGE if _knows_nothing(call.usage) else None)
    if reason is not None:
        return Cost(state="unpriced", usd=None, reason=reason, price_book=version, model=model.name)
    return _sum(call, plan, note, version)


def _knows_nothing(usage: Usage) -> bool:
    """True without any quantity, and for an estimate that found nothing to count. A reported zero is knowledge."""
    return not usage.units or (usage.source == "estimated" and not any(usage.units.values()))


_NO_USAGE = "The answer carried no usage, so the amount is not known."


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
        is_sane = 0 <= quantity < _LARGEST_QUANTITY if type(quantity) is int else _is_sane(quantity)
        if rate is None or not is_sane:
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
                unit,
                quantity,
                rate.usd,
                rate.per,
                usd,
                rate.price_id,
                rate.rule,
                rate.source,
                _line_rules(rate, quantity) if rate.rule_ids else None,
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
        table_usd=_list_total(lines) if plan.ruled else None,
    )


def _amount(rate: Rate, quantity: Quantity) -> Decimal:
    if rate.usd_each is not None:
        return _multiply(rate.usd_each, quantity)
    return _EXACT.divide(_multiply(rate.usd, quantity), rate.per)


def _line_rules(rate: Rate, quantity: Quantity) -> LineRules:
    return LineRules(rule_ids=rate.rule_ids, list_usd=None if rate.listed is None else _amount(rate.listed, quantity))


def _list_total(lines: Sequence[CostLine]) -> Decimal | None:
    """Amount of the lines by the price book alone; `None` when it lacks a rate, or is what the lines say anyway."""
    total, differs = _ZERO, False
    for line in lines:
        usd = line.usd if line.project is None else line.project.list_usd
        if usd is None:
            return None
        differs = differs or usd != line.usd
        total = _add(total, usd)
    return _rounded(total) if differs else None


def _free(call: PriceRequest, plan: Plan, reason: str, version: str) -> Cost:
    """A model that costs nothing; where a rule of the project says so, with what the price book says beside it."""
    told = _sum(call, plan, None, version) if plan.ruled else None
    whole = told is not None and told.state != "unpriced"
    return Cost(
        state="free",
        usd=_ZERO,
        lines=told.lines if told is not None and whole else (),
        reason=reason,
        price_book=version,
        model=plan.model.name,
        table_usd=told.table_usd if told is not None and whole else None,
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
    doubts += usage_doubts(usage)
    if estimated:
        doubts.append("The price is an approximation of how the provider bills.")
    return " ".join(doubts) or None


def _rounded(total: Decimal) -> Decimal:
    rounded = _EXACT.quantize(total, _QUANTUM)
    return total if total == rounded else rounded


def _reported(call: PriceRequest, book: PriceBook, overlay: PriceOverlay | None) -> Cost:
    """The provider's own figure, with the price book's beside it; own rates of the project win over both."""
    reported = call.reported_cost_usd
    if reported is None or not reported.is_finite() or reported < 0:
        return Cost(state="unpriced", usd=None, reason=f"The provider reported a cost of {reported}.")
    table = _by_table(call, book, overlay)
    usable = table.usd is not None and table.state in ("priced", "estimated")
    if usable and any(line.price_id.startswith(RULE_PRICE_PREFIX) for line in table.lines):
        said = f"The provider reported ${reported:f}; the project's own rates were taken."
        return table._replace(reason=f"{table.reason} {said}" if table.reason else said)
    list_usd = table.table_usd if table.table_usd is not None else table.usd if usable else None
    expected = [usd for usd in (list_usd, table.usd if usable else None) if usd is not None]
    reason = None
    if list_usd is not None and all(_differ(reported, usd) for usd in expected):
        reason = f"The provider reported ${reported:f}; the price book says ${list_usd:f}."
    return Cost(
        state="provider_reported",
        usd=_rounded(reported),
        lines=table.lines,
        reason=reason,
        price_book=book.version,
        model=table.model,
        table_usd=list_usd,
    )


def _reckoned(call: PriceRequest, table: Cost) -> Cost:
    """The figure of a tool that watched the call, where there is no other."""
    usd = call.reckoned_cost_usd
    if usd is None or not usd.is_finite() or usd <= 0:
        return table
    reason = f"{table.reason} The amount is what the sender of the record reckons."
    return table._replace(state="estimated", usd=_rounded(usd), lines=(), reason=reason)


def _differ(reported: Decimal, usd: Decimal) -> bool:
    return _EXACT.subtract(reported, usd).copy_abs() > _EXACT.multiply(usd, _DRIFT)
