"""Credentials inside base64 and percent-encoded text: what may hold one is decoded and looked at."""

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable

from llmobserve.secret_patterns.lazily import Lazy
from llmobserve.secret_patterns.named import without_named
from llmobserve.secret_patterns.shapes import REPLACED, without_shapes

__all__ = ["without_encoded"]

_PREFIXES = (
    "sk-",
    "sk_live_",
    "AKIA",
    "AIza",
    "ghp_",
    "github_pat_",
    "gsk_",
    "xai-",
    "llmo_",
    "xoxb-",
    "glpat-",
    "hf_",
)
_BASE64 = Lazy(r"[A-Za-z0-9+/_\-]{20,8192}={0,2}")
_PERCENT = Lazy(r"[A-Za-z0-9._~+%\-]{12,8192}")
_CODES = ("%2D", "%2d", "%5F", "%5f", "%3D", "%3d", "%3A", "%3a", "%22")
"""Of `-`, `_`, `=`, `:` and `"`: without any of these there is no secret that is not seen as it stands."""
_BASIC = Lazy(r"(?<=[Bb]asic )[A-Za-z0-9+/_\-]{8,4000}={0,2}")
_PAIR = Lazy(r"[!-~]{0,500}:[!-~]{1,2000}")


def _marks(prefix: str) -> set[str]:
    """What base64 makes of the prefix, wherever in a text it stands: less the letters that its neighbours change."""
    found: set[str] = set()
    for before in range(3):
        whole = b2a_base64(b"\0" * before + prefix.encode(), newline=False).decode().rstrip("=")
        first = -(-before * 4 // 3)
        last = (before + len(prefix)) * 8 // 6
        found.add(whole[first:last])
    return found


_MARKS = tuple(sorted({mark for prefix in _PREFIXES for mark in _marks(prefix)}))


def without_encoded(text: str, words: str) -> tuple[str, int]:
    """The text with `[redacted]` in place of each encoded text that holds a secret, and how many there were.

    `words` are the `long_words` of the text.
    """
    found = 0
    if any(mark in words for mark in _MARKS) and any(map(_is_encoded_key, _BASE64.pattern.findall(words))):
        text, found = _replace(_BASE64, text, _is_encoded_key)
    if "asic " in text:
        text, count = _replace(_BASIC, text, _is_encoded_pair)
        found += count
    if (
        "%" in words
        and any(code in words for code in _CODES)
        and any(map(_is_quoted_secret, _PERCENT.pattern.findall(words)))
    ):
        text, count = _replace(_PERCENT, text, _is_quoted_secret)
        found += count
    return text, found


def _replace(pattern: Lazy, text: str, is_secret: Callable[[str], bool]) -> tuple[str, int]:
    count = 0

    def verdict(match: "re.Match[str]") -> str:
        nonlocal count
        if not is_secret(match[0]):
            return match[0]
        count += 1
        return REPLACED

    return pattern.pattern.sub(verdict, text), count


def _is_encoded_key(token: str) -> bool:
    if not any(mark in token for mark in _MARKS):
        return False
    # What stands before it may be of the same letters (a path), so that it is not known where the code begins.
    return any(without_shapes(_decoded(token[begin:]))[1] for begin in range(4))


def _is_encoded_pair(token: str) -> bool:
    """True for `user:password` as HTTP's Basic scheme has it; not for the word after "basic"."""
    return _PAIR.pattern.fullmatch(_decoded(token)) is not None


def _is_quoted_secret(token: str) -> bool:
    if "%" not in token:
        return False
    from urllib.parse import unquote  # slow to import, and few texts need it

    plain = unquote(token)
    return bool(without_shapes(plain)[1] or without_named(plain)[1])


def _decoded(token: str) -> str:
    """Base64, of either alphabet, as Latin-1; what is left over at the end is dropped."""
    plain = token.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return a2b_base64(plain[: len(plain) & ~3] + _padded(plain[len(plain) & ~3 :])).decode("latin-1")
    except Error:
        return ""


def _padded(rest: str) -> str:
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""
