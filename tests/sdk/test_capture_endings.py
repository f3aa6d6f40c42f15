"""Every way to end a streamed call makes exactly one event with the right outcome and honest usage."""

import asyncio
import gc
import json
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, Received, event_stream, json_answer

from llmobserve import capture
from llmobserve.wire import CallEvent

PROMPT: Any = [
    {"role": "user", "content": "Write eight words."}
]  # 18 bytes of text and 16 for the frame of the message: 9 tokens at 4 bytes each, rounded up
WORDS = ("alpha ", "beta ", "gamma ", "delta ")
EXACT = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}


@contextmanager
def chat_server(answer: Answer) -> Generator[tuple[openai.OpenAI, Recorded]]:
    with (
        Loopback(answer) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1", max_retries=0, timeout=5) as client,
        observed(server) as recorded,
    ):
        yield client, recorded


def start(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=True)


def assert_exact(call: CallEvent) -> None:
    assert (call.status, call.stream, call.usage.source, call.usage.flags) == ("ok", True, "response", ())
    assert dict(call.usage.units) == EXACT
    assert call.usage.details == {"reasoning_tokens": 10}
    assert call.response_model == "gpt-4o-mini-2024-07-18"
    assert call.time_to_first_token_ms is not None
    assert call.duration_ms is not None
    assert 0 < call.time_to_first_token_ms <= call.duration_ms


def assert_estimated(call: CallEvent, status: str, output_tokens: int | None) -> None:
    """`output_tokens=None`: nothing of the output was seen, so nothing is claimed."""
    assert (call.status, call.usage.source) == (status, "estimated")
    assert "partial" in call.usage.flags
    assert call.usage.units["input_text_tokens"] == 9
    assert call.usage.units.get("output_text_tokens") == output_tokens


def test_consumed() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE))) as (client, recorded):
        text = "".join(c.choices[0].delta.content or "" for c in start(client) if c.choices)
        assert text == "alpha beta gamma delta "
        assert_exact(recorded.one)


def test_consumed_gzip() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE), gzipped=True)) as (client, recorded):
        assert len(list(start(client))) == 7
        assert_exact(recorded.one)


def test_consumed_without_usage_is_estimated_not_partial() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS))) as (client, recorded):
        list(start(client))
        call = recorded.one
        # "alpha beta gamma delta " has 23 bytes: 6 tokens.
        assert (call.status, call.usage.source, call.usage.flags) == ("ok", "estimated", ())
        assert dict(call.usage.units) == {"input_text_tokens": 9, "output_text_tokens": 6}


def test_break_inside_with() -> None:
    hold = threading.Event()
    with chat_server(event_stream(chat_chunks(*WORDS)[:3], hold=hold)) as (client, recorded):
        with start(client) as stream:
            for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
        hold.set()
        assert recorded.one.time_to_first_token_ms is not None
        assert recorded.one.status == "cancelled"
        assert recorded.one.usage.source == "estimated"
        assert recorded.one.usage.units["output_text_tokens"] in {2, 3}  # "alpha ", perhaps "beta " in the same read


def test_close_before_reading_and_again() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS))) as (client, recorded):
        stream = start(client)
        stream.close()
        stream.close()
        assert_estimated(recorded.one, "cancelled", None)


def test_break_then_dropped() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS))) as (client, recorded):
        stream = start(client)
        next(stream)
        del stream
        gc.collect()
        capture.sweep()
        assert recorded.one.status in {"abandoned", "cancelled"}
        assert "partial" in recorded.one.usage.flags


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_never_iterated_then_dropped() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS))) as (client, recorded):
        stream = start(client)
        assert recorded.calls == []
        del stream
        gc.collect()
        capture.sweep()
        assert_estimated(recorded.one, "abandoned", None)


def test_still_open_when_observation_ends() -> None:
    with (
        Loopback(event_stream(chat_chunks(*WORDS))) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
    ):
        with observed(server) as recorded:
            stream = start(client)
        assert_estimated(recorded.one, "abandoned", None)
        stream.close()
        assert len(recorded.calls) == 1


def test_exception_in_consumer() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS))) as (client, recorded):
        with pytest.raises(ZeroDivisionError), start(client) as stream:
            for _ in stream:
                _ = 1 / 0
        assert recorded.one.status == "cancelled"
        assert recorded.one.error is None


def test_server_aborts() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS)[:3], abort=True)) as (client, recorded):
        with pytest.raises(openai.APIConnectionError):
            list(start(client))
        call = recorded.one
        assert_estimated(call, "error", 3)  # "alpha beta " has 11 bytes
        assert call.error is not None
        assert call.error.type in {"ReadError", "RemoteProtocolError"}
        assert call.http_status == 200


def test_raw_response_not_streamed() -> None:
    with chat_server(json_answer(chat_completion(), gzipped=True)) as (client, recorded):
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=PROMPT)
        assert raw.parse().choices[0].message.content == "Hello there"
        assert dict(recorded.one.usage.units) == EXACT
        assert recorded.one.time_to_first_token_ms is None


def test_raw_response_parsed_and_iterated() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE))) as (client, recorded):
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=PROMPT, stream=True)
        assert len(list(raw.parse())) == 7
        assert_exact(recorded.one)


def test_streaming_response_read() -> None:
    with chat_server(json_answer(chat_completion())) as (client, recorded):
        manager = client.chat.completions.with_streaming_response.create(model="gpt-4o-mini", messages=PROMPT)
        with manager as response:
            assert response.json()["id"] == "chatcmpl-1"  # type: ignore[index]
        assert dict(recorded.one.usage.units) == EXACT


