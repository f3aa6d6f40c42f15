"""Many durations as one number that can be added up: how many calls took about how long.

A duration counts in one of 161 classes, each 15 % longer than the one before: class 0 for 0 ms, class n from
1.15^(n-34) to 1.15^(n-33) ms, up to 14 hours. The shape of many is the sum of 10^(12 n) over them: a class has twelve
decimal digits. Sums of shapes are shapes, in any engine that adds long numbers exactly.
"""

import math

__all__ = ["LATENCY_ERROR", "shape_quantile"]

_DIGITS = 12
_RATIO = 1.15
_FIRST_POWER = 34
LATENCY_ERROR = 0.07
"""A quantile of a shape is at most so far from the exact one, as a share of it (from 0.01 ms to 14 hours)."""


def shape_quantile(shape: int, fraction: float) -> float | None:
    """The quantile (0 to 1) in ms, interpolated as that of the durations themselves; `None` of nothing."""
    classes = _classes(shape)
    total = sum(count for _, count in classes)
    if total == 0:
        return None
    place = fraction * (total - 1)
    below, above = _nth(classes, math.floor(place)), _nth(classes, math.ceil(place))
    return below + (above - below) * (place - math.floor(place))


def _classes(shape: int) -> list[tuple[int, int]]:
    """Class and number of calls, from the shortest."""
    text = str(shape)
    text = text.zfill(-(-len(text) // _DIGITS) * _DIGITS)
    parts = (text[at : at + _DIGITS] for at in range(len(text) - _DIGITS, -1, -_DIGITS))
    return [(number, count) for number, part in enumerate(parts) if (count := int(part))]


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
