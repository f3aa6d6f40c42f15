"""PayPal: the fee on captured payments, as the capture itself states it.

The breakdown is in the answer unless a minimal one was asked for
(https://developer.paypal.com/docs/api/orders/v2/#orders_capture, read 2026-11-21). The sandbox moves no money.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.providers.refund import RefundReader
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_DONE = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_MOST_CAPTURES = 100


class CaptureReader(CallReader):
    """Reads captures: of an order (perhaps several), of an authorisation, or one that is looked up."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """The first capture is the call's own charge, further ones are charges beside it."""
        captures = [
            as_mapping(capture)
            for unit in as_items(self.body.get("purchase_units"))
            for capture in as_items(as_mapping(as_mapping(unit).get("payments")).get("captures"))
        ]
        if not captures and "seller_receivable_breakdown" in self.body:
            captures = [self.body]
        out.pending = True
        for number, capture in enumerate(captures[:_MOST_CAPTURES]):
            target = out if number == 0 else Reading()
            self._take(capture, target)
            if number and not target.pending:
                out.items.append(target)

    def _take(self, capture: Mapping[str, Any], out: Reading) -> None:
        out.remote_id = text_or_none(capture.get("id"))
        out.pending = out.remote_id is None or text_or_none(capture.get("status")) not in _DONE
        out.request_model = "sandbox" if "sandbox" in self.request.host else "checkout"
        breakdown = as_mapping(capture.get("seller_receivable_breakdown"))
        amount = as_mapping(capture.get("amount")) or as_mapping(breakdown.get("gross_amount"))
        currency = text_or_none(amount.get("currency_code")) or ""
        out.dimensions["currency"] = currency.lower()
        units: dict[str, Quantity] = {"payments": 1}
        volume = self.counters.fraction(amount, "value")
        if volume is not None and currency == "USD":
            units["usd_volume"] = volume
        out.usage = self.usage(units, "response")
        if out.request_model == "checkout":
            out.reported_cost_usd = self._fee(as_mapping(breakdown.get("paypal_fee")))

    def _fee(self, fee: Mapping[str, Any]) -> Decimal | None:
        """The fee in US dollars where it is stated in them."""
        return self.counters.fraction(fee, "value") if fee.get("currency_code") == "USD" else None


PROVIDER = Provider(
    name="paypal",
    endpoints=(
        Endpoint(
            operation="capture",
            kind="payment",
            methods=("POST",),
            path=LazyPattern(r"/v2/checkout/orders/[^/]+/capture|/v2/payments/authorizations/[^/]+/capture"),
            reader=CaptureReader,
        ),
        Endpoint(
            operation="refund",
            kind="payment",
            methods=("POST",),
            path=LazyPattern(r"/v2/payments/captures/[^/]+/refund"),
            reader=RefundReader,
        ),
    ),
    request_id_headers=("paypal-debug-id",),
)
