"""Many durations as one number that can be added up: how many calls took about how long.

A duration counts in one of 161 classes, each 15 % longer than the one before: class 0 for 0 ms, class n from
1.15^(n-34) to 1.15^(n-33) ms, up to 14 hours. The shape of many is the sum of 10^(12 n) over them: a class has twelve
decimal digits. Sums of shapes are shapes, in any engine that adds long numbers exactly.
"""

import math
from collections.abc import Iterable

__all__ = ["LATENCY_ERROR", "shape_quantiles"]

_DIGITS = 12
_NONE = "0" * _DIGITS
_RATIO = 1.15
_FIRST_POWER = 34
LATENCY_ERROR = 0.07
"""A quantile of a shape is at most so far from the exact one, as a share of it (from 0.01 ms to 14 hours)."""


def shape_quantiles(shape: str, fractions: Iterable[float]) -> list[float | None]:
    """Quantiles (0 to 1) in ms, interpolated as those of the durations themselves; `None` of nothing.

    `shape`: the decimal digits of the number.
    """
    classes = _classes(shape)
    last = sum(count for _, count in classes) - 1
    return [None if last < 0 else _quantile(classes, fraction * last) for fraction in fractions]


def _quantile(classes: list[tuple[int, int]], place: float) -> float:
    below, above = _nth(classes, math.floor(place)), _nth(classes, math.ceil(place))
    return below + (above - below) * (place - math.floor(place))


def _classes(shape: str) -> list[tuple[int, int]]:
    """Class and number of calls, from the shortest."""
    found: list[tuple[int, int]] = []
    # Most have nothing in the classes below a millisecond: those digits are left out at once.
    empty = (len(shape) - len(shape.rstrip("0"))) // _DIGITS
    for number, end in enumerate(range(len(shape) - empty * _DIGITS, 0, -_DIGITS), empty):
        part = shape[max(0, end - _DIGITS) : end]
        if part != _NONE:
            found.append((number, int(part)))
    return [(number, count) for number, count in found if count]


def _nth(classes: list[tuple[int, int]], index: int) -> float:
    for number, count in classes:
        if index < count:
            return _middle(number)
        index -= count
    raise IndexError(index)


def _middle(number: int) -> float:
    """The value that is equally far, as a share, from both ends of a class."""
    if number == 0:
        return 0.0
    longest = _RATIO ** (number - _FIRST_POWER + 1)
    return 2 * longest / (_RATIO + 1)
