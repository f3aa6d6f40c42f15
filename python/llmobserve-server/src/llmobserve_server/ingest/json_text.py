"""Repairs on JSON text before it is decoded: records of a damaged batch, characters that no store can hold, depth."""

import re
from collections.abc import Iterator

__all__ = ["MAX_DEPTH", "is_too_deep", "repair", "shallow", "split_batch"]

MAX_DEPTH = 64

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)", re.DOTALL)
_OPEN = (b"[", b"{")
_CLOSE = (b"]", b"}")


def is_too_deep(raw: bytes) -> bool:
    """Whether the text nests deeper than `MAX_DEPTH`."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _TOKEN.finditer(raw):
        token = match[0]
        if token in _OPEN:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in _CLOSE:
            depth -= 1
    return False


def shallow(raw: bytes) -> bytes:
    """The same JSON with `null` for what nests deeper than `MAX_DEPTH`."""
    parts: list[bytes] = []
    depth = kept = 0
    for match in _TOKEN.finditer(raw):
        token = match[0]
        if token in _OPEN:
            depth += 1
            if depth == MAX_DEPTH + 1:
                parts += [raw[kept : match.start()], b"null"]
        elif token in _CLOSE:
            depth -= 1
            if depth == MAX_DEPTH:
                kept = match.end()
    return b"".join([*parts, raw[kept:]])


def repair(raw: bytes) -> bytes:
    """The same JSON with lone surrogates and invalid UTF-8 as U+FFFD and without NUL characters."""
    return _ESCAPE.sub(_repaired, raw.decode("utf-8", "replace")).encode()


def _repaired(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    code = int(match[1], 16)
    if 0xD800 <= code < 0xDC00 and match[2]:
        return match[0]
    rest = "" if match[2] is None else "\\ufffd"
    if code == 0:
        return rest
    if 0xD800 <= code < 0xE000:
        return "\\ufffd" + rest
    return match[0] if match[2] is None else f"\\u{match[1]}{rest}"


def split_batch(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """A batch whose JSON is damaged as its head (with no events) and the text of each record.

    Only brackets and strings are looked at, so that a record that is not JSON, or is nested without end, is told
    from its neighbours. `None` when there is no array `events` at the top level or the brackets do not match.
    """
    tokens = _TOKEN.finditer(body)
    depth = 0
    key = b""
    previous = b""
    for match in tokens:
        token = match[0]
        if depth == 1 and token == b":":
            key = previous
        if token == b"[" and depth == 1 and key == b'"events"':
            return _split_records(body, match.end(), tokens)
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
        previous = token
    return None


def _split_records(body: bytes, start: int, tokens: Iterator[re.Match[bytes]]) -> tuple[bytes, list[bytes]] | None:
    records: list[bytes] = []
    begin = start
    depth = 0
    for match in tokens:
        token = match[0]
        if depth == 0 and token in (b",", b"]"):
            record = body[begin : match.start()].strip()
            if record or token == b"," or records:
                records.append(record)
            if token == b"]":
                return body[:start] + body[match.start() :], records
            begin = match.end()
        elif token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
    return None
