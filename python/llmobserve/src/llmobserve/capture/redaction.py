"""Prepares content for leaving the process: secrets out, media reduced to type, size and hash, sizes capped."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, cast

from llmobserve.guard import text_of
from llmobserve.secret_patterns import REPLACED, without_secrets
from llmobserve.wire import ContentRecord

__all__ = ["redact"]

_STRING_CAP = 256 * 1024
_HEAD = 200 * 1024
_TAIL = 50 * 1024
_EVENT_CAP = 1024 * 1024
_DEPTH = 64
_MEDIA_CHARACTERS = 512

_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|authorization|"
    r"credentials?|cookie)$",
    re.IGNORECASE,
)
_DATA_URL = re.compile(r"data:([\w.+/\-]{1,100});base64,")


class _Cleaner:
    """State of one record: what was cut and replaced, and how much room is left."""

    def __init__(self) -> None:
        self.truncated = False
        self.redactions = 0
        self._room = _EVENT_CAP

    def clean(self, value: Any, depth: int = 0) -> Any:
        if value is None or isinstance(value, (bool, int)):
            return value if not isinstance(value, int) or abs(value) < 2**63 else text_of(value)[:100]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, float):
            return value if isfinite(value) else str(value)
        if depth >= _DEPTH:
            self.truncated = True
            return "[too deep]"
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[Any, Any]", value), depth)
        if isinstance(value, (list, tuple)):
            return self._sequence(list(cast("list[Any]", value)), depth)
        return f"[{type(value).__name__}]"

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        media = _media(value)
        out: dict[str, Any] = {}
        for key, item in value.items():
            name = str(key)[:200]
            if name == media:
                out[name] = _describe(item, value.get("media_type") or value.get("format"))
            elif isinstance(item, str) and item and _names_a_secret(name):
                self.redactions += 1
                out[name] = REPLACED
            else:
                out[name] = self.clean(item, depth + 1)
            if self._room <= 0:
                self.truncated = True
                break
            self._room -= len(name)
        return out

    def _sequence(self, value: list[Any], depth: int) -> list[Any]:
        if len(value) > 64 and all(isinstance(item, (int, float)) for item in value[:64]):
            return [f"[{len(value)} numbers]"]
        out: list[Any] = []
        for item in value:
            if self._room <= 0:
                self.truncated = True
                break
            self._room -= 2
            out.append(self.clean(item, depth + 1))
        return out

    def text(self, text: str) -> Any:
        if text.startswith("data:"):
            data = _DATA_URL.match(text)
            if data is not None:
                return _describe(text[data.end() :], data[1])
        text, count = without_secrets(text.encode("utf-8", "replace").decode() if not text.isascii() else text)
        self.redactions += count
        room = max(min(_STRING_CAP, self._room), 0)
        if len(text) > room:
            self.truncated = True
            head, tail = (_HEAD, _TAIL) if room == _STRING_CAP else (room * 4 // 5, room // 5)
            cut = len(text) - head - tail
            text = f"{text[:head]}\n[… {cut} characters left out …]\n{text[len(text) - tail :]}"
        self._room -= len(text)
        return text


def redact(event_id: str, given: Any, answer: Any) -> ContentRecord:
    """The content record of an event: redacted, at most 256 KB a string and about 1 MB in all."""
    cleaner = _Cleaner()
    output = cleaner.clean(answer)
    return ContentRecord(
        event_id=event_id,
        input=cleaner.clean(given),
        output=output,
        truncated=cleaner.truncated,
        redactions=cleaner.redactions,
    )


@lru_cache(maxsize=1024)
def _names_a_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _media(value: Mapping[Any, Any]) -> str | None:
    """Key of the base64 data in a media part (`input_audio`, a `source` of type base64, `b64_json`), if it is one."""
    for key in ("data", "b64_json", "file_data", "result"):
        item = value.get(key)
        if isinstance(item, str) and len(item) > _MEDIA_CHARACTERS and " " not in item[:_MEDIA_CHARACTERS]:
            return key
    return None


def _describe(data: Any, kind: Any) -> dict[str, Any]:
    """Type, size and SHA-256 of base64 data, in place of the data."""
    text = str(data)
    match = _DATA_URL.match(text)
    if match is not None:
        kind, text = match[1], text[match.end() :]
    try:
        plain = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        plain = text.encode("utf-8", "replace")
    return {"type": str(kind or "unknown")[:100], "bytes": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}
