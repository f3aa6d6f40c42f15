"""Ids of what a span says: the same span sent again has the same ids, whoever receives it."""

from hashlib import blake2b

__all__ = ["event_id_of_span", "span_id_of_part"]


def event_id_of_span(start_ns: int, trace_id: str, span_id: str, part: str = "") -> str:
    """A UUID of the form of version 7: the start in milliseconds, then a hash of the span's ids.

    `part` names a further record of the same span.
    """
    digits = blake2b(f"{trace_id}{span_id}{part}".encode(), digest_size=10).hexdigest()
    ms = f"{start_ns // 1_000_000 & 0xFFFF_FFFF_FFFF:012x}"
    variant = "89ab"[int(digits[19], 16) & 3]
    return f"{ms[:8]}-{ms[8:]}-7{digits[:3]}-{variant}{digits[3:6]}-{digits[6:18]}"


def span_id_of_part(trace_id: str, span_id: str, part: str) -> str:
    """Sixteen hexadecimal digits for a further record of a span, which stands below it."""
    return blake2b(f"{trace_id}{span_id}{part}".encode(), digest_size=8).hexdigest()
