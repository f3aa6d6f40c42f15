"""Everything that httpx and httpx2 can be told to send through: HTTP/2, own transports, ASGI, each other."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import httpx2
import openai
import pytest
from loopback.h2_server import H2Loopback
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import observed
from loopback.server import Answer, Loopback, Received, event_stream, json_answer
from loopback.twice import twice

from llmobserve import labels, section
from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent

CHAT = "/v1/chat/completions"
PROMPT: Any = [{"role": "user", "content": "Hello"}]
ASKED: Any = {"model": "gpt-4o-mini", "messages": PROMPT}
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
# gpt-4o-mini, a million tokens: input 0.15, cached 0.075, output 0.60. 56 x 0.15 + 64 x 0.075 + 30 x 0.60 = 31.2.
USD = Decimal("0.0000312")
CHUNKS = chat_chunks("alpha ", "beta ", usage=CHAT_USAGE)
ANSWER = json_answer(chat_completion())
FAMILY = pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
ANSWERS = pytest.mark.parametrize(
    "answer",
    [
        json_answer(chat_completion()),
        json_answer(chat_completion(), gzipped=True),
        event_stream(CHUNKS),
        event_stream(CHUNKS, gzipped=True),
    ],
    ids=["json", "json gzip", "stream", "stream gzip"],
)


def assert_exact(call: CallEvent, module: ModuleType, *, stream: bool) -> None:
    assert (call.status, call.usage.source, dict(call.usage.units)) == ("ok", "response", EXACT)
    assert (call.transport, call.stream, call.request_model) == (module.__name__, stream, "gpt-4o-mini")
    assert price_event(call).usd == USD


@FAMILY
@ANSWERS
def test_http2(module: ModuleType, answer: Answer) -> None:
    with H2Loopback(answer) as server, module.Client(http1=False, http2=True) as client:
        bare = client.post(f"{server.url}{CHAT}", json=ASKED)
        with observed(server) as recorded:
            watched = client.post(f"{server.url}{CHAT}", json=ASKED)
        assert (watched.http_version, watched.content) == ("HTTP/2", bare.content)
        assert server.bodies[0] == server.bodies[1]
    assert_exact(recorded.one, module, stream=answer.chunks is not None)


@FAMILY
@pytest.mark.parametrize("abort", [False, True], ids=["left early", "reset"])
def test_http2_that_does_not_end_well(module: ModuleType, abort: bool) -> None:
    async def use(url: str) -> None:
        async with (
            module.AsyncClient(http1=False, http2=True) as client,
            client.stream("POST", f"{url}{CHAT}", json=ASKED) as response,
        ):
            async for _ in response.aiter_lines():
                if not abort:
                    break

    with H2Loopback(event_stream(CHUNKS[:2], abort=abort)) as server, observed(server) as recorded:
        if abort:
            with pytest.raises(module.RemoteProtocolError):
                asyncio.run(use(server.url))
        else:
            asyncio.run(use(server.url))
    call = recorded.one
    assert (call.status, call.usage.source) == ("error" if abort else "cancelled", "estimated")
    assert (call.error is not None) is abort


def test_many_streams_of_one_http2_connection() -> None:
    async def use(url: str) -> None:
        async with httpx2.AsyncClient(http1=False, http2=True) as client:

            async def one(number: int) -> None:
                with labels.customer(f"customer-{number}"):
                    assert (await client.post(f"{url}{CHAT}", json=ASKED)).http_version == "HTTP/2"

            await asyncio.gather(*(one(number) for number in range(20)))

    with H2Loopback(event_stream(CHUNKS)) as server, observed(server) as recorded:
        asyncio.run(use(server.url))
    assert {call.context.customer_id for call in recorded.calls} == {f"customer-{n}" for n in range(20)}
    assert len({call.event_id for call in recorded.calls}) == len(recorded.calls) == 20


@FAMILY
@pytest.mark.parametrize("number", [20])
def test_every_task_has_its_own_context(module: ModuleType, number: int) -> None:
    async def use(url: str) -> None:
        async with module.AsyncClient() as client:

            async def one(task: int) -> None:
                with section(f"step:{task}"), labels.customer(f"customer-{task}"):
                    request = client.build_request("POST", f"{url}{CHAT}", json=ASKED)
                    response = await client.send(request, stream=True)
                with labels.customer("somebody else"):
                    await response.aread()

            await asyncio.gather(*(one(task) for task in range(number)))

    with Loopback(event_stream(CHUNKS, pause_s=0.002)) as server, observed(server) as recorded:
        asyncio.run(use(server.url))
    assert sorted(call.context.customer_id or "" for call in recorded.calls) == sorted(
        f"customer-{task}" for task in range(number)
    )
    for call in recorded.calls:
        task = (call.context.customer_id or "").removeprefix("customer-")
        assert call.context.section_path is not None
        assert call.context.section_path.endswith(f"step:{task}")


@FAMILY
def test_own_transport_around_the_usual_one_is_one_call(module: ModuleType) -> None:
    """As replicate and pinecone do: what they try again is inside."""

    class Again(module.BaseTransport):
        def __init__(self) -> None:
            self._inner = module.HTTPTransport()

        def handle_request(self, request: Any) -> Any:
            while (response := self._inner.handle_request(request)).status_code == 503:
                response.close()
            return response

        def close(self) -> None:
            self._inner.close()

    def busy_twice(request: Received) -> Answer:
        tries.append(request.target)
        return json_answer({"error": {"message": "busy"}}, status=503) if len(tries) % 3 else ANSWER

    tries: list[str] = []
    with Loopback(busy_twice) as server, observed(server) as recorded:
        with module.Client(transport=Again()) as client:
            assert client.post(f"{server.url}{CHAT}", json=ASKED).status_code == 200
        assert [(call.status, call.transport) for call in recorded.calls] == [("ok", module.__name__)]
        # Without a client every try is seen at the transport that makes it.
        with Again() as transport:
            response = transport.handle_request(module.Request("POST", f"{server.url}{CHAT}", json=ASKED))
            response.read()
            response.close()
        assert [(call.status, call.attempt) for call in recorded.calls[1:]] == [("error", 0), ("error", 1), ("ok", 2)]


@FAMILY
def test_mounted_transport(module: ModuleType) -> None:
    with Loopback(ANSWER) as server, observed(server) as recorded:
        with module.Client(mounts={"http://": module.HTTPTransport(retries=1)}) as client:
            client.post(f"{server.url}{CHAT}", json=ASKED)
        assert_exact(recorded.one, module, stream=False)


@FAMILY
def test_asynchronous_transport_without_a_client(module: ModuleType) -> None:
    async def use(url: str) -> bytes:
        async with module.AsyncHTTPTransport() as transport:
            request = module.Request("POST", f"{url}{CHAT}", json=ASKED)
            response = await transport.handle_async_request(request)
            body = await response.aread()
            await response.aclose()
            return body

    assert_exact(twice(use, event_stream(CHUNKS)).one, module, stream=True)


@FAMILY
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_mock_transport(module: ModuleType, is_async: bool, stream: bool) -> None:
    def answer(request: Any) -> Any:
        if stream:
            body = _later(CHUNKS) if is_async else iter(CHUNKS)
            return module.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        return module.Response(200, json=chat_completion())

    async def use(url: str) -> None:
        async with module.AsyncClient(transport=module.MockTransport(answer)) as client:
            assert (await client.post(f"{url}{CHAT}", json=ASKED)).status_code == 200

    with Loopback(Answer()) as server, observed(server) as recorded:
        if is_async:
            asyncio.run(use(server.url))
        else:
            with module.Client(transport=module.MockTransport(answer)) as client:
                client.post(f"{server.url}{CHAT}", json=ASKED)
    assert_exact(recorded.one, module, stream=stream)


async def _later(pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


async def provider_app(scope: Any, receive: Any, send: Any) -> None:
    """A provider in this process, as ASGI application."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for chunk in CHUNKS:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@FAMILY
