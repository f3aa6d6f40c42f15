"""The trace is handed on to the hosts that the user names, and no byte is added to any other request."""

import asyncio
import http.client
import inspect
import logging
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests
import urllib3
from loopback.openai_bodies import chat_completion
from loopback.server import Answer, Loopback, Received, json_answer

import llmobserve
from llmobserve import testing
from llmobserve.settings import SettingError, load

Send = Callable[[str], None]
"""Sends a GET to a URL, with a header of the application's own, and follows redirects."""
OWN = {"X-Own": "1"}


def by_httpx(url: str) -> None:
    with httpx.Client(follow_redirects=True) as client:
        client.get(url, headers=OWN)


def by_httpx_async(url: str) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            await client.get(url, headers=OWN)

    asyncio.run(main())


def by_httpx2(url: str) -> None:
    with httpx2.Client(follow_redirects=True) as client:
        answer = client.get(url, headers=OWN)
        assert "traceparent" not in answer.request.headers
        assert all("traceparent" not in one.request.headers for one in answer.history)


def by_httpx2_async(url: str) -> None:
    async def main() -> None:
        async with httpx2.AsyncClient(follow_redirects=True) as client:
            await client.get(url, headers=OWN)

    asyncio.run(main())


def by_httpx2_transport(url: str) -> None:
    with httpx2.HTTPTransport() as transport:
        answer = transport.handle_request(httpx2.Request("GET", url, headers=OWN))
        answer.read()
    if answer.status_code == 302:
        by_httpx2_transport(answer.headers["location"])


def by_requests(url: str) -> None:
    with requests.Session() as session:
        answer = session.get(url, headers=OWN)
        assert "traceparent" not in answer.request.headers


def by_urllib3(url: str) -> None:
    given = urllib3.HTTPHeaderDict(OWN)
    with urllib3.PoolManager() as pool:
        pool.request("GET", url, headers=given)
    assert dict(given) == OWN


def by_aiohttp(url: str) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session, session.get(url, headers=OWN) as answer:
            assert "traceparent" not in answer.request_info.headers
            await answer.read()

    asyncio.run(main())


def by_urllib(url: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, headers=OWN)) as answer:
        answer.read()


def by_http_client(url: str) -> None:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host)
    connection.request("GET", f"/{path}", headers=OWN)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status == 302:
        by_http_client(answer.headers["location"])


CLIENTS = pytest.mark.parametrize(
    "send",
    [
        *(by_httpx, by_httpx_async, by_httpx2, by_httpx2_async, by_httpx2_transport),
        *(by_requests, by_urllib3, by_aiohttp, by_urllib, by_http_client),
    ],
)


@pytest.fixture
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    """A service of the user's own and a server of somebody else. `/away` at the first leads to the second."""
    with Loopback(Answer()) as other:

        def answer(request: Received) -> Answer:
            if request.target == "/away":
                return Answer(status=302, headers={"location": f"{other.url}/arrived"})
            if request.method == "POST":
                return json_answer(chat_completion())
            return Answer()

        with Loopback(answer) as own:
            yield own, other


def steady(received: Received) -> bytes:
    """The bytes of a request without what another port or key makes of them."""
    return re.sub(rb"(?i)(\r\n(?:host|idempotency-key|x-stainless-[a-z-]+|user-agent): )[^\r]*", rb"\1", received.raw)


@CLIENTS
def test_to_a_host_that_is_named(send: Send, servers: Any) -> None:
    own, _ = servers
    with testing.captured(propagate_to=[own.netloc]), llmobserve.run("job", customer_id="acme"):
        with llmobserve.section("agent:a") as section:
            span_id = section.span_id
            send(f"{own.url}/x")
        expected = llmobserve.trace_headers()
        trace_id = expected["traceparent"].split("-")[1]
        sent = own.ledger[0].headers
        assert sent["traceparent"] == f"00-{trace_id}-{span_id}-01"
        assert sent["baggage"] == expected["baggage"]
        assert "llmobserve.customer_id=acme" in sent["baggage"]
        assert sent["x-own"] == "1"
        raw = own.ledger[0].raw.lower()
        assert (raw.count(b"traceparent:"), raw.count(b"baggage:")) == (1, 1)


