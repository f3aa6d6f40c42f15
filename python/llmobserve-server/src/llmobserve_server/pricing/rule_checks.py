"""Whether a price rule makes sense: each kind has its own parts, and names what the price book or a call can have."""

import difflib
from collections.abc import Iterable

from llmobserve.pricing import PriceBook
from llmobserve.pricing.match import find_model, nearest_name
from llmobserve_server.control.models import PriceRule
from llmobserve_server.errors import BadRequest

__all__ = ["check_rule"]

_PARTS = {
    "override": {"provider", "model", "rates", "dimensions", "above_input_tokens"},
    "discount": {"provider", "model", "percent", "units"},
    "free": {"provider", "model"},
    "mapping": {"provider", "model", "to_provider", "to_model"},
}
_NEEDED = {
    "override": ("provider", "rates"),
    "discount": ("percent",),
    "free": ("provider",),
    "mapping": ("provider", "model", "to_provider", "to_model"),
}
_ALL_PARTS = ("provider", "model", "to_provider", "to_model", "rates", "dimensions", "above_input_tokens", "percent")


def check_rule(rule: PriceRule, book: PriceBook) -> None:
    """Raise BadRequest, which names the field and what to write there, unless the rule can be used."""
    for name in _NEEDED[rule.kind]:
        if not getattr(rule, name):
            raise BadRequest(f"A rule of kind {rule.kind} needs {name}.", field=name)
    for name in (*_ALL_PARTS, "units"):
        if name not in _PARTS[rule.kind] and getattr(rule, name) not in (None, [], {}):
            raise BadRequest(f"A rule of kind {rule.kind} has no {name}: leave it out.", field=name)
    if rule.kind == "discount" and rule.provider is None and rule.model is None:
        raise BadRequest("A discount needs a provider, a model or both: whose price does it lower?", field="provider")
    provider = rule.provider or ""
    if provider not in book.providers and provider.lower() in book.providers:
        raise BadRequest(f"Write {provider.lower()!r}: providers are told apart by case.", field="provider")
    if rule.valid_to is not None and rule.valid_to <= rule.valid_from:
        raise BadRequest("valid_to must be after valid_from (which is now where it was left out).", field="valid_to")
    _check_units((rate["unit"] for rate in rule.rates), book, "rates")
    _check_units(rule.units or (), book, "units")
    if rule.kind == "mapping":
        _check_target(rule, book)


def _check_units(units: Iterable[str], book: PriceBook, field: str) -> None:
    known = book.units()
    seen: set[str] = set()
    for unit in units:
        if unit not in known:
            close = difflib.get_close_matches(unit, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise BadRequest(f"{unit[:80]!r} is not a billed unit.{hint} Units: {', '.join(known)}", field=field)
        if unit in seen:
            raise BadRequest(f"{unit} is named twice: give each unit once.", field=field)
        seen.add(unit)


def _check_target(rule: PriceRule, book: PriceBook) -> None:
    """A mapping leads to a model that the price book knows, and not to itself."""
    provider, model = rule.to_provider or "", rule.to_model or ""
    prices = book.provider(provider)
    if prices is None:
        close = difflib.get_close_matches(provider, book.providers, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else " GET /api/v1/prices lists its providers."
        raise BadRequest(f"The price book has no provider {provider!r}.{hint}", field="to_provider")
    if find_model(prices, model) is None:
        near = nearest_name(prices, model)
        hint = f" The nearest name is {near!r}." if near else ""
        raise BadRequest(f"The price book has no model {model!r} of {provider}.{hint}", field="to_model")
    if (provider, model.lower()) == (rule.provider, (rule.model or "").lower()):
        raise BadRequest("This mapping leads to itself: name another model.", field="to_model")
