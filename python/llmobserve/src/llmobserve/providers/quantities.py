"""Reads counters from a provider's usage object without trusting it, and estimates tokens where there is none."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from llmobserve.providers.prompt_text import PromptText, utf8_bytes
from llmobserve.wire import Quantity, Usage

__all__ = [
    "BYTES_PER_TOKEN",
    "Counters",
    "as_mapping",
    "as_quantity",
    "dollars",
    "estimate_tokens",
    "estimated_usage",
    "sendable",
    "text_bytes",
    "usage_of",
    "with_sizes",
    "with_units",
]

BYTES_PER_TOKEN = 4
"""UTF-8 bytes taken for one token where a provider sends no count. Measured against the o200k vocabulary: English
+4 %, Python source +12 %, JSON -14 %, German +28 %, Chinese +10 %, lists of numbers -47 %, base64 -63 % (2026-11-21).
Such usage is always marked `estimated`."""

_LARGEST = 2**53
_DIGITS = 15
_MOST_DOLLARS = 1_000_000
_RAW_DEPTH = 6
_RAW_ITEMS = 64
_RAW_TEXT = 200


def as_mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


class Counters:
    """Counters of one usage object. A field that is no sane number is left out and noted in `malformed`."""

    __slots__ = ("malformed",)

    def __init__(self) -> None:
        self.malformed = False

    def whole(self, source: Mapping[str, Any], key: str) -> int | None:
        """A whole number from 0 to 2**53; `None` when absent, null or not sane."""
        value = source.get(key)
        if type(value) is int and 0 <= value <= _LARGEST:
            return value
        if value is None:
            return None
        if type(value) is float and isfinite(value) and value == int(value) and 0 <= value <= _LARGEST:
            return int(value)
        # Protobuf writes its 64-bit numbers into JSON as text.
        if type(value) is str and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
            return int(value)
        self.malformed = True
        return None

    def required(self, source: Mapping[str, Any], key: str) -> int | None:
        """As `whole`, for a field whose null is a defect when the key is there."""
        if key in source and source[key] is None:
            self.malformed = True
        return self.whole(source, key)

    def fraction(self, source: Mapping[str, Any], key: str) -> Decimal | None:
        """A number from 0 to 2**53 with its decimals; strings of digits count (`duration` of older transcriptions)."""
        value = source.get(key)
        if value is None:
            return None
        try:
            number = (
                Decimal(str(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
            )
        except ArithmeticError:
            number = None
        if number is None or not number.is_finite() or not 0 <= number <= _LARGEST:
            self.malformed = True
            return None
        return number

    def child(self, source: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
        """The first of the named objects that is there, else an empty one."""
        for key in keys:
            value = source.get(key)
            if value is None:
                continue
            if isinstance(value, dict):
                return cast("dict[str, Any]", value)
            self.malformed = True
        return {}


def as_quantity(number: Decimal) -> Quantity:
    """A whole number where it is one, else the decimal."""
    return int(number) if number == int(number) else number


def usage_of(
    units: dict[str, Quantity],
    raw: Any,
    *,
    details: dict[str, Quantity] | None = None,
    flags: tuple[str, ...] = (),
) -> Usage:
    """Usage as the answer states it. Without any unit it is `unknown`."""
    return Usage(
        units=units,
        details=details or {},
        source="response" if units else "unknown",
        flags=flags,
        raw=sendable(raw),
    )


def sendable(raw: Any) -> Any:
    """The provider's usage object itself where it is small and plain, as nearly always, else a `plain_copy`."""
    if isinstance(raw, dict) and _is_plain(cast("dict[str, Any]", raw)):
        return cast("dict[str, Any]", raw)
    return plain_copy(raw)


