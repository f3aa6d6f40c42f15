"""Clients on requests, urllib3 and urllib.request: Stripe, Twilio, SendGrid, Voyage, Algolia, Elasticsearch."""

import contextlib
import json
import urllib.error
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import stripe
from algoliasearch.http.exceptions import RequestException
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClientSync
from algoliasearch.search.config import SearchConfig
from elasticsearch import ApiError, Elasticsearch
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, json_answer
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as TwilioClient
from voyageai.client import Client as VoyageClient

from llmobserve.pricing import price_event

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def both(provider: str, use: Callable[[str], Any], *answers: Answer, raises: type[Exception] | None = None) -> Recorded:
    """Use the client bare and observed: the application gets the same, the provider is sent the same."""
    outcomes: list[Any] = []
    with Loopback(*answers, *answers) as server:
        for observing in (False, True):
            with observed(server, provider) if observing else contextlib.nullcontext() as recorded:
                try:
                    outcomes.append(use(server.url))
                except raises or () as error:  # noqa: B030 (nothing, where nothing is to be raised)
                    outcomes.append(f"{type(error).__name__}: {error}")
        half = len(server.ledger) // 2
        assert [one.body for one in server.ledger[:half]] == [one.body for one in server.ledger[half:]]
    assert outcomes[0] == outcomes[1]
    assert (raises is not None) == isinstance(outcomes[0], str)
    assert recorded is not None
    return recorded


# Stripe


def intent(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 10_000,
        "amount_received": 10_000,
        "currency": "usd",
        "status": "succeeded",
        "latest_charge": "ch_1",
    }
    return {**body, **changes}


def stripe_client(url: str, **options: Any) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_1", base_addresses={"api": url}, http_client=stripe.RequestsClient(), **options)


def pay(url: str) -> Any:
    parameters: Any = {"amount": 10_000, "currency": "usd", "confirm": True}
    options: Any = {"idempotency_key": "once"}
    return [stripe_client(url).v1.payment_intents.create(parameters, options).status]


@pytest.mark.parametrize("more", [{}, {"something_new": {"tokens": 5}}], ids=["as usual", "new field"])
def test_stripe(more: dict[str, Any]) -> None:
    call = both("stripe", pay, json_answer(intent(**more), request_id="req_1")).one
    assert (call.kind, call.operation, call.status, call.request_id) == ("payment", "payment_intents", "ok", "req_1")
    assert call.transport == "urllib3"
    assert dict(call.usage.units) == {"payments": 1, "usd_volume": Decimal(100)}
    # $100 x 0.029 + $0.30
    assert (price_event(call).state, price_event(call).usd) == ("priced", Decimal("3.20"))


def test_stripe_states_its_fee() -> None:
    fee = {"id": "txn_1", "object": "balance_transaction", "fee": 345, "currency": "usd"}
    charge = {"id": "ch_1", "object": "charge", "balance_transaction": fee}

    def look_up(url: str) -> Any:
        parameters: Any = {"expand": ["latest_charge.balance_transaction"]}
        return [stripe_client(url).v1.payment_intents.retrieve("pi_1", parameters).amount]

    first = both("stripe", pay, json_answer(intent())).one
    call = both("stripe", look_up, json_answer(intent(latest_charge=charge))).one
    assert (call.event_id, call.revision > first.revision) == (first.event_id, True)
    assert (price_event(call).state, price_event(call).usd) == ("provider_reported", Decimal("3.45"))


def test_stripe_without_an_amount_is_no_charge_of_zero() -> None:
    body = intent()
    del body["amount"], body["amount_received"]
    assert both("stripe", pay, json_answer(body)).calls == []


def test_stripe_refused() -> None:
    error = {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}
    call = both("stripe", pay, json_answer({"error": error}, status=402), raises=stripe.CardError).one
    assert (call.status, call.http_status, call.logical_call_id) == ("error", 402, "once")
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("card_error", "Your card was declined.")
    assert price_event(call).state == "free"


