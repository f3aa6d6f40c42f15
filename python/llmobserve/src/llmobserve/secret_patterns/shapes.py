"""Credentials that are known by their shape: providers' keys by their prefixes, tokens, private keys, URLs.

Shapes as issuers document them or their tools match them, read 2026-11-21: GitHub (docs.github.com, "secret scanning
patterns"), Google (`AIza`, `GOCSPX-`, `ya29.`), AWS (IAM user guide, "unique identifiers"), Azure (key ends with its
checksum mark `AQQJ99…`), and the rules of gitleaks 8 for the rest.
"""

import re
from collections.abc import Callable, Iterator

from llmobserve.secret_patterns.lazily import Lazy

__all__ = ["REPLACED", "long_words", "without_shapes"]

REPLACED = "[redacted]"

_LONG = re.compile(r"\S{12,}")

_Judge = Callable[["re.Match[str]"], bool]


def _has_digit(match: "re.Match[str]") -> bool:
    """Names of classes and files have such prefixes too (`sk-estimator-doc-link`, `hf_hub_download_folder`)."""
    return any("0" <= letter <= "9" for letter in match[0])


def _is_mixed(match: "re.Match[str]") -> bool:
    word = match[0]
    return _has_digit(match) and any(letter.isalpha() for letter in word) and word != word.upper()


def _is_login(match: "re.Match[str]") -> bool:
    """False for what documentation writes there: `user:password`, `${USER}:${PASSWORD}`."""
    word = match[0].rpartition(":")[2]
    return word.lower() not in {"password", "passwd", "pass", "pwd", "secret", "token"} and word[0] not in "{$<*[%"


class _Shape(Lazy):
    """One shape: literals of which one must occur for it to match, and the pattern."""

    __slots__ = ("judge", "marks")

    def __init__(self, marks: str, source: str, judge: _Judge | None = None) -> None:
        super().__init__(source)
        self.marks = tuple(marks.split())
        self.judge = judge


