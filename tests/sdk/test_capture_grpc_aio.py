"""Calls over grpc.aio: any way to make and to end one is one event, and the call stays the library's own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import grpc
import grpc.aio
import pytest
from loopback.grpc_server import GrpcLoopback, Handler
from loopback.rig import Recorded, observed
from loopback.xai_grpc import CHUNK, CLOSED, COMPLETION, EXACT, REQUEST, answering, chunks, completion
from xai_sdk.proto import chat_pb2

from llmobserve import capture
from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent

AIO: Any = grpc.aio
WORDS = ("alpha ", "beta ", "gamma ", "delta ")
SENDS_STREAM = {"stream_unary", "stream_stream"}


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60))


def stub_of(channel: Any, kind: str) -> Any:
    answer = chat_pb2.GetChatCompletionChunk if kind.endswith("stream") else chat_pb2.GetChatCompletionResponse
    return getattr(channel, kind)(
        CHUNK if kind.endswith("stream") else COMPLETION,
        request_serializer=chat_pb2.GetCompletionsRequest.SerializeToString,
        response_deserializer=answer.FromString,
    )


class _PassUnary(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(client_call_details, request)


class _PassStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(client_call_details, request)


@asynccontextmanager
async def serving(handler: Handler, kind: str, *, intercepted: bool = False) -> AsyncGenerator[tuple[Any, Recorded]]:
    interceptors = [_PassUnary(), _PassStream()] if intercepted else None
    with GrpcLoopback(handler) as server, observed(server, "xai") as recorded:
        async with grpc.aio.insecure_channel(server.netloc, interceptors=interceptors) as channel:
            yield stub_of(channel, kind), recorded


def request_for(kind: str) -> Any:
    async def asked() -> AsyncIterator[Any]:
        yield REQUEST

    return asked() if kind in SENDS_STREAM else REQUEST


def assert_exact(call: CallEvent, *, stream: bool) -> None:
    assert (call.provider, call.operation, call.request_model) == ("xai", "chat.completions", "grok-4.20")
    assert (call.status, call.stream, call.http_status, call.transport) == ("ok", stream, 200, "grpc")
    assert (call.usage.source, call.usage.flags, dict(call.usage.units)) == ("response", (), EXACT)
    assert (call.response_model, call.response_id) == ("grok-4.20-0309-reasoning", "chat-1")
    assert call.request_id == "req-1"


@pytest.mark.parametrize("kind", ["unary_unary", "stream_unary"])
@pytest.mark.parametrize("intercepted", [False, True])
def test_single_answer(kind: str, intercepted: bool) -> None:
    async def main() -> None:
        async with serving(answering(completion()), kind, intercepted=intercepted) as (stub, recorded):
            done: list[Any] = []
            call = stub(request_for(kind), timeout=5)
            assert isinstance(call, AIO.Call)
            call.add_done_callback(done.append)
            assert await call == completion()
            assert await call.code() is grpc.StatusCode.OK
            assert (await call.initial_metadata())["x-request-id"] == "req-1"
            assert len(await call.trailing_metadata()) == 0
            assert done == [call]
            if kind == "unary_unary":
                assert_exact(recorded.one, stream=False)
            else:
                assert (recorded.one.request_model, dict(recorded.one.usage.units)) == (None, EXACT)

    run(main())


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
@pytest.mark.parametrize("way", ["iterated", "read", "intercepted"])
def test_stream(kind: str, way: str) -> None:
    async def main() -> None:
        async with serving(answering(*chunks(*WORDS)), kind, intercepted=way == "intercepted") as (stub, recorded):
            stream = stub(request_for(kind), timeout=5)
            got: list[Any] = []
            if way == "read":
                while (message := await stream.read()) is not AIO.EOF:
                    got.append(message)
            else:
                got = [message async for message in stream]
            assert got == chunks(*WORDS)
            assert await stream.code() is grpc.StatusCode.OK
            event = recorded.one
            assert (event.status, event.stream, dict(event.usage.units)) == ("ok", True, EXACT)
            assert event.time_to_first_token_ms is not None
            if kind == "unary_stream":
                assert_exact(event, stream=True)

    run(main())


def test_written_piece_by_piece() -> None:
    async def main() -> None:
        async with serving(answering(*chunks(*WORDS)), "stream_stream") as (stub, recorded):
            stream = stub()
            await stream.write(REQUEST)
            await stream.done_writing()
            assert [message async for message in stream] == chunks(*WORDS)
            assert dict(recorded.one.usage.units) == EXACT

    run(main())


def test_many_streams_at_once_keep_their_usage() -> None:
    async def main() -> None:
        async with serving(answering(*chunks(*WORDS)), "unary_stream") as (stub, recorded):

            async def consume() -> None:
                for _ in range(25):
                    stream = stub(REQUEST)
                    for word in WORDS:
                        message = await asyncio.wait_for(stream.read(), 5)
                        assert message.outputs[0].delta.content == word
                    assert await stream.read() is AIO.EOF

            await asyncio.gather(*(consume() for _ in range(8)))
            assert len(recorded.calls) == 200
            for call in recorded.calls:
                assert_exact(call, stream=True)

    run(main())


def test_never_awaited() -> None:
    async def main() -> None:
        async with serving(answering(completion()), "unary_unary") as (stub, recorded):
            call = stub(REQUEST)
            while not recorded.calls:
                await asyncio.sleep(0.01)
            assert_exact(recorded.one, stream=False)
            assert await call == completion()
            assert len(recorded.calls) == 1

    run(main())


def refusing(code: grpc.StatusCode) -> Any:
    def refuse(context: Any) -> None:
        context.abort(code, "no such thing")

    return refuse


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
@pytest.mark.parametrize("intercepted", [False, True])
def test_refused(kind: str, intercepted: bool) -> None:
    async def main() -> None:
        handler = answering(then=refusing(grpc.StatusCode.PERMISSION_DENIED))
        async with serving(handler, kind, intercepted=intercepted) as (stub, recorded):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                if kind == "unary_unary":
                    await stub(REQUEST)
                else:
                    [_ async for _ in stub(REQUEST)]
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
            event = recorded.one
            assert (event.status, event.http_status, price_event(event).state) == ("error", 403, "free")
            assert event.error is not None
            assert (event.error.type, event.error.message) == ("PERMISSION_DENIED", "no such thing")

    run(main())


def test_nobody_listens() -> None:
    async def main() -> None:
        with GrpcLoopback(answering(completion())) as server:
            server.port = 1
            with observed(server, "xai") as recorded:
                async with grpc.aio.insecure_channel(CLOSED) as channel:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await stub_of(channel, "unary_unary")(REQUEST)
                event = recorded.one
                assert (event.status, event.error.type if event.error else None) == ("error", "UNAVAILABLE")
                assert (event.http_status, price_event(event).state) == (None, "unpriced")

    run(main())


def waiting(hold: Event, *first: Any) -> Handler:
    return answering(*first, then=lambda context: hold.wait(10))


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
def test_deadline(kind: str) -> None:
    async def main() -> None:
        hold = Event()
        async with serving(waiting(hold), kind) as (stub, recorded):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                if kind == "unary_unary":
                    await stub(REQUEST, timeout=0.2)
                else:
                    [_ async for _ in stub(REQUEST, timeout=0.2)]
            hold.set()
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            event = recorded.one
            assert (event.status, event.error.type if event.error else None) == ("error", "DEADLINE_EXCEEDED")
            assert price_event(event).state == "unpriced"

    run(main())


@pytest.mark.parametrize("way", ["call", "task"])
@pytest.mark.parametrize("intercepted", [False, True])
def test_cancelled(way: str, intercepted: bool) -> None:
    async def main() -> None:
        hold = Event()
        async with serving(waiting(hold), "unary_unary", intercepted=intercepted) as (stub, recorded):
            call = stub(REQUEST)

            async def wait() -> None:
                await call

            async with asyncio.TaskGroup() as group:
                task = group.create_task(wait())
                await asyncio.sleep(0.1)
                assert (call if way == "call" else task).cancel()
            hold.set()
            assert call.cancelled()
            assert (recorded.one.status, recorded.one.error) == ("cancelled", None)

    run(main())


@pytest.mark.parametrize("intercepted", [False, True])
def test_stream_cancelled(intercepted: bool) -> None:
    async def main() -> None:
        hold = Event()
        handler = waiting(hold, *chunks(*WORDS)[:2])
        async with serving(handler, "unary_stream", intercepted=intercepted) as (stub, recorded):
            stream = stub(REQUEST)
            await stream.read()
            await stream.read()
            stream.cancel()
            hold.set()
            assert await stream.code() is grpc.StatusCode.CANCELLED
            event = recorded.one
            assert (event.status, event.error, event.usage.source) == ("cancelled", None, "estimated")
            assert "partial" in event.usage.flags

    run(main())


@pytest.mark.parametrize("intercepted", [False, True])
def test_stream_left_early_ends_with_its_channel(intercepted: bool) -> None:
    """Such a stream lives on in grpcio's core, with us or without."""

    async def main() -> None:
        hold = Event()
        handler = waiting(hold, *chunks(*WORDS)[:2])
        async with serving(handler, "unary_stream", intercepted=intercepted) as (stub, recorded):
            async for _ in stub(REQUEST):
                break
        hold.set()
        capture.sweep()
        assert recorded.one.status in {"cancelled", "abandoned"}
        assert "partial" in recorded.one.usage.flags

    run(main())


def test_still_open_when_observation_ends() -> None:
    async def main() -> None:
        hold = Event()
        async with serving(waiting(hold, *chunks(*WORDS)[:1]), "unary_stream") as (stub, recorded):
            stream = stub(REQUEST)
            await stream.read()
            capture.uninstall()
            assert recorded.one.status == "abandoned"
            hold.set()
            assert await stream.read() is AIO.EOF
            assert len(recorded.calls) == 1

    run(main())


def test_channel_and_stub_made_before() -> None:
    async def main() -> None:
        with GrpcLoopback(answering(completion())) as server:
            async with grpc.aio.insecure_channel(f"dns:///{server.netloc}") as channel:
                stub = stub_of(channel, "unary_unary")
                with observed(server, "xai") as recorded:
                    assert await stub(REQUEST) == completion()
                    assert_exact(recorded.one, stream=False)

    run(main())


def test_other_hosts_are_not_observed() -> None:
    async def main() -> None:
        with GrpcLoopback(answering(completion())) as server, observed(server, "qdrant") as recorded:
            async with grpc.aio.insecure_channel(server.netloc) as channel:
                assert await stub_of(channel, "unary_unary")(REQUEST) == completion()
            assert recorded.calls == []

    run(main())