def test_streaming_response_never_read() -> None:
    with chat_server(json_answer(chat_completion())) as (client, recorded):
        with client.chat.completions.with_streaming_response.create(model="gpt-4o-mini", messages=PROMPT):
            pass
        assert_estimated(recorded.one, "cancelled", None)


def test_stream_helper() -> None:
    with chat_server(event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE))) as (client, recorded):
        with client.chat.completions.stream(model="gpt-4o-mini", messages=PROMPT) as stream:
            assert stream.get_final_completion().choices[0].message.content == "alpha beta gamma delta "
        assert_exact(recorded.one)


async def collect(stream: AsyncIterator[object]) -> list[object]:
    return [item async for item in stream]


async def async_case(case: str, client: openai.AsyncOpenAI, recorded: Recorded) -> None:
    stream = await client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=True)
    if case == "consumed":
        assert len(await collect(stream)) == 7
    elif case == "break in with":
        async with stream:
            async for _ in stream:
                break
    elif case == "close":
        await stream.close()
    elif case == "cancelled":
        task = asyncio.ensure_future(collect(stream))  # noqa: TID251 (held below)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    elif case == "exception":
        with pytest.raises(ZeroDivisionError):
            async with stream:
                async for _ in stream:
                    _ = 1 / 0


@pytest.mark.parametrize(
    ("case", "statuses"),
    [
        ("consumed", {"ok"}),
        ("break in with", {"cancelled"}),
        ("close", {"cancelled"}),
        ("cancelled", {"cancelled"}),
        ("exception", {"cancelled"}),
    ],
)
def test_async_endings(case: str, statuses: set[str]) -> None:
    hold = threading.Event()
    whole = event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE))
    cut = event_stream(chat_chunks(*WORDS)[:3], hold=hold)

    async def run(server: Loopback, recorded: Recorded) -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{server.url}/v1", timeout=5) as client:
            await async_case(case, client, recorded)

    with Loopback(whole if case == "consumed" else cut) as server, observed(server) as recorded:
        asyncio.run(run(server, recorded))
        hold.set()
        call = recorded.one
        assert call.status in statuses
        if case == "consumed":
            assert_exact(call)
        else:
            assert call.usage.source == "estimated"
            assert "partial" in call.usage.flags


def test_async_cancelled_while_waiting_for_the_answer() -> None:
    async def run(server: Loopback) -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
            call = client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call, 0.2)

    answer = json_answer(chat_completion())
    slow = Answer(headers=answer.headers, body=answer.body, delay_s=0.6)
    with Loopback(slow) as server, observed(server) as recorded:
        asyncio.run(run(server))
        assert (recorded.one.status, recorded.one.http_status) == ("cancelled", None)
        assert recorded.one.usage.source == "unknown"


def test_many_async_calls_at_once() -> None:
    def answer(request: object) -> Answer:
        asked = request.json["messages"][0]["content"]  # type: ignore[attr-defined]
        usage = {"prompt_tokens": int(asked), "completion_tokens": 1, "total_tokens": int(asked) + 1}
        return json_answer(chat_completion(usage=usage, id=f"chatcmpl-{asked}"))

    async def run(server: Loopback) -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client:
            await asyncio.gather(
                *(
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": str(n)}])
                    for n in range(1, 31)
                )
            )

    with Loopback(answer) as server, observed(server) as recorded:
        asyncio.run(run(server))
        assert sorted((c.response_id, c.usage.units["input_text_tokens"]) for c in recorded.calls) == sorted(
            (f"chatcmpl-{n}", n) for n in range(1, 31)
        )
        assert len({call.event_id for call in recorded.calls}) == 30


def test_client_over_aiohttp_is_seen_once() -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")

    async def run(server: Loopback) -> None:
        transport = openai.DefaultAioHttpClient()
        base_url = f"{server.url}/v1"
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=base_url, http_client=transport) as client:
            stream = await client.chat.completions.create(model="m", messages=PROMPT, stream=True)
            assert len(await collect(stream)) == 7
            await client.chat.completions.create(model="m", messages=PROMPT)

    def answer(request: Received) -> Answer:
        if request.json.get("stream"):
            return event_stream(chat_chunks(*WORDS, usage=CHAT_USAGE), gzipped=True)
        return json_answer(chat_completion(), gzipped=True)

    with Loopback(answer) as server, observed(server) as recorded:
        asyncio.run(run(server))
        streamed, whole = recorded.calls
        assert_exact(streamed)
        assert dict(whole.usage.units) == EXACT


class _OnceAsync(httpx2.AsyncByteStream):
    """A body that goes on where the last reader left it."""

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = iter(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def test_bytes_that_a_client_drains_after_the_end_mark_cost_no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of openai iterates the body a second time after `[DONE]`."""
    decoded: list[bytes] = []

    def decode_events(data: list[bytes]) -> list[Any]:
        decoded.extend(data)
        return [json.loads(one) for one in data]

    class Answering(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            pieces = (*chat_chunks(*[f"word{n} " for n in range(50)], usage=CHAT_USAGE), b": bye\n\n")
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_OnceAsync(pieces))

    async def main(url: str) -> None:
        http_client = httpx2.AsyncClient(transport=Answering())
        async with openai.AsyncOpenAI(api_key="k", base_url=url, http_client=http_client) as client:
            async for _ in await client.chat.completions.create(model="m", messages=PROMPT, stream=True):
                pass

    monkeypatch.setattr("llmobserve.capture.payload.decode_events", decode_events)
    with Loopback() as server, observed(server) as recorded:
        asyncio.run(main(f"{server.url}/v1"))
        assert_exact(recorded.one)
    # Until the first word, and the one with the usage.
    assert len(decoded) < 10
