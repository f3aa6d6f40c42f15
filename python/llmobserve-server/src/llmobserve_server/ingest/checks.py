"""What a record may hold: each rule either passes a value, changes it with a note, or refuses the record.

Times: a start outside 2015-01-01 … 24 hours ahead of this machine is refused, so that one broken clock does not
stretch every chart; up to 24 hours ahead it is kept as sent, with a note. When a record arrived is always kept.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from llmobserve.wire import Context, Quantity
from llmobserve_server.ingest.decode import Rejected

__all__ = [
    "LIMITS",
    "LONG",
    "MAX_QUANTITY",
    "NOTICEABLE_US",
    "SHORT",
    "Notes",
    "check_attributes",
    "check_event_id",
    "check_integer",
    "check_quantities",
    "check_raw_usage",
    "check_start",
    "check_tags",
    "check_texts",
    "check_time",
    "check_usd",
    "cut",
    "duration_or_none",
    "is_exact_usd",
]

Notes = list[str]

MAX_QUANTITY = 2**53
"""Largest quantity and whole number: the largest that every JSON reader holds exactly."""
SHORT = 512
LONG = 8192


class LIMITS:
    """How much of each thing a record may hold; `plain` has the same limits as types."""

    id_characters = 128
    tags = 64
    keys = 64
    attributes = 128
    object_bytes = 64 * 1024
    units = 64
    flags = 16
    first_us = 1_420_070_400_000_000
    """2015-01-01"""
    duration_ms = 10 * 366 * 24 * 3600 * 1000


_MAX_DECIMALS = 18
_MAX_USD = Decimal("999999.999999999999")
_USD_QUANTUM = Decimal("0.000000000001")

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_AHEAD_US = 24 * 3600 * 1_000_000
NOTICEABLE_US = 5 * 60 * 1_000_000
"""From so far ahead of this machine's clock on a start is remarked on."""

_encode = msgspec.json.Encoder(decimal_format="string").encode


def check_event_id(event_id: str) -> str:
    """The id. Raises Rejected for an empty or long one, which could not be told from others."""
    if not event_id or len(event_id) > LIMITS.id_characters:
        raise Rejected(f"event_id must have 1 to {LIMITS.id_characters} characters")
    return event_id


def check_start(start_us: int, received_us: int, notes: Notes) -> datetime:
    """The start as naive UTC, by the rule of this module."""
    start = check_time(start_us, "start_time_us", received_us)
    if start_us > received_us + NOTICEABLE_US:
        notes.append(f"The start was {(start_us - received_us) // 1_000_000} s ahead of the collector's clock.")
    return start


def check_time(time_us: int, field: str, received_us: int) -> datetime:
    """The time as naive UTC. Raises Rejected outside 2015-01-01 … 24 hours ahead."""
    if not LIMITS.first_us <= time_us <= received_us + _AHEAD_US:
        raise Rejected(f"{field} is {time_us}, which {_what_time(time_us)}; it takes microseconds since 1970 UTC")
    return _EPOCH + timedelta(microseconds=time_us)


def _what_time(start_us: int) -> str:
    for factor, unit in ((1_000_000, "seconds"), (1000, "milliseconds")):
        if LIMITS.first_us <= start_us * factor < LIMITS.first_us * 3:
            return f"would be a time if it were {unit}"
    if LIMITS.first_us <= start_us // 1000 < LIMITS.first_us * 3:
        return "would be a time if it were nanoseconds"
    return "is before 2015" if start_us < LIMITS.first_us else "is more than 24 hours ahead of the collector's clock"


def duration_or_none(value: float | None, field: str, notes: Notes) -> float | None:
    """The duration; `None` with a note for one that only a clock that was set can give: negative, or above ten years.

    A longer one would also put the end beyond what the engines can hold as a time.
    """
    if value is None or 0 <= value <= LIMITS.duration_ms:
        return value
    notes.append(f"{field} was {'negative' if value < 0 else 'above ten years'} and is left out.")
    return None


def check_integer(value: int | None, field: str, maximum: int) -> int | None:
    """The number. Raises Rejected outside 0..maximum."""
    if value is not None and not 0 <= value <= maximum:
        raise Rejected(f"{field} must be within 0..{maximum}, not {str(value)[:40]}")
    return value


