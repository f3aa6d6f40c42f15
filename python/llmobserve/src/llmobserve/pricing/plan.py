"""Which rates hold for a model under the dimensions of a call, at its time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llmobserve.pricing.book import ProviderPrices
from llmobserve.pricing.match import Match
from llmobserve.pricing.rows import Block, Model, Rate

__all__ = ["Plan", "canonical_conditions", "find_plan"]

_REMEMBERED_PLANS = 20_000
_REMEMBERED_SPANS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """Rates by unit for one model, one set of dimension values and one span of time."""

    model: Model
    from_us: int
    until_us: int
    tiers: tuple[tuple[int, Mapping[str, Rate]], ...]
    """(input tokens that must be exceeded, rates), the highest threshold first; the last one is -1."""
    conditions: str
    """What the call was priced under, in words for a reason."""
    missing: str | None
    """What has no price, in words; `None` when the plan can price."""
    ruled: bool = False
    """True when rules of a project made a part of it."""


def find_plan(prices: ProviderPrices, match: Match, operation: str, dimensions: Mapping[str, str], at_us: int) -> Plan:
    """The rates of a model. Never fails: a plan without rates says what is missing."""
    model = match.model
    given = {**dimensions, **match.dimensions} if match.dimensions else dimensions
    key = (model.name, operation, *map(given.get, _watched(prices, model)))
    known: tuple[Plan, ...] = prices.plans.get(key, ())
    for plan in known:
        if plan.from_us <= at_us < plan.until_us:
            return plan
    plan = _make_plan(prices, model, operation, given, at_us)
    if len(prices.plans) >= _REMEMBERED_PLANS:
        prices.plans.clear()
    prices.plans[key] = (plan, *known[: _REMEMBERED_SPANS - 1])
    return plan


def _watched(prices: ProviderPrices, model: Model) -> tuple[str, ...]:
    """Dimensions of a request that can change the price of this model."""
    found = prices.watched.get(model.name)
    if found is None:
        causes = {cause.split("=", 1)[0] for cause in prices.implied}
        found = prices.watched[model.name] = tuple(sorted(set(model.dimension_keys) | causes))
    return found


def _canonical(prices: ProviderPrices, model: Model, operation: str, dimensions: Mapping[str, str]) -> dict[str, str]:
    given = {key: value for key in _watched(prices, model) if (value := dimensions.get(key)) is not None}
    return canonical_conditions(prices, model, model.dimension_keys, given, operation)


def canonical_conditions(
    prices: ProviderPrices, model: Model | None, keys: Iterable[str], dimensions: Mapping[str, str], operation: str
) -> dict[str, str]:
    """Values of `keys` as the price book spells them; those that mean nothing but the list price are left out.

    What follows from other dimensions, and what holds for the model by default, is added.
    """
    defaults = model.defaults if model is not None else dict[str, str]()
    given = dict(dimensions)
    for key, value in dimensions.items():
        given.update(prices.implied.get(f"{key}={value}", {}))
    given["operation"] = operation
    result: dict[str, str] = {}
    for key in keys:
        value = given.get(key, defaults.get(key, ""))
        spelled = prices.values.get(key, {})
        value = spelled.get(value, spelled.get("*", value) if value else value)
        if value:
            result[key] = value
    return result


def _make_plan(prices: ProviderPrices, model: Model, operation: str, dimensions: Mapping[str, str], at_us: int) -> Plan:
    wanted = _canonical(prices, model, operation, dimensions)
    named = {key for key in wanted if key in prices.strict}
    matching = [b for b in model.blocks if named <= b.dimensions.keys() and b.dimensions.items() <= wanted.items()]
    from_us, until_us = _span(matching, at_us)
    valid = [block for block in matching if _holds(block, at_us)]
    asked = ", ".join(f"{key}={value}" for key, value in wanted.items())
    conditions = f"with {asked} at the time of the call" if asked else "at the time of the call"
    missing = None if valid else f"{model.name} has no price {conditions}."
    return Plan(model, from_us, until_us, _tiers(valid), conditions, missing)


def _holds(block: Block, at_us: int) -> bool:
    return (
        (block.from_us is None or block.from_us <= at_us)
        and (block.until_us is None or at_us < block.until_us)
        and (block.window is None or block.window.holds(at_us))
    )


def _span(blocks: list[Block], at_us: int) -> tuple[int, int]:
    """The widest span around `at_us` in which no block starts or ends."""
    edges = {edge for block in blocks for edge in (block.from_us, block.until_us) if edge is not None}
    for block in blocks:
        if block.window is not None:
            edges.update(block.window.edges(at_us))
    return max((e for e in edges if e <= at_us), default=-(2**62)), min((e for e in edges if e > at_us), default=2**62)


def _tiers(blocks: list[Block]) -> tuple[tuple[int, Mapping[str, Rate]], ...]:
    """Rates by threshold. A block with more conditions wins over a more general one, unit by unit.

    Above a threshold only token prices stated for it hold; what is not a token (a tool fee) costs the same.
    """
    by_threshold: dict[int, list[Block]] = {}
    for block in sorted(blocks, key=lambda b: b.weight):
        by_threshold.setdefault(-1 if block.above_input_tokens is None else block.above_input_tokens, []).append(block)
    tiers: list[tuple[int, Mapping[str, Rate]]] = []
    rates: dict[str, Rate] = {}
    for above in sorted(by_threshold):
        rates = {unit: rate for unit, rate in rates.items() if not unit.endswith("_tokens")}
        for block in by_threshold[above]:
            rates |= block.rates()
        tiers.append((above, dict(rates)))
    return tuple(reversed(tiers))
