"""Reads the snapshot of `model-prices`: first-party prices, with their history."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from read_sources import BASE, MILLION, Field, Fields, Listed, Span, installed_file, micros, theirs, threshold

_UNITS = {
    "input": "input_text_tokens",
    "output": "output_text_tokens",
    "cache_read": "cache_read_text_tokens",
    "cache_write": "cache_write_tokens",
}
_TIERS = {
    "batch": {"*": "batch=true"},
    "flex": {"openai": "service_tier=flex"},
    "fast": {"openai": "service_tier=priority", "anthropic": "speed=fast"},
    "ultrafast": {"openai": "service_tier=ultrafast"},
}


def read() -> dict[str, dict[str, Listed]]:
    """Our provider → model → prices."""
    path = installed_file("model_prices", "snapshot.json")
    data = json.loads(path.read_text(), parse_float=Decimal)["prices"]
    models: dict[str, dict[str, Listed]] = {}
    for lab, owners in theirs("model_prices").items():
        for ours in owners:
            for name, tiers in data.get(lab, {}).items():
                spans = tuple(_spans(ours, tiers))
                if spans:
                    models.setdefault(ours, {})[name] = Listed(spans)
    return models


def _spans(provider: str, tiers: Mapping[str, Any]) -> Iterator[Span]:
    """The standard price over time.

    Other tiers are recorded when they were first seen, so only the newest is used, beside the newest standard price.
    """
    merged: list[tuple[int | None, Fields]] = []
    for row in tiers.get("standard", ()):
        fields = dict(_fields(provider, row["rates"], ""))
        if merged and _main(merged[-1][1]) == _main(fields):
            # The catalogue learned a detail; the price itself did not change.
            merged[-1] = (merged[-1][0], fields)
        else:
            start = None if row["start"] is None or not merged else micros(dt.datetime.fromisoformat(row["start"]))
            merged.append((start, fields))
    if not merged:
        return
    for tier, owners in _TIERS.items():
        condition = owners.get(provider) or owners.get("*")
        if condition and tiers.get(tier):
            merged[-1][1].update(_fields(provider, tiers[tier][-1]["rates"], condition))
    ends = [start for start, _ in merged[1:]]
    for (start, fields), end in zip(merged, [*ends, None], strict=True):
        yield Span(start, end, fields)


def _main(fields: Fields) -> dict[Field, Decimal]:
    return {where: price for where, price in fields.items() if where in BASE}


def _fields(provider: str, rates: Mapping[str, Any] | None, condition: str) -> Iterator[tuple[Field, Decimal]]:
    if rates is None:
        return
    for above, row in [(0, rates), *((threshold(provider, t["above"]), t) for t in rates.get("tiers", ()))]:
        for key, unit in _UNITS.items():
            if row.get(key) is not None:
                yield (unit, condition, above), Decimal(row[key]).quantize(Decimal("1e-9")) / MILLION
