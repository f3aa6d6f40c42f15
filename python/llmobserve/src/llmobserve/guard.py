"""The one place that catches what must not reach the user's application.

Whatever goes wrong inside the SDK is counted by the place where it happened and shown by `llmobserve doctor`; in our
own tests (`LLMOBSERVE_RAISE_INTERNAL=1`) it is raised, so that a defect cannot hide.
"""

import os
from collections import Counter
from types import TracebackType

__all__ = ["Guard", "guarded", "swallowed", "text_of"]

_counts: Counter[str] = Counter()
_last: dict[str, str] = {}
_LOGGED_PER_PLACE = 3


class Guard:
    """Context manager that swallows, counts and (rarely) logs any `Exception` raised in its block."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

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
            from llmobserve.secret_patterns import without_secrets

            _last[self._place] = without_secrets(f"{type(error).__name__}: {error}"[:300])[0]
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


def guarded(place: str) -> Guard:
    """A guard for the named place, to be used in a `with` statement."""
    return Guard(place)


def text_of(value: object) -> str:
    """`str(value)`; where an object of the application refuses even that, its type in brackets."""
    try:
        return str(value)
    except Exception:
        return f"[{type(value).__name__}]"


def swallowed() -> dict[str, tuple[int, str]]:
    """Internal errors so far: place → (count, last message)."""
    return {place: (count, _last.get(place, "")) for place, count in _counts.items()}
