"""Eleven ways to end a stream, in four APIs, sync and async: one event each, with its outcome and honest usage."""

import asyncio
import gc
import inspect
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import pytest
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback
from loopback.streams import APIS, Api

from llmobserve import capture
from llmobserve.wire import CallEvent

# A stream that is dropped unread leaves its connection to the garbage collector, with and without us.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning",  # of google-genai 3.4
)
EACH_API = pytest.mark.parametrize("api", APIS.values(), ids=list(APIS))
IS_ASYNC = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
RESOURCES = pytest.mark.parametrize(
    "api", [APIS[name] for name in ("chat", "responses", "messages")], ids=lambda a: a.name
)


@pytest.fixture(autouse=True, scope="module")
def small_heap() -> Iterator[None]:
    """Collections look at what the tests make, not at the half a million objects of the client libraries."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Consumer(Exception):
    """Raised by the code that reads a stream."""


def record(api: Api, answer: Answer, use: Callable[[Any], Any], hold: threading.Event | None = None) -> Recorded:
    """Have `use` work on the API's object; a coroutine function gets the asynchronous one."""
    with Loopback(answer) as server, observed(server, api.provider, content=True) as recorded:
        if inspect.iscoroutinefunction(use):

            async def run() -> None:
                async with api.open(server.url, True) as client:
                    await use(api.call(client))
                    for _ in range(3):  # the event loop closes dropped generators in steps of its own
                        gc.collect()
                        await asyncio.sleep(0)

            asyncio.run(run())
        else:
            with api.open(server.url, False) as client:
                use(api.call(client))
                gc.collect()
        capture.sweep()
        if hold is not None:
            hold.set()
        assert len(recorded.calls) == len(server.ledger)
        assert len(recorded.contents) == len(recorded.calls)
    return recorded


def said(recorded: Recorded) -> str:
    return json.dumps(recorded.contents[0].output)


def assert_whole(api: Api, recorded: Recorded, *, stream: bool = True) -> None:
    call = recorded.one
    assert (call.status, call.stream, call.usage.source, call.usage.flags) == ("ok", stream, "response", ())
    units = {unit: count for unit, count in call.usage.units.items() if count}
    assert units == api.units
    assert_first_token(call, seen=stream)


def assert_first_token(call: CallEvent, *, seen: bool) -> None:
    assert call.duration_ms is not None
    if seen:
        assert call.time_to_first_token_ms is not None
        assert 0 < call.time_to_first_token_ms <= call.duration_ms
    else:
        assert call.time_to_first_token_ms is None


def assert_cut(api: Api, recorded: Recorded, statuses: set[str], *, seen: bool) -> None:
    """`seen`: at least the first word was read."""
    call = recorded.one
    assert call.status in statuses
    assert call.stream
    assert "partial" in call.usage.flags
    assert call.usage.source == "estimated"
    if call.status == "error":
        assert call.error is not None
    else:
        assert call.error is None or call.error.type in {"CancelledError", "KeyboardInterrupt"}
    assert_first_token(call, seen=seen)
    if seen:
        assert "alpha " in said(recorded)
        assert call.usage.units["output_text_tokens"] > 0
    if seen and api.states_input:
        assert call.usage.units["input_text_tokens"] == api.units["input_text_tokens"]
    else:  # "Write eight words." has 18 bytes: between 5 tokens and 9 with the frame of a message
        assert 5 <= call.usage.units["input_text_tokens"] <= 9
    assert call.usage.units["input_text_tokens"] > 0


def is_word(event: Any) -> bool:
    return "alpha" in str(event)


def in_with(stream: Any) -> None:
    with closing(stream) if not hasattr(stream, "__enter__") else stream:
        for event in stream:
            if is_word(event):
                break


def closed(stream: Any) -> None:
    for event in stream:
        if is_word(event):
            break
    stream.close()
    stream.close()


def dropped(stream: Any) -> None:
    for event in stream:
        if is_word(event):
            break


def raised(stream: Any) -> None:
    with pytest.raises(Consumer), stream if hasattr(stream, "__enter__") else closing(stream):
        for event in stream:
            if is_word(event):
                raise Consumer


def raised_without_with(stream: Any) -> None:
    with pytest.raises(Consumer):
        for event in stream:
            if is_word(event):
                raise Consumer


