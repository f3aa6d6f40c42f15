"""Bodies and endings of calls made with aiohttp: one event each, and nothing changes for the application."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import brotli
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, event_stream, json_answer
from loopback.twice import twice

from llmobserve import capture
from llmobserve.settings import load
from llmobserve.wire import CallEvent

ASKED: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Write eight words."}]}
WORDS = ("alpha ", "beta ", "gamma ", "delta ")
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
WHOLE = event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE))
PATH = "/v1/chat/completions"

Use = Callable[[aiohttp.ClientResponse], Awaitable[Any]]


def assert_exact(call: CallEvent, *, stream: bool) -> None:
    assert (call.status, call.stream, call.usage.source, call.usage.flags) == ("ok", stream, "response", ())
    assert dict(call.usage.units) == EXACT
    assert (call.request_model, call.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (call.transport, call.http_status) == ("aiohttp", 200)
    assert (call.time_to_first_token_ms is not None) is stream


def post(use: Use, **options: Any) -> Callable[[str], Awaitable[Any]]:
    """One POST whose response is handed to `use` inside `async with`."""

    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession(**options) as session, session.post(f"{url}{PATH}", json=ASKED) as response:
            return type(response), type(response.content), await use(response)

    return scenario


async def read(response: aiohttp.ClientResponse) -> Any:
    return await response.read()


async def parsed(response: aiohttp.ClientResponse) -> Any:
    return await response.json(), await response.text(), await response.read()


async def by_line(response: aiohttp.ClientResponse) -> Any:
    return [line async for line in response.content]


async def by_any(response: aiohttp.ClientResponse) -> Any:
    return b"".join([piece async for piece in response.content.iter_any()])


async def by_size(response: aiohttp.ClientResponse) -> Any:
    return b"".join([piece async for piece in response.content.iter_chunked(7)])


async def by_chunk(response: aiohttp.ClientResponse) -> Any:
    return b"".join([piece async for piece, _ in response.content.iter_chunks()])


async def by_readline(response: aiohttp.ClientResponse) -> Any:
    lines: list[bytes] = []
    while line := await response.content.readline():
        lines.append(line)
    return lines


async def by_event(response: aiohttp.ClientResponse) -> Any:
    events: list[bytes] = []
    while event := await response.content.readuntil(b"\n\n"):
        events.append(event)
    return events


async def by_exact_size(response: aiohttp.ClientResponse) -> Any:
    first = await response.content.readexactly(10)
    return first + await response.content.read()


READERS = pytest.mark.parametrize(
    "use", [read, by_line, by_any, by_size, by_chunk, by_readline, by_event, by_exact_size]
)


@READERS
@pytest.mark.parametrize("pause_s", [0.0, 0.005], ids=["at once", "piece by piece"])
@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzip"])
def test_stream_read_in_any_way(use: Use, pause_s: float, gzipped: bool) -> None:
    chunks = chat_chunks(*WORDS, usage=CHAT_USAGE)
    recorded = twice(post(use), event_stream(chunks, gzipped=gzipped, pause_s=pause_s))
    assert_exact(recorded.one, stream=True)


LEFT_OPEN = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore:.*Connection.__del__:pytest.PytestUnraisableExceptionWarning"
)
"""Applications that leave responses open are told so by aiohttp."""


def brotli_answer(body: Any) -> Answer:
    headers = {"content-type": "application/json", "content-encoding": "br"}
    return Answer(headers=headers, body=brotli.compress(json.dumps(body).encode()))


@pytest.mark.parametrize("use", [read, parsed, by_size], ids=["read", "json", "pieces"])
@pytest.mark.parametrize(
    "answer",
    [json_answer(chat_completion()), json_answer(chat_completion(), gzipped=True), brotli_answer(chat_completion())],
    ids=["plain", "gzip", "br"],
)
def test_json(use: Use, answer: Answer) -> None:
    assert_exact(twice(post(use), answer).one, stream=False)


@pytest.mark.parametrize("use", [read, by_size, by_line])
@pytest.mark.parametrize("answer", [json_answer(chat_completion(), gzipped=True), brotli_answer(chat_completion())])
def test_body_that_the_application_decodes_itself(use: Use, answer: Answer) -> None:
    """As aiobotocore and the bridges of httpx do."""
    assert_exact(twice(post(use, auto_decompress=False), answer).one, stream=False)


def test_decoding_switched_off_for_one_request() -> None:
    async def scenario(url: str) -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}{PATH}", json=ASKED, auto_decompress=False) as response,
        ):
            return await response.read()

    answer = event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE), gzipped=True)
    assert_exact(twice(scenario, answer).one, stream=True)


def test_large_stream_is_followed_to_its_end() -> None:
    words = [f"{n:06} " * 40 for n in range(6000)]  # 2.6 MB, more than is held at once
    recorded = twice(post(by_any), event_stream(chat_chunks(*words, usage=CHAT_USAGE)))
    assert_exact(recorded.one, stream=True)


def test_answer_without_a_body() -> None:
    async def status(response: aiohttp.ClientResponse) -> int:
        return response.status

    recorded = twice(post(status), Answer(status=204))
    assert (recorded.one.status, recorded.one.http_status) == ("ok", 204)


def test_body_that_ends_with_the_connection() -> None:
    """No length and no chunks: everything until the server hangs up."""

    async def scenario(_: str) -> Any:
        body = json.dumps(chat_completion()).encode()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
            writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + body)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            settings = load({"hosts": {f"127.0.0.1:{port}": "openai"}}, {})
            recorded = Recorded()
            capture.install(sink=recorded.take, settings=settings)
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"http://127.0.0.1:{port}{PATH}", json=ASKED) as response,
            ):
                assert await response.read() == body
            capture.uninstall()
            assert_exact(recorded.one, stream=False)

    asyncio.run(scenario(""))


@pytest.mark.parametrize("use", [read, by_any, by_size])
def test_end_that_comes_after_the_last_piece(use: Use) -> None:
    """Nothing in audio tells its end but the end itself, and nobody has to close what was read to it."""

    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession() as session:
            hold.clear()
            response = await session.post(f"{url}/v1/audio/speech", json={"model": "tts-1", "input": "Hello"})
            threading.Timer(0.1, hold.set).start()
            return await use(response), response.closed

    hold = threading.Event()
    audio = Answer(headers={"content-type": "audio/mpeg"}, chunks=(b"a" * 500, b"b" * 500), hold=hold)
    call = twice(scenario, audio).one
    assert (call.status, call.error, dict(call.usage.units)) == ("ok", None, {"input_characters": 5})


def held(server_side: threading.Event) -> Answer:
    """The beginning of a stream that does not go on."""
    return event_stream(chat_chunks(*WORDS)[:3], hold=server_side)


async def first_word(response: aiohttp.ClientResponse) -> None:
    async for line in response.content:
        if b"alpha" in line:
            return


async def ended_by(how: str, response: aiohttp.ClientResponse, session: aiohttp.ClientSession) -> Any:
    if how == "with":
        async with response:
            return await first_word(response)
    if how == "unread":
        async with response:
            return response.status
    if how == "exception":
        async with response:
            await first_word(response)
            return 1 // 0
    if how == "cancelled":
        task = asyncio.ensure_future(response.read())  # noqa: TID251 (awaited below)
        await asyncio.sleep(0.05)
        task.cancel()
        return await task
    await first_word(response)
    if how == "release":
        await response.release()
        response.release()
    elif how == "close":
        response.close()
        response.close()
    else:
        response.raise_for_status()
        await session.close()
    return None


@LEFT_OPEN
@pytest.mark.parametrize("how", ["with", "unread", "exception", "cancelled", "release", "close", "session closed"])
def test_early_end(how: str) -> None:
    hold = threading.Event()

    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession() as session:
            return await ended_by(how, await session.post(f"{url}{PATH}", json=ASKED), session)

    recorded = twice_held(scenario, hold)
    call = recorded.one
    assert call.status == ("abandoned" if how == "session closed" else "cancelled")
    assert (call.error, call.http_status, call.usage.source) == (None, 200, "estimated")
    assert "partial" in call.usage.flags
    assert ("output_text_tokens" in call.usage.units) is (how != "unread")


def twice_held(scenario: Callable[[str], Awaitable[Any]], hold: threading.Event) -> Recorded:
    """The server waits until the scenario is over, both times."""

    async def and_let_go(url: str) -> Any:
        hold.clear()
        try:
            return await scenario(url)
        finally:
            hold.set()

    return twice(and_let_go, held(hold))


@LEFT_OPEN
@pytest.mark.parametrize("begun", [False, True], ids=["unread", "begun"])
def test_dropped_without_close(begun: bool) -> None:
    async def scenario(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            response = await session.post(f"{url}{PATH}", json=ASKED)
            if begun:
                await response.content.readline()
            del response
            await asyncio.sleep(0.1)

    call = twice(scenario, WHOLE).one
    assert (call.status, call.usage.source) == ("abandoned", "estimated")
    assert "partial" in call.usage.flags


def test_reader_that_outlives_its_response() -> None:
    """The client of stripe keeps `response.content` alone."""

    async def scenario(url: str) -> bytes:
        async with aiohttp.ClientSession() as session:
            content = (await session.post(f"{url}{PATH}", json=ASKED)).content
            await asyncio.sleep(0.05)
            capture.sweep()
            return await content.read()

    assert_exact(twice(scenario, json_answer(chat_completion())).one, stream=False)


def test_stream_that_ends_at_its_mark_and_is_closed() -> None:
    async def until_done(response: aiohttp.ClientResponse) -> None:
        async for line in response.content:
            if line == b"data: [DONE]\n":
                return

    hold = threading.Event()
    hold.set()
    recorded = twice(post(until_done), event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE), hold=hold))
    assert_exact(recorded.one, stream=True)


@LEFT_OPEN
@pytest.mark.parametrize("use", [read, by_any])
@pytest.mark.parametrize("closes", [True, False], ids=["with", "left open"])
def test_server_aborts(use: Use, closes: bool) -> None:
    async def scenario(url: str) -> Any:
        async with aiohttp.ClientSession() as session:
            response = await session.post(f"{url}{PATH}", json=ASKED)
            if not closes:
                return await use(response)
            async with response:
                return await use(response)

    call = twice(scenario, event_stream(chat_chunks(*WORDS)[:3], abort=True)).one
    assert (call.status, call.http_status, call.usage.source) == ("error", 200, "estimated")
    assert call.error is not None
    assert call.error.type in {"ClientPayloadError", "ClientOSError"}


def test_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(f"http://127.0.0.1:{port}{PATH}", json=ASKED)

    with Loopback(Answer()) as server, observed(server) as recorded:
        capture.install(sink=recorded.take, settings=load({"hosts": {f"127.0.0.1:{port}": "openai"}}, {}))
        asyncio.run(scenario())
        call = recorded.one
    assert (call.status, call.http_status, call.request_model) == ("error", None, "gpt-4o-mini")
    assert call.error is not None
    assert (call.error.type, dict(call.usage.units)) == ("ClientConnectorError", {})


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (aiohttp.ClientTimeout(total=0.1), ("error", "TimeoutError", None)),
        (aiohttp.ClientTimeout(sock_read=0.1), ("error", "SocketTimeoutError", None)),
    ],
    ids=["total", "read"],
)
def test_timeout_while_waiting(limits: aiohttp.ClientTimeout, expected: Any) -> None:
    call = twice(post(read, timeout=limits), Answer(delay_s=0.4)).one
    assert call.error is not None
    assert (call.status, call.error.type, call.http_status) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (aiohttp.ClientTimeout(total=0.2), "TimeoutError"),
        (aiohttp.ClientTimeout(sock_read=0.2), "SocketTimeoutError"),
    ],
    ids=["total", "read"],
)
@pytest.mark.parametrize("use", [read, by_line])
def test_timeout_in_the_body(use: Use, limits: aiohttp.ClientTimeout, expected: str) -> None:
    call = twice_held(post(use, timeout=limits), threading.Event()).one
    assert call.error is not None
    assert (call.status, call.error.type, call.http_status) == ("error", expected, 200)
    assert "partial" in call.usage.flags


def test_cancelled_while_waiting_for_the_answer() -> None:
    async def scenario(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.wait_for(session.post(f"{url}{PATH}", json=ASKED), 0.1)

    call = twice(scenario, Answer(delay_s=0.4)).one
    assert (call.status, call.http_status, call.usage.source) == ("cancelled", None, "unknown")
