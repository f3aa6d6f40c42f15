"""What all foreign formats need: JSON bodies, ids of our lengths, and times in nanoseconds."""

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any, cast

import msgspec

from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.json_text import repair
from llmobserve_server.ingest.otlp.unreadable import MAX_RECORDS, UnreadableError, refuse_count

__all__ = ["json_of", "nanoseconds", "object_of", "objects_of", "span_id_of", "stated", "text_of", "trace_id_of"]

_HEX = re.compile(r"[0-9a-f]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def json_of(body: bytes) -> Any:
    """The value of a JSON text. Raises BadRequest."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        mended = repair(body)
    except RecursionError as error:
        raise BadRequest("The body is nested too deep.") from error
    try:
        return msgspec.json.decode(mended)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}") from error


def objects_of(value: Any, what: str) -> list[dict[str, Any]]:
    """The objects of a list. Raises BadRequest where it is none, PayloadTooLarge where it has too many."""
    if not isinstance(value, list):
        raise BadRequest(f"{what} must be a list.")
    entries = cast("list[Any]", value)
    if len(entries) > MAX_RECORDS:
        refuse_count()
    return [cast("dict[str, Any]", entry) if isinstance(entry, dict) else {"_": entry} for entry in entries]


def object_of(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """The value if it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def stated(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without those that say nothing."""
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def trace_id_of(text: str) -> str:
    """Thirty-two hexadecimal digits: those of a UUID or of a trace id, else of a hash."""
    return _digits(text, 32)


def span_id_of(text: str) -> str:
    """Sixteen hexadecimal digits: those of a span id, else of a hash."""
    return _digits(text, 16)


def _digits(text: str, length: int) -> str:
    plain = text.lower().replace("-", "")
    if len(plain) == length and _HEX.fullmatch(plain) and plain.strip("0"):
        return plain
    return blake2b(text.encode("utf-8", "replace"), digest_size=length // 2).hexdigest()


def nanoseconds(value: Any) -> int:
    """Nanoseconds since 1970 of an ISO time (UTC where no zone is given) or of seconds; 0 for none.

    Raises UnreadableError for what is neither.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**40:
        return round(value * 1_000_000) * 1000
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise UnreadableError(f"{str(value)[:40]!r} is not a time: ISO 8601 or seconds since 1970 are taken") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
