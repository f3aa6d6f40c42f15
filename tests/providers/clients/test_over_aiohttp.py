"""Client libraries that send through aiohttp: one event a call, the library's result unchanged, the cost by hand."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import Recorded
from loopback.server import Answer, Received, event_stream, json_answer, sse
from loopback.twice import twice

from llmobserve.pricing import price_event

# The libraries' own: deprecated calls to pydantic and aiohttp, sessions that some leave open.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def usd(recorded: Recorded) -> Decimal | None:
    return price_event(recorded.one).usd


GEMINI_USAGE = {"promptTokenCount": 1000, "candidatesTokenCount": 200, "thoughtsTokenCount": 50}
# gemini-2.5-flash, a million tokens: input 0.30, output 2.50. 1000 x 0.30 + (200 + 50) x 2.50 = 300 + 625 = 925.
GEMINI_USD = Decimal("0.000925")


def gemini(text: str, usage: Any = None) -> dict[str, Any]:
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
    answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r-1"}
    return answer if usage is None else {**answer, "usageMetadata": usage}


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_google_genai(stream: bool, gzipped: bool) -> None:
    genai = pytest.importorskip("google.genai")

    async def ask(url: str) -> str:
        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url)).aio
        try:
            if not stream:
                return (await client.models.generate_content(model="gemini-2.5-flash", contents="Hello")).text
            parts = await client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello")
            return "".join([part.text async for part in parts])
        finally:
            await client.aclose()

    whole = json_answer(gemini("Hello there", GEMINI_USAGE), gzipped=gzipped)
    pieces = sse(gemini("Hello "), gemini("there", GEMINI_USAGE))
    recorded = twice(ask, event_stream(pieces, gzipped=gzipped) if stream else whole, provider="google_gemini")
    call = recorded.one
    assert (call.transport, call.status, call.stream) == ("aiohttp", "ok", stream)
    assert recorded.units == {"input_text_tokens": 1000, "output_text_tokens": 250}
    assert usd(recorded) == GEMINI_USD


def test_google_genai_refused() -> None:
    genai = pytest.importorskip("google.genai")

    async def ask(url: str) -> None:
        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url)).aio
        try:
            with pytest.raises(genai.errors.ClientError):
                await client.models.generate_content(model="gemini-2.5-flash", contents="Hello")
        finally:
            await client.aclose()

    error = {"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}
    call = twice(ask, json_answer(error, status=400), provider="google_gemini").one
    assert call.error is not None
    assert (call.status, call.http_status, call.error.type) == ("error", 400, "INVALID_ARGUMENT")


# gpt-4o-mini, a million tokens: input 0.15, cached 0.075, output 0.60. 56 x 0.15 + 64 x 0.075 + 30 x 0.60 = 31.2.
CHAT_USD = Decimal("0.0000312")


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_openai(stream: bool, gzipped: bool) -> None:
    openai = pytest.importorskip("openai")

    async def ask(url: str) -> Any:
        wire = openai.DefaultAioHttpClient()
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", http_client=wire) as client:
            if not stream:
                return await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
            chunks = await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
            return [chunk async for chunk in chunks]

    chunks = chat_chunks("Hello ", "there", usage=CHAT_USAGE)
    answer = event_stream(chunks, gzipped=gzipped) if stream else json_answer(chat_completion(), gzipped=gzipped)
    recorded = twice(ask, answer)
    # The client is one of httpx2: its own hook is the outer one, the session of aiohttp below it passes through.
    assert (recorded.one.transport, recorded.one.status, recorded.one.stream) == ("httpx2", "ok", stream)
    assert usd(recorded) == CHAT_USD


def test_cohere_with_its_extra() -> None:
    cohere = pytest.importorskip("cohere")
    httpx_aiohttp = pytest.importorskip("httpx_aiohttp")

    async def ask(url: str) -> str:
        async with httpx_aiohttp.HttpxAiohttpClient() as wire:
            client = cohere.AsyncClientV2(api_key="k", base_url=url, httpx_client=wire)
            return (await client.chat(model="command-a-03-2025", messages=MESSAGES)).message.content[0].text

    message = {"role": "assistant", "content": [{"type": "text", "text": "Hello there"}]}
    usage = {"billed_units": {"input_tokens": 1000, "output_tokens": 100}}
    answer = json_answer({"id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": usage})
    recorded = twice(ask, answer, provider="cohere")
    assert recorded.units == {"input_text_tokens": 1000, "output_text_tokens": 100}
    # Command A, a million tokens: input 2.50, output 10.00. 1000 x 2.50 + 100 x 10 = 3500.
    assert usd(recorded) == Decimal("0.0035")


INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 10_000,
    "amount_received": 10_000,
    "currency": "usd",
    "status": "succeeded",
}


def test_stripe_which_keeps_the_reader_and_drops_the_response() -> None:
    stripe = pytest.importorskip("stripe")

    async def pay(url: str) -> str:
        wire = stripe.AIOHTTPClient()
        client = stripe.StripeClient("sk_test_1", base_addresses={"api": url}, http_client=wire)
        asked = {"amount": 10_000, "currency": "usd", "confirm": True}
        try:
            return (await client.v1.payment_intents.create_async(asked, {"idempotency_key": "key-1"})).id
        finally:
            await wire.close_async()
            await asyncio.sleep(0)

    recorded = twice(pay, json_answer(INTENT), provider="stripe")
    call = recorded.one
    assert (call.transport, call.status, call.logical_call_id) == ("aiohttp", "ok", "key-1")
    assert recorded.units == {"payments": 1, "usd_volume": Decimal(100)}


def test_voyage() -> None:
    voyageai = pytest.importorskip("voyageai")

    async def embed(url: str) -> Any:
        client = voyageai.AsyncClient(api_key="k", base_url=f"{url}/v1")
        found = await client.embed(["Hello"], model="voyage-3.5")
        return found.embeddings, found.total_tokens

    answer = {
        "object": "list",
        "data": [{"object": "embedding", "embedding": [0.1, 0.2], "index": 0}],
        "model": "voyage-3.5",
        "usage": {"total_tokens": 500},
    }
    recorded = twice(embed, json_answer(answer), provider="voyage")
    assert (recorded.one.transport, recorded.one.kind) == ("aiohttp", "embedding")
    assert recorded.units == {"input_text_tokens": 500}
    # voyage-3.5: 0.06 a million. 500 x 0.06 = 30.
    assert usd(recorded) == Decimal("0.00003")


def elastic(body: Any) -> Answer:
    plain = json_answer(body, x_elastic_product="Elasticsearch")
    return Answer(
        headers={**plain.headers, "content-type": "application/vnd.elasticsearch+json;compatible-with=9"},
        body=plain.body,
    )


def test_elasticsearch() -> None:
    elasticsearch = pytest.importorskip("elasticsearch")

    def answer(request: Received) -> Answer:
        if "_bulk" in request.target:
            return elastic({"took": 1, "errors": False, "items": [{"index": {"status": 201}}] * 2})
        hits = {"total": {"value": 1, "relation": "eq"}, "max_score": 1.0, "hits": []}
        return elastic({"took": 1, "timed_out": False, "hits": hits})

    async def use(url: str) -> Any:
        async with elasticsearch.AsyncElasticsearch(url) as client:
            knn = {"field": "v", "query_vector": [0.1], "k": 1, "num_candidates": 2}
            found = await client.search(index="docs", knn=knn)
            pairs = [{"index": {"_id": "1"}}, {"a": 1}, {"index": {"_id": "2"}}, {"a": 2}]
            written = await client.bulk(index="docs", operations=pairs)
            return dict(found), dict(written)

    calls = twice(use, answer, provider="elasticsearch").calls
    assert [(call.transport, call.status, call.operation) for call in calls] == [
        ("aiohttp", "ok", "search"),
        ("aiohttp", "ok", "bulk"),
    ]
    # Elastic Cloud bills capacity, not operations.
    assert [price_event(call).usd for call in calls] == [None, None]


def test_algolia() -> None:
    client_module = pytest.importorskip("algoliasearch.search.client")
    config = pytest.importorskip("algoliasearch.search.config")
    hosts = pytest.importorskip("algoliasearch.http.hosts")

    async def search(url: str) -> int:
        place = hosts.Host(url.removeprefix("http://"), scheme="http")
        settings = config.SearchConfig("APP", "key")
        settings.hosts = hosts.HostsCollection([place])
        async with client_module.SearchClient(config=settings) as client:
            found = await client.search({"requests": [{"indexName": "i", "query": "x"}] * 2})
            return len(found.results)

    result = {"hits": [], "query": "x", "params": "", "processingTimeMS": 1, "index": "i"}
    recorded = twice(search, json_answer({"results": [result, result]}), provider="algolia", random_header="request-id")
    assert (recorded.one.transport, recorded.units) == ("aiohttp", {"requests": 2})
    # 0.50 a thousand searches: 2 x 0.0005.
    assert usd(recorded) == Decimal("0.001")


def test_twilio() -> None:
    twilio = pytest.importorskip("twilio.rest")
    wire_module = pytest.importorskip("twilio.http.async_http_client")
    message = {"sid": "SM1", "status": "queued", "num_segments": "1", "direction": "outbound-api", "price": None}

    async def send(url: str) -> str:
        class Wire(wire_module.AsyncTwilioHttpClient):
            """Sends to the loopback server instead of to api.twilio.com."""

            async def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
                return await super().request(method, url.replace("https://api.twilio.com", place), *args, **options)

        place = url
        async with Wire() as wire:
            client = twilio.Client("AC1", "token", http_client=wire)
            sent = await client.messages.create_async(to="+12025550123", from_="+12025550124", body="Hello")
            return sent.sid

    recorded = twice(send, json_answer(message, status=201), provider="twilio")
    assert (recorded.one.transport, recorded.one.status, recorded.one.http_status) == ("aiohttp", "ok", 201)
    assert recorded.one.kind == "message"
