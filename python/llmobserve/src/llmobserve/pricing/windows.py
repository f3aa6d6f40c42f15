"""Hours of the week that have prices of their own, with the days on which they do not apply."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Window"]

_MINUTE_US = 60_000_000
_DAY_US = 24 * 60 * _MINUTE_US
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in UTC that recur on some days of the week."""

    weekdays: frozenset[int]
    """Monday is 0."""
    hours: tuple[tuple[int, int], ...]
    """(first, last exclusive) in minutes of the day, sorted, none past midnight."""
    except_days: frozenset[int]
    """Days since 1970 on which the window does not apply (public holidays)."""

    @classmethod
    def from_row(cls, row: Sequence[Sequence[int] | Sequence[Sequence[int]]]) -> "Window":
        """Read the compiled form: weekdays, hours, excepted days."""
        weekdays, hours, except_days = row
        pairs = tuple((pair[0], pair[1]) for pair in hours if not isinstance(pair, int))
        return cls(
            frozenset(day for day in weekdays if isinstance(day, int)),
            pairs,
            frozenset(day for day in except_days if isinstance(day, int)),
        )

    def holds(self, at_us: int) -> bool:
        """True when the moment lies inside the window."""
        day, minute = at_us // _DAY_US, at_us % _DAY_US // _MINUTE_US
        return self._is_on(day) and any(first <= minute < last for first, last in self.hours)

    def edges(self, at_us: int) -> tuple[int, int]:
        """The span around `at_us`, within its day, in which the answer of `holds` does not change."""
        day = at_us // _DAY_US
        start = day * _DAY_US
        marks = [start, start + _DAY_US]
        if self._is_on(day):
            marks += [start + minute * _MINUTE_US for pair in self.hours for minute in pair]
        return max(mark for mark in marks if mark <= at_us), min(mark for mark in marks if mark > at_us)

    def _is_on(self, day: int) -> bool:
        return (day + _FIRST_WEEKDAY) % 7 in self.weekdays and day not in self.except_days
