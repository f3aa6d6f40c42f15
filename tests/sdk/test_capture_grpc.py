"""Calls over synchronous gRPC channels: any way to make and to end one is one event, and the result is untouched."""

import gc
import threading
import time
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.experimental
import pytest
from loopback.grpc_server import GrpcLoopback, Handler
from loopback.rig import Recorded, observed
from loopback.xai_grpc import CHUNK, CLOSED, COMPLETION, EXACT, REQUEST, answering, chunks, completion
from xai_sdk.proto import chat_pb2

from llmobserve import capture
from llmobserve.context import suppress
from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent

EXPERIMENTAL: Any = grpc.experimental
SINGLE_THREADED = ((EXPERIMENTAL.ChannelOptions.SingleThreadedUnaryStream, 1),)
CALL_AND_FUTURE: list[Any] = [grpc.Call, grpc.Future]
WORDS = ("alpha ", "beta ", "gamma ", "delta ")


def stub_of(channel: grpc.Channel, kind: str) -> Any:
    make = getattr(channel, kind)
    answer = chat_pb2.GetChatCompletionChunk if kind.endswith("stream") else chat_pb2.GetChatCompletionResponse
    return make(
        CHUNK if kind.endswith("stream") else COMPLETION,
        request_serializer=chat_pb2.GetCompletionsRequest.SerializeToString,
        response_deserializer=answer.FromString,
    )


@contextmanager
def serving(handler: Handler, kind: str, options: Any = ()) -> Generator[tuple[Any, Recorded]]:
    """A stub that was made before the observation began."""
    with (
        GrpcLoopback(handler) as server,
        grpc.insecure_channel(server.netloc, options=options) as channel,
    ):
        stub = stub_of(channel, kind)
        with observed(server, "xai") as recorded:
            yield stub, recorded


def until_one(recorded: Recorded) -> CallEvent:
    """A future is recorded by a thread of the channel, which may be a moment later."""
    for _ in range(500):
        if recorded.calls:
            break
        time.sleep(0.01)
    return recorded.one


def assert_exact(call: CallEvent, *, stream: bool) -> None:
    assert (call.provider, call.operation, call.kind) == ("xai", "chat.completions", "llm")
    assert (call.status, call.stream, call.http_status, call.transport) == ("ok", stream, 200, "grpc")
    assert (call.usage.source, call.usage.flags, dict(call.usage.units)) == ("response", (), EXACT)
    assert (call.request_model, call.response_model) == ("grok-4.20", "grok-4.20-0309-reasoning")
    assert call.response_id == "chat-1"


@pytest.mark.parametrize("kind", ["unary_unary", "stream_unary"])
@pytest.mark.parametrize("way", ["__call__", "with_call", "future"])
def test_single_answer(kind: str, way: str) -> None:
    with serving(answering(completion()), kind) as (stub, recorded):
        request = REQUEST if kind == "unary_unary" else iter([REQUEST])
        result = getattr(stub, way)(request, timeout=5)
        if way == "with_call":
            result, call = result
            assert (call.code(), call.trailing_metadata()) == (grpc.StatusCode.OK, ())
        elif way == "future":
            assert all(isinstance(result, kind) for kind in CALL_AND_FUTURE)
            done: list[Any] = []
            result.add_done_callback(done.append)
            assert result.result().outputs[0].message.content == "alpha beta"
            assert (result.code(), until_one(recorded).status) == (grpc.StatusCode.OK, "ok")
            assert done == [result]
            result = result.result()
        assert result == completion()
        event = recorded.one
        if kind == "unary_unary":
            assert_exact(event, stream=False)
        else:
            # What a stream sends is not looked at.
            assert (event.request_model, dict(event.usage.units)) == (None, EXACT)
        assert event.request_id == ("req-1" if way != "__call__" else None)


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
@pytest.mark.parametrize("options", [(), SINGLE_THREADED])
def test_stream(kind: str, options: Any) -> None:
    with serving(answering(*chunks(*WORDS)), kind, options) as (stub, recorded):
        seen: list[bool] = []
        stream = stub(REQUEST if kind == "unary_stream" else iter([REQUEST]), timeout=5)
        assert all(isinstance(stream, kind) for kind in CALL_AND_FUTURE)
        assert stream.add_callback(lambda: seen.append(True))
        assert list(stream) == chunks(*WORDS)
        assert (stream.code(), stream.trailing_metadata()) == (grpc.StatusCode.OK, ())
        event = recorded.one
        assert (event.status, event.stream, dict(event.usage.units)) == ("ok", True, EXACT)
        assert event.request_id == "req-1"
        assert event.time_to_first_token_ms is not None
        assert event.duration_ms is not None
        assert 0 < event.time_to_first_token_ms <= event.duration_ms
        if kind == "unary_stream":
            assert_exact(event, stream=True)
        for _ in range(500):
            if seen:
                break
            time.sleep(0.01)
        assert seen == [True]


