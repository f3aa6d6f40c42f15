"""What a price book says otherwise than another: rates, models and the rules by which names are matched."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from llmobserve.pricing import PriceBook
from llmobserve.pricing.book import ProviderPrices
from llmobserve.pricing.rows import Block, Model, Rate
from llmobserve_server.query.answers import Model as Answer
from llmobserve_server.query.answers import Money

__all__ = ["MAX_CHANGES", "PriceBookDiff", "PriceChange", "ProviderChanges", "diff_books"]

MAX_CHANGES = 2000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MATCHING = ("prefixes", "suffixes", "patterns", "values", "implied", "strict", "free_operations", "windows")
_FLAGS = ("dated_names", "deployments", "by_completion")
_MAX_TEXT = 300

Change = Literal["added", "removed", "changed"]


class PriceChange(Answer):
    """One difference."""

    change: Change
    what: Literal["rate", "model", "matching"]
    """`model`: its names, or that it is free or has no price; `matching`: how names and conditions are understood."""
    provider: str
    model: str | None
    subject: str
    """The unit of a rate; else what is different."""
    conditions: str
    """Under which a rate holds, in words; empty for the list price."""
    old: str | None
    """In words, for what is no rate."""
    new: str | None
    old_usd: Money | None
    """Price of `per` units."""
    new_usd: Money | None
    per: int | None
    percent: Money | None
    """Change of the price in percent, to two decimals; `None` where there is no old price or it was 0."""
    past: bool
    """True when it changes or removes a price that calls before now were priced with."""


class ProviderChanges(Answer):
    """Number of differences of one provider."""

    provider: str
    added: int
    removed: int
    changed: int


class PriceBookDiff(Answer):
    """A price book against the one in use."""

    old_version: str
    new_version: str
    sha256: str
    """Of the file that was sent."""
    taken: bool
    """True when calls are priced with the new book from now on."""
    providers: list[ProviderChanges]
    changes: list[PriceChange]
    """What is changed, then what is removed, then what is added, by provider and model: the first 2000."""
    truncated: bool
    past_changes: int

    def counts(self) -> dict[str, int]:
        """Number of differences by kind."""
        return {
            "added": sum(row.added for row in self.providers),
            "removed": sum(row.removed for row in self.providers),
            "changed": sum(row.changed for row in self.providers),
            "past_changes": self.past_changes,
        }


@dataclass(frozen=True, slots=True)
class _Priced:
    """A rate with what belongs to it."""

    rate: Rate
    from_us: int | None
    until_us: int | None

    @property
    def figures(self) -> tuple[Any, ...]:
        """What makes it another rate."""
        rate = self.rate
        return rate.usd / rate.per, rate.minimum, rate.increment, rate.estimated, self.until_us


def diff_books(old: PriceBook, new: PriceBook, *, sha256: str, taken: bool, at_us: int) -> PriceBookDiff:
    """The differences of `new` from `old`. Reads both whole, which takes a second.

    `at_us`: now, which divides past prices from future ones.
    """
    found: dict[Change, list[PriceChange]] = {"changed": [], "removed": [], "added": []}
    counts: dict[str, Counter[str]] = {}
    past = 0
    for name in sorted(old.providers | new.providers):
        before = old.read(name) if name in old.providers else None
        after = new.read(name) if name in new.providers else None
        for change in _of_provider(name, before, after, at_us):
            counts.setdefault(name, Counter())[change.change] += 1
            past += change.past
            if len(found[change.change]) < MAX_CHANGES:
                found[change.change].append(change)
    rows = [
        ProviderChanges(provider=name, added=n["added"], removed=n["removed"], changed=n["changed"])
        for name, n in counts.items()
    ]
    changes = [change for kind in found.values() for change in kind][:MAX_CHANGES]
    total = sum(row.added + row.removed + row.changed for row in rows)
    return PriceBookDiff(
        old_version=old.version,
        new_version=new.version,
        sha256=sha256,
        taken=taken,
        providers=rows,
        changes=changes,
        truncated=total > len(changes),
        past_changes=past,
    )


def _of_provider(
    name: str, old: ProviderPrices | None, new: ProviderPrices | None, at_us: int
) -> Iterator[PriceChange]:
    yield from _texts(name, None, "matching", _rules(old), _rules(new))
    before = {model.name: model for model in old.models()} if old else {}
    after = {model.name: model for model in new.models()} if new else {}
    for model in sorted(before.keys() | after.keys()):
        one, other = before.get(model), after.get(model)
        yield from _texts(name, model, "model", _said(one, old), _said(other, new))
        rates, others = _rates(one), _rates(other)
        for key in sorted(rates.keys() | others.keys()):
            if change := _rate_change(name, model, key, rates.get(key), others.get(key), at_us):
                yield change


def _rules(prices: ProviderPrices | None) -> dict[str, str]:
    if prices is None:
        return {}
    found = {key: _text(prices.data[key]) for key in _MATCHING if prices.data[key]}
    return found | {key: "true" for key in _FLAGS if prices.data[key]}


def _said(model: Model | None, prices: ProviderPrices | None) -> dict[str, str]:
    """What a model says beside its rates."""
    if model is None or prices is None:
        return {}
    row: Mapping[str, Any] = prices.data["models"][model.name]
    return {key: _text(row[key]) for key in ("aliases", "free", "unpriced", "defaults", "per_call") if row.get(key)}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def _texts(
    provider: str, model: str | None, what: Literal["model", "matching"], old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[PriceChange]:
    for subject in sorted(old.keys() | new.keys()):
        before, after = old.get(subject), new.get(subject)
        if before == after:
            continue
        yield PriceChange(
            change="added" if before is None else "removed" if after is None else "changed",
            what=what,
            provider=provider,
            model=model,
            subject=subject,
            conditions="",
            old=before,
            new=after,
            old_usd=None,
            new_usd=None,
            per=None,
            percent=None,
            past=False,
        )


_Key = tuple[str, str]
"""Unit, conditions in words."""


def _rates(model: Model | None) -> dict[_Key, _Priced]:
    found: dict[_Key, _Priced] = {}
    for block in model.blocks if model else ():
        conditions = _conditions(block)
        for unit, rate in block.rates().items():
            found[unit, conditions] = _Priced(rate, block.from_us, block.until_us)
    return found


def _conditions(block: Block) -> str:
    parts = [f"{key}={value}" for key, value in sorted(block.dimensions.items())]
    if block.above_input_tokens is not None:
        parts.append(f"more than {block.above_input_tokens:,} input tokens")
    if block.window is not None:
        hours = ", ".join(
            f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}" for first, last in block.window.hours
        )
        parts.append(f"{hours} UTC on {len(block.window.weekdays)} days a week")
    if block.from_us is not None:
        parts.append(f"from {_EPOCH + timedelta(microseconds=block.from_us):%Y-%m-%d %H:%M}")
    return ", ".join(parts)


def _rate_change(
    provider: str, model: str, key: _Key, old: _Priced | None, new: _Priced | None, at_us: int
) -> PriceChange | None:
    if old is not None and new is not None and old.figures == new.figures:
        return None
    each = None if old is None else old.rate.usd / old.rate.per
    other = None if new is None else new.rate.usd / new.rate.per
    percent = None
    if each and other is not None:
        percent = ((other / each - 1) * 100).quantize(Decimal("0.01"))
    rate = (new or old or _nothing()).rate
    return PriceChange(
        change="added" if old is None else "removed" if new is None else "changed",
        what="rate",
        provider=provider,
        model=model,
        subject=key[0],
        conditions=key[1],
        old=None if old is None else _words(old),
        new=None if new is None else _words(new),
        old_usd=None if old is None else _price_of(old.rate, rate.per),
        new_usd=None if new is None else _price_of(new.rate, rate.per),
        per=rate.per,
        percent=percent,
        past=_changes_the_past(old, new, at_us),
    )


def _price_of(rate: Rate, per: int) -> Decimal:
    """The price of `per` units; exact where the rate is stated for as many."""
    return rate.usd if rate.per == per else rate.usd / rate.per * per


def _nothing() -> _Priced:
    raise AssertionError("a difference has a side")


def _words(priced: _Priced) -> str:
    """What belongs to a rate beside its figure."""
    rate = priced.rate
    parts = [f"at least {rate.minimum}"] if rate.minimum is not None else []
    parts += [f"in steps of {rate.increment}"] if rate.increment is not None else []
    parts += ["approximate"] if rate.estimated else []
    if priced.until_us is not None:
        parts.append(f"until {_EPOCH + timedelta(microseconds=priced.until_us):%Y-%m-%d %H:%M}")
    return ", ".join(parts)


def _changes_the_past(old: _Priced | None, new: _Priced | None, at_us: int) -> bool:
    if old is None or (old.from_us or 0) >= at_us:
        return False
    if new is None or old.figures[:-1] != new.figures[:-1]:
        return True
    return min(end if end is not None else at_us for end in (old.until_us, new.until_us)) < at_us
