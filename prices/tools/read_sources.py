"""Brings the three public token price lists into one form, so that they can be compared with ours field by field.

Runs at development time only, in an environment where `genai-prices`, `litellm` and `model-prices` are installed;
each is optional. `prices/public_lists.yaml` says which of their providers is which of ours.
"""

import datetime as dt
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from price_yaml import PRICES, load_yaml

Field = tuple[str, str, int]
"""Unit; condition (`service_tier=flex&region=residency`, empty for list); input tokens to exceed (0 = none)."""

Fields = dict[Field, Decimal]
"""Price of one unit in dollars (not of a million)."""

MILLION = Decimal(1_000_000)
BASE: tuple[Field, ...] = (("input_text_tokens", "", 0), ("output_text_tokens", "", 0))
"""What every ordinary call consumes."""


@dataclass(frozen=True)
class Span:
    """What a list says about a model for some time."""

    from_us: int | None
    """`None` = from the beginning."""
    until_us: int | None
    """Exclusive; `None` = until further notice."""
    fields: Fields

    def holds(self, at_us: int) -> bool:
        """True when the moment lies inside."""
        return (self.from_us is None or self.from_us <= at_us) and (self.until_us is None or at_us < self.until_us)


@dataclass(frozen=True)
class Listed:
    """A model in a public list."""

    spans: tuple[Span, ...]
    """In order of time, without gaps."""
    names: tuple[str, ...] = ()
    """Other names that the list gives the same model."""

    def at(self, at_us: int) -> Fields:
        """The prices at one moment; empty when the list has none."""
        return next((span.fields for span in self.spans if span.holds(at_us)), Fields())


@dataclass(frozen=True)
class SourceList:
    """One public list."""

    name: str
    version: str
    models: Mapping[str, Mapping[str, Listed]]
    """Our provider → model id as the source spells it → prices."""


@lru_cache(maxsize=1)
def provider_map() -> dict[str, dict[str, Any]]:
    """`public_lists.yaml`: our provider → where the lists have it."""
    return load_yaml(PRICES / "public_lists.yaml")["providers"]


def theirs(key: str) -> dict[str, list[str]]:
    """A list's provider → ours, which may be several (one list mixes Vertex into Google)."""
    found: dict[str, list[str]] = {}
    for ours, row in provider_map().items():
        for name in row.get(key, ()):
            found.setdefault(name, []).append(ours)
    return found


def threshold(provider: str, tokens: int) -> int:
    """The number of tokens to exceed; some providers count the stated number itself in."""
    return tokens - 1 if provider_map().get(provider, {}).get("thresholds") == "inclusive" else tokens


def left_out(provider: str) -> frozenset[str]:
    """Units that are priced by hand for this provider, because the lists count them differently."""
    return frozenset(provider_map().get(provider, {}).get("by_hand", ()))


def micros(moment: dt.date | dt.datetime) -> int:
    """Microseconds since 1970; a day begins at midnight UTC."""
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime(moment.year, moment.month, moment.day, tzinfo=dt.UTC)
    return int(moment.timestamp()) * 1_000_000


def installed_file(module: str, name: str) -> Path:
    """A data file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"{module} is not installed")
    return Path(spec.origin).parent / name


def read_all() -> list[SourceList]:
    """Every source that is installed."""
    import source_genai
    import source_litellm
    import source_model_prices

    readers = (
        ("genai-prices", "genai_prices", source_genai.read),
        ("litellm", "litellm", source_litellm.read),
        ("model-prices", "model_prices", source_model_prices.read),
    )
    return [
        SourceList(name, metadata.version(name), read())
        for name, module, read in readers
        if importlib.util.find_spec(module)
    ]