def interrupted(stream: Any) -> None:
    with pytest.raises(KeyboardInterrupt), stream if hasattr(stream, "__enter__") else closing(stream):
        for event in stream:
            if is_word(event):
                raise KeyboardInterrupt


SYNC = {
    "break in with": (in_with, {"cancelled"}),
    "close": (closed, {"cancelled"}),
    "break, dropped": (dropped, {"cancelled", "abandoned"}),
    "exception": (raised, {"cancelled"}),
    "exception, no with": (raised_without_with, {"cancelled", "abandoned"}),
    "interrupt": (interrupted, {"cancelled"}),
}


@EACH_API
@pytest.mark.parametrize("way", SYNC)
def test_cut_short(api: Api, way: str) -> None:
    end, statuses = SYNC[way]
    hold = threading.Event()
    recorded = record(api, api.held(hold), lambda calls: end(calls.create(**api.asked, stream=True)), hold)
    assert_cut(api, recorded, statuses, seen=True)


async def to_first_word(stream: AsyncIterator[Any]) -> None:
    async for event in stream:
        if is_word(event):
            return


def as_context(stream: Any) -> Any:
    return stream if hasattr(stream, "__aenter__") else aclosing(stream)


async def async_in_with(stream: Any) -> None:
    async with as_context(stream):
        await to_first_word(stream)


async def async_closed(stream: Any) -> None:
    await to_first_word(stream)
    close = getattr(stream, "aclose", None) or stream.close
    await close()
    await close()


async def async_dropped(stream: Any) -> None:
    await to_first_word(stream)


async def async_raised(stream: Any) -> None:
    with pytest.raises(Consumer):
        async with as_context(stream):
            await to_first_word(stream)
            raise Consumer


async def async_cancelled(stream: Any) -> None:
    at_word = asyncio.Event()

    async def read() -> None:
        async for event in stream:
            if is_word(event):
                at_word.set()

    task = asyncio.get_running_loop().create_task(read())
    await asyncio.wait_for(at_word.wait(), 5)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def async_timed_out(stream: Any) -> None:
    async def read() -> None:
        async for _ in stream:
            pass

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read(), 0.2)


ASYNC = {
    "break in with": (async_in_with, {"cancelled"}),
    "close": (async_closed, {"cancelled"}),
    "break, dropped": (async_dropped, {"cancelled", "abandoned"}),
    "exception": (async_raised, {"cancelled"}),
    "task cancelled": (async_cancelled, {"cancelled"}),
    "timeout": (async_timed_out, {"cancelled"}),
}


async def started(stream: Any) -> Any:
    return await stream if asyncio.iscoroutine(stream) else stream


@EACH_API
@pytest.mark.parametrize("way", ASYNC)
def test_cut_short_async(api: Api, way: str) -> None:
    end, statuses = ASYNC[way]
    hold = threading.Event()

    async def use(calls: Any) -> None:
        await end(await started(calls.create(**api.asked, stream=True)))

    assert_cut(api, record(api, api.held(hold), use, hold), statuses, seen=True)


@EACH_API
@IS_ASYNC
def test_never_iterated(api: Api, is_async: bool) -> None:
    async def leave(calls: Any) -> None:
        await started(calls.create(**api.asked, stream=True))

    hold = threading.Event()
    use: Any = leave if is_async else lambda calls: calls.create(**api.asked, stream=True) and None
    recorded = record(api, api.held(hold), use, hold)
    if api.is_lazy and not recorded.calls:
        return  # no request was sent: `record` has compared with what the server got
    assert_cut(api, recorded, {"abandoned"}, seen=False)


@EACH_API
@IS_ASYNC
def test_consumed(api: Api, is_async: bool) -> None:
    async def read(calls: Any) -> None:
        async for _ in await started(calls.create(**api.asked, stream=True)):
            pass

    def use(calls: Any) -> None:
        for _ in calls.create(**api.asked, stream=True):
            pass

    assert_whole(api, record(api, api.complete(), read if is_async else use))


