"""Replaces what looks like a credential in text: keys of providers, tokens, passwords in URLs and in JSON."""

import re

__all__ = ["REPLACED", "without_secrets"]

REPLACED = "[redacted]"

# Each pattern with a literal that must occur for it to match: most texts are dismissed by substring searches alone.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("sk-", "sk_", "rk_", "pk_"), re.compile(r"\b(?:sk-[A-Za-z0-9_\-]{16,}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,})")),
    (("gsk_", "hf_", "r8_", "xai-", "pplx-", "llmo_"), re.compile(r"\b(?:gsk_|hf_|r8_|xai-|pplx-|llmo_)\w{16,}")),
    (("AKIA", "ASIA"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    (("AIza",), re.compile(r"\bAIza[A-Za-z0-9_\-]{30,}")),
    (("ghp_", "gho_", "ghs_", "ghu_", "github_pat_"), re.compile(r"\b(?:gh[posu]_|github_pat_)\w{20,}")),
    (("xox",), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,}")),
    (("eyJ",), re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?")),
    (
        ("-----BEGIN",),
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}-----)?"),
    ),
    (("earer ",), re.compile(r"(?<=earer )[A-Za-z0-9._~+/\-]{16,}=*")),
    (("c2st",), re.compile(r"\bc2st[A-Za-z0-9+/]{20,}={0,2}")),
    (("sk%2", "sk%5"), re.compile(r"\bsk%(?:2[dD]|5[fF])[A-Za-z0-9%_\-]{16,}")),
    (("://",), re.compile(r"(?<=://)[^\s/@:\"']{1,200}:[^\s/@\"']{1,200}(?=@)")),
    (("key=", "token=", "secret="), re.compile(r"(?<=key=|ken=|ret=)[A-Za-z0-9._~+/%\-]{12,}")),
)
_MARKED = tuple((mark, pattern) for marks, pattern in _PATTERNS for mark in marks)
_SIGNS = ("_", "-", "=", "%")
# A character is found several times as quickly as a word, and prose has few of these.
_BY_SIGN = (
    *((sign, tuple(pair for pair in _MARKED if sign in pair[0])) for sign in _SIGNS),
    ("", tuple(pair for pair in _MARKED if not any(sign in pair[0] for sign in _SIGNS))),
)
_LONGEST_WORD = 15
"""Characters of a word that is no secret, whatever it says: where all are letters and digits, a secret has more."""
_JSON_FIELD = re.compile(
    r"""((\\?["'])[\w\-.]{0,60}(?:password|passwd|secret|token|api_?key|access_?key|private_?key)\2\s*:\s*\2)"""
    r"""[^"'\\]{1,4000}""",
    re.IGNORECASE,
)


def without_secrets(text: str) -> tuple[str, int]:
    """The text with `[redacted]` in place of each secret, and how many there were. Linear in the length."""
    if len(text) <= _LONGEST_WORD and text.isalnum():
        return text, 0
    found = 0
    for sign, marked in _BY_SIGN:
        if sign not in text:
            continue
        for mark, pattern in marked:
            if mark in text:
                text, count = pattern.subn(REPLACED, text)
                found += count
    if ":" in text and ('"' in text or "'" in text):
        text, count = _JSON_FIELD.subn(rf"\1{REPLACED}", text)
        found += count
    return text, found
