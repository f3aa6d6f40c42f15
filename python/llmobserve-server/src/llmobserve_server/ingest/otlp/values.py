"""Attribute values as what they mean: whole numbers, amounts, texts, and JSON that was written as text."""

import ast
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, cast

import msgspec

from llmobserve.providers.quantities import dollars

__all__ = ["amount", "flag", "json_or_text", "mapping", "number", "text", "texts", "whole"]

_LARGEST = 2**53
_DIGITS = 16
_MOST_LITERAL = 64 * 1024
_decode = msgspec.json.Decoder().decode
_LITERAL_ERRORS = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


def whole(value: Any) -> int | None:
    """A whole number from 0 to 2^53, also where it came as text or as a float; else `None`."""
    if type(value) is int:
        return value if 0 <= value <= _LARGEST else None
    if type(value) is float:
        return int(value) if isfinite(value) and value == int(value) and 0 <= value <= _LARGEST else None
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
        return int(value)
    return None


def number(value: Any) -> float | None:
    """A finite number that is not negative; else `None`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) and found >= 0 else None


def amount(value: Any) -> Decimal | None:
    """US dollars; `None` for no amount and for 0, which senders write where they know no price."""
    return dollars(value) or None


def text(value: Any) -> str | None:
    """A text that is not empty; numbers as they print, anything else as JSON. `None` for nothing."""
    if type(value) is str:
        return value or None
    if value is None or value == [] or value == {}:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, bytes):
        return value.hex() or None
    return json.dumps(value, ensure_ascii=False, default=str)


def flag(value: Any) -> bool | None:
    """A truth value, also where it came as text (`True`, LiteLLM); else `None`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts: a list, JSON of one, or names with commas between them."""
    if isinstance(value, str):
        if value.startswith("["):
            value = json_or_text(value)
        if isinstance(value, str):
            value = value.split(",")
    if isinstance(value, (list, tuple)):
        items = cast("Iterable[Any]", value)
        return tuple(found for item in items if (found := text(item.strip() if isinstance(item, str) else item)))
    return ()


def json_or_text(value: Any) -> Any:
    """What a text of JSON means, else the value as it is. A Python literal (`{'a': 1}`) is read too, never run."""
    if type(value) is not str or not value:
        return value
    if value[0] not in '{["-0123456789tfn' and value[0] not in " \t\r\n":
        return _literal(value) if value[0] in "('" else value
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _literal(value) if value[0] in "{[" else value


def _literal(value: str) -> Any:
    if len(value) > _MOST_LITERAL:
        return value
    try:
        return ast.literal_eval(value)
    except _LITERAL_ERRORS:
        return value


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, or the object that a text states; else an empty one."""
    found = json_or_text(value)
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}
