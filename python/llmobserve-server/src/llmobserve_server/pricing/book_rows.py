"""What a provider's compiled prices have to look like: types, ranges, references between the parts."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from llmobserve_server.pricing.name_pattern import PatternRefused, check_pattern

__all__ = ["check_provider", "check_units"]

Text = Annotated[str, msgspec.Meta(max_length=2000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Words = dict[Name, Text]
Index = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
TimeUs = Annotated[int, msgspec.Meta(ge=0, le=7_258_118_400_000_000)]  # until the year 2200
Source = Annotated[str, msgspec.Meta(pattern=r"^https://[^\s<>\"']{3,500}$")]
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,18})?")
_CONDITION = re.compile(r"([a-z_]{1,40}=[^&=]{1,100}(&(?!$)|$))*")
_MAX_PER = 10**12


class _Pattern(msgspec.Struct, forbid_unknown_fields=True):
    match: str
    dimensions: Words = msgspec.field(default_factory=dict)
    free: Text | None = None
    unpriced: Text | None = None
    note: Text | None = None
    model: Name | None = None


class _Window(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    weekdays: list[Annotated[int, msgspec.Meta(ge=0, le=6)]]
    hours: list[tuple[int, int]]
    except_days: list[Annotated[int, msgspec.Meta(ge=0, le=100_000)]]


class _Block(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    condition: Text
    above: Annotated[int, msgspec.Meta(ge=0, le=10**12)] | None
    from_us: TimeUs | None
    until_us: TimeUs | None
    window: str | None
    source: Index
    rule: Index
    confidence: Literal["verified", "single", "disputed", "estimated"]
    shape: Index
    prices: list[str | list[str | int | None]]


class _Model(msgspec.Struct, forbid_unknown_fields=True):
    aliases: list[Name] = msgspec.field(default_factory=list)
    free: Text | None = None
    unpriced: Text | None = None
    defaults: Words = msgspec.field(default_factory=dict)
    per_call: dict[str, Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]] = msgspec.field(default_factory=dict)
    blocks: list[_Block] = msgspec.field(default_factory=list)


class _Provider(msgspec.Struct, forbid_unknown_fields=True):
    provider: str
    checked_on: dt.date
    prefixes: list[Name]
    suffixes: list[Name]
    patterns: Annotated[list[_Pattern], msgspec.Meta(max_length=50)]
    windows: dict[Name, _Window]
    by_completion: bool
    dated_names: bool
    deployments: bool
    strict: list[Name]
    values: dict[Name, dict[str, Text]]
    implied: dict[Name, Words]
    free_operations: Words
    per: dict[str, Annotated[int, msgspec.Meta(ge=1, le=_MAX_PER)]]
    sources: list[Source]
    rules: list[Text]
    shapes: list[list[str]]
    models: dict[Name, _Model]


class _Units(msgspec.Struct, forbid_unknown_fields=True):
    units: dict[Name, tuple[Text, Text, Literal[0, 1]]]


_read_provider = msgspec.json.Decoder(_Provider).decode
_read_units = msgspec.json.Decoder(_Units).decode


def check_units(text: bytes, known: Set[str]) -> frozenset[str]:
    """The units of a book, which all have to be among the `known` ones. Raises ValueError or msgspec's error."""
    units = frozenset(_read_units(text).units)
    if strange := units - known:
        raise ValueError(f"the unit {min(strange)!r} is not known to this version of llmobserve-server: upgrade it")
    return units


def check_provider(name: str, text: bytes, units: Set[str]) -> dt.date:
    """The day of a provider's check, after all its rows were checked. Raises ValueError or msgspec's error."""
    try:
        rows = _read_provider(text)
        _require(rows.provider == name, f"it says that it is {rows.provider[:64]!r}")
        _check_units_of(rows, units)
        _check_names(rows.models)
        for window in rows.windows.values():
            _check_window(window)
        for pattern in rows.patterns:
            _check_matching(pattern)
        for model_name, model in rows.models.items():
            try:
                _check_model(model, rows)
            except ValueError as error:
                raise ValueError(f"{model_name}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return rows.checked_on


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _check_units_of(rows: _Provider, units: Set[str]) -> None:
    for shape in rows.shapes:
        _require(len(set(shape)) == len(shape), "a unit is priced twice in one row")
        for unit in shape:
            _require(unit in units and unit in rows.per, f"the unit {unit[:80]!r} is not in the units of the book")


def _check_names(models: Mapping[str, _Model]) -> None:
    seen: dict[str, str] = {}
    for name, model in models.items():
        for known in (name, *model.aliases):
            other = seen.setdefault(known.lower(), name)
            _require(other == name, f"{known!r} names both {other!r} and {name!r}")


def _check_window(window: _Window) -> None:
    _require(bool(window.weekdays and window.hours), "a window has no days or no hours")
    for first, last in window.hours:
        _require(0 <= first < last <= 24 * 60, f"{first} to {last} are not minutes of a day")


def _check_matching(pattern: _Pattern) -> None:
    try:
        check_pattern(pattern.match)
    except PatternRefused as error:
        raise ValueError(f"the pattern {pattern.match[:80]!r} is refused: {error}") from None
    named = "(?P<name>" in pattern.match or pattern.model is not None
    told = pattern.free is not None or pattern.unpriced is not None
    _require(named != told, f"the pattern {pattern.match[:80]!r} names a model or says why there is none")


def _check_model(model: _Model, rows: _Provider) -> None:
    said = (model.free is not None) + (model.unpriced is not None) + bool(model.blocks)
    _require(said == 1, "it has prices, or is free, or unpriced")
    for unit in model.per_call:
        _require(any(unit in shape for shape in rows.shapes), f"it consumes {unit[:80]!r}, which has no price")
    for block in model.blocks:
        _require(_CONDITION.fullmatch(block.condition) is not None, f"{block.condition[:80]!r} is not a condition")
        _require(block.window is None or block.window in rows.windows, f"there are no hours {block.window!r}")
        if block.from_us is not None and block.until_us is not None:
            _require(block.from_us < block.until_us, "a price ends before it begins")
        for index, table in ((block.source, rows.sources), (block.rule, rows.rules), (block.shape, rows.shapes)):
            _require(index < len(table), f"there is no row {index} to refer to")
        units = rows.shapes[block.shape]
        _require(len(units) == len(block.prices), f"it has {len(block.prices)} prices of {len(units)} units")
        for unit, price in zip(units, block.prices, strict=True):
            _check_price(unit, [price] if isinstance(price, str) else price)


def _check_price(unit: str, price: Sequence[str | int | None]) -> None:
    usd: Any = price[0] if price else None
    per: Any = price[1] if len(price) > 1 else 1
    _require(len(price) in (1, 2, 4), f"the price of {unit} is not one")
    _require(isinstance(usd, str) and _DECIMAL.fullmatch(usd) is not None, f"the price of {unit} is {str(usd)[:40]!r}")
    _require(isinstance(per, int) and 1 <= per <= _MAX_PER, f"the price of {unit} is for {str(per)[:40]} of them")
    for step in price[2:]:
        sane = step is None or (isinstance(step, str) and _DECIMAL.fullmatch(step) is not None and Decimal(step) > 0)
        _require(sane, f"the least quantity or step of {unit} is {str(step)[:40]!r}")
