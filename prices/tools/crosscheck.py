"""Compares our price files with the public lists, field by field, and fails on a difference without a decision.

    python prices/tools/crosscheck.py            counts and open conflicts
    python prices/tools/crosscheck.py --all      every difference, decided ones too
    python prices/tools/crosscheck.py --write    also rewrites prices/crosscheck.md

Needs an environment with PyYAML and at least one of `genai-prices`, `litellm`, `model-prices`.
"""

import argparse
import datetime as dt
import fnmatch
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from draft import collect, say
from price_yaml import NOT_PROVIDERS, PRICES, ModelPrices, ProviderFile, load_units, load_yaml
from read_sources import Field, SourceList, left_out, micros, provider_map, read_all

COMPLETE = ("openai", "anthropic", "azure_openai")
"""Providers of which every listed model has to be ours or left out with a reason. Of the others only the models kept by
hand are compared: the rest is generated from the same lists."""
# A list may round a price that does not terminate (dollars an hour stated a second).
ROUNDING = Decimal("1e-9")


@dataclass(frozen=True)
class Difference:
    """A field where a source does not say what we say."""

    provider: str
    model: str
    field: Field
    ours: Decimal | None
    theirs: Mapping[str, Decimal]
    reason: str | None
    """The recorded decision; `None` = open."""


class Decisions:
    """`decisions.yaml`: which source is believed where, and why."""

    def __init__(self, path: Path = PRICES / "decisions.yaml") -> None:
        self.rows: list[dict[str, str]] = load_yaml(path)["decisions"]

    def find(self, provider: str, model: str, field: Field) -> str | None:
        """The reason of the first decision that covers the field."""
        unit, condition, above = field
        for row in self.rows:
            wanted = {"provider": provider, "model": model, "unit": unit, "when": condition, "above": str(above)}
            if all(fnmatch.fnmatchcase(value, row.get(key, "*")) for key, value in wanted.items()):
                return row["reason"]
        return None


def checked_providers() -> list[str]:
    """The complete ones, then those with models kept by hand."""
    others = sorted(path.stem for path in PRICES.glob("*.yaml") if path.stem not in (*NOT_PROVIDERS, *COMPLETE))
    return [*COMPLETE, *(name for name in others if name in provider_map())]


def our_fields(model: ModelPrices, at_us: int) -> dict[Field, Decimal]:
    """What the price file says at one moment, price of one unit."""
    fields: dict[Field, Decimal] = {}
    for row in model.rows:
        if row.window is not None:
            continue
        if (row.from_us is not None and row.from_us > at_us) or (row.until_us is not None and at_us >= row.until_us):
            continue
        for unit, price in row.rates.items():
            fields[unit, row.condition, row.above or 0] = price.usd / price.per
    return fields


def our_models(file: ProviderFile) -> dict[str, ModelPrices]:
    """Every name that the file lists, aliases included."""
    return {name: model for model in file.models() for name in (model.name, *model.aliases)}


def model_of(ours: Mapping[str, ModelPrices], name: str) -> ModelPrices | None:
    """Our model of a name in a public list; a date after a listed name is a snapshot of it."""
    base = name
    for pattern in ("-????-??-??", "-????????"):
        if fnmatch.fnmatchcase(name[-len(pattern) :], pattern.replace("?", "[0-9]")):
            base = name[: -len(pattern)]
            break
    return ours.get(name) or ours.get(base) or ours.get(name.removesuffix("-latest"))


def compare(
    provider: str, sources: list[SourceList], at: dt.datetime, decisions: Decisions
) -> Iterator[Difference | str]:
    """A difference, or the name of an agreement: `agree 3` says that three lists confirm our figure."""
    file = ProviderFile(PRICES / f"{provider}.yaml", load_units(), None if provider in COMPLETE else PRICES)
    ours = our_models(file)
    skipped = left_out(provider)
    at_us = micros(at)
    for name, known in collect(sources, provider, at_us).items():
        model = model_of(ours, name) if provider in COMPLETE else ours.get(name)
        if model is None and provider not in COMPLETE:
            continue
        if model is None or model.free or model.unpriced:
            reason = "free" if model and model.free else decisions.find(provider, name, ("", "", 0))
            if reason is None:
                yield Difference(provider, name, ("(model)", "", 0), None, {}, None)
            else:
                yield "left out"
            continue
        fields = our_fields(model, at_us)
        for field, theirs in known.items():
            if field[0] in skipped:
                continue
            mine = fields.get(field)
            wrong = {s: p for s, p in theirs.items() if mine is None or abs(p - mine) > p * ROUNDING}
            if not wrong:
                yield f"agree {len(theirs)}"
            elif mine is None and not any(theirs.values()):
                yield "zero"
            else:
                yield Difference(provider, name, field, mine, theirs, decisions.find(provider, name, field))


def main() -> int:
    """Print the report. Returns 1 when a difference has no decision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    at = dt.datetime.now(dt.UTC)
    sources = read_all()
    if not sources:
        say("none of genai-prices, litellm, model-prices is installed")
        return 2
    open_ones = 0
    report: list[str] = []
    for provider in checked_providers():
        counts: Counter[str] = Counter()
        for result in compare(provider, sources, at, Decisions()):
            if isinstance(result, str):
                counts[result] += 1
                continue
            counts["decided" if result.reason else "open"] += 1
            if options.all or result.reason is None:
                say(_line(result))
        open_ones += counts["open"]
        report.append(f"| {provider} | " + " | ".join(str(counts[key]) for key in COLUMNS) + " |")
    table = [f"| provider | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|", *report]
    say("\n".join(table))
    if options.write:
        (PRICES / "crosscheck.md").write_text(REPORT.format(date=at.date(), table="\n".join(table)), "utf-8")
    return 1 if open_ones else 0


COLUMNS = ("agree 3", "agree 2", "agree 1", "zero", "decided", "open", "left out")
REPORT = """# Price files against the public lists

Written by `prices/tools/crosscheck.py --write` on {date}. A field is one unit of one listed name under one condition.
`agree N`: N lists have the field and all say what we say. `decided`: a list says something else, or says something
where we have no price; the reason is in `decisions.yaml`. `left out`: names that are free or not the provider's own.

{table}
"""


def _line(result: Difference) -> str:
    unit, condition, above = result.field
    place = " ".join(str(part) for part in (unit, condition, f">{above}" if above else "") if part)
    theirs = ", ".join(f"{source} {_price(price)}" for source, price in result.theirs.items())
    return f"{result.provider} {result.model} {place}: ours {_price(result.ours)}; {theirs} [{result.reason or 'OPEN'}]"


def _price(price: Decimal | None) -> str:
    return "-" if price is None else format((price * 1_000_000).quantize(Decimal("1e-6")).normalize(), "f")


if __name__ == "__main__":
    sys.exit(main())