# Every pattern takes what it has looked at, or stops within a fixed number of characters: none can go back and forth.
_SHAPES = (
    # OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse, LiteLLM and others.
    _Shape("sk- pk-lf-", r"\b(?:sk|pk-lf)-[A-Za-z0-9_\-]{16,}", _has_digit),
    _Shape("sk_ rk_ pk_", r"\b[srp]k_(?:live|test|org)_[A-Za-z0-9]{10,}"),  # Stripe
    _Shape("sk_", r"\bsk_[a-f0-9]{40,}"),  # ElevenLabs
    _Shape("whsec_", r"\bwhsec_[A-Za-z0-9+/=]{20,}"),
    # Groq, Hugging Face, Replicate, Fireworks, Jina; GitLab and registries below.
    _Shape("gsk_ hf_ r8_ fw_ jina_", r"\b(?:gsk|hf|r8|fw|jina)_[A-Za-z0-9]{16,}(?![A-Za-z0-9]*_)", _has_digit),
    _Shape("llmo_", r"\bllmo_[A-Za-z0-9_]{16,}", _has_digit),
    _Shape(
        "xai- pplx- csk- nvapi- tvly- pcsk_", r"\b(?:xai|pplx|csk|nvapi|tvly|pcsk)[-_][A-Za-z0-9_\-]{16,}", _has_digit
    ),
    _Shape("lsv2_", r"\blsv2_[a-z]{2}_[a-f0-9_]{32,}"),  # LangSmith
    _Shape("tgp_v1_", r"\btgp_v1_[A-Za-z0-9_\-]{20,}"),  # Together
    _Shape("pa-", r"\bpa-[A-Za-z0-9_\-]{40,}", _is_mixed),  # Voyage
    _Shape("AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    _Shape("ABSK", r"\bABSK[A-Za-z0-9+/]{60,}={0,2}"),  # Bedrock
    _Shape("bedrock-api-key-", r"\bbedrock-api-key-[A-Za-z0-9+/=\-]{20,}"),
    _Shape("AIza", r"\bAIza[A-Za-z0-9_\-]{30,}"),
    _Shape("GOCSPX-", r"\bGOCSPX-[A-Za-z0-9_\-]{20,}"),
    _Shape("ya29.", r"\bya29\.[A-Za-z0-9_\-]{20,}"),
    _Shape("JQQJ99", r"\b[A-Za-z0-9]{40,60}JQQJ99[A-Za-z0-9]{20,40}"),  # Azure AI
    _Shape("Q~", r"\b[A-Za-z0-9_~.\-]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}"),  # Microsoft Entra
    _Shape("AccountKey=", r"(?<=AccountKey=)[A-Za-z0-9+/]{20,}={0,2}"),  # Azure Storage
    _Shape("AccessKey=", r"(?<=AccessKey=)[A-Za-z0-9+/]{20,}={0,2}"),  # Azure Service Bus
    _Shape("ghp_ gho_ ghs_ ghu_ ghr_ github_pat_", r"\b(?:gh[posur]_|github_pat_)\w{20,}", _has_digit),
    _Shape("glpat- glptt- gldt-", r"\b(?:glpat|glptt|gldt)-[A-Za-z0-9_\-]{20,}"),
    _Shape("npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _Shape("pypi-", r"\bpypi-[A-Za-z0-9_\-]{50,}"),
    _Shape("dop_v1_ dapi", r"\b(?:dop_v1_[a-f0-9]{40,}|dapi[a-f0-9]{32}\b)"),
    _Shape("xox xapp-", r"\b(?:xox[abceoprs]|xapp)-[A-Za-z0-9\-]{10,}", _has_digit),
    _Shape("hooks.slack.com/", r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9+/_\-]{20,}"),
    _Shape("SG.", r"\bSG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}"),  # SendGrid
    _Shape("SK", r"\bSK[a-f0-9]{32}\b"),  # Twilio
    _Shape("key-", r"\bkey-[a-f0-9]{32}\b"),  # Mailgun
    _Shape("shpat_ shpss_ shppa_ shpca_", r"\bshp(?:at|ss|pa|ca)_[a-fA-F0-9]{32}\b"),
    _Shape(":AA", r"\b\d{8,10}:AA[A-Za-z0-9_\-]{33}"),  # Telegram
    _Shape("ntn_ lin_api_ figd_ sbp_ vck_", r"\b(?:ntn|lin_api|figd|sbp|vck)_[A-Za-z0-9_\-]{30,}", _has_digit),
    _Shape("eyJ", r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,3}"),
    # Whatever stands before the last `@` of the authority of a URL.
    _Shape("://", r"(?<=://)[^\s/:\"'<>`]{0,200}:[^\s/\"'<>`]{1,200}(?=@)", _is_login),
    _Shape("://", r"(?<=://)[A-Za-z0-9_\-]{20,200}(?=@)", _has_digit),
)
_BEARER = Lazy(r"(?<=[Bb]earer )[A-Za-z0-9._~+/\-]{16,}=*")

_BEGIN = "-----BEGIN "
_PRIVATE = Lazy(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = Lazy(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_CHARACTERS = 20_000
"""A private key without an end is taken for one of at most this size."""


def long_words(text: str) -> str:
    """The words of 12 characters and more, which alone can hold a credential: in prose there are few."""
    return " ".join(_LONG.findall(text))


def without_shapes(text: str, words: str | None = None) -> tuple[str, int]:
    """The text with `[redacted]` in place of each credential of known shape, and how many there were.

    `words` are its `long_words`, where they are known.
    """
    found = 0
    if _BEGIN in text:
        text, found = _without_private_keys(text)
    words = long_words(text) if words is None else words
    if not words:
        return text, found
    for shape in _SHAPES:
        # Most marks are parts of ordinary words (`task_`), and of these there are fewer than of all.
        if any(mark in words for mark in shape.marks) and shape.pattern.search(words) is not None:
            text, count = _replace(shape.pattern, shape.judge, text)
            found += count
    if "earer " in text:
        text, count = _replace(_BEARER.pattern, _has_digit, text)
        found += count
    return text, found


def _replace(pattern: "re.Pattern[str]", judge: _Judge | None, text: str) -> tuple[str, int]:
    if judge is None:
        return pattern.subn(REPLACED, text)
    count = 0

    def verdict(match: "re.Match[str]") -> str:
        nonlocal count
        if not judge(match):
            return match[0]
        count += 1
        return REPLACED

    return pattern.sub(verdict, text), count


def _without_private_keys(text: str) -> tuple[str, int]:
    spans = list(_private_keys(text))
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += (text[done:start], REPLACED)
        done = end
    return "".join((*pieces, text[done:])), len(spans)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    begin = _PRIVATE.pattern.search(text, text.find(_BEGIN))
    while begin is not None:
        end = _END.pattern.search(text, begin.end(), begin.end() + _KEY_CHARACTERS)
        stop = end.end() if end is not None else min(begin.end() + _KEY_CHARACTERS, len(text))
        yield begin.start(), stop
        begin = _PRIVATE.pattern.search(text, stop)