@EACH_API
@IS_ASYNC
def test_server_aborts(api: Api, is_async: bool) -> None:
    async def read(calls: Any) -> None:
        with pytest.raises(Exception) as caught:
            async for _ in await started(calls.create(**api.asked, stream=True)):
                pass
        assert not isinstance(caught.value, AssertionError)

    def use(calls: Any) -> None:
        with pytest.raises(Exception) as caught:
            for _ in calls.create(**api.asked, stream=True):
                pass
        assert not isinstance(caught.value, AssertionError)

    recorded = record(api, api.held(threading.Event(), abort=True), read if is_async else use)
    assert_cut(api, recorded, {"error"}, seen=True)


@RESOURCES
@IS_ASYNC
def test_raw_response(api: Api, is_async: bool) -> None:
    async def read(calls: Any) -> None:
        raw = await calls.with_raw_response.create(**api.asked)
        parsed = raw.parse()
        assert (await parsed if asyncio.iscoroutine(parsed) else parsed).id

    def use(calls: Any) -> None:
        assert calls.with_raw_response.create(**api.asked).parse().id

    assert_whole(api, record(api, api.answer(), read if is_async else use), stream=False)


@RESOURCES
@IS_ASYNC
@pytest.mark.parametrize("way", ["iterated", "unread", "never parsed"])
def test_raw_response_of_a_stream(api: Api, is_async: bool, way: str) -> None:
    async def read(calls: Any) -> None:
        raw = await calls.with_raw_response.create(**api.asked, stream=True)
        if way == "never parsed":
            return
        parsed = raw.parse()
        stream = await parsed if asyncio.iscoroutine(parsed) else parsed
        if way == "iterated":
            async for _ in stream:
                pass

    def use(calls: Any) -> None:
        raw = calls.with_raw_response.create(**api.asked, stream=True)
        if way == "never parsed":
            return
        stream = raw.parse()
        if way == "iterated":
            for _ in stream:
                pass

    hold = threading.Event()
    answer = api.complete() if way == "iterated" else api.held(hold)
    recorded = record(api, answer, read if is_async else use, hold)
    if way == "iterated":
        assert_whole(api, recorded)
    else:
        assert_cut(api, recorded, {"abandoned"}, seen=False)


@RESOURCES
@IS_ASYNC
@pytest.mark.parametrize("way", ["lines", "parsed", "broken off", "unread"])
def test_streaming_response(api: Api, is_async: bool, way: str) -> None:
    async def read(calls: Any) -> None:
        async with calls.with_streaming_response.create(**api.asked, stream=True) as response:
            if way == "lines":
                assert [line async for line in response.iter_lines()]
            elif way == "parsed":
                assert [event async for event in await response.parse()]
            elif way == "broken off":
                await to_first_word(response.iter_lines())

    def use(calls: Any) -> None:
        with calls.with_streaming_response.create(**api.asked, stream=True) as response:
            if way == "lines":
                assert list(response.iter_lines())
            elif way == "parsed":
                assert list(response.parse())
            elif way == "broken off":
                dropped(response.iter_lines())

    hold = threading.Event()
    answer = api.complete() if way in {"lines", "parsed"} else api.held(hold)
    recorded = record(api, answer, read if is_async else use, hold)
    if way in {"lines", "parsed"}:
        assert_whole(api, recorded)
    else:
        assert_cut(api, recorded, {"cancelled"}, seen=way == "broken off")


@pytest.mark.parametrize("api", [APIS["chat"], APIS["messages"]], ids=["chat", "messages"])
@IS_ASYNC
@pytest.mark.parametrize("way", ["consumed", "broken off", "unread", "never entered"])
def test_stream_helper(api: Api, is_async: bool, way: str) -> None:
    assert api.helper is not None
    asked = api.helper

    async def read(calls: Any) -> None:
        if way == "never entered":
            calls.stream(**asked)
            return
        async with calls.stream(**asked) as stream:
            if way == "consumed":
                assert [event async for event in stream]
            elif way == "broken off":
                await to_first_word(stream)

    def use(calls: Any) -> None:
        if way == "never entered":
            calls.stream(**asked)
            return
        with calls.stream(**asked) as stream:
            if way == "consumed":
                assert list(stream)
            elif way == "broken off":
                dropped(stream)

    hold = threading.Event()
    recorded = record(api, api.complete() if way == "consumed" else api.held(hold), read if is_async else use, hold)
    if way == "never entered":
        assert recorded.calls == []
    elif way == "consumed":
        assert_whole(api, recorded)
    else:
        assert_cut(api, recorded, {"cancelled"}, seen=way == "broken off")
