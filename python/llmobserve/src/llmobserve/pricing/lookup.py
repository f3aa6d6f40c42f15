"""From the names and conditions of a call to the plan of rates that holds for it."""

from llmobserve.pricing.book import PriceBook, ProviderPrices
from llmobserve.pricing.match import Match, find_model, nearest_name
from llmobserve.pricing.plan import Plan, find_plan
from llmobserve.pricing.request import PriceRequest

__all__ = ["match_of", "plan_of"]


def plan_of(call: PriceRequest, book: PriceBook) -> tuple[Plan | None, str | None]:
    """The plan, with a note when the name is not quite the model's; or no plan, with the reason."""
    prices = book.provider(call.provider)
    if prices is None:
        return None, f"The price book has no prices of provider {call.provider!r}."
    match, note = match_of(call, prices)
    if match is None:
        return None, note
    at_us = call.end_us if prices.by_completion and call.end_us is not None else call.at_us
    notes = " ".join(part for part in (note, match.note) if part) or None
    return find_plan(prices, match, call.operation, call.dimensions, at_us), notes


def match_of(call: PriceRequest, prices: ProviderPrices, *, hint: bool = True) -> tuple[Match | None, str | None]:
    """The model that the names of a call mean, with a note when one was not quite its name; or none, and why.

    `hint`: search the nearest known name for the reason, which is slow.
    """
    name = call.response_model or call.request_model or ""
    match = find_model(prices, name) if call.response_model or not prices.deployments else None
    if match is not None:
        return match, None
    if not name:
        return None, "Neither the request nor the answer named a model."
    if call.request_model and (call.request_model != name or prices.deployments):
        match = None if prices.deployments and call.response_model else find_model(prices, call.request_model)
        if match is not None:
            note = (
                f"The deployment name {call.request_model!r} was taken for the model."
                if prices.deployments
                else f"The answer named {name!r}, which has no price; priced as the requested {call.request_model!r}."
            )
            return match, note
    near = nearest_name(prices, name) if hint else None
    nearest = f" The nearest known name is {near!r}." if near else ""
    return None, f"No price of {call.provider} model {name!r} is known.{nearest}"
