"""The plan of a call under the rules of its project: mapped, with own rates, free, or discounted, in this order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal

from llmobserve.pricing.book import PriceBook, ProviderPrices
from llmobserve.pricing.lookup import match_of, plan_of
from llmobserve.pricing.match import find_model
from llmobserve.pricing.overlay import RULE_PRICE_PREFIX, InForce, OwnRate, PriceOverlay, PriceRule, describe
from llmobserve.pricing.plan import Plan, canonical_conditions
from llmobserve.pricing.request import PriceRequest
from llmobserve.pricing.rows import Model, Rate

__all__ = ["is_concerned", "overlaid_plan"]

_EVER = 2**62
_HUNDRED = Decimal(100)
_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)
_REMEMBERED = 20_000
_REMEMBERED_SPANS = 8

_Tiers = tuple[tuple[int, Mapping[str, Rate]], ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look-up found, and for which times it holds."""

    rules_from_us: int
    rules_until_us: int
    plan_from_us: int
    plan_until_us: int
    by_completion: bool
    plan: Plan | None
    note: str | None

    def holds(self, call: PriceRequest) -> bool:
        at_us = call.end_us if self.by_completion and call.end_us is not None else call.at_us
        return (
            self.rules_from_us <= call.at_us < self.rules_until_us and self.plan_from_us <= at_us < self.plan_until_us
        )


@dataclass(frozen=True, slots=True)
class _Subject:
    """What rules are looked for: the call after its mapping."""

    call: PriceRequest
    prices: ProviderPrices | None
    names: tuple[str, ...]
    """Names under which a rule may know the model, in lower case, the most exact first."""

    def closeness(self, rule: PriceRule) -> int | None:
        """How exactly a rule means this model, 0 the most; `None` when it means another."""
        if rule.provider not in (None, self.call.provider):
            return None
        if rule.model is None:
            return len(self.names)
        name = rule.model.lower()
        return self.names.index(name) if name in self.names else None


def overlaid_plan(call: PriceRequest, book: PriceBook, overlay: PriceOverlay) -> tuple[Plan | None, str | None]:
    """As `lookup.plan_of`, by the price book and the rules that are in force when the call starts."""
    # Dimensions in another order are another key, which costs a second entry and no mistake.
    key = (
        book.version,
        call.provider,
        call.operation,
        call.response_model,
        call.request_model,
        *call.dimensions.items(),
    )
    known: tuple[_Found, ...] = overlay.plans.get(key, ())
    for found in known:
        if found.holds(call):
            return found.plan, found.note
    found = _find(call, book, overlay.at(call.at_us))
    if len(overlay.plans) >= _REMEMBERED:
        overlay.plans.clear()
    overlay.plans[key] = (found, *known[: _REMEMBERED_SPANS - 1])
    return found.plan, found.note


def is_concerned(rule: PriceRule, call: PriceRequest, book: PriceBook, overlay: PriceOverlay) -> bool:
    """Whether a rule is about the provider and model of a call, after the mappings of `overlay`.

    Times, conditions and other rules are not looked at: the rule may still not be applied.
    """
    if rule.kind == "mapping":
        return _mapping(call, book, (rule,)) is not None
    mapping = _mapping(call, book, overlay.rules)
    if mapping is not None:
        call = _mapped(call, mapping)
    prices = book.provider(call.provider)
    return _Subject(call, prices, _names(call, prices)).closeness(rule) is not None


def _find(call: PriceRequest, book: PriceBook, in_force: InForce) -> _Found:
    mapping = _mapping(call, book, in_force.rules)
    if mapping is not None:
        call = _mapped(call, mapping)
    base, note = plan_of(call, book)
    prices = book.provider(call.provider)
    subject = _Subject(call, prices, _names(call, prices))
    free, own = _free_or_own(subject, base, in_force.rules)
    discounts = [rule for rule in in_force.rules if rule.kind == "discount" and subject.closeness(rule) is not None]
    applied = [rule for rule in (mapping, free, *own, *discounts) if rule is not None]
    plan = _ruled(subject, base, mapping, free, own, discounts) if applied else base
    if plan is None and mapping is not None:
        note = f"{note} {describe(mapping)}."
    elif any(rule.model is not None and rule.model.lower() in _literal(call) for rule in (free, *own) if rule):
        # The project has said what calls under this very name cost: nothing about it is a guess.
        note = None
    return _Found(
        in_force.from_us,
        in_force.until_us,
        base.from_us if base is not None else -_EVER,
        base.until_us if base is not None else _EVER,
        prices is not None and prices.by_completion,
        plan,
        note,
    )


