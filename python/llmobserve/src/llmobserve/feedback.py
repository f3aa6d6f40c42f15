"""What the work at hand has cost so far, without asking the collector."""

from decimal import Decimal

from llmobserve.account import NOTHING, Spend
from llmobserve.context import account_in, here
from llmobserve.guard import guarded

__all__ = ["current_cost", "current_spend"]

_SPEND = guarded("feedback.spend")


def current_cost() -> Decimal | None:
    """US dollars of the calls of the current run that have ended, exact; `None` when the price of one is not known.

    Outside of any run: of the calls of this process that belong to none. By the price book of this version, as the
    collector prices them too; rates and discounts that a project has set there are not known here.
    """
    return current_spend().usd


def current_spend() -> Spend:
    """The same with the number of calls, the states of their prices and their usage."""
    with _SPEND:
        return account_in(here()).spend()
    return NOTHING
