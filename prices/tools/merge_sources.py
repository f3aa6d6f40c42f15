"""Merges what the public lists say about a model: what they agree on is taken, what they dispute needs a decision."""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from price_yaml import PRICES, load_yaml
from read_sources import BASE, Field, Fields, Listed, left_out

# A list may carry a price that went through binary fractions, or round one that does not terminate (dollars an hour
# stated a second).
ROUNDING = Decimal("1e-9")
HOUR_ROUNDING = Decimal("1e-3")
HOUR_UNITS = ("input_seconds",)
HISTORIANS = ("genai-prices", "model-prices")


@dataclass(frozen=True)
class Choice:
    """A settled field."""

    price: Decimal
    confidence: str


@dataclass
class Merged:
    """One model for some time."""

    from_us: int | None
    until_us: int | None
    choices: dict[Field, Choice] = field(default_factory=dict[Field, Choice])
    disputed: dict[Field, dict[str, Decimal]] = field(default_factory=dict[Field, dict[str, Decimal]])
    """Fields that are left out because the lists disagree and no decision settles them."""

    @property
    def base_is_disputed(self) -> bool:
        """True when no ordinary call of the model can be priced."""
        return any(one in self.disputed for one in BASE)


class Takes:
    """The `take` decisions: which list is believed where they disagree, and why."""

    def __init__(self, path: Path = PRICES / "decisions.yaml") -> None:
        self.rows: list[dict[str, str]] = load_yaml(path).get("take", [])

    def find(self, provider: str, model: str, where: Field, said: Mapping[str, Decimal]) -> Choice | None:
        """The settled price, or `None` when no decision covers the field and the lists that have it."""
        unit, condition, above = where
        for row in self.rows:
            wanted = {"provider": provider, "model": model, "unit": unit, "when": condition, "above": str(above)}
            if not all(fnmatch.fnmatchcase(value, row.get(key, "*")) for key, value in wanted.items()):
                continue
            if row["take"] == "none":
                return None
            if row["take"] == "majority":
                agreed = next((p for p in said.values() if sum(same(unit, p, q) for q in said.values()) > 1), None)
                if agreed is not None:
                    return Choice(agreed, "disputed")
            elif row["take"] in said:
                return Choice(said[row["take"]], "disputed")
        return None


def same(unit: str, a: Decimal, b: Decimal) -> bool:
    """True when two lists state the same price, but for rounding of hourly prices."""
    return abs(a - b) <= max(a, b) * (HOUR_ROUNDING if unit in HOUR_UNITS else ROUNDING)


def merge_fields(provider: str, model: str, known: Mapping[str, Fields], takes: Takes, merged: Merged) -> None:
    """Fill `merged` from what each list says at one moment."""
    skipped = left_out(provider)
    places = dict.fromkeys(where for fields in known.values() for where in fields if where[0] not in skipped)
    for where in places:
        unit = where[0]
        # A price of 0 is how a list says that it knows none; what is free is declared by hand.
        said = {source: fields[where] for source, fields in known.items() if fields.get(where)}
        if not said:
            continue
        first = next(iter(said.values()))
        if all(same(unit, first, price) for price in said.values()):
            merged.choices[where] = Choice(_finest(said), "verified" if len(said) > 1 else "single")
        elif choice := takes.find(provider, model, where, said):
            merged.choices[where] = choice
        else:
            merged.disputed[where] = said
    _refuse_implausible(merged)


# No published token costs more; a list that mistakes thousands for millions does.
_DEAREST_TOKEN = Decimal("0.00066")


def _refuse_implausible(merged: Merged) -> None:
    """Leave out what is a list's mistake on the face of it: a price off by thousands, a discount that is none."""
    for where, choice in list(merged.choices.items()):
        unit, condition, above = where
        fresh = merged.choices.get(("input_text_tokens", condition, above))
        dearer = unit == "cache_read_text_tokens" and fresh is not None and choice.price > fresh.price
        if dearer or (unit.endswith("_tokens") and choice.price > _DEAREST_TOKEN):
            merged.disputed[where] = {"only": choice.price}
            del merged.choices[where]


def _finest(said: Mapping[str, Decimal]) -> Decimal:
    """Of prices that differ by rounding the one whose hour costs the rounder sum."""
    return min(said.values(), key=lambda price: len((price * 3600).normalize().as_tuple().digits))


def merge_model(provider: str, model: str, listed: Mapping[str, Listed], takes: Takes, at_us: int) -> list[Merged]:
    """A model over time. The present is what all lists say; past and future are what one historian says."""
    historian = next((listed[s] for s in HISTORIANS if s in listed and len(listed[s].spans) > 1), None)
    spans = historian.spans if historian is not None else ()
    present = next((span for span in spans if span.holds(at_us)), None)
    now = Merged(present.from_us if present else None, present.until_us if present else None)
    merge_fields(provider, model, {source: one.at(at_us) for source, one in listed.items()}, takes, now)
    result = [now]
    for span in spans:
        if span is not present:
            other = Merged(span.from_us, span.until_us)
            merge_fields(provider, model, {"historian": span.fields}, takes, other)
            if other.choices.get(BASE[0]):
                result.append(other)
    return _joined(result)


def _joined(spans: Iterable[Merged]) -> list[Merged]:
    """Neighbours in time that say the same become one."""
    result: list[Merged] = []
    for span in sorted(spans, key=lambda s: s.from_us or 0):
        last = result[-1] if result else None
        if last and last.until_us == span.from_us and _prices(last) == _prices(span):
            keep = last if len(last.choices) >= len(span.choices) else span
            result[-1] = Merged(last.from_us, span.until_us, _surer(last, span), keep.disputed)
        else:
            result.append(span)
    return result


def _prices(span: Merged) -> dict[Field, Decimal]:
    return {where: choice.price for where, choice in span.choices.items()}


def _surer(a: Merged, b: Merged) -> dict[Field, Choice]:
    return {
        where: min(a.choices[where], b.choices[where], key=lambda c: c.confidence != "verified") for where in a.choices
    }