def _is_plain(fields: dict[str, Any]) -> bool:
    """True for at most 64 whole numbers, nulls, short texts and objects of such, two deep."""
    if len(fields) > _RAW_ITEMS:
        return False
    for value in fields.values():
        kind = cast("type[Any]", type(value))
        if kind is int:
            if not 0 <= value <= _LARGEST:
                return False
        elif kind is dict:
            if any(type(item) is not int or not 0 <= item <= _LARGEST for item in value.values() if item is not None):
                return False
        elif kind is str:
            if len(value) > _RAW_TEXT:
                return False
        elif value is not None:
            return False
    return True


def plain_copy(value: Any, depth: int = 0) -> Any:
    """The value as JSON that can be sent: bounded, without NaN, infinities and giant numbers."""
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int:
        return value if -_LARGEST <= value <= _LARGEST else "out of range"
    if type(value) is float:
        return value if isfinite(value) else str(value)
    if type(value) is str:
        return value if len(value) <= _RAW_TEXT else value[:_RAW_TEXT]
    if depth >= _RAW_DEPTH:
        return "too deep"
    if isinstance(value, dict):
        pairs = list(cast("dict[str, Any]", value).items())[:_RAW_ITEMS]
        return {key[:_RAW_TEXT]: plain_copy(item, depth + 1) for key, item in pairs}
    if isinstance(value, list):
        return [plain_copy(item, depth + 1) for item in cast("list[Any]", value)[:_RAW_ITEMS]]
    return str(type(value).__name__)


def text_bytes(value: Any) -> int:
    """UTF-8 size of the text in an answer or a part of it; media, ids and roles are left out."""
    if value is None:
        return 0
    if isinstance(value, str):
        return utf8_bytes(value)
    seen = PromptText()
    seen.add(value)
    return sum(map(utf8_bytes, seen.texts))


def estimate_tokens(size_bytes: int) -> int:
    """Tokens of a text of this size, rounded up; see `BYTES_PER_TOKEN` for the error to expect."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def estimated_usage(
    prompt: PromptText,
    output_bytes: int | None,
    *,
    partial: bool,
    exact: Mapping[str, Quantity] | None = None,
    raw: Any = None,
) -> Usage:
    """Usage from the sizes of the texts, which the details keep: the collector knows better ratios.

    `output_bytes=None`: nothing of the output is known; `exact` units win over the prompt.
    """
    units: dict[str, Quantity] = dict(exact or {})
    details: dict[str, Quantity] = {}
    flags = ("partial",) if partial else ()
    if not exact:
        details["input_text_bytes"] = prompt.size_bytes
        units["input_text_tokens"] = estimate_tokens(prompt.size_bytes)
        if prompt.has_unseen:
            flags += ("unseen_input",)
    if output_bytes is not None:
        details["output_text_bytes"] = output_bytes
        units["output_text_tokens"] = estimate_tokens(output_bytes)
    return Usage(units=units, details=details, source="estimated", flags=flags, raw=sendable(raw))


def with_sizes(usage: Usage, prompt: PromptText, output_bytes: int | None) -> Usage:
    """Stated usage with the sizes of the texts that it is for. `output_bytes=None`: not all of the output was seen.

    Left out: the size of a prompt with parts that are not text, and of an output that was preceded by unseen reasoning.
    """
    details = dict(usage.details)
    if not prompt.has_unseen:
        details["input_text_bytes"] = prompt.size_bytes
    if output_bytes is not None and not details.get("reasoning_tokens"):
        details["output_text_bytes"] = output_bytes
    return replace(usage, details=details)


def with_units(usage: Usage, added: Mapping[str, Quantity], *flags: str) -> Usage:
    """`usage` with these units beside its own (those that are zero are left out), and with further flags."""
    units = {**usage.units, **{name: n for name, n in added.items() if n}}
    return Usage(units=units, details=usage.details, source=usage.source, flags=(*usage.flags, *flags), raw=usage.raw)


def dollars(value: Any) -> Decimal | None:
    """An amount that a provider states as a JSON number or text; `None` when it is no sane one.

    A float is taken as the shortest decimal that it prints as: that is what was on the wire.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and 0 <= amount < _MOST_DOLLARS else None
