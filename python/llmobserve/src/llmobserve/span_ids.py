"""Ids of spans and traces, each made from one number: they cost nothing until asked for."""

from functools import lru_cache

__all__ = ["event_id_of", "span_id_of", "trace_id_from"]

_MASK = (1 << 64) - 1


def _mixed(number: int) -> int:
    """A bijection of 64-bit numbers that leaves no pattern visible (the finaliser of SplitMix64)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


# The same few spans are asked again and again, with each call inside them.
@lru_cache(maxsize=512)
def trace_id_from(number: int) -> str:
    """Thirty-two hexadecimal digits."""
    return f"{_mixed(number ^ 0x5851F42D4C957F2D):016x}{_mixed(number ^ 0x14057B7EF767814F):016x}"


@lru_cache(maxsize=512)
def span_id_of(number: int) -> str:
    """Sixteen hexadecimal digits."""
    return f"{_mixed(number):016x}"


@lru_cache(maxsize=512)
def event_id_of(start_us: int, number: int) -> str:
    """A UUID that begins with the time, as version 7 does."""
    low, high = _mixed(number ^ 0x2545F4914F6CDD1D), _mixed(number ^ 0x369DEA0F31A53F85)
    ms = (start_us // 1000) & 0xFFFF_FFFF_FFFF
    digits = f"{ms:012x}7{high & 0xFFF:03x}{low & (1 << 62) - 1 | 1 << 63:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
