"""Cost of a call: a state, an exact amount and the lines that make it up."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from llmobserve.wire.usage import Quantity

__all__ = ["Cost", "CostLine", "CostState", "LineRules"]

CostState = Literal["priced", "provider_reported", "estimated", "unpriced", "free"]
"""`priced`: known usage × known price. `provider_reported`: the provider stated the charge. `estimated`: usage or
price is a stated approximation. `unpriced`: no price or no usage is known; the amount is then `None`, never 0.
`free`: known to cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRules:
    """What rules of the project have to do with a line."""

    rule_ids: tuple[str, ...]
    """In the order in which they were applied."""
    list_usd: Decimal | None
    """Amount of the line by the price book alone, exact; `None` when it has no rate."""


class CostLine(NamedTuple):
    """One line of a receipt: quantity × rate under a rule of the price book, or of the project.

    A tuple, as every priced call makes several: it takes a fifth of the time of a frozen dataclass.
    """

    unit: str
    quantity: Quantity
    rate_usd: Decimal
    """Price of `per` units, in US dollars."""
    per: int
    usd: Decimal
    """`quantity × rate_usd / per`, exact."""
    price_id: str
    """Row of the price book that gave the rate; `rule:` and an id for an own rate of the project."""
    rule: str
    """Why this row applies, in words a reader understands."""
    source: str | None = None
    """Where the price is published."""
    project: LineRules | None = None
    """`None` when no rule of the project was applied."""


class Cost(NamedTuple):
    """Cost of one call in US dollars, with its receipt."""

    state: CostState
    usd: Decimal | None
    """Rounded half-even once, to 12 decimals. `None` only when `state` is `unpriced`."""
    lines: tuple[CostLine, ...] = ()
    reason: str | None = None
    """Why the state is not plainly `priced`; for `unpriced` what is missing and what to do. Where an own rate of the
    project took the place of the provider's figure: that figure."""
    price_book: str | None = None
    """Version of the price book that was used; `None` when no price was looked up."""
    model: str | None = None
    """Name of the priced model in the price book, after aliases; `None` when none matched."""
    table_usd: Decimal | None = None
    """What the price book says where the provider's own figure was taken, or where rules of the project made another
    amount; `None` when it says nothing."""
