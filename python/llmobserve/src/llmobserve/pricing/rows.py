"""What the price book is made of: units, rates, blocks of rates under the same conditions, and models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from llmobserve.pricing.windows import Window

__all__ = ["Block", "Confidence", "Model", "Rate", "Unit"]

Confidence = Literal["verified", "single", "disputed", "estimated"]
"""How well a price is known: several sources agree, one source says so, sources disagree and a recorded decision
settles it, or the price is an approximation of how the provider bills."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A billed unit, as `prices/units.yaml` describes it."""

    name: str
    label: str
    description: str
    integer: bool
    """False where a quantity can be fractional (seconds)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Price of one unit under one set of conditions."""

    usd: Decimal
    """Price of `per` units."""
    per: int
    usd_each: Decimal | None
    """Price of one unit; `None` where the division does not terminate and the quantity has to be multiplied first."""
    price_id: str
    rule: str
    source: str | None
    """`None` for a rate that is published nowhere: a project's own."""
    estimated: bool
    minimum: Decimal | None = None
    """Least quantity billed a call; `None` = what was consumed."""
    increment: Decimal | None = None
    """The quantity is billed in whole multiples of this, rounded up; `None` = exactly."""
    rule_ids: tuple[str, ...] = ()
    """Rules of a project that made this rate, in order; empty for the price book's own."""
    listed: "Rate | None" = None
    """Rate of the price book that `rule_ids` changed; `None` when it has none, or nothing was changed."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rates that hold under the same conditions, for the same time."""

    dimensions: Mapping[str, str]
    above_input_tokens: int | None
    """The rates hold for the whole request when its input exceeds this many tokens; `None` = from the first token."""
    from_us: int | None
    until_us: int | None
    """End of validity, exclusive. `None` = until further notice."""
    rates: Callable[[], Mapping[str, Rate]]
    """Makes the rates by unit; called once for every plan that needs them."""
    window: Window | None = None
    """Hours of the week in which the rates hold; `None` = always."""

    @property
    def weight(self) -> int:
        """How special the conditions are: of two blocks the one with more conditions wins."""
        return len(self.dimensions) + (self.window is not None)


@dataclass(frozen=True, slots=True)
class Model:
    """Everything known about the price of one model."""

    name: str
    free: str | None = None
    """Why it costs nothing; `None` for a model that is billed."""
    unpriced: str | None = None
    """Why a known model has no price per call; `None` for a priced one."""
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    """Dimension values that hold when a request names none."""
    per_call: Mapping[str, int] = field(default_factory=dict[str, int])
    """Units that every call consumes although no answer counts them (a model that always searches)."""
    blocks: tuple[Block, ...] = ()
    dimension_keys: tuple[str, ...] = ()
