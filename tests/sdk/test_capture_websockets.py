"""Every way to use and to end a WebSocket makes exactly the calls that were billed, through each client library."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx2
import pytest
import websockets.asyncio.client
import websockets.exceptions
import websockets.sync.client
from httpx2.websockets import WebSocketUpgradeError
from loopback.collector import Collector
from loopback.rig import Recorded, observed
from loopback.socket_server import Caller, SocketServer, realtime_usage, say

import llmobserve
from llmobserve import capture
from llmobserve.wire import CallEvent

pytestmark = pytest.mark.filterwarnings("ignore:websockets.:DeprecationWarning")  # those of its older client

PATH = "/v1/realtime?model=gpt-realtime"
ASK = json.dumps({"type": "response.create"})
CREATED: dict[str, Any] = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
DELTA = {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": "QUJD" * 1000}
SESSION = {"type": "session.created", "session": {"model": "gpt-realtime", "type": "realtime"}}
# 600 text tokens of which 250 cached, 300 audio of which 130 cached, 100 image of which 20 cached.
UNITS = {
    "input_text_tokens": 350,
    "input_audio_tokens": 170,
    "input_image_tokens": 80,
    "cache_read_text_tokens": 250,
    "cache_read_audio_tokens": 130,
    "cache_read_image_tokens": 20,
    "output_text_tokens": 60,
    "output_audio_tokens": 240,
}


def done(name: str = "resp_1", **fields: Any) -> dict[str, Any]:
    response = {"id": name, "object": "realtime.response", "status": "completed", "usage": realtime_usage(), **fields}
    return {"type": "response.done", "response": response}


class Talk:
    """One open connection of any library."""

    def __init__(
        self, send: Callable[[str], Awaitable[None]], receive: Callable[[], Awaitable[str]], connection: Any
    ) -> None:
        self.send = send
        self.receive = receive
        self.connection = connection

    async def take(self, number: int) -> list[str]:
        """The types of the next messages."""
        return [json.loads(await self.receive())["type"] for _ in range(number)]


@asynccontextmanager
async def by_sync_websockets(url: str) -> AsyncGenerator[Talk]:
    with websockets.sync.client.connect(url) as connection:

        async def send(text: str) -> None:
            connection.send(text)

        async def receive() -> str:
            return str(connection.recv(timeout=5))

        yield Talk(send, receive, connection)


@asynccontextmanager
async def by_websockets(url: str) -> AsyncGenerator[Talk]:
    async with websockets.asyncio.client.connect(url) as connection:

        async def receive() -> str:
            return str(await connection.recv())

        yield Talk(connection.send, receive, connection)


@asynccontextmanager
async def by_legacy_websockets(url: str) -> AsyncGenerator[Talk]:
    from websockets.legacy.client import connect  # warns when it is imported

    async with connect(url) as connection:

        async def receive() -> str:
            return str(await connection.recv())

        yield Talk(connection.send, receive, connection)


@asynccontextmanager
async def by_aiohttp(url: str) -> AsyncGenerator[Talk]:
    async with aiohttp.ClientSession() as client, client.ws_connect(url) as connection:
        yield Talk(connection.send_str, connection.receive_str, connection)


@asynccontextmanager
async def by_httpx2(url: str) -> AsyncGenerator[Talk]:
    async with httpx2.AsyncClient() as client, client.websocket(url) as connection:
        yield Talk(connection.send_text, connection.receive_text, connection)


@asynccontextmanager
async def by_sync_httpx2(url: str) -> AsyncGenerator[Talk]:
    with httpx2.Client() as client, client.websocket(url) as connection:

        async def send(text: str) -> None:
            connection.send_text(text)

        async def receive() -> str:
            return connection.receive_text(timeout=5)

        yield Talk(send, receive, connection)


CLIENTS = (by_sync_websockets, by_websockets, by_legacy_websockets, by_aiohttp, by_httpx2, by_sync_httpx2)
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.__name__[3:])
REFUSALS = (websockets.exceptions.InvalidHandshake, aiohttp.WSServerHandshakeError, WebSocketUpgradeError)
TRANSPORTS = {
    by_sync_websockets: "websockets",
    by_websockets: "websockets",
    by_legacy_websockets: "websockets",
    by_aiohttp: "aiohttp",
    by_httpx2: "httpx2",
    by_sync_httpx2: "httpx2",
}


def run(client: Any, script: Any, scenario: Callable[[Talk], Awaitable[None]], **options: Any) -> Recorded:
    """What is recorded of a scenario."""
    with SocketServer(script, **options) as server, observed(server) as recorded:

        async def play() -> None:
            async with client(server.ws + PATH) as talk:
                await scenario(talk)

        asyncio.run(play())
        return recorded


def assert_exact(call: CallEvent, client: Any) -> None:
    assert (call.status, call.error, call.usage.source, call.usage.flags) == ("ok", None, "response", ())
    assert dict(call.usage.units) == UNITS
    assert (call.provider, call.operation, call.kind) == ("openai", "realtime", "llm")
    assert (call.request_model, call.response_model) == ("gpt-realtime", "gpt-realtime")
    assert (call.response_id, call.http_status, call.stream) == ("resp_1", 101, True)
    assert call.transport == TRANSPORTS[client]
    assert call.time_to_first_token_ms is not None
    assert call.duration_ms is not None
    assert 0 < call.time_to_first_token_ms <= call.duration_ms


@each_client
def test_response(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        assert await talk.take(4) == [SESSION["type"], CREATED["type"], DELTA["type"], "response.done"]

    recorded = run(client, say(SESSION, CREATED, DELTA, done()), scenario)
    assert_exact(recorded.one, client)


@each_client
def test_several_responses_and_a_transcription(client: Any) -> None:
    transcription = {
        "type": "session.updated",
        "session": {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    }
    heard = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_9",
        "content_index": 0,
        "transcript": "Hello",
        "usage": {"type": "duration", "seconds": 4.5},
    }
    second = {"type": "response.created", "response": {"id": "resp_2"}}
    messages = (SESSION, transcription, CREATED, done(), heard, second, done("resp_2", status="cancelled"))

    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(len(messages))

    calls = run(client, say(*messages), scenario).calls
    assert [(call.response_id, call.status) for call in calls] == [
        ("resp_1", "ok"),
        ("item_9", "ok"),
        ("resp_2", "cancelled"),
    ]
    assert dict(calls[2].usage.units) == UNITS
    assert (calls[1].operation, calls[1].response_model, calls[1].kind) == (
        "realtime.transcription",
        "whisper-1",
        "audio",
    )
    assert [str(value) for value in calls[1].usage.units.values()] == ["4.5"]
    assert len({call.event_id for call in calls}) == 3


@each_client
def test_closed_before_the_response_is_done(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(2)

    call = run(client, say(SESSION, CREATED), scenario).one
    assert (call.status, call.error, call.response_id) == ("cancelled", None, "resp_1")
    assert (dict(call.usage.units), call.usage.source, call.usage.flags) == ({}, "unknown", ("partial",))


def hang_up(caller: Caller) -> None:
    caller.hear()
    caller.say(CREATED)
    caller.hear()
    caller.hang_up()


def close_with_error(caller: Caller) -> None:
    caller.hear()
    caller.say(CREATED)
    caller.connection.close(1011, "overloaded")


@each_client
def test_connection_breaks(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(1)
        await talk.send(ASK)
        await talk.receive()

    with SocketServer(hang_up) as server, observed(server) as recorded:

        async def play() -> None:
            async with client(server.ws + PATH) as talk:
                await scenario(talk)

        with pytest.raises(BaseException) as caught:
            asyncio.run(play())
        assert not isinstance(caught.value, (AssertionError, AttributeError)), caught.value
    first = recorded.calls[0]
    assert (first.status, first.response_id) == ("error", "resp_1")
    assert first.error is not None
    assert first.error.type == "connection_lost"
    assert len(recorded.calls) == 1


@each_client
def test_provider_closes_with_an_error(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(1)
        await talk.receive()

    with SocketServer(close_with_error) as server, observed(server) as recorded:

        async def play() -> None:
            async with client(server.ws + PATH) as talk:
                await scenario(talk)

        with pytest.raises(BaseException) as caught:
            asyncio.run(play())
        assert not isinstance(caught.value, (AssertionError, AttributeError)), caught.value
    call = recorded.one
    assert (call.status, call.response_id) == ("error", "resp_1")
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("websocket_1011", "overloaded")


@each_client
def test_exception_of_the_application(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(1)
        _ = 1 / 0

    with SocketServer(say(CREATED)) as server, observed(server) as recorded:

        async def play() -> None:
            async with client(server.ws + PATH) as talk:
                await scenario(talk)

        with pytest.raises(Exception, match=r"division by zero|unhandled errors in a TaskGroup"):
            asyncio.run(play())
    assert (recorded.one.status, recorded.one.error) == ("cancelled", None)


@pytest.mark.parametrize("client", [by_websockets, by_aiohttp, by_httpx2], ids=lambda one: one.__name__[3:])
def test_task_is_cancelled(client: Any) -> None:
    with SocketServer(say(SESSION, CREATED)) as server, observed(server) as recorded:

        async def play() -> None:
            ready = asyncio.Event()

            async def listen() -> None:
                async with client(server.ws + PATH) as talk:
                    await talk.send(ASK)
                    await talk.take(2)
                    ready.set()
                    await talk.receive()

            async with asyncio.TaskGroup() as group:
                task = group.create_task(listen())
                await ready.wait()
                task.cancel()

        asyncio.run(play())
    assert (recorded.one.status, recorded.one.error) == ("cancelled", None)


@each_client
def test_refused(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        raise AssertionError("it was opened")

    with SocketServer(refuse_with=401) as server, observed(server) as recorded:

        async def play() -> None:
            async with client(server.ws + PATH) as talk:
                await scenario(talk)

        with pytest.raises(REFUSALS):
            asyncio.run(play())
    call = recorded.one
    assert (call.status, call.http_status, call.request_model) == ("error", 401, "gpt-realtime")
    assert call.error is not None
    assert call.error.type == "http_401"
    assert dict(call.usage.units) == {}


@each_client
def test_session_without_any_response(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(json.dumps({"type": "session.update", "session": {}}))
        await talk.take(1)

    assert run(client, say(SESSION), scenario).calls == []


@each_client
def test_host_that_is_not_ours(client: Any) -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(2)

    with SocketServer(say(CREATED, done())) as server, observed(server) as recorded:

        async def play() -> None:
            async with client(server.ws.replace("127.0.0.1", "localhost") + "/chat") as talk:
                await scenario(talk)

        asyncio.run(play())
    assert recorded.calls == []


@each_client
def test_still_open_when_observation_ends(client: Any) -> None:
    with SocketServer(say(CREATED)) as server:

        async def play() -> Recorded:
            with observed(server) as recorded:
                async with client(server.ws + PATH) as talk:
                    await talk.send(ASK)
                    await talk.take(1)
                    capture.uninstall()
                    assert [call.status for call in recorded.calls] == ["abandoned"]
            return recorded

        assert len(asyncio.run(play()).calls) == 1


DROPPED = """
import asyncio, gc, sys
from llmobserve import capture
from llmobserve.settings import load