def test_stripe_retries_are_attempts_of_one_payment(monkeypatch: pytest.MonkeyPatch) -> None:
    def use(url: str) -> Any:
        client = stripe_client(url, max_network_retries=2)
        return [client.v1.payment_intents.create({"amount": 10_000, "currency": "usd"}, {"idempotency_key": "k"}).id]

    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    busy = json_answer({"error": {"type": "api_error", "message": "busy"}}, status=500)
    failed, paid = both("stripe", use, busy, json_answer(intent())).calls
    assert (failed.status, failed.attempt, paid.status, paid.attempt) == ("error", 0, "ok", 1)
    assert failed.logical_call_id == paid.logical_call_id == "k"
    assert (price_event(failed).state, price_event(paid).usd) == ("free", Decimal("3.20"))


# Twilio


class _Elsewhere(TwilioHttpClient):
    """Twilio's own client, which knows no other host than its own, sent to the loopback provider."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self.url), *args, **options)


def twilio_client(url: str) -> Any:
    return TwilioClient("AC1", "token", http_client=_Elsewhere(url))


def message(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "sid": "SM1",
        "account_sid": "AC1",
        "body": "Hello",
        "to": "+15550001",
        "from": "+15550002",
        "status": "queued",
        "direction": "outbound-api",
        "num_segments": "2",
        "num_media": "0",
        "price": None,
        "price_unit": "USD",
        "date_created": None,
        "date_sent": None,
        "date_updated": None,
        "error_code": None,
    }
    return {**body, **changes}


def text(url: str) -> Any:
    client = twilio_client(url)
    sid = client.messages.create(to="+15550001", from_="+15550002", body="Hello").sid
    client.http_client.session.close()
    return [sid]


@pytest.mark.parametrize("more", [{}, {"something_new": 1}], ids=["as usual", "new field"])
def test_twilio(more: dict[str, Any]) -> None:
    call = both("twilio", text, json_answer(message(**more), status=201)).one
    assert (call.kind, call.operation, call.status, call.request_model) == ("message", "messages", "ok", "sms-us")
    assert (dict(call.usage.units), call.usage.source) == ({"message_segments": 2}, "estimated")
    # 2 x $0.0083
    assert (price_event(call).state, price_event(call).usd) == ("estimated", Decimal("0.0166"))


def test_twilio_without_its_count_of_segments() -> None:
    body = message()
    del body["num_segments"]
    # "Hello" is one segment, by the text of the answer.
    call = both("twilio", text, json_answer(body, status=201)).one
    assert dict(call.usage.units) == {"message_segments": 1}


def test_twilio_states_its_price_later() -> None:
    def look_up(url: str) -> Any:
        client = twilio_client(url)
        price = client.messages("SM1").fetch().price
        client.http_client.session.close()
        return [price]

    first = both("twilio", text, json_answer(message(), status=201)).one
    call = both("twilio", look_up, json_answer(message(status="delivered", price="-0.0112"))).one
    assert (call.event_id, call.revision > first.revision) == (first.event_id, True)
    assert (price_event(call).state, price_event(call).usd) == ("provider_reported", Decimal("0.0112"))


def test_twilio_refused() -> None:
    body = {"code": 21211, "message": "Invalid 'To' Phone Number", "more_info": "https://x.test", "status": 400}
    call = both("twilio", text, json_answer(body, status=400), raises=TwilioRestException).one
    assert (call.status, call.http_status) == ("error", 400)
    assert call.error is not None
    assert call.error.message == "Invalid 'To' Phone Number"
    assert price_event(call).state == "free"


# SendGrid


def mail(url: str) -> Any:
    letter = Mail("a@x.test", ["b@x.test", "c@x.test"], "Subject", "Text")
    client: Any = SendGridAPIClient("k", host=url)
    return [client.send(letter).status_code]


def test_sendgrid() -> None:
    call = both("sendgrid", mail, Answer(status=202, headers={"x-message-id": "m1"})).one
    assert (call.operation, call.status, call.http_status, call.transport) == ("mail.send", "ok", 202, "http.client")
    assert (call.request_id, dict(call.usage.units), call.usage.source) == ("m1", {"emails": 2}, "request")
    # Mails are sold in monthly plans: the cost of one is unknown, and never 0.
    assert (price_event(call).state, price_event(call).usd) == ("unpriced", None)


def test_sendgrid_in_the_sandbox() -> None:
    def use(url: str) -> Any:
        body = {
            "personalizations": [{"to": [{"email": "b@x.test"}]}],
            "mail_settings": {"sandbox_mode": {"enable": True}},
            "something_new": [1],
        }
        client: Any = SendGridAPIClient("k", host=url).client
        return [client.mail.send.post(request_body=body).status_code]

    call = both("sendgrid", use, Answer(status=200)).one
    assert (call.request_model, price_event(call).state) == ("sandbox", "free")


def test_sendgrid_refused() -> None:
    body = {"errors": [{"message": "The from address is wrong", "field": "from", "help": None}]}
    call = both("sendgrid", mail, json_answer(body, status=403), raises=Exception).one
    assert (call.status, call.http_status) == ("error", 403)
    assert call.error is not None
    assert call.error.message == "The from address is wrong"


def test_sendgrid_refused_and_never_read() -> None:
    """Whoever only looks at the status leaves the answer to the garbage collector."""

    def use(url: str) -> Any:
        try:
            mail(url)
        except Exception as error:  # noqa: BLE001 (of python-http-client, made from that of urllib)
            cause = error.__context__
            assert isinstance(cause, urllib.error.HTTPError)
            return [type(error).__name__]

    assert both("sendgrid", use, json_answer({"errors": []}, status=401)).one.http_status == 401


# Voyage


def embedded(**usage: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "embedding": "AACAPwAAAEA=", "index": 0}]
    return {"object": "list", "data": data, "model": "voyage-4", "usage": usage}


def embed(url: str) -> Any:
    return VoyageClient("k", base_url=f"{url}/v1", timeout=5).embed(["Hello"], model="voyage-4").embeddings


@pytest.mark.parametrize("more", [{}, {"something_new": 3}], ids=["as usual", "new field"])
def test_voyage(more: dict[str, Any]) -> None:
    call = both("voyage", embed, json_answer(embedded(total_tokens=1000, **more))).one
    assert (call.kind, call.operation, call.status, call.transport) == ("embedding", "embeddings", "ok", "urllib3")
    assert dict(call.usage.units) == {"input_text_tokens": 1000}
    # 1000 x $0.06 for a million tokens
    assert (price_event(call).state, price_event(call).usd) == ("priced", Decimal("0.00006"))


def test_voyage_without_usage() -> None:
    body = embedded()
    del body["usage"]
    call = both("voyage", embed, json_answer(body), raises=AttributeError).one
    assert (call.status, call.usage.source) == ("ok", "estimated")
    assert price_event(call).state == "estimated"


def test_voyage_reranking() -> None:
    body = {"object": "list", "data": [{"relevance_score": 0.4, "index": 0}], "model": "rerank-2.5"}

    def use(url: str) -> Any:
        found = VoyageClient("k", base_url=f"{url}/v1").rerank("q", ["a"], model="rerank-2.5")
        return [one.relevance_score for one in found.results]

    call = both("voyage", use, json_answer({**body, "usage": {"total_tokens": 2000}})).one
    assert (call.kind, dict(call.usage.units)) == ("rerank", {"input_text_tokens": 2000})
    # 2000 x $0.05 for a million tokens
    assert price_event(call).usd == Decimal("0.0001")


def test_voyage_refused() -> None:
    answer = json_answer({"detail": "Model voyage-x is not supported."}, status=400)
    call = both("voyage", embed, answer, raises=Exception).one
    assert (call.status, call.http_status) == ("error", 400)
    assert call.error is not None
    assert call.error.message == "Model voyage-x is not supported."
    assert price_event(call).state == "free"


# Algolia


def algolia(url: str, use: Callable[[SearchClientSync], Any], **settings: Any) -> Any:
    config = SearchConfig("app", "key")
    config.hosts = HostsCollection([Host(url.removeprefix("http://"), "http")])
    vars(config).update(settings)
    with SearchClientSync(config=config) as client:
        result = [use(client)]
        client.close()
        return result


FOUND = {"hits": [], "query": "x", "params": "", "processingTimeMS": 1, "nbHits": 0, "page": 0, "nbPages": 0}


@pytest.mark.parametrize("more", [{}, {"somethingNew": {"a": 1}}], ids=["as usual", "new field"])
def test_algolia_search(more: dict[str, Any]) -> None:
    def use(client: SearchClientSync) -> Any:
        queries = [{"indexName": "a", "query": "x"}, {"indexName": "b", "query": "y"}]
        return len(client.search({"requests": queries}).results)

    body = {"results": [{**FOUND, "hitsPerPage": 20, **more}] * 2}
    call = both("algolia", lambda url: algolia(url, use), json_answer(body)).one
    assert (call.kind, call.operation, call.status) == ("search", "search", "ok")
    assert (dict(call.usage.units), call.usage.source) == ({"requests": 2}, "request")
    # 2 of a thousand at $0.50
    assert price_event(call).usd == Decimal("0.001")


@pytest.mark.parametrize("packed", [{}, {"compression_type": "gzip", "compression_threshold": 1}], ids=["", "gzip"])
def test_algolia_records(packed: dict[str, Any]) -> None:
    def use(client: SearchClientSync) -> Any:
        requests = [{"action": "addObject", "body": {"name": "x"}}] * 3
        return client.batch("idx", {"requests": requests}).task_id

    answer = json_answer({"taskID": 1, "objectIDs": ["1", "2", "3"]})
    with Loopback(answer) as server, observed(server, "algolia") as recorded:
        assert algolia(server.url, use, **packed) == [1]
        assert ("content-encoding" in server.ledger[0].headers) == bool(packed)
    assert (recorded.one.operation, recorded.units) == ("index", {"records": 3})
    assert price_event(recorded.one).state == "free"


def test_algolia_refused() -> None:
    answer = json_answer({"message": "Invalid key", "status": 403}, status=403)
    call = both(
        "algolia",
        lambda url: algolia(url, lambda client: client.search_single_index("a")),
        answer,
        raises=RequestException,
    ).one
    assert (call.status, call.http_status) == ("error", 403)
    assert call.error is not None
    assert call.error.message == "Invalid key"
    assert price_event(call).state == "free"


# Elasticsearch

ELASTIC = {"x-elastic-product": "Elasticsearch", "content-type": "application/vnd.elasticsearch+json"}


def elastic(use: Callable[[Elasticsearch], Any], **options: Any) -> Callable[[str], Any]:
    def run(url: str) -> Any:
        with Elasticsearch(url, max_retries=0, **options) as client:
            return [use(client)]

    return run


def elastic_answer(body: Any, status: int = 200) -> Answer:
    return Answer(status=status, headers=ELASTIC, body=json.dumps(body).encode())


@pytest.mark.parametrize("packed", [False, True], ids=["", "gzip"])
def test_elasticsearch_vectors(packed: bool) -> None:
    def use(client: Elasticsearch) -> Any:
        knn = {"field": "v", "query_vector": [0.5], "k": 1, "num_candidates": 2}
        return client.search(index="docs", knn=knn)["took"]

    body = {"took": 1, "timed_out": False, "hits": {"hits": []}, "something_new": 1}
    call = both("elasticsearch", elastic(use, http_compress=packed), elastic_answer(body)).one
    assert (call.kind, call.operation, call.status, call.transport) == ("vector_db", "search", "ok", "urllib3")
    assert (dict(call.usage.units), call.dimensions) == ({"requests": 1}, {"search": "knn"})
    # Billed by capacity: the cost of an operation is unknown, and never 0.
    assert (price_event(call).state, price_event(call).usd) == ("unpriced", None)


def test_elasticsearch_bulk() -> None:
    def use(client: Elasticsearch) -> Any:
        return client.bulk(operations=[{"index": {"_index": "docs"}}, {"a": 1}])["errors"]

    call = both("elasticsearch", elastic(use), elastic_answer({"took": 1, "errors": False, "items": []})).one
    assert (call.operation, call.status, dict(call.usage.units)) == ("bulk", "ok", {"requests": 1})


def test_elasticsearch_refused() -> None:
    error = {"type": "index_not_found_exception", "reason": "no such index [docs]", "root_cause": []}
    call = both(
        "elasticsearch",
        elastic(lambda client: client.search(index="docs")),
        elastic_answer({"error": error, "status": 404}, 404),
        raises=ApiError,
    ).one
    assert (call.status, call.http_status) == ("error", 404)
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("index_not_found_exception", "no such index [docs]")