@CLIENTS
def test_a_redirect_takes_nothing_along(send: Send, servers: Any) -> None:
    own, other = servers
    send(f"{other.url}/arrived")  # unobserved
    with testing.captured(propagate_to=[own.netloc]), llmobserve.run("job", customer_id="acme"):
        send(f"{own.url}/away")
    assert "traceparent" in own.ledger[0].headers
    bare, redirected = other.ledger
    assert not {"traceparent", "baggage"} & redirected.headers.keys()
    assert redirected.headers.keys() - bare.headers.keys() <= {"referer"}


@CLIENTS
def test_no_byte_to_others(send: Send, servers: Any) -> None:
    """Neither where another host is named, nor on another port of it, nor where none is, nor outside of every run."""
    own, other = servers
    send(f"{other.url}/x")  # unobserved
    with testing.captured(propagate_to=[own.netloc, "api.example.com"]):
        with llmobserve.run("job", customer_id="acme"):
            send(f"{other.url}/x")
        send(f"{own.url}/outside")
    with testing.captured(), llmobserve.run("job", customer_id="acme"):
        send(f"{other.url}/x")
        send(f"{own.url}/none-named")
    assert [steady(one) for one in other.ledger] == [steady(other.ledger[0])] * 3
    assert not any({"traceparent", "baggage"} & one.headers.keys() for one in own.ledger)


@pytest.mark.parametrize("library", ["openai", "openai over aiohttp", "requests", "aiohttp", "urllib"])
def test_a_call_gets_nothing_wherever_it_goes(library: str, servers: Any) -> None:
    """Also where the user names the host: that of a model on his own machine."""
    own, _ = servers
    url = f"{own.url}/v1/chat/completions"
    body: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}

    async def over_aiohttp() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            await answer.read()

    async def openai_over_aiohttp() -> None:
        client = openai.DefaultAioHttpClient()
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{own.url}/v1", http_client=client) as ai:
            await ai.chat.completions.create(**body)

    def call() -> None:
        if library == "openai":
            with openai.OpenAI(api_key="k", base_url=f"{own.url}/v1") as client:
                client.chat.completions.create(**body)
        elif library == "requests":
            requests.post(url, json=body).close()
        elif library == "urllib":
            urllib.request.urlopen(urllib.request.Request(url, b"{}", {"content-type": "application/json"})).close()
        else:
            asyncio.run(over_aiohttp() if library == "aiohttp" else openai_over_aiohttp())

    call()  # unobserved
    with testing.captured(propagate_to=[own.netloc]) as captured, llmobserve.run("job", customer_id="acme"):
        call()
        assert len(captured.calls) == 1
    bare, observed = (steady(one) for one in own.ledger)
    assert observed == bare