calls = []
netloc, library = sys.argv[1:]
settings = load({"hosts": {netloc: "openai"}}, environ={})
capture.install(sink=lambda call, content, snapshot: calls.append(call), settings=settings)

async def begin():
    url = f"ws://{netloc}/v1/realtime?model=gpt-realtime"
    if library == "aiohttp":
        import aiohttp
        connection = await aiohttp.ClientSession().ws_connect(url)
        send, receive = connection.send_str, connection.receive_str
    else:
        from websockets.asyncio.client import connect
        connection = await connect(url)
        send, receive = connection.send, connection.recv
    await send('{"type": "response.create"}')
    assert "response.created" in await receive()

loop = asyncio.new_event_loop()
loop.run_until_complete(begin())
assert calls == []
loop.close()
del loop
gc.collect()
capture.sweep()
print(*(f"{call.status} {call.response_id}" for call in calls))
"""


@pytest.mark.parametrize("library", ["websockets", "aiohttp"])
def test_dropped_without_being_closed(library: str) -> None:
    with SocketServer(say(CREATED)) as server:
        command = [sys.executable, "-W", "ignore", "-c", DROPPED, server.netloc, library]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout.strip(), ended.returncode) == ("abandoned resp_1", 0), ended.stderr


LEFT_OPEN = """
import sys
import llmobserve
llmobserve.observe(hosts={sys.argv[1]: "openai"})
from websockets.sync.client import connect
connection = connect(f"ws://{sys.argv[1]}/v1/realtime?model=gpt-realtime", legacy=True)
connection.send('{"type": "response.create"}')
for _ in range(3):
    connection.recv()
