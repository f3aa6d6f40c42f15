"""One record from text to its typed form, or the reason why it is none."""

from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from llmobserve.wire import CallEvent, FactRecord, ScoreRecord, SpanEvent
from llmobserve_server.ingest.json_text import MAX_DEPTH, is_too_deep, repair

__all__ = ["ContentText", "Decoded", "Rejected", "decode_record", "id_of", "sequence_of"]


class Rejected(Exception):
    """A record that is not stored; the message names the field and what it takes."""


class ContentText(msgspec.Struct, frozen=True, kw_only=True):
    """`wire.ContentRecord` with what was said left as JSON text: it is stored as such."""

    type: Literal["content"]
    event_id: str
    input: msgspec.Raw = msgspec.Raw(b"null")
    output: msgspec.Raw = msgspec.Raw(b"null")
    truncated: bool = False
    redactions: int = 0


Decoded = CallEvent | SpanEvent | ContentText | ScoreRecord | FactRecord
"""A record in its typed form."""


class _Head(msgspec.Struct, frozen=True):
    type: Any = None
    event_id: Any = None
    sequence: Any = None


_decode_head = msgspec.json.Decoder(_Head).decode
_TYPES: dict[str, type[Any]] = {
    "call": CallEvent,
    "span": SpanEvent,
    "content": ContentText,
    "score": ScoreRecord,
    "fact": FactRecord,
}
_decoders = {name: msgspec.json.Decoder(kind).decode for name, kind in _TYPES.items()}
_PREFIXES = tuple((f'{{"type":"{name}"'.encode(), name) for name in _TYPES)


def decode_record(raw: bytes) -> tuple[Decoded, bool]:
    """The record, and whether its text had to be repaired.

    Unknown fields are ignored; of a repeated key the last counts. Raises Rejected.
    """
    if is_too_deep(raw):
        raise Rejected(f"the record is nested deeper than {MAX_DEPTH} levels")
    repaired = False
    if b"\\u0000" in raw or not _is_utf8(raw):
        mended = repair(raw)
        raw, repaired = mended, mended != raw
    try:
        return _typed(raw), repaired
    except msgspec.ValidationError as error:
        raise Rejected(_explain(raw, str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        mended = repair(raw)
        if mended == raw:
            raise Rejected(f"the record is not JSON: {error}") from error
        return _typed_again(mended), True


def _is_utf8(raw: bytes) -> bool:
    """The decoder skips parts without a look at their encoding, so this is not its verdict."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _typed_again(raw: bytes) -> Decoded:
    try:
        return _typed(raw)
    except msgspec.ValidationError as error:
        raise Rejected(_explain(raw, str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the record is not JSON: {error}") from error


def _typed(raw: bytes) -> Decoded:
    for prefix, name in _PREFIXES:
        if raw.startswith(prefix):
            return _decoders[name](raw)
    kind = _decode_head(raw).type
    decode = _decoders.get(kind) if isinstance(kind, str) else None
    if decode is None:
        raise Rejected(f"type must be one of {', '.join(_TYPES)}, not {str(kind)[:60]!r}")
    return decode(raw)


def id_of(raw: bytes) -> str | None:
    """The event id of a record that was rejected, where it can be read."""
    try:
        found = _decode_head(raw).event_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found[:200] if isinstance(found, str) else None


def sequence_of(raw: bytes) -> int | None:
    """The running number of a record that was rejected, where it can be read."""
    try:
        found = _decode_head(raw).sequence
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if type(found) is int and 0 <= found <= 2**53 else None


def _explain(raw: bytes, message: str) -> str:
    """The decoder's message, with the allowed values where it names a wrong one."""
    if not message.startswith("Invalid enum value"):
        return message
    path = message.rpartition("`$.")[2].rstrip("`").split(".")
    kind: Any = _TYPES.get(str(_decode_head(raw).type))
    for name in path:
        hints = get_type_hints(kind) if is_dataclass(kind) or isinstance(kind, type) else {}
        kind = hints.get(name)
    allowed = get_args(kind) if get_origin(kind) is Literal else ()
    return f"{message}; it takes one of: {', '.join(map(str, allowed))}" if allowed else message
