"""The one place that catches what must not reach the user's application.

Whatever goes wrong inside the SDK is counted by the place where it happened and shown by `llmobserve doctor`; in our
own tests (`LLMOBSERVE_RAISE_INTERNAL=1`) it is raised, so that a defect cannot hide.
"""

import os
from collections import Counter
from types import TracebackType
from typing import cast

__all__ = ["Guard", "guarded", "swallowed", "text_of"]

_counts: Counter[str] = Counter()
_last: dict[str, str] = {}
_LOGGED_PER_PLACE = 3
_COLLECTIONS = frozenset({list, tuple, dict, set, frozenset})
_BYTES = frozenset({bytes, bytearray})
_SHOWN_BYTES = 1000


class Guard:
    """Context manager that swallows, counts and (rarely) logs any `Exception` raised in its block."""

    __slots__ = ("_place", "_quotes")

    def __init__(self, place: str, *, quotes: bool = True) -> None:
        self._place = place
        self._quotes = quotes

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        if os.environ.get("LLMOBSERVE_RAISE_INTERNAL") == "1":
            return False
        _counts[self._place] += 1
        _last[self._place] = type(error).__name__
        with _Silence():  # the error's own text may raise, and so may a handler of the application's log
            if self._quotes:
                from llmobserve.secret_patterns import without_secrets

                # Cut afterwards, or a secret that is cut would not be known for one.
                _last[self._place] = without_secrets(f"{type(error).__name__}: {error}"[:5000])[0][:300]
            if _counts[self._place] <= _LOGGED_PER_PLACE:
                import logging  # with the first error only; observe() is to be quick

                logging.getLogger("llmobserve").warning(
                    "llmobserve: internal error in %s (your call is not affected): %s", self._place, _last[self._place]
                )
        return True


class _Silence:
    """Swallows without counting: only for telling about an error that has been counted."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        return error is None or isinstance(error, Exception)


def guarded(place: str, *, quotes: bool = True) -> Guard:
    """A guard for the named place, to be used in a `with` statement.

    Without `quotes` the message of an error is not told, only its type: where it is likely to quote content.
    """
    return Guard(place, quotes=quotes)


def text_of(value: object) -> str:
    """`str(value)`; where an object of the application refuses even that, its type in brackets.

    Of collections the beginning: the text of a large one would take seconds.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    try:
        if kind in _COLLECTIONS:
            from reprlib import Repr  # few values are collections

            short = Repr()
            short.maxlevel = 8
            short.maxlist = short.maxtuple = short.maxset = short.maxfrozenset = short.maxdict = 100
            short.maxstring = short.maxother = short.maxlong = 1000
            return short.repr(value)
        if kind in _BYTES:
            size = len(cast("bytes", value))
            if size > _SHOWN_BYTES:
                return f"[{size} bytes]"
        # Exactly a `str`: one of the application's kind may have an equality or a hash that raises.
        return str.__str__(str(value))
    except Exception:
        return f"[{kind.__name__}]"


def swallowed() -> dict[str, tuple[int, str]]:
    """Internal errors so far: place → (count, last message)."""
    return {place: (count, _last.get(place, "")) for place, count in _counts.items()}
