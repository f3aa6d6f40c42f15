"""Bytes per token as finished calls show them, and how far an estimate by them is off."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["MIN_CALLS", "Ratio", "Sample", "ratio_for"]

MIN_CALLS = 20
"""Fewer comparable calls say too little: of 20, one may lie outside of the stated error."""

_SIMILAR = 4
"""Calls of up to four times, and down to a quarter of, the size are comparable: what a provider adds to each prompt
weighs more in a short one, so that a ratio learned from greetings would double the tokens of a document."""
_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """The text of one finished call, in or out, and the tokens that the provider counted for it. Both above 0."""

    size_bytes: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """What comparable calls show."""

    thousandths: int
    """Bytes per token, times 1,000."""
    calls: int
    error_percent: int
    """Nineteen of twenty of these calls are within it when they are estimated by the ratio. Rounded up, at least 1."""

    @property
    def bytes_per_token(self) -> Decimal:
        """Two decimals."""
        return (Decimal(self.thousandths) / _PARTS).quantize(Decimal("0.01"))

    def tokens(self, size_bytes: int) -> int:
        """Tokens of a text, rounded up."""
        return -(-size_bytes * _PARTS // self.thousandths)


def ratio_for(samples: Sequence[Sample], size_bytes: int) -> Ratio | None:
    """The ratio for a text of this size: the median of calls of similar size; `None` when they are too few."""
    near = [
        one for one in samples if one.size_bytes <= size_bytes * _SIMILAR and size_bytes <= one.size_bytes * _SIMILAR
    ]
    if len(near) < MIN_CALLS:
        return None
    ratios = sorted(max(1, one.size_bytes * _PARTS // one.tokens) for one in near)
    middle = ratios[len(ratios) // 2]
    ratio = Ratio(middle, len(near), 0)
    errors = sorted(-(-100 * abs(ratio.tokens(one.size_bytes) - one.tokens) // one.tokens) for one in near)
    return Ratio(middle, len(near), max(1, errors[-(-19 * len(errors) // 20) - 1]))
