"""The application and the provider see the same with and without observation."""

import asyncio
import copy
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import httpx2
import openai
import pytest
from anthropic.resources import Messages
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import observed
from loopback.server import Answer, Loopback, event_stream, json_answer
from openai.resources.chat import Completions

from llmobserve import capture, context, labels
from llmobserve.capture.patching import MARKER

PROMPT: Any = [{"role": "user", "content": "Hello äöü 🙂"}]
FAMILY = pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])


def _chat(client: Any, stream: bool = False) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=stream)
    if stream:
        list(answer)


def _sync_openai(url: str, port: int, stream: bool) -> None:
    with openai.OpenAI(api_key="sk-test", base_url=f"{url}/v1") as client:
        _chat(client, stream)


def _legacy_openai(url: str, port: int, stream: bool) -> None:
    legacy: Any = httpx.Client()
    with legacy:
        _chat(openai.OpenAI(api_key="sk-test", base_url=f"{url}/v1", http_client=legacy), stream)


def _async_openai(url: str, port: int, stream: bool) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{url}/v1") as client:
            answer: Any = await client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=stream)
            if stream:
                async for _ in answer:
                    pass

    asyncio.run(run())


def _plain(module: ModuleType) -> Callable[[str, int, bool], None]:
    def send(url: str, port: int, stream: bool) -> None:
        body = {"model": "m", "messages": PROMPT, "stream": stream}
        with module.Client() as client:
            if not stream:
                client.post(f"{url}/v1/chat/completions?x=1", json=body, headers={"X-Own": "1"})
                return
            with client.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
                b"".join(response.iter_raw())

    return send


def _upload(url: str, port: int, stream: bool) -> None:
    with openai.OpenAI(api_key="sk-test", base_url=f"{url}/v1") as client:
        client.audio.transcriptions.create(file=("a.wav", b"RIFF" + bytes(range(256)) * 40), model="whisper-1")


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    "send",
    [_sync_openai, _legacy_openai, _async_openai, _plain(httpx), _plain(httpx2), _upload],
    ids=["openai", "openai-legacy", "openai-async", "httpx", "httpx2", "upload"],
)
def test_request_bytes_are_the_same(send: Callable[[str, int, bool], None], stream: bool) -> None:
    def answer(request: Any) -> Answer:
        if "transcriptions" in request.target:
            return json_answer({"text": "hi", "usage": {"type": "duration", "seconds": 3}})
        if b'"stream":true' in request.body or b'"stream": true' in request.body:
            return event_stream(chat_chunks("a", "b", usage=CHAT_USAGE))
        return json_answer(chat_completion())

    def steady(raw: bytes) -> bytes:
        """Boundaries and idempotency keys are random in every run."""
        raw = re.sub(rb"(?i)(idempotency-key: )[^\r]+", rb"\1X", raw)
        boundary = re.search(rb"boundary=([0-9a-f]+)", raw)
        return raw.replace(boundary[1], b"B") if boundary else raw

    with Loopback(answer) as server:
        send(server.url, server.port, stream)
        with observed(server) as recorded:
            send(server.url, server.port, stream)
        bare, watched = (steady(received.raw) for received in server.ledger)
        assert watched == bare
        assert recorded.one.usage.units


@FAMILY
def test_response_is_the_modules_own(module: ModuleType) -> None:
    body = chat_chunks("a", "b", usage=CHAT_USAGE)
    with Loopback(event_stream(body, gzipped=True)) as server, observed(server) as recorded:
        with module.Client() as client, client.stream("POST", f"{server.url}/v1/chat/completions") as response:
            assert type(response) is module.Response
            assert isinstance(response.stream, module.SyncByteStream)
            assert not isinstance(response.stream, module.AsyncByteStream)
            assert response.read() == b"".join(body)
            assert response.num_bytes_downloaded > 0
        assert response.elapsed.total_seconds() > 0
        assert recorded.one.transport == module.__name__
        clone = pickle.loads(pickle.dumps(response))
        assert clone.content == response.content
        assert copy.copy(response).status_code == 200


@FAMILY
def test_patched_methods_stay_functions(module: ModuleType) -> None:
    for owner, name in (
        (module.Client, "_send_single_request"),
        (module.AsyncClient, "_send_single_request"),
        (module.HTTPTransport, "handle_request"),
        (module.AsyncHTTPTransport, "handle_async_request"),
    ):
        bare = owner.__dict__[name]
        with Loopback(Answer()) as server, observed(server):
            patched = owner.__dict__[name]
            assert patched is not bare
            assert getattr(patched, MARKER) is True
            assert inspect.isfunction(patched)
            assert inspect.signature(patched) == inspect.signature(bare)
            assert inspect.iscoroutinefunction(patched) == inspect.iscoroutinefunction(bare)
            assert pickle.loads(pickle.dumps(patched)) is patched
            assert copy.deepcopy(patched) is patched
        assert owner.__dict__[name] is bare


def test_streams_of_the_clients_are_their_own() -> None:
    with Loopback(event_stream(chat_chunks("a"))) as server, observed(server):
        with openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
            stream = client.chat.completions.create(model="m", messages=PROMPT, stream=True)
            assert type(stream) is openai.Stream
            stream.close()
        pickle.dumps(Completions.create)
        copy.deepcopy(Completions.create)
        copy.deepcopy(Messages.create)


