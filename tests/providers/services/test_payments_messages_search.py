"""Payments, messages, search and documents: each charge once, exact where the provider states it."""

from decimal import Decimal
from typing import Any

import pytest
from loopback.given import exchange, exchanges, form, only

STRIPE = "https://api.stripe.com/v1"
TWILIO = "https://api.twilio.com/2010-04-01/Accounts/AC1"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 10_000,
        "amount_received": 10_000,
        "currency": "usd",
        "status": "succeeded",
        "latest_charge": "ch_1",
        **changes,
    }


def charge(country: str = "US", **changes: Any) -> dict[str, Any]:
    method = {"type": "card", "card": {"country": country}}
    return {"id": "ch_1", "object": "charge", "payment_method_details": method, **changes}


def test_stripe_payment_counts_once_from_creation_to_confirmation() -> None:
    created = exchange(
        f"{STRIPE}/payment_intents", b"amount=10000&currency=usd", intent(status="requires_action"), sent=FORM
    )
    assert created == []
    confirmed = exchange(f"{STRIPE}/payment_intents/pi_1/confirm", b"", intent(), sent=FORM)
    again = exchange(f"{STRIPE}/payment_intents/pi_1", b"metadata[a]=b", intent(), sent=FORM)
    as_charge = exchange(
        f"{STRIPE}/charges",
        b"",
        charge(payment_intent="pi_1", status="succeeded", amount=10_000, currency="usd"),
        sent=FORM,
    )
    seen = only(confirmed, again, as_charge)
    assert (seen.call.kind, seen.units) == ("payment", {"payments": 1, "usd_volume": Decimal(100)})
    # 100 x 0.029 + 0.30
    assert (seen.usd, seen.cost.state) == ("3.2", "priced")
    assert all("2.9%" in line.rule for line in seen.cost.lines)


def test_stripe_fee_of_the_balance_transaction_replaces_the_list_price() -> None:
    first = exchange(f"{STRIPE}/payment_intents/pi_1/confirm", b"", intent(), sent=FORM)
    looked_up = exchange(f"{STRIPE}/payment_intents/pi_1", None, intent(), method="GET")
    assert looked_up == []
    fee = charge(balance_transaction={"id": "txn_1", "fee": 345, "currency": "usd"})
    exact = exchange(f"{STRIPE}/payment_intents/pi_1", None, intent(latest_charge=fee), method="GET")
    seen = only(first, exact)
    assert (seen.usd, seen.cost.state, seen.cost.table_usd) == ("3.45", "provider_reported", Decimal("3.2"))
    euros = charge(balance_transaction={"fee": 345, "currency": "eur"})
    assert only(exchange(f"{STRIPE}/payment_intents", b"", intent(latest_charge=euros), sent=FORM)).usd == "3.2"