def _mapping(call: PriceRequest, book: PriceBook, rules: Iterable[PriceRule]) -> PriceRule | None:
    """The mapping of the name in the answer, else of the name in the request where the answer says no known one."""
    wanted = [rule for rule in rules if rule.kind == "mapping" and rule.provider == call.provider]
    if not wanted:
        return None
    by_name = {(rule.model or "").lower(): rule for rule in wanted}
    served, asked = call.response_model, call.request_model
    if served and served.lower() in by_name:
        return by_name[served.lower()]
    prices = book.provider(call.provider)
    if asked and (not served or prices is None or find_model(prices, served) is None):
        return by_name.get(asked.lower())
    return None


def _mapped(call: PriceRequest, mapping: PriceRule) -> PriceRequest:
    return replace(call, provider=mapping.to_provider or "", response_model=mapping.to_model or "", request_model=None)


def _literal(call: PriceRequest) -> tuple[str, ...]:
    return tuple(name.lower() for name in (call.response_model, call.request_model) if name)


def _names(call: PriceRequest, prices: ProviderPrices | None) -> tuple[str, ...]:
    served, asked = call.response_model, call.request_model
    names = [served] if served else []
    # What was asked for says what was served only where nothing else does, or where the customer chose the name.
    if asked and (not served or prices is None or prices.deployments or find_model(prices, served) is None):
        names.append(asked)
    match = match_of(call, prices, hint=False)[0] if prices is not None else None
    if match is not None:
        names.append(match.model.name)
    return tuple(dict.fromkeys(name.lower() for name in names))


def _ruled(
    subject: _Subject,
    base: Plan | None,
    mapping: PriceRule | None,
    free: PriceRule | None,
    own: list[PriceRule],
    discounts: list[PriceRule],
) -> Plan | None:
    """The plan with the rules applied; `None` when the price book has none and the rules bring no rates."""
    tiers = base.tiers if base is not None and base.missing is None else ()
    if mapping is not None:
        tiers = _each(tiers, lambda _, rate: _with_rule(rate, mapping))
    if free is not None:
        tiers = _each(tiers, lambda _, rate: _free_rate(rate, free))
    else:
        tiers = _with_own_rates(tiers, own) if own else tiers
        tiers = _each(tiers, lambda unit, rate: _discounted(rate, _best_discount(subject, discounts, unit)))
    says_all = free is not None or bool(own)
    if base is None:
        if not says_all:
            return None
        name = subject.call.response_model or subject.call.request_model or subject.call.provider
        base = Plan(Model(name), -_EVER, _EVER, (), "at the time of the call", None)
    model = base.model
    if says_all:
        model = replace(model, free=None if free is None else f"Price: {describe(free)}.", unpriced=None)
    missing = None if says_all else base.missing
    return Plan(model, base.from_us, base.until_us, tiers, base.conditions, missing, ruled=True)


def _each(tiers: _Tiers, change: Callable[[str, Rate], Rate]) -> _Tiers:
    return tuple((above, {unit: change(unit, rate) for unit, rate in rates.items()}) for above, rates in tiers)


def _free_or_own(
    subject: _Subject, base: Plan | None, rules: Iterable[PriceRule]
) -> tuple[PriceRule | None, list[PriceRule]]:
    """The rule that makes the call free, or own rates, the least special first. The closer one of both kinds wins."""
    ranked = [(closeness, rule) for rule in rules if (closeness := subject.closeness(rule)) is not None]
    free = min((one for one in ranked if one[1].kind == "free"), default=None, key=_rank)
    own = [one for one in ranked if one[1].kind == "override" and _applies(subject, base, one[1])]
    if free is not None and all(free[0] <= closeness for closeness, _ in own):
        return free[1], []
    own.sort(key=lambda one: (-one[0], len(one[1].dimensions), _above(one[1])))
    return None, [rule for _, rule in own]


def _rank(one: tuple[int, PriceRule]) -> int:
    return one[0]