"""


def test_process_ends_with_an_open_connection() -> None:
    second = {"type": "response.created", "response": {"id": "resp_2"}}
    with SocketServer(say(CREATED, done(), second)) as server, Collector() as collector:
        command = [sys.executable, "-c", LEFT_OPEN, server.netloc]
        variables = {**os.environ, "LLMOBSERVE_COLLECTOR_URL": collector.url}
        ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    calls = collector.events("call")
    assert [(call["response_id"], call.get("status", "ok")) for call in calls] == [
        ("resp_1", "ok"),
        ("resp_2", "abandoned"),
    ]
    assert calls[0]["usage"]["units"] == UNITS


def test_response_that_the_application_never_read_is_billed() -> None:
    sent = threading.Event()

    def script(caller: Caller) -> None:
        caller.hear()
        caller.say(CREATED, done())
        sent.set()
        caller.wait()

    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        assert sent.wait(5)
        await asyncio.sleep(0.1)

    for client in (by_sync_websockets, by_websockets):
        sent.clear()
        assert dict(run(client, script, scenario).one.usage.units) == UNITS


def test_long_session_still_knows_what_is_under_way() -> None:
    heard = [{"type": "input_audio_buffer.committed", "item_id": f"item_{number}"} for number in range(200)]

    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(201)

    call = run(by_websockets, say(*heard, CREATED), scenario).one
    assert (call.status, call.response_id) == ("cancelled", "resp_1")


def test_every_way_of_sending_and_receiving_passes() -> None:
    fragments = [ASK[:5], ASK[5:]]

    def script(caller: Caller) -> None:
        assert [caller.hear() for _ in range(2)] == [json.loads(ASK)] * 2
        assert caller.hear() == b"\x00\x01"
        whole = json.dumps(done())
        caller.connection.send([json.dumps(CREATED)])
        caller.connection.send([whole[:50], whole[50:100], whole[100:]])
        caller.connection.send(json.dumps(done("resp_2")).encode(), text=True)
        caller.say(b"\x01\x02", "end")
        caller.wait()

    with SocketServer(script) as server, observed(server) as recorded:
        with websockets.sync.client.connect(server.ws + PATH) as sync:
            sync.send(fragments)
            sync.send(ASK.encode(), text=True)
            sync.send(b"\x00\x01")
            assert json.loads("".join(str(part) for part in sync.recv_streaming()))["type"] == "response.created"
            assert json.loads(b"".join(sync.recv_streaming(decode=False)))["type"] == "response.done"
            assert isinstance(sync.recv(decode=False), bytes)
            assert [message for message in (sync.recv(), sync.recv())] == [b"\x01\x02", "end"]

        async def play() -> None:
            async with websockets.asyncio.client.connect(server.ws + PATH) as connection:

                async def parts() -> AsyncIterator[str]:
                    for part in fragments:
                        yield part

                await connection.send(parts())
                await connection.send(bytearray(ASK.encode()), text=True)
                await connection.send(memoryview(b"\x00\x01"))
                seen = [message async for message in _until(connection, "end")]
                assert len(seen) == 4

        asyncio.run(play())
    assert [call.response_id for call in recorded.calls] == ["resp_1", "resp_2"] * 2
    assert all(dict(call.usage.units) == UNITS for call in recorded.calls)
    # The same response seen on two connections is one event to the collector.
    assert len({call.event_id for call in recorded.calls}) == 2


async def _until(connection: Any, last: str) -> AsyncIterator[Any]:
    async for message in connection:
        if message == last:
            return
        yield message


def test_aiohttp_ways_of_sending_and_receiving() -> None:
    def script(caller: Caller) -> None:
        assert caller.hear() == json.loads(ASK)
        caller.say(b"\x01", CREATED, done())
        caller.connection.close(1000, "bye")

    with SocketServer(script) as server, observed(server) as recorded:

        async def play() -> None:
            async with aiohttp.ClientSession(base_url=server.http) as client:
                url = "/v1/realtime"
                async with client.ws_connect(url, params={"model": "gpt-realtime"}) as connection:
                    await connection.send_json(json.loads(ASK))
                    assert await connection.receive_bytes() == b"\x01"
                    assert (await connection.receive_json())["type"] == "response.created"
                    kinds = [message.type async for message in connection]
                    assert kinds == [aiohttp.WSMsgType.TEXT]
                    assert connection.close_code == 1000

        asyncio.run(play())
    assert recorded.one.request_model == "gpt-realtime"
    assert dict(recorded.one.usage.units) == UNITS


def test_customer_and_section_of_the_code_that_asked() -> None:
    async def scenario(talk: Talk) -> None:
        await talk.send(ASK)
        await talk.take(2)
        with llmobserve.run("second", customer_id="globex"):
            await talk.send(ASK)
        await talk.take(2)

    second = {"type": "response.created", "response": {"id": "resp_2"}}

    def script(caller: Caller) -> None:
        caller.hear()
        caller.say(CREATED, done())
        caller.hear()
        caller.say(second, done("resp_2"))
        caller.wait()

    with llmobserve.run("first", customer_id="acme"):
        calls = run(by_websockets, script, scenario).calls
    assert [(call.context.run_name, call.context.customer_id) for call in calls] == [
        ("first", "acme"),
        ("second", "globex"),
    ]
