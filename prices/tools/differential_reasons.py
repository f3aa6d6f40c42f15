"""Why a public library and our price book give different amounts for the same call, by classes that can be checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from read_sources import Fields

CACHED = "cache_read_text_tokens"


@dataclass(frozen=True)
class Difference:
    """One call that a library prices otherwise."""

    library: str
    provider: str
    model: str
    case: str
    amount: Decimal
    """What the library says."""
    cost: Any
    """What we say."""
    listed: Fields = field(default_factory=Fields)
    """The library's own prices of the model."""
    decided: bool = False
    """True when `decisions.yaml` settles a field of the model against this library, or leaves the model out."""


TOKENS = {"short": (1000, 500), "cached": (6000, 500), "long": (300_000, 1000)}
"""Usage → all input, output."""

REASONS = {
    "price of zero": (
        "The list has 0 for a field or the whole model, which is how it says that it knows no price, or the "
        "model is billed by something else than tokens. We are unpriced, or have the figure of another list; "
        "the library says that the tokens are free. **We are right**: what is free is declared, never "
        "inferred."
    ),
    "disputed": (
        "The lists contradict each other and no decision has been recorded. We are unpriced and name both "
        "figures; each library gives its own. **Open on purpose.**"
    ),
    "decided": (
        "A recorded decision (`decisions.yaml`) takes another list's figure, or leaves the name out because "
        "it is a reseller's or another service's. **We are right** for the reason given there."
    ),
    "no cached price": (
        "No list has a price for cached input of this model. We take it as input, the most it can cost, and "
        "mark the amount as an estimate, or are unpriced where cached input does not exist; the library bills"
        " cached tokens in full, by a formula, or not at all. **Unknown; ours is an upper bound and says "
        "so.**"
    ),
    "cached price of another list": (
        "Another list has a price for cached input that this library lacks; it bills cached tokens in full or"
        " not at all. **We are right.**"
    ),
    "long price of another list": (
        "Another list has a price for long inputs that this library lacks, or states it for fewer units. **We"
        " are right**: the price is published."
    ),
    "plain id on Bedrock": (
        "A Claude model from 4.5 on, invoked by its plain id. LiteLLM has the list price, we take the price "
        "in one region, 10% higher, and mark the amount as an estimate. OpenAI's models by their plain id: "
        "LiteLLM has the list price for one interface and 10% more for the other; we have the list price. "
        "**Disputed between the lists.**"
    ),
    "GovCloud": (
        "LiteLLM has some GovCloud prices without their long or cached counterpart, or genai-prices has the "
        "commercial surcharge. We have 20% more for Claude, as an estimate. **Uncertain and marked.**"
    ),
    "fee of every request": (
        "The model searches before every answer; we bill the fee, the library bills tokens alone. **We are right.**"
    ),
    "peak hours": (
        "LiteLLM applies the hours by the clock of the machine, not by the time of the call. **We are right.**"
    ),
    "ended": (
        "The model was withdrawn before the time of the call; the library prices it at any time. **We are "
        "right**: there is no price."
    ),
    "output of an input-only model": (
        "The list has a price for the output of an embedding model, which has none. **No call is affected.**"
    ),
    "another model taken": (
        "LiteLLM reads the first part of the name as its provider and so prices Perplexity's agent model "
        "perplexity/sonar as the withdrawn chat model sonar. **We are right.**"
    ),
    "prices ignored by the arithmetic": (
        "The library's list has a price for cached or long input of this model, and its cost function bills "
        "all input at the first price. **We are right.**"
    ),
}


def explain(one: Difference) -> str:
    """Name of the class that explains the difference; `unexplained` when none does."""
    for name, holds in _CHECKS:
        if holds(one):
            return name
    return "unexplained"


def _reason(one: Difference) -> str:
    return one.cost.reason or ""


def _zero(one: Difference) -> bool:
    base = [price for (unit, _, above), price in one.listed.items() if above == 0 and unit.endswith("_text_tokens")]
    has_input = one.listed.get(("input_text_tokens", "", 0), 0) > 0
    return one.amount == 0 or (one.cost.usd is None and (not base or 0 in base or not has_input))


def _no_cached(one: Difference) -> bool:
    if one.case != "cached":
        return False
    return (one.cost.state == "estimated" and "approximation" in _reason(one)) or (
        one.cost.usd is None and f"no price for {CACHED}" in _reason(one)
    )


def _cached_elsewhere(one: Difference) -> bool:
    return one.case == "cached" and not any(unit == CACHED for unit, _, _ in one.listed)


def _flat(one: Difference) -> bool:
    """The library's amount is all input at the first price, whatever is cached and however long it is."""
    sent, received = TOKENS[one.case]
    for condition in {where[1] for where in one.listed}:
        price_in = one.listed.get(("input_text_tokens", condition, 0), Decimal(0))
        price_out = one.listed.get(("output_text_tokens", condition, 0), Decimal(0))
        flat = price_in * sent + price_out * received
        if price_in and abs(flat - one.amount) <= flat * Decimal("1e-9"):
            return True
    return False


def _long_elsewhere(one: Difference) -> bool:
    return one.case == "long" and any("re-rates" in line.rule for line in one.cost.lines) != any(
        above for _, _, above in one.listed
    )


def _government(one: Difference) -> bool:
    return one.provider == "aws_bedrock" and (
        any("us-gov" in condition for _, condition, _ in one.listed) or "us-gov" in one.model
    )


_CHECKS: tuple[tuple[str, Callable[[Difference], bool]], ...] = (
    ("disputed", lambda one: "public price lists disagree" in _reason(one)),
    ("ended", lambda one: one.provider == "perplexity" and one.model.startswith("sonar") and one.cost.usd is None),
    ("price of zero", _zero),
    ("peak hours", lambda one: one.provider == "deepseek" and one.library == "litellm" and one.cost.usd is not None),
    ("fee of every request", lambda one: any(line.unit == "web_search_calls" for line in one.cost.lines)),
    (
        "plain id on Bedrock",
        lambda one: (
            one.provider == "aws_bedrock"
            and (one.model.startswith("openai.gpt-") or any("its plain id" in line.rule for line in one.cost.lines))
        ),
    ),
    ("GovCloud", _government),
    ("decided", lambda one: one.decided),
    ("no cached price", _no_cached),
    ("cached price of another list", _cached_elsewhere),
    ("long price of another list", _long_elsewhere),
    (
        "another model taken",
        lambda one: (one.library, one.provider, one.model) == ("litellm", "perplexity", "perplexity/sonar"),
    ),
    ("prices ignored by the arithmetic", lambda one: one.case != "short" and _flat(one)),
    (
        "output of an input-only model",
        lambda one: "embed" in one.model or "bge" in one.model or "no price for output_text_tokens" in _reason(one),
    ),
)
