"""What questions about prices of a project's own answer: its rules, what one would change, the history of a model."""

from datetime import datetime
from typing import Literal

from llmobserve_server.query.answers import Model, Money, PriceRow

__all__ = ["PriceHistory", "PriceRule", "PriceRuleChanges", "PriceRuleList", "PriceRuleRate"]


class PriceRuleRate(Model):
    """A rate of the project's own."""

    unit: str
    unit_label: str
    rate_usd: Money
    """Price of `per` units."""
    per: int


class PriceRule(Model):
    """A rule that changes what the price book says, for one project."""

    id: str
    kind: Literal["override", "discount", "free", "mapping"]
    """`override`: own rates of a model. `discount`: percent off. `free`: costs nothing. `mapping`: one name means a
    model of the price book."""
    state: Literal["in_force", "planned", "over", "ended", "withdrawn"]
    """For a call that started now. `over`: its planned end has come. `ended`: somebody ended it. `withdrawn`: it was
    ended at its beginning and holds for no call."""
    provider: str | None
    """`None`: any provider."""
    model: str | None
    """`None`: every model."""
    to_provider: str | None
    to_model: str | None
    """Of a mapping: the model of the price book that the name means."""
    rates: list[PriceRuleRate]
    """Of an override, else empty."""
    dimensions: dict[str, str]
    """Of an override: conditions under which its rates hold."""
    above_input_tokens: int | None
    """Of an override: its rates hold for requests with more input tokens than this; `None`: of any length."""
    percent: str | None
    """Of a discount, as a decimal string."""
    units: list[str] | None
    """Of a discount: units that it is about; `None`: all."""
    valid_from: datetime
    """The rule holds for calls that start from then on."""
    valid_to: datetime | None
    """Exclusive, as planned when the rule was made; `None`: until further notice."""
    stops_at: datetime | None
    """Calls that start from then on are priced without it, because somebody ended it; `None`: nobody did."""
    note: str
    text: str
    """The rule as receipts name it."""
    replaces: str | None
    """Id of the rule that was ended when this one was made in its place."""
    replaced_by: str | None
    created_by: str
    """`session:…` or `key:…`."""
    created_at: datetime
    ended_by: str | None
    ended_at: datetime | None


class PriceRuleList(Model):
    """Rules of the project, newest first."""

    rules: list[PriceRule]


class PriceRuleChanges(Model):
    """What a rule would have changed, had it been in force all the time: calls priced again without and with it."""

    time_from: datetime
    time_to: datetime
    calls: int
    """Calls whose cost or state would be another."""
    examined: int
    """Calls that were priced again."""
    truncated: bool
    """True when there were more calls to price again than is done at once: the oldest are left out of every number."""
    before_usd: Money
    """Of the changed calls, by the price book and the other rules of today; calls of unknown cost are in no sum."""
    after_usd: Money
    before_unpriced: int
    """Changed calls whose cost is unknown now."""
    after_unpriced: int


class PriceHistory(Model):
    """All that is known of the price of one model: past, present and announced rates, and the project's rules."""

    provider: str
    model: str | None
    """Name in the price book; `None` when it does not know the model."""
    prices: list[PriceRow]
    """By unit and conditions, the oldest first."""
    rules: list[PriceRule]
    """Rules of the project about this model, ended ones included, newest first."""
    price_book: str
