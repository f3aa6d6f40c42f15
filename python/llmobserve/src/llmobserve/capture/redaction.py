"""Prepares content for leaving the process: secrets out, media reduced to type, size and hash, sizes capped."""

import re
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any, cast

from llmobserve.capture.media import DATA_URL, describe, is_media
from llmobserve.guard import text_of
from llmobserve.privacy import is_secret_name, note, rules
from llmobserve.secret_patterns import REPLACED, without_secrets
from llmobserve.wire import ContentRecord

__all__ = ["redact"]

_STRING_CAP = 256 * 1024
_HEAD = 200 * 1024
_TAIL = 50 * 1024
_MARGIN = 8 * 1024
"""Looked at beyond a cut and then thrown away: a secret that the cut goes through would not be known for one."""
_EVENT_CAP = 960 * 1024
"""Bytes of JSON; the rest up to 1 MB is for what is around it."""
_DEPTH = 48
"""The collector takes no record that is nested deeper than 64 levels, with what is around the content."""
_KEY_CHARACTERS = 200
_NUMBERS = 64
_DATA_URL_LOOKED_AT = 1024
_SHORT_MEDIA = 256
"""Characters of a data URL that stays in its text (an icon)."""
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_\-]*={0,2}")
_KINDS = ("media_type", "mime_type", "mimeType", "format", "type")


