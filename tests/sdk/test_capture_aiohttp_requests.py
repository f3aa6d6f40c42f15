"""Requests made with aiohttp: bodies of every kind, errors, retries, redirects, proxies, tracers and nesting."""

import asyncio
import gc
import inspect
import io
import pickle
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx_aiohttp
import pytest
from aiohttp import web
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import observed
from loopback.server import Answer, Loopback, Received, event_stream, json_answer
from loopback.twice import twice

from llmobserve import capture, context, labels, run
from llmobserve.capture.patching import MARKER
from llmobserve.settings import load
from llmobserve.wire import CallEvent

PROMPT: Any = [{"role": "user", "content": "Hello äöü 🙂"}]
ASKED: Any = {"model": "gpt-4o-mini", "messages": PROMPT}
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
CHAT, TRANSCRIBE = "/v1/chat/completions", "/v1/audio/transcriptions"
ANSWER = json_answer(chat_completion())
TRANSCRIPT = json_answer({"text": "hi", "usage": {"type": "duration", "seconds": 3}})
LIMITED = json_answer(
    {"error": {"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}}, status=429
)


def sent(path: str, make: Callable[[], dict[str, Any]], **session: Any) -> Callable[[str], Awaitable[Any]]:
    """A POST with the arguments that `make` makes anew for every run; the application reads all."""

    async def scenario(url: str) -> Any:
        async with (
            aiohttp.ClientSession(**session) as client,
            client.post(f"{url}{path}", **make()) as response,
        ):
            return response.status, await response.read()

    return scenario


async def pieces() -> AsyncIterator[bytes]:
    yield b'{"model": "gpt-4o-mini", '
    await asyncio.sleep(0)
    yield b'"messages": []}'


def form(**files: Any) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("model", "whisper-1")
    for name, value in files.items():
        data.add_field(name, value, filename=f"{name}.wav", content_type="audio/wav")
    return data


def fixed_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boundaries of forms are random in every run."""
    plain = aiohttp.MultipartWriter.__init__

    def with_boundary(self: Any, subtype: str = "mixed", boundary: str | None = None) -> None:
        plain(self, subtype, boundary or "BOUNDARY")

    monkeypatch.setattr(aiohttp.MultipartWriter, "__init__", with_boundary)


@pytest.mark.parametrize(
    ("make", "model"),
    [
        (lambda: {"json": ASKED}, "gpt-4o-mini"),
        (lambda: {"json": ASKED, "headers": {"Content-Type": "application/json; charset=utf-8"}}, "gpt-4o-mini"),
        (lambda: {"data": b'{"model": "m-1"}', "headers": [("X-Own", "1")]}, "m-1"),
        (lambda: {"data": bytearray(b'{"model": "m-1"}')}, "m-1"),
        (lambda: {"data": '{"model": "m-1"}'}, "m-1"),
        (lambda: {"data": aiohttp.JsonPayload(ASKED)}, "gpt-4o-mini"),
        (lambda: {"data": b'{"model": "m-1"}', "compress": "deflate"}, "m-1"),
        (lambda: {"data": pieces()}, None),
        (lambda: {"data": io.BytesIO(b'{"model": "m-1"}')}, None),
    ],
    ids=["json", "json+type", "bytes", "bytearray", "text", "payload", "compressed", "generator", "file"],
)
def test_body_is_read_and_sent_unchanged(make: Callable[[], dict[str, Any]], model: str | None) -> None:
    call = twice(sent(CHAT, make), ANSWER).one
    assert (call.request_model, dict(call.usage.units)) == (model, EXACT)


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"data": {"model": "whisper-1", "file": io.BytesIO(b"RIFF" + bytes(300))}},
        lambda: {"data": form(file=b"RIFF" + bytes(300))},
        lambda: {"data": form(file=io.BytesIO(b"RIFF"))},
        lambda: {"data": {"model": "whisper-1"}},
        lambda: {"data": [("model", "whisper-1")]},
        lambda: {"data": form()},
    ],
    ids=["dict with file", "form with bytes", "form with file", "dict", "pairs", "form"],
)
def test_form_is_read_and_sent_unchanged(make: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_boundary(monkeypatch)
    call = twice(sent(TRANSCRIBE, make), TRANSCRIPT).one
    assert (call.request_model, call.operation) == ("whisper-1", "audio.transcriptions")
    assert call.usage.source == "response"


def test_file_on_disk_is_uploaded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_boundary(monkeypatch)
    (tmp_path / "a.wav").write_bytes(b"RIFF" + bytes(range(256)) * 4000)

    async def scenario(url: str) -> bytes:
        with (tmp_path / "a.wav").open("rb") as file:
            async with (
                aiohttp.ClientSession() as client,
                client.post(f"{url}{TRANSCRIBE}", data={"model": "whisper-1", "file": file}) as response,
            ):
                return await response.read()

    assert twice(scenario, TRANSCRIPT).one.request_model == "whisper-1"


def test_body_is_that_of_the_moment_of_sending() -> None:
    """Applications append to the list of messages, and use the dict again."""

    async def scenario(url: str) -> None:
        asked = {"model": "first", "messages": [*PROMPT]}
        async with aiohttp.ClientSession(base_url=f"{url}/v1/") as client:
            async with client.post("chat/completions", json=asked) as response:
                asked["model"] = "second"
                await response.read()
            async with client.post("chat/completions", json=asked) as response:
                await response.read()

    assert [call.request_model for call in twice(scenario, ANSWER).calls] == ["first", "second"]


def test_own_serialiser_and_what_it_refuses() -> None:
    async def scenario(url: str) -> Any:
        async with (
            aiohttp.ClientSession(json_serialize=lambda value: '{"model": "own"}') as client,
            client.post(f"{url}{CHAT}", json=object()) as response,
        ):
            return await response.read()

    assert twice(scenario, ANSWER).one.request_model == "own"
    refused = twice(sent(CHAT, lambda: {"json": object()}), ANSWER)
    assert refused.calls == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"params": {"x": "1"}},
        lambda: {"headers": {"Authorization": "Bearer sk-1"}, "json": ASKED, "data": b"both"},
        lambda: {"json": ASKED, "unknown": 1},
    ],
)
def test_arguments_that_aiohttp_judges(make: Callable[[], dict[str, Any]]) -> None:
    twice(sent(CHAT, make), ANSWER)


@pytest.mark.parametrize("target", ["//", "http://", "/relative", "nothing://x", 7], ids=str)
def test_addresses_that_aiohttp_refuses(target: Any) -> None:
    async def scenario(_: str) -> Any:
        async with aiohttp.ClientSession() as client:
            return await client.post(target)

    assert twice(scenario, ANSWER).calls == []


def test_query_comes_from_the_address_and_the_parameters() -> None:
    answer = json_answer({"metadata": {"request_id": "r", "duration": 12.5, "models": []}, "results": {}})
    make = lambda: {"params": {"model": "nova-3"}, "data": b"RIFF"}  # noqa: E731
    call = twice(sent("/v1/listen?language=en", make), answer, provider="deepgram").one
    assert (call.request_model, call.provider) == ("nova-3", "deepgram")


def test_error_status() -> None:
    call = twice(sent(CHAT, lambda: {"json": ASKED}), LIMITED).one
    assert call.error is not None
    assert (call.status, call.http_status) == ("error", 429)
    assert (call.error.type, call.error.message) == ("tokens", "Rate limit reached")
    assert dict(call.usage.units) == {}


@pytest.mark.parametrize("where", ["session", "request", "after", "after, in with"])
def test_error_status_that_raises(where: str) -> None:
    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession(raise_for_status=where == "session") as client:
            options: Any = {"raise_for_status": True} if where == "request" else {}
            response = await client.post(f"{url}{CHAT}", json=ASKED, **options)
            if where == "after":
                response.raise_for_status()
            async with response:
                response.raise_for_status()

    call = twice(scenario, LIMITED).one
    assert call.error is not None
    assert (call.status, call.http_status, call.error.type) == ("error", 429, "http_429")


def test_own_check_of_the_status_that_reads_the_body() -> None:
    async def look(response: aiohttp.ClientResponse) -> None:
        await response.read()

    call = twice(sent(CHAT, lambda: {"json": ASKED, "raise_for_status": look}), ANSWER).one
    assert dict(call.usage.units) == EXACT


def test_retries_are_attempts_of_one_call() -> None:
    async def scenario(url: str) -> list[int]:
        statuses: list[int] = []
        async with aiohttp.ClientSession() as client:
            for model in ("same", "same", "same", "other"):
                async with client.post(f"{url}{CHAT}", json={"model": model, "messages": PROMPT}) as response:
                    statuses.append(response.status)
                    await response.read()
        return statuses

    calls = twice(scenario, LIMITED, LIMITED, ANSWER).calls
    assert [call.attempt for call in calls] == [0, 1, 2, 0]
    assert [call.status for call in calls] == ["error", "error", "ok", "ok"]
    assert len({call.logical_call_id for call in calls[:3]}) == 1
    assert calls[3].logical_call_id is None
    assert [bool(call.usage.units) for call in calls] == [False, False, True, True]


def test_redirect_is_inside_the_call() -> None:
    moved = Answer(status=307, headers={"location": f"{CHAT}?leg=2"})
    call = twice(sent(CHAT, lambda: {"json": ASKED}), moved, ANSWER).one
    assert (call.status, call.http_status, dict(call.usage.units)) == ("ok", 200, EXACT)


def test_redirect_that_the_application_follows_itself() -> None:
    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession() as client:
            async with client.post(f"{url}{CHAT}", json=ASKED, allow_redirects=False) as response:
                target = response.headers["location"]
            async with client.post(f"{url}{target}", json=ASKED) as response:
                return await response.json()

    moved = Answer(status=308, headers={"location": CHAT})
    assert twice(scenario, moved, ANSWER).one.http_status == 200


def test_endless_redirects_are_an_error() -> None:
    moved = Answer(status=307, headers={"location": CHAT})
    call = twice(sent(CHAT, lambda: {"json": ASKED}), moved).one
    assert call.error is not None
    assert (call.status, call.error.type) == ("error", "TooManyRedirects")


def test_call_through_a_proxy_is_that_of_its_target() -> None:
    async def scenario(url: str) -> Any:
        async with (
            aiohttp.ClientSession(proxy=url) as client,
            client.post("http://API.OpenAI.com:80/v1/chat/completions", json=ASKED) as response,
        ):
            return await response.json()

    call = twice(scenario, ANSWER, provider="anthropic").one
    assert (call.provider, call.host, dict(call.usage.units)) == ("openai", "api.openai.com", EXACT)


@pytest.mark.parametrize("reads", [False, True], ids=["looks on", "reads the body"])
def test_tracer_sees_the_same(reads: bool) -> None:
    async def scenario(url: str) -> Any:
        seen: list[str] = []
        config = aiohttp.TraceConfig()

        def note(name: str) -> Any:
            async def on_signal(session: Any, ctx: Any, params: Any) -> None:
                seen.append(f"{name} {type(params).__name__} {getattr(params, 'chunk', b'')!r}")
                if reads and name == "on_request_end":
                    seen.append(await params.response.text())

            return on_signal

        for name in ("on_request_start", "on_request_chunk_sent", "on_response_chunk_received", "on_request_end"):
            getattr(config, name).append(note(name))
        async with (
            aiohttp.ClientSession(trace_configs=[config]) as client,
            client.post(f"{url}{CHAT}", json=ASKED) as response,
        ):
            return await response.json(), seen

    assert dict(twice(scenario, json_answer(chat_completion(), gzipped=True)).one.usage.units) == EXACT


def test_middleware_that_tries_again_is_one_call() -> None:
    async def again(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        if response.status == 429:
            response.release()
            response = await handler(request)
        return response

    call = twice(sent(CHAT, lambda: {"json": ASKED}, middlewares=(again,)), LIMITED, ANSWER).one
    assert (call.status, dict(call.usage.units)) == ("ok", EXACT)


def test_call_made_by_the_body_of_another_is_recorded_too() -> None:
    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession() as client:

            async def spoken() -> AsyncIterator[bytes]:
                async with client.post(f"{url}{CHAT}", json=ASKED) as response:
                    yield await response.read()

            async with client.post(f"{url}/v1/audio/speech", data=spoken()) as response:
                return await response.read()

    def answer(request: Received) -> Answer:
        return ANSWER if request.target == CHAT else Answer(headers={"content-type": "audio/mpeg"}, body=b"MP3")

    with Loopback(answer) as server, observed(server) as recorded:
        assert asyncio.run(scenario(server.url)) == b"MP3"
    assert {call.operation for call in recorded.calls} == {"chat.completions", "audio.speech"}
    assert len(recorded.calls) == 2


def test_call_made_by_a_middleware_is_recorded_too() -> None:
    async def ask_first(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.path != CHAT:
            async with request.session.post(request.url.with_path(CHAT), json=ASKED) as response:
                await response.read()
        return await handler(request)

    scenario = sent("/v1/audio/speech", lambda: {"json": {"model": "tts-1", "input": "Hi"}}, middlewares=(ask_first,))
    calls = twice(scenario, ANSWER, Answer(headers={"content-type": "audio/mpeg"}, body=b"MP3")).calls
    assert [call.operation for call in calls] == ["chat.completions", "audio.speech"]


def test_every_task_has_its_own_context() -> None:
    def answer(request: Received) -> Answer:
        asked = int(request.json["messages"][0]["content"])
        usage = {"prompt_tokens": asked, "completion_tokens": 1, "total_tokens": asked + 1}
        if asked % 2:
            return json_answer(chat_completion(usage=usage))
        return event_stream(chat_chunks("a ", "b ", usage=usage), pause_s=0.005)

    async def one(client: aiohttp.ClientSession, url: str, number: int) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": str(number)}]}
        with run("batch"), labels.customer(f"customer-{number}"):
            response = await client.post(f"{url}{CHAT}", json=body)
        # What is current while the body is read is not that of the call.
        with labels.customer("somebody else"):
            async with response:
                await response.read()

    async def scenario(url: str) -> None:
        async with aiohttp.ClientSession() as client:
            await asyncio.gather(*(one(client, url, number) for number in range(1, 21)))

    with Loopback(answer) as server, observed(server) as recorded:
        asyncio.run(scenario(server.url))
    found = {call.context.customer_id: call.usage.units["input_text_tokens"] for call in recorded.calls}
    assert found == {f"customer-{number}": number for number in range(1, 21)}
    assert len({call.event_id for call in recorded.calls}) == 20
    assert len({call.context.trace_id for call in recorded.calls}) == 20


def test_suppressed_and_unknown_calls_are_not_followed() -> None:
    async def scenario(url: str, other: str) -> None:
        async with aiohttp.ClientSession() as client:
            with context.suppress():
                await (await client.post(f"{url}{CHAT}", json=ASKED)).read()
            await (await client.get(f"{url}/v1/models")).read()
            await (await client.post(f"{other}/v1/orders", json=ASKED)).read()

    with Loopback(ANSWER) as server, Loopback(ANSWER) as other, observed(server) as recorded:
        asyncio.run(scenario(server.url, other.url))
    assert recorded.calls == []


def test_opening_of_a_websocket_is_no_call() -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        if "refused" in request.path:
            return web.json_response({"error": "no"}, status=403)
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        async for message in opened:
            await opened.send_str(message.data)
        return opened

    async def scenario(port: int) -> None:
        app = web.Application()
        app.router.add_get("/v1/responses/{id}", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{port}/v1/responses"
        async with aiohttp.ClientSession() as client:
            async with client.ws_connect(f"{url}/open") as opened:
                await opened.send_str("hello")
                assert await opened.receive_str() == "hello"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect(f"{url}/refused")
        await runner.cleanup()

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Loopback(ANSWER) as server, observed(server) as recorded:
        capture.install(sink=recorded.take, settings=load({"hosts": {f"127.0.0.1:{port}": "openai"}}, {}))
        asyncio.run(scenario(port))
    assert recorded.calls == []


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_bridge_under_httpx_is_seen_once(stream: bool) -> None:
    """As litellm sends asynchronous calls."""

    async def scenario(url: str) -> Any:
        async with httpx_aiohttp.HttpxAiohttpClient() as client:
            assert isinstance(client, httpx.AsyncClient)
            async with client.stream("POST", f"{url}{CHAT}", json=ASKED) as response:
                return "".join([text async for text in response.aiter_text()]) if stream else await response.aread()

    answer = event_stream(chat_chunks("a ", usage=CHAT_USAGE), gzipped=True) if stream else ANSWER
    call = twice(scenario, answer).one
    assert (call.transport, call.stream, dict(call.usage.units)) == ("httpx", stream, EXACT)


HOOKED = [
    (aiohttp.ClientSession, "_request"),
    (aiohttp.ClientResponse, "release"),
    (aiohttp.ClientResponse, "close"),
    (aiohttp.StreamReader, "_read_nowait_chunk"),
    (aiohttp.StreamReader, "set_exception"),
]


@pytest.mark.parametrize(("owner", "name"), HOOKED, ids=lambda value: getattr(value, "__name__", value))
def test_hooked_methods_stay_what_they_are(owner: type, name: str) -> None:
    bare = owner.__dict__[name]
    with Loopback(ANSWER) as server, observed(server):
        hooked = owner.__dict__[name]
        assert getattr(hooked, MARKER) is True
        # google-genai asks for the parameters of `_request`.
        assert inspect.signature(hooked) == inspect.signature(bare)
        assert inspect.iscoroutinefunction(hooked) == inspect.iscoroutinefunction(bare)
        assert pickle.loads(pickle.dumps(hooked)) is hooked
        assert {(h.target, h.state) for h in capture.health() if h.library == "aiohttp"} >= {
            (f"{one.__name__}.{method}", "active") for one, method in HOOKED
        }
    assert owner.__dict__[name] is bare


def test_moved_hook_target_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def moved(self: Any, verb: str, address: str) -> None: ...

    monkeypatch.setattr(aiohttp.ClientSession, "_request", moved)
    with Loopback(ANSWER) as server, observed(server):
        states = {h.target: h.state for h in capture.health() if h.library == "aiohttp"}
        assert states["ClientSession._request"] == "missing"
        assert aiohttp.ClientSession._request is moved


def test_nothing_is_kept_of_calls_that_are_over() -> None:
    async def scenario(url: str) -> None:
        async with aiohttp.ClientSession() as client:
            for number in range(30):
                async with client.post(f"{url}{CHAT}", json=ASKED) as response:
                    if number % 3:
                        await response.read()

    with Loopback(ANSWER) as server, observed(server) as recorded:
        asyncio.run(scenario(server.url))
        gc.collect()
        tees = [one for one in gc.get_objects() if type(one).__name__ == "_Tee"]
        assert [tee for tee in tees if type(tee).__module__ == "llmobserve.capture.aiohttp_hooks"] == []
        kept: list[CallEvent] = recorded.calls
        assert len(kept) == 30
