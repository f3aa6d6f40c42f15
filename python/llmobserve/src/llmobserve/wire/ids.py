"""Identifiers and the wall clock, made where an event is made."""

import os
import time

__all__ = ["event_id_for_remote", "new_event_id", "new_span_id", "new_trace_id", "now_us"]


def now_us() -> int:
    """Wall-clock time in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


def new_event_id(at_us: int | None = None) -> str:
    """A UUID of version 7: 48 bits of milliseconds, then random bits.

    `at_us` is the time to put in, in microseconds; `None` means now. The random part comes from the operating
    system, so forked processes never repeat each other's ids.
    """
    at_ms = (time.time_ns() // 1_000_000) if at_us is None else at_us // 1000
    ms, random = f"{at_ms & 0xFFFF_FFFF_FFFF:012x}", os.urandom(10).hex()
    variant = "89ab"[int(random[19], 16) & 3]
    return f"{ms[:8]}-{ms[8:]}-7{random[:3]}-{variant}{random[3:6]}-{random[6:18]}"


def event_id_for_remote(provider: str, remote_id: str) -> str:
    """The same UUID (version 8) for the same provider-side object, in every process.

    For work whose result is fetched later, perhaps several times (a polled run, a batch): each fetch names one event.
    """
    import hashlib  # kept out of the import of the package: only jobs need it

    digest = bytearray(hashlib.sha256(f"{provider}:{remote_id}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    digits = digest.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_span_id() -> str:
    """Sixteen random hexadecimal digits, as in W3C trace context."""
    return os.urandom(8).hex()


def new_trace_id() -> str:
    """Thirty-two random hexadecimal digits, as in W3C trace context."""
    return os.urandom(16).hex()
