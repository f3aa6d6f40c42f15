"""xai-sdk against a gRPC server on this machine: what is recorded, and the money worked out by hand."""

import asyncio
import datetime
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import grpc
import pytest
import xai_sdk
from loopback.grpc_server import GrpcLoopback, Handler
from loopback.rig import Recorded, observed
from loopback.xai_grpc import CHUNK, COMPLETION, EXACT, chunks, completion
from xai_sdk.chat import image, user
from xai_sdk.proto import chat_pb2, deferred_pb2, image_pb2, usage_pb2, video_pb2
from xai_sdk.tools import web_search

from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent

START, LOOK = "/xai_api.Chat/StartDeferredCompletion", "/xai_api.Chat/GetDeferredCompletion"
# grok-4.20 from 2026-04-30 (https://docs.x.ai/docs/models): input 1.25, cached 0.2, output 2.5 dollars a million.
# 800 x 1.25 + 200 x 0.2 + (50 + 30) x 2.5 = 1000 + 40 + 200 = 1240 millionths.
LIST_USD = Decimal("0.00124")
TICKS = 12_500_000  # 0.00125 dollars at 10**10 ticks a dollar
CHARGED_USD = Decimal("0.00125")


def by_method(answers: dict[str, list[Any]]) -> Handler:
    """Each method answers with its messages, in one call after the other where they are lists."""

    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        list(requests)
        method = served[0].calls[-1].method
        messages = answers[method]
        if isinstance(messages[0], list):
            messages = messages.pop(0)
        for message in messages:
            yield message.SerializeToString()

    served: list[GrpcLoopback] = []
    handler.served = served  # type: ignore[attr-defined]
    return handler


@contextmanager
def xai(answers: dict[str, list[Any]], *, content: bool = False) -> Generator[tuple[str, Recorded]]:
    handler: Any = by_method(answers)
    with GrpcLoopback(handler) as server:
        handler.served.append(server)
        with observed(server, "xai", content=content) as recorded:
            yield server.netloc, recorded


def client_at(netloc: str) -> xai_sdk.Client:
    return xai_sdk.Client(api_key="xai-test", api_host=netloc, use_insecure_channel=True, timeout=10)


def chat_of(client: Any, **more: Any) -> Any:
    return client.chat.create(model="grok-4.20", messages=[user("Write eight words.")], **more)


def assert_charged(call: CallEvent, *, stream: bool) -> None:
    assert (call.provider, call.operation, call.status, call.stream) == ("xai", "chat.completions", "ok", stream)
    assert dict(call.usage.units) == EXACT
    assert call.usage.details["reasoning_tokens"] == 30
    cost = price_event(call)
    assert (cost.state, cost.usd, cost.table_usd) == ("provider_reported", CHARGED_USD, LIST_USD)


def test_sample() -> None:
    with xai({COMPLETION: [completion(cost_in_usd_ticks=TICKS)]}) as (netloc, recorded), client_at(netloc) as client:
        response = chat_of(client).sample()
        assert (response.content, response.usage.cost_in_usd_ticks) == ("alpha beta", TICKS)
        assert_charged(recorded.one, stream=False)


def test_without_a_stated_charge_the_list_price_holds() -> None:
    with xai({COMPLETION: [completion()]}) as (netloc, recorded), client_at(netloc) as client:
        chat_of(client).sample()
        cost = price_event(recorded.one)
        assert (cost.state, cost.usd, recorded.one.reported_cost_usd) == ("priced", LIST_USD, None)


def test_stream() -> None:
    words = chunks("alpha ", "beta ", "gamma", cost_in_usd_ticks=TICKS)
    with xai({CHUNK: words}) as (netloc, recorded), client_at(netloc) as client:
        response = None
        for response, _ in chat_of(client).stream():  # noqa: B007
            pass
        assert response is not None
        assert response.content == "alpha beta gamma"
        assert_charged(recorded.one, stream=True)
        assert recorded.one.time_to_first_token_ms is not None


def test_sample_and_stream_asynchronous() -> None:
    async def main(netloc: str) -> None:
        async with xai_sdk.AsyncClient(
            api_key="xai-test", api_host=netloc, use_insecure_channel=True, timeout=10
        ) as client:
            response = await chat_of(client).sample()
            assert response.content == "alpha beta"
            parts = [chunk.content async for _, chunk in chat_of(client).stream()]
            assert parts == ["alpha ", "beta"]

    answers = {
        COMPLETION: [completion(cost_in_usd_ticks=TICKS)],
        CHUNK: chunks("alpha ", "beta", cost_in_usd_ticks=TICKS),
    }
    with xai(answers) as (netloc, recorded):
        asyncio.run(main(netloc))
        whole, streamed = recorded.calls
        assert_charged(whole, stream=False)
        assert_charged(streamed, stream=True)


def test_deferred_is_one_event_where_it_is_fetched() -> None:
    answers: dict[str, list[Any]] = {
        START: [deferred_pb2.StartDeferredResponse(request_id="job-1")],
        LOOK: [
            [chat_pb2.GetDeferredCompletionResponse(status=deferred_pb2.PENDING)],
            [
                chat_pb2.GetDeferredCompletionResponse(
                    status=deferred_pb2.DONE, response=completion(cost_in_usd_ticks=TICKS)
                )
            ],
        ],
    }
    with xai(answers) as (netloc, recorded), client_at(netloc) as client:
        response = chat_of(client).defer(interval=datetime.timedelta(milliseconds=10))
        assert response.content == "alpha beta"
        assert_charged(recorded.one, stream=False)
        assert recorded.one.revision == 1