def _applies(subject: _Subject, base: Plan | None, rule: PriceRule) -> bool:
    """Whether a call meets the conditions of an own rate, and the rate names those that may not be ignored."""
    call, prices = subject.call, subject.prices
    raw = dict(call.dimensions)
    if prices is None:
        return rule.dimensions.items() <= raw.items()
    match = match_of(call, prices)[0] if base is not None else None
    if match is not None:
        raw |= match.dimensions
    keys = {*prices.strict, *rule.dimensions}
    said = canonical_conditions(prices, match.model if match else None, keys, raw, call.operation)
    named = {key for key in prices.strict if key in said}
    return named <= rule.dimensions.keys() and all(
        value in (raw.get(key), said.get(key)) for key, value in rule.dimensions.items()
    )


def _with_own_rates(tiers: _Tiers, own: list[PriceRule]) -> _Tiers:
    """Own rates over those of the price book, at every number of input tokens where either of them changes."""
    thresholds = {above for above, _ in tiers} | {_above(rule) for rule in own} | {-1}
    made: list[tuple[int, Mapping[str, Rate]]] = []
    for threshold in sorted(thresholds, reverse=True):
        listed = next((rates for above, rates in tiers if above <= threshold), dict[str, Rate]())
        rates = dict(listed)
        for rule in own:
            if _above(rule) <= threshold:
                rates |= {rate.unit: _own_rate(rule, rate, listed.get(rate.unit)) for rate in rule.rates}
        made.append((threshold, rates))
    return tuple(made)


def _above(rule: PriceRule) -> int:
    return -1 if rule.above_input_tokens is None else rule.above_input_tokens


def _own_rate(rule: PriceRule, own: OwnRate, listed: Rate | None) -> Rate:
    rate = Rate(
        usd=own.usd,
        per=own.per,
        usd_each=_usd_each(own.usd, own.per),
        price_id=f"{RULE_PRICE_PREFIX}{rule.id}",
        rule=describe(rule),
        source=None,
        estimated=False,
        rule_ids=(rule.id,),
    )
    if listed is None:
        return rate
    return replace(
        rate,
        rule=f"{rate.rule}; {_with_amount(listed)}",
        minimum=listed.minimum,
        increment=listed.increment,
        rule_ids=(*listed.rule_ids, rule.id),
        listed=listed.listed or listed,
    )


def _best_discount(subject: _Subject, discounts: list[PriceRule], unit: str) -> PriceRule | None:
    def order(rule: PriceRule) -> tuple[int, bool, bool]:
        closeness = subject.closeness(rule)
        return len(subject.names) if closeness is None else closeness, rule.provider is None, rule.units is None

    about = [rule for rule in discounts if rule.units is None or unit in rule.units]
    return min(about, key=order, default=None)


def _discounted(rate: Rate, rule: PriceRule | None) -> Rate:
    if rule is None or rule.percent is None:
        return rate
    kept = _EXACT.subtract(_HUNDRED, rule.percent).scaleb(-2, _EXACT)
    each = None if rate.usd_each is None else _EXACT.multiply(rate.usd_each, kept)
    return replace(_with_rule(rate, rule), usd=_EXACT.multiply(rate.usd, kept), usd_each=each)


def _free_rate(rate: Rate, rule: PriceRule) -> Rate:
    return replace(_with_rule(rate, rule), usd=Decimal(0), usd_each=Decimal(0))


def _with_rule(rate: Rate, rule: PriceRule) -> Rate:
    """The rate with a further rule in its text, and what it is by the price book alone."""
    return replace(
        rate,
        rule=f"{_with_amount(rate)}; {describe(rule)}",
        rule_ids=(*rate.rule_ids, rule.id),
        listed=rate.listed if rate.rule_ids else rate,
    )


def _with_amount(rate: Rate) -> str:
    """The text of a rate; that of the price book with its amount, which the line then no longer shows."""
    if rate.rule_ids:
        return rate.rule
    amount = format(rate.usd, "f")
    shortest = amount.rstrip("0").rstrip(".") if "." in amount else amount
    return f"{rate.rule}: ${shortest} per {rate.per:,}"


def _usd_each(usd: Decimal, per: int) -> Decimal | None:
    digits = len(str(per)) - 1
    return usd.scaleb(-digits, _EXACT) if per == 10**digits else None
