"""A regular expression that is compiled when it is first needed: hardly any process needs them all."""

import re

__all__ = ["Lazy"]


class Lazy:
    """Holds the source until somebody asks for the pattern."""

    __slots__ = ("_compiled", "_flags", "_source")

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source = source
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    @property
    def pattern(self) -> "re.Pattern[str]":
        """The compiled pattern."""
        if self._compiled is None:
            self._compiled = re.compile(self._source, self._flags)
        return self._compiled
