"""JSON form of records: absent fields are left out, decimals are strings, no floats for money."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, cast

__all__ = ["WIRE_VERSION", "batch_to_json", "to_builtins", "to_json"]

WIRE_VERSION = 2
"""2: scores and facts."""

_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types that are sent as they are; looked up by identity, which is quicker than `isinstance`."""


@cache
def _plan(cls: type) -> tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], tuple[Any, ...]]]:
    """Field names of a dataclass, the defaults that need not be sent, and what gets all values at once."""
    specs = fields(cls)
    names = tuple(spec.name for spec in specs)
    defaults = tuple(
        MISSING
        if spec.name in {"type", "version"}
        else spec.default
        if spec.default_factory is MISSING
        else spec.default_factory()
        for spec in specs
    )
    if len(names) == 1:
        return names, defaults, lambda value: (getattr(value, names[0]),)
    return names, defaults, attrgetter(*names)


def to_builtins(value: Any) -> Any:
    """`value` as dicts, lists, strings and numbers that `json` can write.

    Fields at their default are left out; decimals become strings; mappings and tuples are copied.
    """
    if type(value) in _PLAIN or isinstance(value, (str, int, float)):
        return value
    if type(value) is dict:
        pairs = cast("dict[Any, Any]", value).items()
        return {str(key): item if type(item) in _PLAIN else to_builtins(item) for key, item in pairs}
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_dataclass(value):
        return _fields_of(cast("Any", value))
    if isinstance(value, Mapping):
        return {str(key): to_builtins(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (list, tuple)):
        return [to_builtins(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _fields_of(record: Any) -> dict[str, Any]:
    names, defaults, values_of = _plan(record.__class__)
    out: dict[str, Any] = {}
    for name, default, item in zip(names, defaults, values_of(record)):  # noqa: B905 (same length by construction)
        if item is None or item is default:
            continue
        kind = cast("type[Any]", type(item))
        if kind in _PLAIN:
            if item != default:
                out[name] = item
        elif kind is tuple or kind is dict:
            if item:
                out[name] = to_builtins(item)
        else:
            encoded = to_builtins(item)
            # A record inside that says nothing is at its default, without the cost of comparing it.
            if encoded != {}:
                out[name] = encoded
    return out


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False, default=to_builtins).encode


def to_json(value: Any) -> str:
    """`to_builtins(value)` as compact ASCII JSON. Lone surrogates are escaped, NaN raises ValueError."""
    return _encode(value)


def batch_to_json(head: Mapping[str, Any], records: list[bytes]) -> bytes:
    """A batch from its head (all fields but `events`) and records that are JSON already."""
    prefix = to_json(head).encode("ascii")
    comma = b"," if len(prefix) > 2 else b""
    return prefix[:-1] + comma + b'"events":[' + b",".join(records) + b"]}"
