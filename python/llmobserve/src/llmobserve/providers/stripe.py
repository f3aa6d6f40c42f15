"""Stripe: the fee on payments that succeeded, one event a payment however often its object is seen.

The payment's own object does not state the fee. Where its balance transaction is expanded the fee is exact, else the
list price is worked out from the amount (https://docs.stripe.com/api/payment_intents and
https://docs.stripe.com/api/balance_transactions, read 2026-11-21). Nothing of the payment's content is ever kept.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.providers.refund import RefundReader
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_HOME = "US"
_ESTIMATED, _EXACT_FEE = 1, 2
"""Revisions of a payment: with the fee by list price, with the fee that was charged."""


def _product(charge: Mapping[str, Any]) -> str:
    """The price that applies: by kind of payment and country of the card; a domestic card where neither is stated."""
    method = as_mapping(charge.get("payment_method_details"))
    kind = text_or_none(method.get("type")) or "card"
    country = text_or_none(as_mapping(method.get("card")).get("country"))
    if kind != "card":
        return kind
    return "card-us-domestic" if country in (None, _HOME) else "card-international"


class PaymentReader(CallReader):
    """Reads a payment intent or a charge; one that did not succeed is no charge yet."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Amount and fee."""
        body = self.body
        is_charge = body.get("object") == "charge"
        charge = body if is_charge else as_mapping(body.get("latest_charge"))
        out.remote_id = (text_or_none(body.get("payment_intent")) if is_charge else None) or text_or_none(
            body.get("id")
        )
        out.response_id = text_or_none(body.get("id"))
        done = body.get("status") == "succeeded" and (not is_charge or body.get("captured") is not False)
        amount = self._amount(is_charge=is_charge)
        fee = self._fee(charge)
        out.request_model = _product(charge)
        currency = (text_or_none(body.get("currency")) or "").lower()
        out.dimensions["currency"] = currency
        # A payment that is only looked up may be old: it counts when it states what it cost.
        out.pending = not done or amount is None or (self.request.method == "GET" and fee is None)
        if amount is not None:
            units: dict[str, Quantity] = {"payments": 1}
            if currency == "usd":
                units["usd_volume"] = Decimal(amount).scaleb(-2)
            out.usage = self.usage(units, "response", details={"amount_minor_units": amount})
        out.reported_cost_usd = fee
        out.revision = _ESTIMATED if fee is None else _EXACT_FEE

    def _amount(self, *, is_charge: bool) -> int | None:
        keys = ("amount_captured", "amount") if is_charge else ("amount_received", "amount")
        return next((n for key in keys if (n := self.counters.whole(self.body, key))), None)

    def _fee(self, charge: Mapping[str, Any]) -> Decimal | None:
        """The fee in US dollars where it is stated in them."""
        transaction = as_mapping(charge.get("balance_transaction"))
        fee = self.counters.whole(transaction, "fee")
        if fee is None or transaction.get("currency") != "usd":
            return None
        return Decimal(fee).scaleb(-2)


PROVIDER = Provider(
    name="stripe",
    endpoints=(
        Endpoint(
            operation="payment_intents",
            kind="payment",
            methods=("POST", "GET"),
            path=LazyPattern(r"/v1/payment_intents(?:/(?!search$)[^/]+(?:/(?:confirm|capture))?)?"),
            reader=PaymentReader,
        ),
        Endpoint(
            operation="charges",
            kind="payment",
            methods=("POST", "GET"),
            path=LazyPattern(r"/v1/charges(?:/(?!search$)[^/]+(?:/capture)?)?"),
            reader=PaymentReader,
        ),
        Endpoint(
            operation="refunds",
            kind="payment",
            methods=("POST",),
            path=LazyPattern(r"/v1/refunds|/v1/charges/[^/]+/refund"),
            reader=RefundReader,
        ),
    ),
    request_id_headers=("request-id",),
)