def test_subclass_that_calls_super() -> None:
    seen: list[int] = []

    class Own(httpx2.Client):
        def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            response = super().send(request, **options)
            seen.append(response.status_code)
            return response

    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded, Own() as client:
        client.post(f"{server.url}/v1/chat/completions", json={"model": "m"})
        assert seen == [200]
        assert recorded.one.status == "ok"


def test_client_and_alias_made_before() -> None:
    with Loopback(json_answer(chat_completion())) as server:
        client = openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1")
        create = client.chat.completions.create
        with client, observed(server) as recorded:
            _chat(client)
            create(model="gpt-4o-mini", messages=PROMPT)
            assert len(recorded.calls) == 2


def test_transport_without_a_client_is_seen_once() -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        with httpx.HTTPTransport() as transport:
            request = httpx.Request("POST", f"{server.url}/v1/chat/completions", json={"model": "m"})
            response = transport.handle_request(request)
            assert response.read()
            response.close()
        assert recorded.one.request_model == "m"


def test_in_memory_transport_is_seen() -> None:
    with Loopback(Answer()) as server, observed(server) as recorded:
        mock = httpx2.MockTransport(lambda request: httpx2.Response(200, json=chat_completion()))
        with httpx2.Client(transport=mock) as client:
            assert client.post(f"{server.url}/v1/chat/completions", json={"model": "m"}).json()["id"] == "chatcmpl-1"
        assert recorded.one.usage.units["input_text_tokens"] == 56


def test_unknown_hosts_and_paths_get_no_tee() -> None:
    with (
        Loopback(json_answer({"data": []})) as server,
        Loopback(json_answer({})) as other,
        observed(server) as recorded,
    ):
        with httpx2.Client() as client:
            for url in (f"{server.url}/v1/models", f"{other.url}/v1/orders"):
                with client.stream("POST", url, json={}) as response:
                    assert type(response.stream).__module__ == "httpx2._client"
        assert recorded.calls == []


def test_suppressed_calls_are_not_recorded() -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        with openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
            with context.suppress():
                _chat(client)
            assert recorded.calls == []
            _chat(client)
        assert recorded.one.status == "ok"


def test_context_is_that_of_the_sending() -> None:
    with Loopback(event_stream(chat_chunks("a", usage=CHAT_USAGE))) as server, observed(server) as recorded:
        with openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
            with labels.customer("acme"):
                stream = client.chat.completions.create(model="m", messages=PROMPT, stream=True)
            with labels.customer("other"):
                list(stream)
        assert recorded.one.context.customer_id == "acme"


def test_another_tools_wrapper_is_left_in_place() -> None:
    with Loopback(json_answer(chat_completion())) as server:
        bare = httpx2.Client.__dict__["_send_single_request"]
        try:
            with observed(server) as recorded:
                ours = httpx2.Client.__dict__["_send_single_request"]

                def foreign(self: httpx2.Client, request: httpx2.Request) -> httpx2.Response:
                    return ours(self, request)

                httpx2.Client._send_single_request = foreign  # type: ignore[method-assign]
            assert httpx2.Client.__dict__["_send_single_request"] is foreign
            with openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
                _chat(client)
                assert recorded.calls == []
                with observed(server) as again:
                    _chat(client)
                assert again.one.status == "ok"
        finally:
            httpx2.Client._send_single_request = bare  # type: ignore[method-assign]


def test_second_install_does_not_count_twice() -> None:
    with Loopback(json_answer(chat_completion())) as server, observed(server) as first:
        with observed(server) as second, openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client:
            _chat(client)
        assert (len(first.calls), len(second.calls)) == (0, 1)


_LATE_IMPORT = """
import sys
from llmobserve import capture
from llmobserve.settings import load
calls = []
settings = load({"hosts": {"x.test": "openai"}}, {})
capture.install(sink=lambda call, content, snapshot: calls.append(call), settings=settings)
assert "httpx" not in sys.modules and "httpx2" not in sys.modules
assert {h.state for h in capture.health()} == {"waiting"}
import httpx2
%s
import httpx
loader = type(httpx2.__spec__.loader).__name__
assert loader == "SourceFileLoader" and "exec_module" not in vars(httpx2.__spec__.loader), loader
for module in (httpx2, httpx):
    transport = module.MockTransport(lambda request: module.Response(200, json={"id": "1", "object": "x"}))
    with module.Client(transport=transport) as client:
        client.post("http://x.test/v1/chat/completions", json={"model": "m"})
first = {h.library: h.state for h in reversed(capture.health())}
print([call.transport for call in calls], sorted({first["httpx"], first["httpx2"]}))
"""


@pytest.mark.parametrize(
    ("alias", "expected"),
    [("", "['httpx2', 'httpx'] ['active']"), ("httpx2.alias_httpx()", "['httpx2', 'httpx2'] ['active', 'waiting']")],
    ids=["both", "aliased"],
)
def test_libraries_imported_later(alias: str, expected: str) -> None:
    code = _LATE_IMPORT % alias
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == expected, done.stderr


def test_moved_hook_target_degrades_to_send_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    original = httpx2.Client.__dict__["_send_single_request"]

    def renamed(self: httpx2.Client, something: httpx2.Request) -> httpx2.Response:
        return original(self, something)

    monkeypatch.setattr(httpx2.Client, "_send_single_request", renamed)
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        states = {entry.target: entry.state for entry in capture.health() if entry.library == "httpx2"}
        assert states["Client.send"] == "degraded"
        with openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
            _chat(client)
        assert recorded.one.usage.units["output_text_tokens"] == 30