def test_deferred_that_expired_is_an_error() -> None:
    answers: dict[str, list[Any]] = {
        START: [deferred_pb2.StartDeferredResponse(request_id="job-1")],
        LOOK: [chat_pb2.GetDeferredCompletionResponse(status=deferred_pb2.EXPIRED)],
    }
    with xai(answers) as (netloc, recorded), client_at(netloc) as client:
        with pytest.raises(RuntimeError):
            chat_of(client).defer()
        assert recorded.one.status == "error"
        assert recorded.one.error is not None
        assert recorded.one.error.type == "expired"


def test_tools_at_xai_are_counted_and_billed() -> None:
    tools = [usage_pb2.SERVER_SIDE_TOOL_WEB_SEARCH, usage_pb2.SERVER_SIDE_TOOL_WEB_SEARCH]
    tools += [usage_pb2.SERVER_SIDE_TOOL_X_SEARCH, usage_pb2.SERVER_SIDE_TOOL_VIEW_IMAGE]
    with (
        xai({COMPLETION: [completion(server_side_tools_used=tools)]}) as (netloc, recorded),
        client_at(netloc) as client,
    ):
        chat_of(client, tools=[web_search()]).sample()
        units = dict(recorded.one.usage.units)
        assert (units["web_search_calls"], units["x_search_calls"]) == (2, 1)
        # Three searches at 5 dollars a thousand beside the tokens.
        assert price_event(recorded.one).usd == LIST_USD + Decimal("0.015")


def test_priority_tier_is_kept() -> None:
    answer = completion()
    answer.service_tier = usage_pb2.SERVICE_TIER_PRIORITY
    with xai({COMPLETION: [answer]}) as (netloc, recorded), client_at(netloc) as client:
        chat_of(client).sample()
        assert recorded.one.dimensions == {"service_tier": "priority"}
        # No price of this tier is published.
        assert price_event(recorded.one).state == "unpriced"


def test_image_has_the_charge_and_a_count() -> None:
    answer = image_pb2.ImageResponse(
        model="grok-imagine-image",
        images=[image_pb2.GeneratedImage(url="https://x.test/1.jpg", respect_moderation=True)],
        usage=usage_pb2.SamplingUsage(cost_in_usd_ticks=200_000_000),  # 0.02 dollars
    )
    with xai({"/xai_api.Image/GenerateImage": [answer]}) as (netloc, recorded), client_at(netloc) as client:
        client.image.sample("a cat", "grok-imagine-image")
        call = recorded.one
        assert (call.kind, call.operation, dict(call.usage.units)) == ("image", "images", {"images": 1})
        cost = price_event(call)
        assert (cost.state, cost.usd) == ("provider_reported", Decimal("0.02"))


@pytest.mark.parametrize(
    ("ticks", "state", "usd"),
    [
        (3_000_000_000, "provider_reported", Decimal("0.3")),
        # grok-imagine-video at its smallest resolution: 6 seconds at 0.05 dollars, but which one it was is not known.
        (None, "estimated", Decimal("0.3")),
    ],
)
def test_video_is_one_event(ticks: int | None, state: str, usd: Decimal) -> None:
    done = video_pb2.GetDeferredVideoResponse(
        status=deferred_pb2.DONE,
        response=video_pb2.VideoResponse(
            model="grok-imagine-video",
            video=video_pb2.GeneratedVideo(url="https://x.test/1.mp4", duration=6, respect_moderation=True),
            usage=usage_pb2.SamplingUsage(cost_in_usd_ticks=ticks),
        ),
    )
    answers: dict[str, list[Any]] = {
        "/xai_api.Video/GenerateVideo": [deferred_pb2.StartDeferredResponse(request_id="video-1")],
        "/xai_api.Video/GetDeferredVideo": [done],
    }
    with xai(answers) as (netloc, recorded), client_at(netloc) as client:
        assert client.video.generate("a cat", "grok-imagine-video").url == "https://x.test/1.mp4"
        call = recorded.one
        assert (call.kind, call.operation, dict(call.usage.units)) == ("video", "videos", {"output_seconds": 6})
        cost = price_event(call)
        assert (cost.state, cost.usd) == (state, usd)


def test_refused() -> None:
    def handler(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        list(requests)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Model not found: grok-0")
        yield b""

    with GrpcLoopback(handler) as server, observed(server, "xai") as recorded, client_at(server.netloc) as client:
        with pytest.raises(grpc.RpcError):
            client.chat.create(model="grok-0", messages=[user("Hi")]).sample()
        call = recorded.one
        assert (call.status, call.http_status, call.request_model) == ("error", 400, "grok-0")
        assert call.error is not None
        assert (call.error.type, call.error.message) == ("INVALID_ARGUMENT", "Model not found: grok-0")
        assert price_event(call).state == "free"


def test_content_only_where_wanted() -> None:
    for content in (False, True):
        with (
            xai({COMPLETION: [completion()]}, content=content) as (netloc, recorded),
            client_at(netloc) as client,
        ):
            messages = [user("What is this?", image("https://x.test/cat.png"))]
            client.chat.create(model="grok-4.20", messages=messages).sample()
            if not content:
                assert recorded.contents == []
                continue
            kept = recorded.contents[0]
            (asked,) = kept.input["messages"]
            assert asked["role"] == "user"
            assert asked["content"][0]["text"] == "What is this?"
            assert kept.output[0]["content"] == "alpha beta"
