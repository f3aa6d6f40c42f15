"""Reads the price list of `genai-prices`, with its history."""

import datetime as dt
import importlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from read_sources import MILLION, Field, Fields, Listed, Span, micros, provider_map, theirs

_UNITS = {
    "input_mtok": "input_text_tokens",
    "input_text_mtok": "input_text_tokens",
    "output_mtok": "output_text_tokens",
    "output_text_mtok": "output_text_tokens",
    "cache_read_mtok": "cache_read_text_tokens",
    "cache_write_mtok": "cache_write_tokens",
    "cache_write_5m_mtok": "cache_write_5m_tokens",
    "cache_write_1h_mtok": "cache_write_1h_tokens",
    "input_audio_mtok": "input_audio_tokens",
    "output_audio_mtok": "output_audio_tokens",
    "cache_audio_read_mtok": "cache_read_audio_tokens",
    "input_image_mtok": "input_image_tokens",
    "output_image_mtok": "output_image_tokens",
    "cache_image_read_mtok": "cache_read_image_tokens",
    "input_video_mtok": "input_video_tokens",
    "output_video_mtok": "output_video_tokens",
    "output_reasoning_mtok": "reasoning_tokens",
    "output_citation_mtok": "citation_tokens",
    "input_mchars": "input_characters",
    "audio_hours": "input_seconds",
    "input_audio_hours": "input_seconds",
    "input_document_kpages": "pages",
    "input_annotated_document_kpages": "annotated_pages",
    "web_searches_kcount": "web_search_calls",
    "storage_searches_kcount": "file_search_calls",
}
_PER = {
    "mtok": MILLION,
    "mchars": MILLION,
    "kcount": Decimal(1000),
    "kpages": Decimal(1000),
    "hours": Decimal(3600),
}
# The list began to record tiers and batch on these days; the prices themselves are older.
_FIRST_RECORDED = dt.date(2026, 10, 14)


def read() -> dict[str, dict[str, Listed]]:
    """Our provider → model → prices."""
    data: Any = importlib.import_module("genai_prices.data")
    wanted = theirs("genai")
    models: dict[str, dict[str, Listed]] = {}
    for provider in data.providers:
        for ours in wanted.get(provider.id, ()):
            row = provider_map()[ours]
            suffix = row.get("genai_suffix", {}).get(provider.id, "")
            for model in provider.models:
                if not str(model.id).startswith(tuple(row.get("genai_only", [""]))):
                    continue
                spans = tuple(_spans(model))
                names = dict.fromkeys(str(name) + suffix for name in (model.id, *_equal_names(model.match)))
                for name in names if spans else ():
                    models.setdefault(ours, {})[name] = Listed(spans, tuple(n for n in names if n != name))
    return models


def _equal_names(match: Any) -> Iterator[str]:
    if hasattr(match, "equals"):
        yield match.equals
    for part in getattr(match, "or_", ()):
        yield from _equal_names(part)


def _starts(model: Any) -> dict[dt.date, Any]:
    """First day → list price. Prices by the time of day are left to people."""
    prices: Any = model.prices
    if not isinstance(prices, list):
        return {dt.date.min: prices}
    found: dict[dt.date, Any] = {}
    for price in cast("list[Any]", prices):
        if price.constraint is None:
            found[dt.date.min] = price.prices
        elif hasattr(price.constraint, "start_date"):
            found[price.constraint.start_date] = price.prices
    return found


def _spans(model: Any) -> Iterator[Span]:
    starts = _starts(model)
    days = sorted(starts)
    known = [day for day in days if day <= _FIRST_RECORDED]
    variants: list[tuple[dt.date, Any]] = []
    for variant in model.price_variants or ():
        start = dt.date.min if variant.constraint is None else variant.constraint.start_date
        variants.append((known[-1] if known and start <= _FIRST_RECORDED else start, variant))
    edges = sorted({*days, *(start for start, _ in variants)})
    for day, end in zip(edges, [*edges[1:], None], strict=True):
        base = next((starts[d] for d in reversed(days) if d <= day), None)
        if base is None:
            continue
        fields = dict(_price(base, ""))
        newest = {str(variant.when): variant for _, variant in sorted(variants, key=_start) if _ <= day}
        for variant in newest.values():
            fields.update(_variant(variant, fields))
        yield Span(None if day == dt.date.min else micros(day), None if end is None else micros(end), fields)


def _start(pair: tuple[dt.date, Any]) -> dt.date:
    return pair[0]


def _variant(variant: Any, base: Fields) -> Fields:
    key, value = next(iter(variant.when.items()))
    if (key, value) == ("service_tier", "default") or key not in ("service_tier", "processing", "speed"):
        return {}
    condition = "batch=true" if key == "processing" else f"{key}={value}"
    own = dict(_price(variant.prices, condition))
    units = {unit for unit, _, _ in own}
    for (unit, other, above), price in base.items():
        if other == "" and unit not in units and unit.endswith("_tokens"):
            own[unit, condition, above] = price
    return own


def _price(prices: Any, condition: str) -> Iterator[tuple[Field, Decimal]]:
    for key, value in cast("dict[str, Any]", vars(prices)).items():
        if value is None or key not in _UNITS:
            continue
        per, unit = _PER[key.rsplit("_", 1)[1]], _UNITS[key]
        yield (unit, condition, 0), Decimal(getattr(value, "base", value)) / per
        for tier in getattr(value, "tiers", ()):
            yield (unit, condition, tier.start), Decimal(tier.price) / per