def test_stripe_other_cards_currencies_and_methods() -> None:
    abroad = only(exchange(f"{STRIPE}/payment_intents", b"", intent(latest_charge=charge("DE")), sent=FORM))
    # 100 x (0.029 + 0.015) + 0.30
    assert abroad.usd == "4.7"
    yen = only(exchange(f"{STRIPE}/payment_intents", b"", intent(currency="jpy"), sent=FORM))
    assert (yen.units, yen.usd, yen.cost.state) == ({"payments": 1}, None, "unpriced")
    debit = charge(payment_method_details={"type": "us_bank_account"})
    assert only(exchange(f"{STRIPE}/payment_intents", b"", intent(latest_charge=debit), sent=FORM)).usd is None
    refund = only(exchange(f"{STRIPE}/refunds", b"charge=ch_1", {"id": "re_1", "object": "refund"}, sent=FORM))
    assert (refund.usd, refund.cost.state) == ("0", "free")
    declined = {"error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}}
    failed = only(exchange(f"{STRIPE}/payment_intents", b"", declined, sent=FORM, status=402))
    assert (failed.usd, failed.call.status) == ("0", "error")
    assert exchange(f"{STRIPE}/payment_intents", None, {"object": "list", "data": []}, method="GET") == []


def test_payments_keep_no_content() -> None:
    seen = only(exchange(f"{STRIPE}/payment_intents", b"receipt_email=a@b.test", intent(), sent=FORM, content=True))
    assert seen.content is None


def capture(fee: str = "3.98", currency: str = "USD", **changes: Any) -> dict[str, Any]:
    breakdown = {"gross_amount": {"currency_code": currency, "value": "100.00"}}
    breakdown["paypal_fee"] = {"currency_code": currency, "value": fee}
    one = {
        "id": "CAP1",
        "status": "COMPLETED",
        "amount": {"currency_code": currency, "value": "100.00"},
        "seller_receivable_breakdown": breakdown,
        **changes,
    }
    return {"id": "ORDER1", "status": "COMPLETED", "purchase_units": [{"payments": {"captures": [one]}}]}


def test_paypal_states_its_fee() -> None:
    url = "https://api-m.paypal.com/v2/checkout/orders/ORDER1/capture"
    seen = only(exchange(url, {}, capture()), exchange(url, {}, capture()))
    # the list says 100 x 0.0349 + 0.49 = 3.98 too
    assert (seen.usd, seen.cost.state, seen.cost.reason) == ("3.98", "provider_reported", None)
    drifted = only(exchange(url, {}, capture(fee="3.48")))
    assert drifted.usd == "3.48"
    assert drifted.cost.reason is not None
    listed = only(exchange(url, {}, capture(seller_receivable_breakdown={})))
    assert (listed.usd, listed.cost.state) == ("3.98", "priced")
    euros = only(exchange(url, {}, capture(currency="EUR")))
    assert (euros.usd, euros.cost.state) == (None, "unpriced")
    test = only(exchange(url.replace("api-m.", "api-m.sandbox."), {}, capture()))
    assert (test.usd, test.cost.state) == ("0", "free")
    waiting = exchange(url, {}, capture(status="PENDING"))
    assert waiting == []
    several = capture()
    several["purchase_units"] *= 2
    several["purchase_units"][1] = {
        "payments": {"captures": [{**several["purchase_units"][0]["payments"]["captures"][0], "id": "CAP2"}]}
    }
    assert [s.usd for s in exchanges(exchange(url, {}, several))] == ["3.98", "3.98"]


def message(**changes: Any) -> dict[str, Any]:
    return {
        "sid": "SM1",
        "status": "queued",
        "direction": "outbound-api",
        "to": "+15550001111",
        "body": "hello",
        "num_segments": "2",
        "num_media": "0",
        "price": None,
        "price_unit": "USD",
        **changes,
    }


def test_twilio_message_is_estimated_and_then_exact() -> None:
    sent = form({"To": "+15550001111", "From": "+15550002222", "Body": "hello"})
    created = exchange(f"{TWILIO}/Messages.json", sent, message(), sent=FORM, status=201)
    first = only(created)
    # 2 segments x 0.0083
    assert (first.call.kind, first.units) == ("message", {"message_segments": 2})
    assert (first.usd, first.cost.state, first.call.revision) == ("0.0166", "estimated", 0)
    assert exchange(f"{TWILIO}/Messages/SM1.json", None, message(status="sending"), method="GET") == []
    final = exchange(f"{TWILIO}/Messages/SM1.json", None, message(status="delivered", price="-0.02260"), method="GET")
    seen = only(created, final, created)
    assert (seen.usd, seen.cost.state) == ("0.0226", "provider_reported")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_twilio_segments_are_worked_out_where_they_are_not_counted_yet(text: str, count: int) -> None:
    answer = message(num_segments="0", body=text, status="accepted")
    seen = only(exchange(f"{TWILIO}/Messages.json", form({"Body": text}), answer, sent=FORM, status=201))
    assert seen.units == {"message_segments": count}


def test_twilio_other_destinations_calls_and_verifications() -> None:
    far = only(exchange(f"{TWILIO}/Messages.json", form({"Body": "x"}), message(to="+4915112345678"), sent=FORM))
    assert (far.call.request_model, far.usd, far.cost.state) == ("sms", None, "unpriced")
    chat = only(exchange(f"{TWILIO}/Messages.json", form({"Body": "x"}), message(to="whatsapp:+1555"), sent=FORM))
    assert (chat.call.request_model, chat.usd) == ("whatsapp", None)
    call = {"sid": "CA1", "status": "completed", "to": "+15550001111", "duration": "61", "price": None}
    assert exchange(f"{TWILIO}/Calls/CA1.json", None, {**call, "status": "in-progress"}, method="GET") == []
    ended = exchange(f"{TWILIO}/Calls/CA1.json", None, call, method="GET")
    # two started minutes at 0.014
    assert (only(ended).units, only(ended).usd) == ({"input_seconds": 61}, "0.028")
    priced = exchange(f"{TWILIO}/Calls/CA1.json", None, {**call, "price": "-0.0280", "price_unit": "USD"}, method="GET")
    assert only(ended, priced).cost.state == "provider_reported"
    url = "https://verify.twilio.com/v2/Services/VA1/VerificationCheck"
    assert exchange(url, form({"Code": "1"}), {"sid": "VE1", "status": "pending"}, sent=FORM) == []
    assert only(exchange(url, form({"Code": "2"}), {"sid": "VE1", "status": "approved"}, sent=FORM)).usd == "0.05"


def test_sendgrid_counts_recipients() -> None:
    people = [{"to": [{"email": "a@x.test"}, {"email": "b@x.test"}], "cc": [{"email": "c@x.test"}]}, {"to": [{}]}]
    url = "https://api.sendgrid.com/v3/mail/send"
    seen = only(
        exchange(url, {"personalizations": people}, b"", status=202, headers={"x-message-id": "m"}, content=True)
    )
    assert (seen.units, seen.cost.state, seen.call.response_id) == ({"emails": 4}, "unpriced", "m")
    assert seen.content is None
    trial = {"personalizations": people, "mail_settings": {"sandbox_mode": {"enable": True}}}
    assert only(exchange(url, trial, b"", status=200)).cost.state == "free"


def test_algolia_counts_queries_and_records() -> None:
    base = "https://app1-dsn.algolia.net/1/indexes"
    several = only(exchange(f"{base}/*/queries", {"requests": [{}, {}, {}]}, {"results": []}))
    # 3 x 0.50 / 1000
    assert (several.call.kind, several.units, several.usd) == ("search", {"requests": 3}, "0.0015")
    assert "depends on the plan" in several.cost.lines[0].rule
    assert only(exchange(f"{base}/products/query", {"query": "x"}, {"hits": []})).usd == "0.0005"
    written = only(exchange(f"{base}/products/batch", {"requests": [{}, {}]}, {"taskID": 1}))
    assert (written.units, written.cost.state) == ({"records": 2}, "free")
    down = only(exchange("https://app1-1.algolianet.com/1/indexes/p/query", {}, {"message": "x"}, status=503))
    assert (down.usd, down.cost.state) == ("0", "free")


def test_llamacloud_job_that_is_over_costs_an_unknown_amount_until_its_credits_are_stated() -> None:
    url = "https://api.cloud.llamaindex.ai/api/v2/parse/job-1"
    job: dict[str, Any] = {"id": "job-1", "status": "COMPLETED", "tier": "agentic", "usage": {"credits": None}}
    assert exchange(url, None, {"job": {**job, "status": "PENDING"}}, method="GET") == []
    early = only(exchange(url, None, {"job": job}, method="GET"))
    assert (early.cost.state, early.call.revision) == ("unpriced", 0)
    job["usage"] = {"credits": 120}
    seen = only(*(exchange(url, None, {"job": job}, method="GET") for _ in range(2)))
    # 120 x 1.25 / 1000
    assert (seen.call.operation, seen.units, seen.usd) == ("parse", {"credits": 120}, "0.15")
    assert seen.call.dimensions == {"tier": "agentic"}
    assert (seen.call.event_id, seen.call.revision) == (early.call.event_id, 1)


@pytest.mark.parametrize(
    ("operation", "asked", "answer", "usd", "state"),
    [
        # 1, 2 and 3 credits at 0.008
        ("search", {"query": "x"}, {"results": []}, "0.008", "priced"),
        ("search", {"query": "x", "search_depth": "advanced"}, {"results": []}, "0.016", "priced"),
        ("search", {"query": "x"}, {"results": [], "usage": {"credits": 3}}, "0.024", "priced"),
        ("search", {"query": "x", "auto_parameters": True}, {"results": []}, "0.016", "estimated"),
        # two of five pages; twice that; three of ten; both
        ("extract", {"urls": ["a", "b"]}, {"results": [{}, {}]}, "0.0032", "estimated"),
        ("extract", {"urls": ["a"], "extract_depth": "advanced"}, {"results": [{}, {}]}, "0.0064", "estimated"),
        ("map", {"url": "x"}, {"results": ["a", "b", "c"]}, "0.0024", "estimated"),
        ("crawl", {"url": "x"}, {"results": [{}] * 10}, "0.024", "estimated"),
    ],
)
def test_tavily_credits(operation: str, asked: Any, answer: Any, usd: str, state: str) -> None:
    seen = only(exchange(f"https://api.tavily.com/{operation}", asked, answer))
    assert (seen.call.operation, seen.usd, seen.cost.state) == (operation, usd, state)
