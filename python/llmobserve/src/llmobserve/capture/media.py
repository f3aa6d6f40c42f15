"""Recognises media that travel as base64 text, and describes them: type, size, hash, and width and height of images."""

import hashlib
import re
from binascii import Error, a2b_base64
from typing import Any

from llmobserve.image_header import area_of

__all__ = ["DATA_URL", "describe", "is_media"]

DATA_URL = re.compile(r"data:([\w.+/\-]{1,100})((?:;[\w=.+\-]{1,100}){0,4}),", re.IGNORECASE)
"""The head of a data URL: type, and parameters such as `;base64`."""
_SHORTEST = 512
_LOOKED_AT = 512
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\r\n]{500,}={0,2}")
_FEWEST_LETTERS = 24
_CHUNK = 4 * 192 * 1024
_HEAD_BYTES = 64 * 1024

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)


def is_media(text: str) -> bool:
    """True for a long text whose beginning is base64 of something: no words, hashes or repeated letters."""
    if len(text) < _SHORTEST:
        return False
    head = text[:_LOOKED_AT]
    if _BASE64.fullmatch(head) is None or len(set(head)) < _FEWEST_LETTERS:
        return False
    return any(map(str.isupper, head)) and any(map(str.islower, head))


def describe(text: str, start: int, kind: str | None) -> dict[str, Any]:
    """What stands in the record instead of the base64 that begins at `start`.

    It is decoded piece by piece, so that no second copy of it is made.
    """
    digest = hashlib.sha256()
    size, head = 0, b""
    for at in range(start, len(text), _CHUNK):
        piece = _decoded(text[at : at + _CHUNK])
        if not head:
            head = piece[:_HEAD_BYTES]
        size += len(piece)
        digest.update(piece)
    found: dict[str, Any] = {
        "type": (kind or _kind_of(head) or "unknown")[:100],
        "bytes": size,
        "sha256": digest.hexdigest(),
    }
    area = area_of(head)
    if area is not None:
        found["width"], found["height"] = area
    return found


def _decoded(text: str) -> bytes:
    plain = text.replace("-", "+").replace("_", "/") if "-" in text or "_" in text else text
    try:
        return a2b_base64(plain + "=" * (-len(plain) % 4))
    except (Error, ValueError):
        return text.encode("utf-8", "replace")


def _kind_of(head: bytes) -> str | None:
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    return "video/mp4" if head[4:8] == b"ftyp" else None
