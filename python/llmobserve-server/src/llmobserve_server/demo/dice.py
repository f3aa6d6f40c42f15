"""Seeded chance: the same seed gives the same events, ids included."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """Random choices of one seed, with the distributions that usage data follows."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        """True with the given probability, 0 to 1."""
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        """A number from a flat distribution."""
        return self._random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def around(self, median: float, spread: float = 0.4) -> float:
        """A positive number, log-normal around its median, as sizes and latencies are."""
        return median * math.exp(self._random.gauss(0.0, spread))

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the options."""
        return self._random.choices(options, weights)[0] if weights else self._random.choice(options)

    def zipf(self, options: Sequence[T], exponent: float = 1.1) -> T:
        """One of the options, the first the most often: the k-th with weight 1/k^exponent."""
        return self._random.choices(options, [1 / (rank**exponent) for rank in range(1, len(options) + 1)])[0]

    def count(self, expected: float) -> int:
        """A number of arrivals with the given mean (Poisson; normal above 50)."""
        if expected > 50:
            return max(0, round(self._random.gauss(expected, math.sqrt(expected))))
        limit, product, arrivals = math.exp(-expected), self._random.random(), 0
        while product > limit:
            product *= self._random.random()
            arrivals += 1
        return arrivals

    def digits(self, length: int) -> str:
        """Hexadecimal digits, as span ids and request ids have."""
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def event_id(self, at_us: int) -> str:
        """A UUID of version 7 for a time in microseconds (RFC 9562 §5.7)."""
        value = ((at_us // 1000) & 0xFFFF_FFFF_FFFF) << 80 | self._random.getrandbits(80)
        value = value & ~(0xF << 76) | 7 << 76
        value = value & ~(0x3 << 62) | 2 << 62
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