def check_quantities(quantities: Mapping[str, Quantity], field: str) -> None:
    """Raises Rejected for a quantity that is negative, not finite, above 2^53 or of more than 18 decimals."""
    if len(quantities) > LIMITS.units:
        raise Rejected(f"{field} has {len(quantities)} entries; at most {LIMITS.units} are taken")
    for unit, quantity in quantities.items():
        if len(unit) > LIMITS.id_characters:
            raise Rejected(f"a name in {field} is longer than {LIMITS.id_characters} characters")
        if isinstance(quantity, int):
            if 0 <= quantity <= MAX_QUANTITY:
                continue
        elif quantity.is_finite() and 0 <= quantity <= MAX_QUANTITY:
            exponent = quantity.as_tuple().exponent
            if isinstance(exponent, int) and -_MAX_DECIMALS <= exponent <= 0:
                continue
        raise Rejected(
            f"{field}.{unit[:60]} must be a number within 0..2^53 with at most {_MAX_DECIMALS} decimals, "
            f"not {str(quantity)[:40]}"
        )


def check_usd(amount: Decimal | None, field: str, notes: Notes) -> Decimal | None:
    """The amount with at most 12 decimals. Raises Rejected when negative, not finite or above 999,999."""
    if amount is None:
        return None
    if not amount.is_finite() or not 0 <= amount <= _MAX_USD:
        raise Rejected(f"{field} must be an amount within 0..{_MAX_USD:.0f} US dollars, not {str(amount)[:40]}")
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -12:
        notes.append(f"{field} was rounded to 12 decimals.")
        return amount.quantize(_USD_QUANTUM, ROUND_HALF_EVEN)
    return amount


def is_exact_usd(amount: Decimal) -> bool:
    """Whether `check_usd` takes the amount as it is."""
    if not amount.is_finite() or not 0 <= amount <= _MAX_USD:
        return False
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -12


def cut(value: str | None, limit: int, field: str, notes: Notes) -> str | None:
    """The text, cut at `limit` characters with a note."""
    if value is None or len(value) <= limit:
        return value
    notes.append(f"{field} was cut at {limit} characters.")
    return value[:limit]


def check_tags(context: Context, notes: Notes) -> list[str]:
    """The tags: at most 64, each cut like a short text."""
    tags = context.tags
    if len(tags) > LIMITS.tags:
        notes.append(f"{len(tags) - LIMITS.tags} tags above {LIMITS.tags} were left out.")
        tags = tags[: LIMITS.tags]
    return [cut(tag, SHORT, "context.tags", notes) or "" for tag in tags]


def check_texts(texts: Mapping[str, str], field: str, notes: Notes) -> dict[str, str] | None:
    """Texts by key: at most 64 keys, keys and values cut; `None` when there are none."""
    if not texts:
        return None
    items = list(texts.items())
    if len(items) > LIMITS.keys:
        notes.append(f"{len(items) - LIMITS.keys} keys of {field} above {LIMITS.keys} were left out.")
        items = items[: LIMITS.keys]
    return {
        (cut(key, SHORT, f"a key of {field}", notes) or ""): cut(value, LONG, field, notes) or ""
        for key, value in items
    }


def check_attributes(attributes: Mapping[str, Any], notes: Notes) -> dict[str, Any] | None:
    """The attributes: at most 128 keys and 64 KB, in the order they came; the rest is left out with a note."""
    if not attributes:
        return None
    if len(attributes) <= LIMITS.attributes and len(_encode(attributes)) <= LIMITS.object_bytes:
        return dict(attributes)
    kept: dict[str, Any] = {}
    size = 0
    for key, value in attributes.items():
        size += len(key) + len(_encode(value))
        if size > LIMITS.object_bytes or len(kept) == LIMITS.attributes:
            break
        kept[key] = value
    notes.append(f"{len(attributes) - len(kept)} attributes above 128 keys or 64 KB were left out.")
    return kept


def check_raw_usage(raw: Any, notes: Notes) -> msgspec.Raw | None:
    """The provider's usage object as JSON text, if it is below 64 KB."""
    if raw is None:
        return None
    text = _encode(raw)
    if len(text) <= LIMITS.object_bytes:
        return msgspec.Raw(text)
    notes.append("usage.raw was above 64 KB and is left out.")
    return None
