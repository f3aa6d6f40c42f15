"""What was said in a span as our content record: JSON text stays text, media and vectors are reduced to their size."""

import re
from typing import Any

import msgspec

from llmobserve.capture.redaction import redact
from llmobserve_server.ingest.decode import ContentText
from llmobserve_server.ingest.json_text import is_too_deep, repair
from llmobserve_server.ingest.otlp.reading import Reading

__all__ = ["content_of", "content_text", "json_bytes"]

_NULL = msgspec.Raw(b"null")
_LARGE = 64 * 1024
_SMALL = 1024
"""Below this nothing is worth looking for."""
_WORD = 512
"""Text without a space that is longer may be media."""
_MEDIA = re.compile(rb"[A-Za-z0-9+/_\-]{500}")
_VECTOR = re.compile(rb"(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*,\s*){64}")
_NUMBERS, _LONGEST_NUMBER = 64, 26
_validate = msgspec.json.Decoder(msgspec.Raw).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(enc_hook=str).encode


def content_of(event_id: str, reading: Reading) -> ContentText | None:
    """The content of a call or span; `None` when the span says nothing."""
    if reading.input is None and reading.output is None and reading.system is None:
        return None
    given = json_bytes(reading.input)
    if reading.is_call and given is not None and (given.startswith(b"[") or reading.system is not None):
        parts = [b'"messages":' + given]
        for name, value in ((b'"system":', reading.system), (b'"tools":', reading.tools)):
            found = json_bytes(value)
            if found is not None:
                parts.append(name + found)
        given = b"{" + b",".join(parts) + b"}"
    elif given is None and reading.system is not None:
        given = b'{"system":' + (json_bytes(reading.system) or b"null") + b"}"
    return content_text(event_id, given, json_bytes(reading.output))


def content_text(event_id: str, given: bytes | None, answer: bytes | None) -> ContentText | None:
    """A content record of two JSON texts; `None` when both are missing."""
    if given is None and answer is None:
        return None
    if _is_heavy(given) or _is_heavy(answer):
        return _lightened(event_id, given, answer)
    return ContentText(
        type="content",
        event_id=event_id,
        input=_NULL if given is None else msgspec.Raw(given),
        output=_NULL if answer is None else msgspec.Raw(answer),
    )


def json_bytes(value: Any) -> bytes | None:
    """`value` as JSON: a text that is JSON as it is, any other text as a JSON text. `None` for nothing."""
    if value is None or value == "" or value == [] or value == {}:
        return None
    if type(value) is not str:
        try:
            return _encode(value)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
            return _encode(repr(value)[:_LARGE])
    data = value.encode("utf-8", "replace")
    if value[0] in '[{"':
        try:
            _validate(data)
        except (msgspec.DecodeError, RecursionError):
            return _encode(data.decode())
        if b"\\u" in data:
            data = repair(data)
        return b'"nested too deeply"' if is_too_deep(data) else data
    return _encode(data.decode())


def _is_heavy(data: bytes | None) -> bool:
    """Whether the text is large, or has media or vectors in it."""
    if data is None or len(data) < _SMALL:
        return False
    if len(data) > _LARGE:
        return True
    commas = data.count(b",")
    if commas > _NUMBERS and commas * _LONGEST_NUMBER > len(data) and _VECTOR.search(data) is not None:
        return True
    words = data.split()
    # Prose has no long words, which this tells in a fifth of the time of a loop.
    if max(map(len, words), default=0) <= _WORD:
        return False
    return any(len(word) > _WORD and _has_media(word) for word in words)


def _has_media(word: bytes) -> bool:
    return _MEDIA.search(word) is not None or _VECTOR.search(word) is not None


def _lightened(event_id: str, given: bytes | None, answer: bytes | None) -> ContentText:
    """Media by type, size and hash, vectors by their length; long texts cut, and known secrets removed with it."""
    record = redact(event_id, _object(given), _object(answer))
    return ContentText(
        type="content",
        event_id=event_id,
        input=msgspec.Raw(_encode(record.input)),
        output=msgspec.Raw(_encode(record.output)),
        truncated=record.truncated,
        redactions=record.redactions,
    )


def _object(data: bytes | None) -> Any:
    return None if data is None else _decode(data)