class _Cleaner:
    """State of one record: what was cut and replaced, and how much room is left."""

    def __init__(self) -> None:
        self.truncated = False
        self.redactions = 0
        self._room = _EVENT_CAP

    def clean(self, value: Any, depth: int = 0, kind: str | None = None) -> Any:
        if value is None or isinstance(value, (bool, int)):
            self._room -= 8
            return value if not isinstance(value, int) or abs(value) < 2**63 else text_of(value)[:100]
        if isinstance(value, str):
            return self.text(value, kind)
        if isinstance(value, float):
            self._room -= 20
            return value if isfinite(value) else str(value)
        if depth >= _DEPTH:
            self.truncated = True
            return "[too deep]"
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[Any, Any]", value), depth)
        if isinstance(value, (list, tuple)):
            return self._sequence(cast("list[Any]", value), depth)
        return f"[{type(value).__name__}]"

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        out: dict[str, Any] = {}
        kind = next((found for key in _KINDS if isinstance(found := value.get(key), str)), None)
        # The tokens of an answer with their probabilities stand under this name, too.
        public = "token" if "logprob" in value else None
        # A field given as `{"name": "Authorization", "value": "…"}`.
        named = value.get("name") or value.get("key")
        secret_value = isinstance(named, str) and len(named) <= _KEY_CHARACTERS and is_secret_name(named)
        for key, item in value.items():
            if self._room <= 0:
                self.truncated = True
                break
            name = self._name(key)
            is_secret = (name != public and is_secret_name(name)) or (secret_value and name == "value")
            out[name] = self._secret(item, depth) if is_secret else self.clean(item, depth + 1, kind)
            self._room -= len(name) + 4
        return out

    def _name(self, key: Any) -> str:
        name = text_of(key)[:_KEY_CHARACTERS]
        if not name.isascii():
            name = name.encode("utf-8", "replace").decode()
        return self._without_secrets(name)

    def _secret(self, value: Any, depth: int) -> Any:
        """What stands under the name of a secret: texts and numbers go, objects (a JSON schema) are looked into."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, (str, int, float)):
            self.redactions += 1
            return REPLACED
        if isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value)):
            self.redactions += 1
            return [REPLACED]
        return self.clean(value, depth + 1)

    def _sequence(self, value: "list[Any] | tuple[Any, ...]", depth: int) -> list[Any]:
        if len(value) > _NUMBERS and all(isinstance(item, (int, float)) for item in value[:_NUMBERS]):
            return [f"[{len(value)} numbers]"]
        if (
            len(value) == 2
            and isinstance(value[0], str)
            and isinstance(value[1], str)
            and is_secret_name(value[0][:99])
        ):
            self.redactions += 1
            return [self._name(value[0]), REPLACED]  # a header as a pair
        out: list[Any] = []
        for item in value:
            if self._room <= 0:
                self.truncated = True
                break
            self._room -= 2
            out.append(self.clean(item, depth + 1))
        return out

    def text(self, text: str, kind: str | None = None) -> Any:
        head = text[:_DATA_URL_LOOKED_AT]
        data = DATA_URL.match(head) if head[:5].lower() == "data:" else None
        if data is not None and ";base64" in data[2].lower():
            return self._described(text, data.end(), data[1])
        if is_media(text):
            return self._described(text, 0, kind)
        # What is printed in JSON with escapes takes more room than it has characters.
        cap = _STRING_CAP
        if len(text) > cap or len(text) > self._room:
            cap = max(min(cap, self._room), 0)
        if len(text) <= cap:
            cleaned = self._plain(text)
            cost = len(quoted(cleaned))
            if cost <= max(self._room, 64):
                self._room -= cost
                return cleaned
            cap = max(self._room, 0) * len(cleaned) // cost
        return self._shortened(text, cap)

    def _described(self, text: str, start: int, kind: str | None) -> dict[str, Any]:
        self._room -= 150
        return describe(text, start, kind)

    def _shortened(self, text: str, cap: int) -> str:
        """Head and tail, four to one."""
        self.truncated = True
        head, tail = (_HEAD, _TAIL) if cap >= _STRING_CAP else (cap * 4 // 5, cap // 5)
        begin = self._plain(text[: head + _MARGIN])
        end = self._plain(text[max(len(text) - tail - _MARGIN, head + _MARGIN) :])
        begin = begin[: max(min(head, len(begin) - _MARGIN), 0)]
        end = end[max(len(end) - tail, _MARGIN) :]
        cut = f"{begin}\n[… {len(text) - len(begin) - len(end)} characters left out …]\n{end}"
        cost = len(quoted(cut))
        if cost > max(self._room, 1024):
            scale = max(self._room, 0) / cost
            begin, end = begin[: int(len(begin) * scale)], end[len(end) - int(len(end) * scale) :]
            cut = f"{begin}\n[… {len(text) - len(begin) - len(end)} characters left out …]\n{end}"
            cost = len(quoted(cut))
        self._room -= cost
        return cut

    def _plain(self, text: str) -> str:
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        return self._without_secrets(self._without_data_urls(text) if "base64," in text else text)

    def _without_data_urls(self, text: str) -> str:
        """Media inside a text (Markdown, HTML, JSON in a string) go as those that are one."""
        pieces: list[str] = []
        done = 0
        data = DATA_URL.search(text)
        while data is not None:
            end = _BASE64_RUN.match(text, data.end()).end()  # pyright: ignore[reportOptionalMemberAccess] (matches nothing, too)
            if ";base64" in data[2].lower() and end - data.end() > _SHORT_MEDIA:
                found = describe(text[data.end() : end], 0, data[1])
                pieces += (text[done : data.start()], f"[{found['type']}, {found['bytes']} bytes, {found['sha256']}]")
                done = end
            data = DATA_URL.search(text, end)
        return "".join((*pieces, text[done:])) if pieces else text

    def _without_secrets(self, text: str) -> str:
        if not rules().patterns:
            return text
        text, count = without_secrets(text)
        self.redactions += count
        return text


def redact(event_id: str, given: Any, answer: Any) -> ContentRecord:
    """The content record of an event: redacted, at most 256 KB a string and 1 MB in all."""
    cleaner = _Cleaner()
    output = cleaner.clean(answer)
    record = ContentRecord(
        event_id=event_id,
        input=cleaner.clean(given),
        output=output,
        truncated=cleaner.truncated,
        redactions=cleaner.redactions,
    )
    if cleaner.redactions:
        note("content", cleaner.redactions)
    return record