def test_asgi_transport(module: ModuleType) -> None:
    async def use(url: str) -> bytes:
        async with module.AsyncClient(transport=module.ASGITransport(app=provider_app)) as client:
            return (await client.post(f"{url}{CHAT}", json=ASKED)).content

    assert_exact(twice(use, Answer()).one, module, stream=True)


@FAMILY
def test_application_under_test_whose_calls_count(module: ModuleType) -> None:
    """The request to the application in this process is no call; the one that it makes is."""

    async def use(url: str) -> Any:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as client:
                await client.chat.completions.create(**ASKED)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async with module.AsyncClient(transport=module.ASGITransport(app=application)) as client:
            return (await client.post("http://application.test/v1/chat/completions")).status_code

    assert_exact(twice(use, ANSWER).one, httpx2, stream=False)


@FAMILY
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_response_hook_of_a_client_reads_first(module: ModuleType, stream: bool) -> None:
    seen: list[int] = []

    def look(response: Any) -> None:
        seen.append(len(response.read()))

    answer = event_stream(CHUNKS) if stream else ANSWER
    with Loopback(answer) as server, observed(server) as recorded:
        with module.Client(event_hooks={"response": [look]}) as client:
            assert len(client.post(f"{server.url}{CHAT}", json=ASKED).content) == seen[0]
        assert_exact(recorded.one, module, stream=stream)


