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
    "LONG",
    "MAX_QUANTITY",
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
]

Notes = list[str]

MAX_QUANTITY = 2**53
"""Largest quantity and whole number: the largest that every JSON reader holds exactly."""
SHORT = 512
LONG = 8192

_MAX_ID = 128
_MAX_TAGS = 64
_MAX_KEYS = 64
_MAX_ATTRIBUTE_KEYS = 128
_MAX_OBJECT_BYTES = 64 * 1024
_MAX_UNITS = 64
_MAX_DECIMALS = 18
_MAX_USD = Decimal("999999.999999999999")
_USD_QUANTUM = Decimal("0.000000000001")

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_FIRST_US = 1_420_070_400_000_000  # 2015-01-01
_AHEAD_US = 24 * 3600 * 1_000_000
_MAX_DURATION_MS = 10 * 366 * 24 * 3600 * 1000
_NOTICEABLE_US = 5 * 60 * 1_000_000

_encode = msgspec.json.Encoder(decimal_format="string").encode


def check_event_id(event_id: str) -> str:
    """The id. Raises Rejected for an empty or long one, which could not be told from others."""
    if not event_id or len(event_id) > _MAX_ID:
        raise Rejected(f"event_id must have 1 to {_MAX_ID} characters")
    return event_id


def check_start(start_us: int, received_us: int, notes: Notes) -> datetime:
    """The start as naive UTC, by the rule of this module."""
    start = check_time(start_us, "start_time_us", received_us)
    if start_us > received_us + _NOTICEABLE_US:
        notes.append(f"The start was {(start_us - received_us) // 1_000_000} s ahead of the collector's clock.")
    return start


def check_time(time_us: int, field: str, received_us: int) -> datetime:
    """The time as naive UTC. Raises Rejected outside 2015-01-01 … 24 hours ahead."""
    if not _FIRST_US <= time_us <= received_us + _AHEAD_US:
        raise Rejected(f"{field} is {time_us}, which {_what_time(time_us)}; it takes microseconds since 1970 UTC")
    return _EPOCH + timedelta(microseconds=time_us)


def _what_time(start_us: int) -> str:
    for factor, unit in ((1_000_000, "seconds"), (1000, "milliseconds")):
        if _FIRST_US <= start_us * factor < _FIRST_US * 3:
            return f"would be a time if it were {unit}"
    if _FIRST_US <= start_us // 1000 < _FIRST_US * 3:
        return "would be a time if it were nanoseconds"
    return "is before 2015" if start_us < _FIRST_US else "is more than 24 hours ahead of the collector's clock"


def duration_or_none(value: float | None, field: str, notes: Notes) -> float | None:
    """The duration; `None` with a note for one that only a clock that was set can give: negative, or above ten years.

    A longer one would also put the end beyond what the engines can hold as a time.
    """
    if value is None or 0 <= value <= _MAX_DURATION_MS:
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
    if len(quantities) > _MAX_UNITS:
        raise Rejected(f"{field} has {len(quantities)} entries; at most {_MAX_UNITS} are taken")
    for unit, quantity in quantities.items():
        if len(unit) > _MAX_ID:
            raise Rejected(f"a name in {field} is longer than {_MAX_ID} characters")
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


def cut(value: str | None, limit: int, field: str, notes: Notes) -> str | None:
    """The text, cut at `limit` characters with a note."""
    if value is None or len(value) <= limit:
        return value
    notes.append(f"{field} was cut at {limit} characters.")
    return value[:limit]


def check_tags(context: Context, notes: Notes) -> list[str]:
    """The tags: at most 64, each cut like a short text."""
    tags = context.tags
    if len(tags) > _MAX_TAGS:
        notes.append(f"{len(tags) - _MAX_TAGS} tags above {_MAX_TAGS} were left out.")
        tags = tags[:_MAX_TAGS]
    return [cut(tag, SHORT, "context.tags", notes) or "" for tag in tags]


def check_texts(texts: Mapping[str, str], field: str, notes: Notes) -> dict[str, str] | None:
    """Texts by key: at most 64 keys, keys and values cut; `None` when there are none."""
    if not texts:
        return None
    items = list(texts.items())
    if len(items) > _MAX_KEYS:
        notes.append(f"{len(items) - _MAX_KEYS} keys of {field} above {_MAX_KEYS} were left out.")
        items = items[:_MAX_KEYS]
    return {
        (cut(key, SHORT, f"a key of {field}", notes) or ""): cut(value, LONG, field, notes) or ""
        for key, value in items
    }


def check_attributes(attributes: Mapping[str, Any], notes: Notes) -> dict[str, Any] | None:
    """The attributes: at most 128 keys and 64 KB, in the order they came; the rest is left out with a note."""
    if not attributes:
        return None
    if len(attributes) <= _MAX_ATTRIBUTE_KEYS and len(_encode(attributes)) <= _MAX_OBJECT_BYTES:
        return dict(attributes)
    kept: dict[str, Any] = {}
    size = 0
    for key, value in attributes.items():
        size += len(key) + len(_encode(value))
        if size > _MAX_OBJECT_BYTES or len(kept) == _MAX_ATTRIBUTE_KEYS:
            break
        kept[key] = value
    notes.append(f"{len(attributes) - len(kept)} attributes above 128 keys or 64 KB were left out.")
    return kept


def check_raw_usage(raw: Any, notes: Notes) -> msgspec.Raw | None:
    """The provider's usage object as JSON text, if it is below 64 KB."""
    if raw is None:
        return None
    text = _encode(raw)
    if len(text) <= _MAX_OBJECT_BYTES:
        return msgspec.Raw(text)
    notes.append("usage.raw was above 64 KB and is left out.")
    return None
