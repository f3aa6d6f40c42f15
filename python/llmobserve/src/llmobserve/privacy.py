"""What the application wants kept inside the process: the rules in effect, and how often they were applied.

The rules hold for the whole process, like the observation that sets them.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from llmobserve.guard import text_of
from llmobserve.secret_patterns import REPLACED, names_a_secret, without_secrets
from llmobserve.settings import Redactor, Settings

__all__ = [
    "LONGEST_LABEL",
    "Origin",
    "Rules",
    "clean",
    "counted",
    "is_secret_name",
    "label",
    "labels",
    "note",
    "restart",
    "rules",
    "rules_of",
    "use",
]

LONGEST_LABEL = 512
"""Characters of a name, id or tag that are kept; the collector keeps no more."""
LONGEST_VALUE = 8192
"""The same of a metadata value."""
_MARGIN = 4096
"""Looked at beyond a cut: a secret that the cut goes through would not be known for one."""


class Origin(NamedTuple):
    """Where a text is from that a redactor is given."""

    part: str
    """`input` or `output` of a call, `error` of a call, `exception` that ended a section."""
    kind: str
    """Kind of the call (`llm`, `embedding`, …) or of the section (`agent`, `tool`, …)."""
    provider: str | None
    """`None` for a section."""
    operation: str
    """Operation of the call (`chat.completions`), or name of the section."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is replaced beyond, or instead of, the built-in patterns."""

    patterns: bool = True
    """False: texts are not searched for secrets. Values under secret names are replaced all the same."""
    keys: frozenset[str] = field(default_factory=frozenset[str])
    """Further names, in lower case, whose values are replaced."""
    redactor: "Callable[[str, Origin], str | None] | None" = None


_rules = Rules()
_counts: Counter[str] = Counter()
_counting = threading.RLock()  # a finaliser may record in the middle of it


def rules() -> Rules:
    """The rules in effect."""
    return _rules


def rules_of(settings: Settings) -> Rules:
    """The rules that these settings ask for. Raises ValueError when the named redactor cannot be had."""
    redactor = _loaded(settings.redactor) if isinstance(settings.redactor, str) else settings.redactor
    return Rules(settings.redact_patterns, frozenset(settings.redact_keys), redactor)


def use(wanted: Rules) -> None:
    """Put rules into effect."""
    global _rules
    _rules = wanted
    label.cache_clear()


def clean(text: str, place: str) -> str:
    """The text without what the built-in patterns find; counted under `place`."""
    if not _rules.patterns:
        return text
    text, number = without_secrets(text)
    if number:
        note(place, number)
    return text


def note(place: str, number: int = 1) -> None:
    """Count replacements."""
    with _counting:
        _counts[place] += number


def restart() -> None:
    """Count from nothing: when observation begins, and in a forked child."""
    global _counting
    _counting = threading.RLock()
    _counts.clear()


def counted() -> dict[str, int]:
    """What was replaced in this process, by place.

    `content`, `error`, `label` and `log` by the built-in rules, `redactor` by the application's own; `redactor_failed`
    counts calls whose content was dropped because that failed.
    """
    return dict(_counts)


def is_secret_name(name: str) -> bool:
    """True where what stands under this name is replaced whatever it is."""
    return names_a_secret(name) or (bool(_rules.keys) and name.lower() in _rules.keys)


@lru_cache(maxsize=2048)
def label(text: str, longest: int = LONGEST_LABEL) -> str:
    """A name, id or tag as it may leave the process: cut, without secrets, and always valid Unicode."""
    text = text[: longest + _MARGIN]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return clean(text, "label")[:longest]


def labels(values: Mapping[Any, Any]) -> dict[str, str]:
    """Metadata as it may leave the process."""
    out: dict[str, str] = {}
    for key, value in values.items():
        name = label(text_of(key))
        if value and is_secret_name(name):
            note("label")
            out[name] = REPLACED
        else:
            out[name] = label(text_of(value), LONGEST_VALUE)
    return out


def _loaded(name: str) -> Redactor:
    """The function that `module:function` names."""
    from importlib import import_module

    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the redactor {name!r} cannot be loaded ({type(error).__name__}: {error})") from None
    if not callable(found):
        raise ValueError(f"the redactor {name!r} is no function")
    return found