@FAMILY
@pytest.mark.parametrize("kind", ["generator", "file", "form"])
def test_body_is_sent_and_not_consumed(module: ModuleType, kind: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"model": '
        yield b'"gpt-4o-mini"}'

    with Loopback(json_answer({"text": "hi", "usage": {"type": "duration", "seconds": 3}})) as server:
        with module.Client() as client, observed(server) as recorded:
            url = f"{server.url}/v1/audio/transcriptions"
            if kind == "generator":
                client.post(url, content=pieces())
            else:
                fields = {"files": {"file": ("a.wav", b"RIFF" * 100)}} if kind == "file" else {}
                client.post(url, data={"model": "whisper-1"}, **fields)
        body = server.ledger[0].body
    assert (b'"gpt-4o-mini"' if kind == "generator" else b"whisper-1") in body
    assert (b"RIFF" * 100 in body) is (kind == "file")
    # A generator can be read once, and sending it does.
    assert recorded.one.request_model == (None if kind == "generator" else "whisper-1")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_openai_with_a_client_of_the_older_library(is_async: bool, stream: bool) -> None:
    async def use(url: str) -> Any:
        if not is_async:
            legacy: Any = httpx.Client()
            with openai.OpenAI(api_key="k", base_url=f"{url}/v1", http_client=legacy) as client:
                made = client.chat.completions.create(**ASKED, stream=stream)
                return list(made) if stream else made
        legacy = httpx.AsyncClient()
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", http_client=legacy) as client:
            made: Any = await client.chat.completions.create(**ASKED, stream=stream)
            return [chunk async for chunk in made] if stream else made

    answer = event_stream(CHUNKS, gzipped=True) if stream else json_answer(chat_completion(), gzipped=True)
    assert_exact(twice(use, answer).one, httpx, stream=stream)


_FRESH = """
import asyncio, importlib.abc, json, sys
sys.path.insert(0, TESTS)

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from loopback.openai_bodies import chat_chunks, chat_completion, CHAT_USAGE
from loopback.rig import observed
from loopback.server import Loopback, event_stream, json_answer

def answer(request):
    if request.json.get("stream"):
        return event_stream(chat_chunks("a ", usage=CHAT_USAGE), gzipped=True)
    return json_answer(chat_completion(), gzipped=True)

async def main(server):
    SETUP
    async with openai.AsyncOpenAI(api_key="k", base_url=server.url + "/v1") as client:
        asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
        await client.chat.completions.create(**asked)
        async for _ in await client.chat.completions.create(**asked, stream=True):
            pass

with Loopback(answer) as server, observed(server) as recorded:
    asyncio.run(main(server))
found = [(call.transport, call.status, dict(call.usage.units)["output_text_tokens"]) for call in recorded.calls]
print(json.dumps(found), [name for name in BLOCKED if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("blocked", "setup"),
    [
        ((), "import openai"),
        (("aiohttp", "httpx_aiohttp"), "import openai"),
        (("httpx", "aiohttp"), "import openai"),
        ((), "import httpx2; httpx2.alias_httpx(); import httpx, openai; assert httpx is httpx2"),
    ],
    ids=["all installed", "without aiohttp", "without httpx", "aliased"],
)
def test_openai_in_a_fresh_process(blocked: tuple[str, ...], setup: str) -> None:
    code = _FRESH.replace("TESTS", repr(str(Path(__file__).resolve().parents[1]))).replace("BLOCKED", repr(blocked))
    done = subprocess.run(
        [sys.executable, "-c", code.replace("SETUP", setup)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == '[["httpx2", "ok", 30], ["httpx2", "ok", 30]] []', done.stderr
