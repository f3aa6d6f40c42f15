"""Credentials that are known by their name: `password=…`, `"api_key": "…"`, `Authorization: …`, `?key=…`.

In data every value under such a name is one. In text, which may be prose or source code, a name proves little, and the
value has to look like one as well.
"""

import re
from functools import lru_cache

from llmobserve.secret_patterns.lazily import Lazy
from llmobserve.secret_patterns.shapes import REPLACED

__all__ = ["names_a_secret", "without_named"]

_NAMES = (
    *("password", "passwd", "pwd", "passphrase", "secret", "secret_key", "secretkey", "token", "credential"),
    *("credentials", "api_key", "apikey", "api-key", "access_key", "accesskey", "access-key", "private_key"),
    *("privatekey", "auth_key", "account_key", "accountkey", "signing_key", "encryption_key", "subscription-key"),
    *("authorization", "cookie", "cookies", "x-goog-api-key"),
)
_KEY = Lazy(rf"(?:^|[\W_])(?:{'|'.join(map(re.escape, _NAMES))})$", re.IGNORECASE)
_HUMP = Lazy(r"(?<=[a-z0-9])(?=[A-Z])")

_WORDS = ("passw", "pwd", "passphrase", "secret", "token", "key", "credential", "authorization", "cookie")
_BEFORE_KEY = tuple(
    f"{name}{sign}"
    for name in ("api", "access", "private", "auth", "account", "signing", "encryption", "subscription")
    for sign in ("", "_", "-")
)
# At the place of one of the words above: the rest of the name, its quote, a separator, the quote of the value.
_ASSIGNED = Lazy(
    r"(?P<word>passwor[dt]|passwd|pwd|passphrase|secret(?:[_-]?(?:access)?[_-]?key)?|token|key|credentials?|"
    r"authorization|cookies?)"
    r"(?P<shut>\\{0,3}[\"'])?"
    r"(?P<sign>[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}|(?:\r?\n){2}|\\r\\n\\r\\n|[ \t]{1,4})"
    r"(?P<open>\\{0,3}[\"'])?",
    re.IGNORECASE,
)
_IN_QUOTES = {
    '"': Lazy(r'[^"\\\n]{1,8000}(?:\\.[^"\\\n]{0,8000}){0,200}'),
    "'": Lazy(r"[^'\\\n]{1,8000}(?:\\.[^'\\\n]{0,8000}){0,200}"),
}
_ESCAPED = {
    1: Lazy(r"[^\"'\\\n]{1,8000}(?:\\{2,3}[\"'nrtu/\\][^\"'\\\n]{0,8000}){0,200}"),
    3: Lazy(r"[^\"'\\\n]{1,8000}"),
}
_BARE = Lazy(r"[^\s\"'`,;&<>(){}\[\]\\]{1,4000}")
_SCHEME = Lazy(r"(?:Basic|Bearer|Digest|Token|ApiKey|Key|AWS4-HMAC-SHA256)[ \t]+[^\s\"'][^\r\n\"'\\]{3,4000}", re.I)
_PAIRS = Lazy(r"[\w.\-]{1,100}=[^\r\n\"']{4,4000}")
_EXPRESSION = Lazy(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\.?$")
_QUERY = Lazy(
    r"(?P<name>[?&](?:key|api[_-]?key|apikey|access[_-]?token|auth[_-]?token|token|sig|signature|secret|password|pwd|"
    r"client[_-]?secret|subscription-key|x-amz-(?:signature|credential|security-token))=)(?P<value>[^&\s\"'<>#]{4,4000})",
    re.IGNORECASE,
)
_NO_VALUES = frozenset(
    {
        *("string", "str", "text", "null", "none", "true", "false", "required", "optional", "undefined", "int", "bool"),
        *("password", "token", "secret", "bearer", "basic", "number", "integer", "object", "any", "bytes"),
    }
)
_PLACEHOLDERS = (
    "[redacted",
    "<",
    "${",
    "{{",
    "***",
    "...",
    "…",
    "xxx",
    "your",
    "os.environ",
    "env.",
    "process.env",
    "$",
)
_LONG_TOKEN = 16


@lru_cache(maxsize=1024)
def names_a_secret(key: str) -> bool:
    """True for a key such as `password`, `clientSecret` or `X-Api-Key`; not for `max_tokens`."""
    return _KEY.pattern.search(key) is not None or _KEY.pattern.search(_HUMP.pattern.sub("_", key)) is not None


def without_named(text: str) -> tuple[str, int]:
    """The text with `[redacted]` in place of each value that its name gives away, and how many there were."""
    found = 0
    if "=" in text and ("?" in text or "&" in text):
        text, found = _without_fields_of_queries(text)
    if ":" in text or "=" in text or "\n\n" in text or "\r\n\r\n" in text or "--" in text:
        text, count = _without_assigned(text)
        found += count
    return text, found


def _without_fields_of_queries(text: str) -> tuple[str, int]:
    count = 0

    def verdict(match: "re.Match[str]") -> str:
        nonlocal count
        if _stands_for_one(match["value"]):
            return match[0]
        count += 1
        return f"{match['name']}{REPLACED}"

    return _QUERY.pattern.sub(verdict, text), count


def _without_assigned(text: str) -> tuple[str, int]:
    lower = text.lower()
    if len(lower) != len(text):  # the capital İ becomes two letters, and places would no longer be the same
        lower = text.replace("\u0130", "i").lower()
    places = sorted({at for word in _WORDS if word in lower for at in _places(lower, word)})
    pieces: list[str] = []
    done = count = 0
    for at in places:
        match = _ASSIGNED.pattern.match(text, at) if at >= done else None
        if match is None:
            continue
        start, end = _value(text, match)
        if end > start:
            pieces += (text[done:start], REPLACED)
            done = end
            count += 1
    return ("".join((*pieces, text[done:])), count) if count else (text, 0)


def _places(lower: str, word: str) -> "list[int]":
    found: list[int] = []
    at = lower.find(word)
    while at >= 0:
        if word != "key" or lower.endswith(_BEFORE_KEY, 0, at):
            found.append(at)
        at = lower.find(word, at + len(word))
    return found


def _value(text: str, match: "re.Match[str]") -> tuple[int, int]:
    """Where the secret stands that `match` introduces; twice the same place when there is none."""
    start = match.end()
    word, sign, opened = match["word"].lower(), match["sign"], match["open"]
    nothing = start, start
    if not sign.strip() and "\n" not in sign and not _is_option(text, match.start()):
        return nothing
    if "\n" in sign or sign.startswith("\\r"):  # the blank line before the value of a form's part
        if not match["shut"]:
            return nothing
        opened = None
    if word == "authorization":
        found = _SCHEME.pattern.match(text, start)
        if found is not None:
            said = found[0].split(None, 1)[1]
            return nothing if _stands_for_one(said) else (start, found.end())
    elif word.startswith("cookie"):
        found = _PAIRS.pattern.match(text, start) if ":" in sign else None
        return (start, found.end()) if found is not None and REPLACED not in found[0] else nothing
    if opened:
        inside = _IN_QUOTES[opened] if len(opened) == 1 else _ESCAPED[1 if len(opened) == 2 else 3]
        found = inside.pattern.match(text, start)
        sure = match["shut"] is not None  # a key of JSON or of a dict
    else:
        found = _BARE.pattern.match(text, start)
        sure = False
    if found is None:
        return nothing
    value = found[0]
    if not opened:
        value = value.rstrip(".:!?")
    end = start + len(value)
    following = text[end : end + 1]
    return (start, end) if _is_secret(word, value, match, following, sure=sure) else nothing


def _is_option(text: str, at: int) -> bool:
    """True where the name is an option of a command line: `--password …`."""
    begin = text.rfind("--", max(at - 40, 0), at)
    return begin >= 0 and not any(letter.isspace() for letter in text[begin:at])


def _is_secret(word: str, value: str, match: "re.Match[str]", following: str, *, sure: bool) -> bool:
    plain = value.strip()
    if not plain or _stands_for_one(plain):
        return False
    has_digit = any("0" <= letter <= "9" for letter in plain)
    if not match["open"] and (following in {"(", "["} or _EXPRESSION.pattern.match(plain)):
        # A name in source code; the value of an environment variable where the name is in capitals.
        is_variable = match["word"].isupper() and match["sign"] == "=" and following not in {"(", "["}
        names_itself = any(part in plain.lower() for part in ("key", "token", "secret", "pass", "pwd", "cred"))
        return not names_itself and "." not in plain and (has_digit or is_variable) and following not in {"(", "["}
    if word in {"token", "credential", "credentials", "authorization"}:  # words of tokenizers, too
        return len(plain) >= _LONG_TOKEN and has_digit and " " not in plain
    if sure:
        return True
    if match["open"]:
        return len(plain) >= 4 and (has_digit or " " not in plain) and not names_a_secret(plain[:100])
    return len(plain) >= 4 and (has_digit or len(plain) >= 8) and "::" not in plain


def _stands_for_one(value: str) -> bool:
    """True for the name of a type, for a place to be filled in, and for what has been cut or masked."""
    lower = value.lower()
    if lower in _NO_VALUES or lower.startswith(_PLACEHOLDERS):
        return True
    return "..." in value or "…" in value or "**" in value or "{" in value
