"""Drafts price rows for models that the public lists know and our price files do not.

    python prices/tools/draft.py openai            every missing model
    python prices/tools/draft.py openai gpt-7-sol  these models, missing or not

The draft goes to standard output in the form of a price file. Where the lists disagree the draft says so in a comment
and leaves the choice to a person.
"""

import argparse
import datetime as dt
import sys
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from price_yaml import PRICES, ProviderFile, load_units
from read_sources import Field, SourceList, micros, read_all

Known = dict[Field, dict[str, Decimal]]
"""Field → source → price of one unit."""


def main() -> int:
    """Print the draft. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("provider")
    parser.add_argument("models", nargs="*")
    options = parser.parse_args()
    known = collect(read_all(), options.provider, micros(dt.datetime.now(dt.UTC)))
    wanted = set(options.models) or set(known) - _listed(options.provider)
    units = {name: int(unit["per"]) for name, unit in load_units().items()}
    for model in sorted(wanted & set(known)):
        say("\n".join(draft(model, known[model], units)))
    return 0


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")


def collect(sources: list[SourceList], provider: str, at_us: int) -> dict[str, Known]:
    """What every source says about every model of a provider at one moment."""
    known: dict[str, Known] = defaultdict(lambda: defaultdict(dict))
    for source in sources:
        for model, listed in source.models.get(provider, {}).items():
            for field, price in listed.at(at_us).items():
                known[model][same_words(provider, field)][source.name] = price
    return known


def same_words(provider: str, field: Field) -> Field:
    """OpenAI renamed its priority tier to `fast`: both are kept as `priority`."""
    unit, condition, above = field
    if provider in ("openai", "azure_openai") and condition == "service_tier=fast":
        condition = "service_tier=priority"
    return unit, condition, above


def _listed(provider: str) -> set[str]:
    path = PRICES / f"{provider}.yaml"
    if not path.is_file():
        return set()
    file = ProviderFile(path, load_units())
    return {name for model in file.models() for name in (model.name, *model.aliases)}


def draft(model: str, known: Known, units: Mapping[str, int]) -> list[str]:
    """Lines of a price file for one model."""
    lines = [f"  {model}:", "    prices:"]
    blocks: dict[tuple[str, int], dict[str, dict[str, Decimal]]] = defaultdict(dict)
    for (unit, condition, above), prices in known.items():
        blocks[condition, above][unit] = prices
    for (condition, above), rates in sorted(blocks.items()):
        when = ", ".join(part.replace("=", ": ") for part in condition.split("&")) if condition else ""
        words = [f"when: {{{when}}}"] if when else []
        words += [f"above: {above}"] if above else []
        agreed = all(len(set(prices.values())) == 1 for prices in rates.values())
        if any(len(prices) == 1 for prices in rates.values()):
            words.append("confidence: single")
        text = ", ".join(f"{unit}: {_price(next(iter(p.values())), units[unit])}" for unit, p in rates.items())
        lines.append(f"      - {{{', '.join([*words, f'rates: {{{text}}}'])}}}")
        if not agreed:
            lines += [
                f"        # {unit}: {_said(p, units[unit])}" for unit, p in rates.items() if len(set(p.values())) > 1
            ]
    return lines


def _price(price: Decimal, per: int) -> str:
    return format((price * per).quantize(Decimal("1e-9")).normalize(), "f")


def _said(prices: Mapping[str, Decimal], per: int) -> str:
    return ", ".join(f"{source} {_price(price, per)}" for source, price in prices.items())


if __name__ == "__main__":
    sys.exit(main())
