"""Which model of the price book a name means: exact ids, declared aliases and declared patterns, never a guess."""

import difflib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from llmobserve.pricing.book import NamePattern, ProviderPrices
from llmobserve.pricing.rows import Model

__all__ = ["Match", "find_model", "nearest_name"]

_DATED = re.compile(r"(?P<base>.+?)-(?P<year>\d{4})(?P<dash>-?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})")
_FINE_TUNED = re.compile(r"ft:(?P<base>[^:]+)(?::.*)?")
_AZURE_FINE_TUNED = re.compile(r"(?P<base>.+?)\.ft-[^/]+")
_REMEMBERED_NAMES = 4096
_MOST_REWRITES = 3
_MOST_PROPOSALS = 1000
_PROPOSALS_EVERY_NS = 60 * 10**9
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Match:
    """A model, and what its name says beside it."""

    model: Model
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Conditions that are part of the name (a region, a variant)."""
    note: str | None = None
    """Why the price is an estimate; `None` when the name is exact."""


def find_model(prices: ProviderPrices, name: str) -> Match | None:
    """The model that `name` denotes, or `None`. Remembers both outcomes."""
    found = prices.resolved.get(name, _UNKNOWN)
    if found is not _UNKNOWN:
        return found
    if len(prices.resolved) >= _REMEMBERED_NAMES:
        prices.resolved.clear()
    found = prices.resolved[name] = _find(prices, _without_prefix(prices, name.lower()), {}, None, 0)
    return found


def _without_prefix(prices: ProviderPrices, name: str) -> str:
    return next((name[len(prefix) :] for prefix in prices.prefixes if name.startswith(prefix)), name)


def _find(
    prices: ProviderPrices, name: str, dimensions: Mapping[str, str], note: str | None, rewrites: int
) -> Match | None:
    for form in _forms(prices, name):
        if model := prices.named(form):
            return Match(model, dimensions, note)
    for pattern in prices.patterns if rewrites < _MOST_REWRITES else ():
        spelled = pattern.spelling.fullmatch(name)
        if spelled is None:
            continue
        if pattern.free or pattern.unpriced:
            return Match(Model(name, free=pattern.free, unpriced=pattern.unpriced))
        inner, said = _rewrite(pattern, spelled)
        notes = note if pattern.note is None else f"{note} {pattern.note}" if note else pattern.note
        if match := _find(prices, inner, {**dimensions, **said}, notes, rewrites + 1):
            return match
    return None


def _rewrite(pattern: NamePattern, spelled: re.Match[str]) -> tuple[str, dict[str, str]]:
    groups = {key: value for key, value in spelled.groupdict().items() if value is not None}
    name = pattern.model or groups.pop("name")
    return name, {**pattern.dimensions, **groups}


def _forms(prices: ProviderPrices, name: str) -> Iterator[str]:
    """Spellings under which the price book may list a name, the most exact first."""
    if tuned := _FINE_TUNED.fullmatch(name) or _AZURE_FINE_TUNED.fullmatch(name):
        yield from ("ft:" + form for form in _plain_forms(prices, tuned["base"]))
        return
    yield from _plain_forms(prices, name)


def _plain_forms(prices: ProviderPrices, name: str) -> Iterator[str]:
    yield name
    if prices.dated_names and (dated := _DATED.fullmatch(name)) and _is_date(dated):
        yield dated["base"]
    for suffix in prices.suffixes:
        if name.endswith(suffix):
            yield name[: -len(suffix)]


def _is_date(dated: re.Match[str]) -> bool:
    try:
        date(int(dated["year"]), int(dated["month"]), int(dated["day"]))
    except ValueError:
        return False
    return True


def nearest_name(prices: ProviderPrices, name: str) -> str | None:
    """The listed name that looks most like an unknown one, as a proposal for people; never used for a price.

    A search takes half a millisecond, so it is made once for a name, and for at most a thousand names a minute: one who
    sends names without end gets none for the rest.
    """
    found = prices.nearest.get(name, _UNKNOWN)
    if found is not _UNKNOWN:
        return found
    if len(prices.nearest) >= _MOST_PROPOSALS:
        if time.monotonic_ns() - prices.nearest_since_ns < _PROPOSALS_EVERY_NS:
            return None
        prices.nearest.clear()
    if not prices.nearest:
        prices.nearest_since_ns = time.monotonic_ns()
    close = difflib.get_close_matches(name.lower(), prices.names, n=1)
    prices.nearest[name] = close[0] if close else None
    return prices.nearest[name]