def test_many_streams_in_threads_keep_their_usage() -> None:
    with serving(answering(*chunks(*WORDS)), "unary_stream") as (stub, recorded):

        def consume() -> None:
            for _ in range(25):
                assert len(list(stub(REQUEST))) == 4

        threads = [threading.Thread(target=consume) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(recorded.calls) == 100
        for call in recorded.calls:
            assert_exact(call, stream=True)


class _Pass(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(client_call_details, request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(client_call_details, request)


def test_interceptors_once() -> None:
    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield from answering(*([completion()] if len(server.calls) == 1 else chunks(*WORDS)))(requests, context)

    with GrpcLoopback(handler) as server, grpc.insecure_channel(server.netloc) as plain:
        channel = grpc.intercept_channel(plain, _Pass(), _Pass())
        with observed(server, "xai") as recorded:
            assert stub_of(channel, "unary_unary")(REQUEST) == completion()
            assert_exact(recorded.one, stream=False)
            assert list(stub_of(channel, "unary_stream")(REQUEST)) == chunks(*WORDS)
            assert len(recorded.calls) == 2
            assert_exact(recorded.calls[1], stream=True)


def refusing(code: grpc.StatusCode, trailers: Any = ()) -> Any:
    def refuse(context: Any) -> None:
        context.set_trailing_metadata(trailers)
        context.abort(code, "no such thing, key sk-abcdefghijklmnopqrstuvwx1234567890")

    return refuse


@pytest.mark.parametrize(
    ("code", "trailers", "http_status", "state"),
    [
        (grpc.StatusCode.NOT_FOUND, (), 404, "free"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (), 429, "free"),
        # A connection that broke has this code as well: without a word of the server it may have been billed.
        (grpc.StatusCode.INTERNAL, (), None, "unpriced"),
        (grpc.StatusCode.INTERNAL, (("x-request-id", "r"),), 500, "free"),
    ],
)
@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
def test_refused(kind: str, code: grpc.StatusCode, trailers: Any, http_status: int | None, state: str) -> None:
    with serving(answering(then=refusing(code, trailers)), kind) as (stub, recorded):
        with pytest.raises(grpc.RpcError) as caught:
            list(stub(REQUEST)) if kind == "unary_stream" else stub(REQUEST)
        error: Any = caught.value
        assert error.code() is code
        event = recorded.one
        assert (event.status, event.http_status, event.request_model) == ("error", http_status, "grok-4.20")
        assert event.error is not None
        assert event.error.type == code.name
        assert "no such thing" in (event.error.message or "")
        assert "sk-abc" not in (event.error.message or "")
        assert (price_event(event).state, dict(event.usage.units)) == (state, {})


def test_error_after_messages_is_billed_as_far_as_seen() -> None:
    handler = answering(*chunks(*WORDS), then=refusing(grpc.StatusCode.UNAVAILABLE))
    with serving(handler, "unary_stream") as (stub, recorded):
        stream = stub(REQUEST)
        got: list[Any] = []
        with pytest.raises(grpc.RpcError):
            got.extend(iter(stream.__next__, None))
        event = recorded.one
        assert (event.status, event.error.type if event.error else None) == ("error", "UNAVAILABLE")
        assert event.stream


def test_nobody_listens() -> None:
    with GrpcLoopback(answering(completion())) as server, grpc.insecure_channel(CLOSED) as channel:
        stub = stub_of(channel, "unary_unary")
        server.port = 1
        with observed(server, "xai") as recorded:
            for _ in range(2):
                with pytest.raises(grpc.RpcError):
                    stub(REQUEST)
            first, second = recorded.calls
            assert (first.status, first.http_status, price_event(first).state) == ("error", None, "unpriced")
            # The application has tried again with the same request.
            assert (first.attempt, second.attempt) == (0, 1)
            assert second.logical_call_id == first.event_id
            with pytest.raises(grpc.RpcError):
                stub(chat_pb2.GetCompletionsRequest(model="grok-4.3"))
            assert recorded.calls[2].attempt == 0


def waiting(hold: threading.Event, *first: Any) -> Handler:
    return answering(*first, then=lambda context: hold.wait(10))


@pytest.mark.parametrize("way", ["__call__", "future"])
def test_deadline(way: str) -> None:
    hold = threading.Event()
    with serving(waiting(hold), "unary_unary") as (stub, recorded):
        with pytest.raises(grpc.RpcError) as caught:
            result = getattr(stub, way)(REQUEST, timeout=0.2)
            result.result()
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        event = until_one(recorded)
        hold.set()
        assert (event.status, event.error.type if event.error else None) == ("error", "DEADLINE_EXCEEDED")
        assert (event.http_status, price_event(event).state) == (None, "unpriced")


def test_future_cancelled() -> None:
    hold = threading.Event()
    with serving(waiting(hold), "unary_unary") as (stub, recorded):
        future = stub.future(REQUEST)
        assert future.cancel()
        event = until_one(recorded)
        hold.set()
        assert future.cancelled()
        assert (event.status, event.error) == ("cancelled", None)


@pytest.mark.parametrize("read_on", [False, True])
def test_stream_cancelled(read_on: bool) -> None:
    hold = threading.Event()
    with serving(waiting(hold, *chunks(*WORDS)[:2]), "unary_stream") as (stub, recorded):
        stream = stub(REQUEST)
        next(stream)
        next(stream)
        stream.cancel()
        if read_on:
            with pytest.raises(grpc.RpcError):
                next(stream)
        event = until_one(recorded)
        hold.set()
        assert stream.code() is grpc.StatusCode.CANCELLED
        assert (event.status, event.error, event.stream) == ("cancelled", None, True)
        # "alpha beta " has 11 bytes: 3 tokens of 4.
        assert (event.usage.source, event.usage.units["output_text_tokens"]) == ("estimated", 3)
        assert "partial" in event.usage.flags


@pytest.mark.parametrize("options", [(), SINGLE_THREADED])
def test_stream_left_early_is_dropped_at_once_as_without_us(options: Any) -> None:
    hold = threading.Event()
    with serving(waiting(hold, *chunks(*WORDS)[:2]), "unary_stream", options) as (stub, recorded):
        stream = stub(REQUEST)
        next(stream)
        reference = weakref.ref(stream)
        del stream
        assert reference() is None
        hold.set()
        capture.sweep()
        assert (recorded.one.status, "partial" in recorded.one.usage.flags) == ("abandoned", True)
        assert recorded.one.usage.units["output_text_tokens"] == 2  # "alpha " has 6 bytes


def test_stream_without_its_last_step_is_complete() -> None:
    with serving(answering(*chunks(*WORDS)), "unary_stream") as (stub, recorded):
        stream = stub(REQUEST)
        for _ in WORDS:
            next(stream)
        assert stream.code() is grpc.StatusCode.OK
        del stream
        gc.collect()
        for _ in range(500):
            capture.sweep()
            if recorded.calls:
                break
            time.sleep(0.01)
        assert_exact(recorded.one, stream=True)


def test_still_open_when_observation_ends() -> None:
    hold = threading.Event()
    with serving(waiting(hold, *chunks(*WORDS)[:1]), "unary_stream") as (stub, recorded):
        stream = stub(REQUEST)
        next(stream)
        capture.uninstall()
        assert recorded.one.status == "abandoned"
        hold.set()
        assert list(stream) == []
        assert len(recorded.calls) == 1


def test_request_cannot_be_made() -> None:
    with serving(answering(completion()), "unary_unary") as (stub, recorded):
        with pytest.raises(grpc.RpcError):
            stub("no message")
        with pytest.raises(TypeError):
            stub(REQUEST, nonsense=1)
        assert [call.status for call in recorded.calls] == ["error", "error"]


def test_other_methods_other_hosts_and_own_traffic_are_not_observed() -> None:
    with GrpcLoopback(answering(completion())) as server, grpc.insecure_channel(server.netloc) as channel:
        other = channel.unary_unary("/xai_api.Models/ListLanguageModels")
        chat = stub_of(channel, "unary_unary")
        with observed(server, "xai") as recorded:
            assert other(b"") == completion().SerializeToString()
            with suppress():
                assert chat(REQUEST) == completion()
        with observed(server, "weaviate"):
            assert chat(REQUEST) == completion()
        assert recorded.calls == []