@pytest.mark.parametrize(
    ("place", "provider"),
    [
        ("api.openai.com", "openai"),
        ("API.Anthropic.com:443", "anthropic"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws_bedrock"),
        ("ollama.internal:11434", "ollama"),
        ("llm.internal:8080", "vllm"),
    ],
)
def test_providers_are_refused(place: str, provider: str, caplog: pytest.LogCaptureFixture, servers: Any) -> None:
    own, _ = servers
    hosts = {"llm.internal:8080": "vllm"}
    with (
        caplog.at_level(logging.WARNING, "llmobserve"),
        testing.captured(propagate_to=[place, own.netloc], hosts=hosts),
    ):
        pass
    assert [record.getMessage() for record in caplog.records] == [
        f"llmobserve: propagate_to: {place.lower()} is a host of {provider}. "
        "Nothing is ever added to requests to providers."
    ]


def test_hosts_at_the_usual_port(servers: Any) -> None:
    from llmobserve.capture.onward import Onward
    from llmobserve.providers.registry import Registry

    onward = Onward(["a.test:443", "b.test", "c.test:8443", "localhost:8000"], Registry())
    with testing.captured(), llmobserve.run("job"):

        def named(host: str, port: int | None, path: str = "/x", method: str = "GET") -> bool:
            return bool(onward.additions(method, host, port, path, lambda name: None))

        assert [named("a.test", None), named("a.test", 8443)] == [True, False]
        assert [named("b.test", None), named("b.test", 8443), named("x.b.test", None)] == [True, True, False]
        assert [named("c.test", None), named("c.test", 8443)] == [False, True]
        assert named("localhost", 8000)
        assert not named("localhost", 8000, "/v1/chat/completions", "POST")


def test_what_is_there_already_stays(servers: Any) -> None:
    own, _ = servers
    mine = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Baggage": "mine=1"}
    with testing.captured(propagate_to=[own.netloc]), llmobserve.run("job", customer_id="acme"):
        told = llmobserve.trace_headers()

        def by_urllib(url: str, *, headers: dict[str, str]) -> None:
            urllib.request.urlopen(urllib.request.Request(url, headers=headers)).close()

        def by_urllib3(url: str, *, headers: dict[str, str]) -> None:
            with urllib3.PoolManager() as pool:
                pool.request("GET", url, headers=headers)

        def by_aiohttp(url: str, *, headers: dict[str, str]) -> None:
            async def main() -> None:
                async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
                    assert answer.request_info.headers["baggage"] == headers.get("Baggage", told["baggage"])

            asyncio.run(main())

        for send in (requests.get, httpx.get, httpx2.get, by_urllib, by_urllib3, by_aiohttp):
            send(f"{own.url}/x", headers=mine)
            send(f"{own.url}/x", headers=told)
    assert mine["Baggage"] == "mine=1"
    for mine_sent, told_sent in zip(own.ledger[::2], own.ledger[1::2], strict=True):
        assert mine_sent.headers["traceparent"] == mine["traceparent"]
        assert mine_sent.headers["baggage"] == f"mine=1,{told['baggage']}"
        assert mine_sent.raw.lower().count(b"baggage:") == mine_sent.raw.lower().count(b"traceparent:") == 1
        assert {name: told_sent.headers[name] for name in told} == told


def test_a_run_that_is_continued_elsewhere_is_recorded(servers: Any) -> None:
    """Though it makes no call itself: the other service's work hangs below it."""
    from llmobserve.middleware.wsgi import LLMObserveMiddleware
    from web.test_wsgi import Started, environ_of

    own, _ = servers

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/calls":
            httpx2.get(f"{own.url}/x")
        start_response("200 OK", [])
        return [b"a"]

    with testing.captured(propagate_to=[own.netloc]) as captured:
        for path in ("/silent", "/calls"):
            LLMObserveMiddleware(app, route=lambda environ: environ["PATH_INFO"])(environ_of(path), Started())
        spans = captured.spans
    assert [span.name for span in spans] == ["GET /calls"]
    assert own.ledger[0].headers["traceparent"].split("-")[2] == spans[0].context.span_id


def test_the_hook_of_aiohttp_is_there_only_while_a_host_is_named(servers: Any) -> None:
    own, _ = servers
    bare = aiohttp.ClientRequest.__dict__["send"]
    with testing.captured():
        assert aiohttp.ClientRequest.__dict__["send"] is bare
    with testing.captured(propagate_to=[own.netloc]):
        hook = aiohttp.ClientRequest.__dict__["send"]
        assert hook is not bare
        assert inspect.signature(hook) == inspect.signature(bare)
    assert aiohttp.ClientRequest.__dict__["send"] is bare


@pytest.mark.parametrize("wrong", ["https://a.test", "user:password@a.test", ["a.test/x"], ["*.a.test"], [7], 7])
def test_places_that_cannot_be_used(wrong: Any) -> None:
    with pytest.raises(SettingError, match="names of hosts such as") as raised:
        load({"propagate_to": wrong}, {})
    assert "password" not in str(raised.value)
    assert load({}, {"LLMOBSERVE_PROPAGATE_TO": "B.test:1, a.test"}).propagate_to == ("a.test", "b.test:1")
