"""Realtime and Live clients against a loopback provider: what was billed, once, with the cost by hand.

Prices, tokens a million: gpt-realtime $4 text, $32 audio, $5 image, cached $0.40, $0.40 and $0.50, out $16 and $64;
gpt-4o-mini $0.15 and $0.60; gemini-3.8-live $0.75 text, $3 audio, out $4.50 and $12. By the minute: gpt-live-1 $0.05.
"""

import asyncio
import base64
import json
from decimal import Decimal
from typing import Any

import openai
import pytest
import websockets.sync.client
from google import genai
from loopback.costs import cost, units
from loopback.openai_bodies import response_object
from loopback.rig import Recorded, observed
from loopback.socket_server import Caller, SocketServer, realtime_usage, say

from llmobserve.pricing import price_event
from llmobserve.wire import CallEvent

# openai opens its synchronous connections in a way that websockets 17 has left behind.
pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used as a context manager:DeprecationWarning")

# 350 × 4 + 170 × 32 + 80 × 5 + 250 × 0.4 + 130 × 0.4 + 20 × 0.5 + 60 × 16 + 240 × 64, a million
REALTIME_USD = Decimal("0.023722")


def realtime_done(name: str) -> dict[str, Any]:
    return {"type": "response.done", "event_id": "e", "response": {"id": name, "usage": realtime_usage()}}


REALTIME = (
    {"type": "session.created", "event_id": "e", "session": {"type": "realtime", "model": "gpt-realtime"}},
    {"type": "response.created", "event_id": "e", "response": {"id": "resp_1", "status": "in_progress"}},
    {"type": "response.output_text.delta", "event_id": "e", "response_id": "resp_1", "delta": "Hi"},
    realtime_done("resp_1"),
)


def assert_realtime(call: CallEvent) -> None:
    assert (call.operation, call.response_model, call.response_id, call.status) == (
        "realtime",
        "gpt-realtime",
        "resp_1",
        "ok",
    )
    assert call.time_to_first_token_ms is not None
    assert cost(call) == ("priced", REALTIME_USD)


def test_openai_realtime() -> None:
    with (
        SocketServer(say(*REALTIME)) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.http}/v1") as client,
        observed(server) as recorded,
    ):
        with client.realtime.connect(model="gpt-realtime") as connection:
            connection.response.create()
            assert [connection.recv().type for _ in range(4)] == [event["type"] for event in REALTIME]
        assert_realtime(recorded.one)


def test_openai_realtime_async() -> None:
    async def play(url: str) -> None:
        async with (
            openai.AsyncOpenAI(api_key="sk-test", base_url=f"{url}/v1") as client,
            client.realtime.connect(model="gpt-realtime") as connection,
        ):
            await connection.response.create()
            async for event in connection:
                if event.type == "response.done":
                    return

    with SocketServer(say(*REALTIME)) as server, observed(server) as recorded:
        asyncio.run(play(server.http))
        assert_realtime(recorded.one)
    assert server.paths == ["/v1/realtime?model=gpt-realtime"]


def test_azure_realtime_is_priced_by_the_model_that_the_session_names() -> None:
    with SocketServer(say(*REALTIME)) as server, observed(server, "azure_openai") as recorded:
        url = f"{server.ws}/openai/realtime?api-version=2025-04-01-preview&deployment=voice"
        with websockets.sync.client.connect(url) as connection:
            connection.send(json.dumps({"type": "response.create"}))
            for _ in REALTIME:
                connection.recv()
    call = recorded.one
    assert (call.provider, call.request_model, call.response_model) == ("azure_openai", "voice", "gpt-realtime")
    assert call.dimensions["deployment"] == "voice"
    assert cost(call) == ("priced", REALTIME_USD)


def test_openai_responses_over_one_connection() -> None:
    first = response_object(id="resp_1", model="gpt-4o-mini-2024-07-18", service_tier="default")
    first["usage"] = {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200}

    def script(caller: Caller) -> None:
        caller.hear()
        caller.say({"type": "response.created", "response": {**first, "status": "in_progress", "usage": None}})
        caller.say({"type": "response.output_text.delta", "delta": "Hi", "item_id": "m", "output_index": 0})
        caller.say({"type": "response.completed", "response": first})
        caller.hear()
        caller.say({"type": "error", "status": 400, "error": {"type": "invalid_request_error", "message": "No."}})
        caller.wait()

    with (
        SocketServer(script) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.http}/v1") as client,
        observed(server) as recorded,
        client.responses.connect() as connection,
    ):
        connection.response.create(model="gpt-4o-mini", input="Hello")
        assert [connection.recv().type for _ in range(3)][-1] == "response.completed"
        connection.response.create(model="gpt-4o-mini", input="Hello")
        assert connection.recv().type == "error"
    good, bad = recorded.calls
    assert (good.operation, good.request_model, good.response_id, good.status) == (
        "responses",
        "gpt-4o-mini",
        "resp_1",
        "ok",
    )
    assert good.time_to_first_token_ms is not None
    # 1,000 × 0.15 + 200 × 0.60, a million
    assert cost(good) == ("priced", Decimal("0.00027"))
    assert (bad.status, bad.http_status) == ("error", 400)
    assert bad.error is not None
    assert (bad.error.type, bad.error.message) == ("invalid_request_error", "No.")
    assert cost(bad) == ("free", Decimal(0))


def test_openai_live_session_is_charged_once_on_two_connections() -> None:
    session = {"id": "sess_1", "model": "gpt-live-1", "status": "active", "expires_at": 1}

    def script(caller: Caller) -> None:
        caller.hear()
        caller.say({"type": "session.started", "session": session})
        caller.say({"type": "session.usage.updated", "usage": {"seconds": 30.0}})
        caller.say({"type": "session.usage.updated", "usage": {"seconds": 60.5}})
        nested: dict[str, Any] = {"id": "resp_d", "status": "completed", "model": "gpt-4o-mini", "output": []}
        nested["usage"] = {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200}
        caller.say({"type": "response.event", "event": {"type": "response.completed", "response": nested}})
        if caller.server.paths[-1].endswith("/sessions"):
            caller.say({"type": "session.closed", "session": session, "usage": {"seconds": 72.0}})
        caller.say("end")
        caller.wait()

    with SocketServer(script) as server, observed(server) as recorded:
        for path in ("/v1/live/sessions/sess_1/attach", "/v1/live/sessions"):
            with websockets.sync.client.connect(server.ws + path) as connection:
                connection.send("{}")
                while connection.recv() != "end":
                    pass
    kept: dict[str, CallEvent] = {}
    for call in recorded.calls:
        if call.event_id not in kept or call.revision > kept[call.event_id].revision:
            kept[call.event_id] = call
    live, delegated = sorted(kept.values(), key=lambda call: call.operation)
    assert (units(live), live.response_id) == ({"input_seconds": "72"}, "sess_1")
    # 72 s of $0.05 a minute
    assert cost(live) == ("priced", Decimal("0.06"))
    assert (delegated.operation, delegated.response_id) == ("responses", "resp_d")
    assert cost(delegated) == ("priced", Decimal("0.00027"))


def test_openai_translation_is_estimated_by_the_audio_that_was_sent() -> None:
    audio = base64.b64encode(bytes(48_000 * 3 + 1)).decode()  # three seconds of 24 kHz, 16 bits, and one byte
    with (
        SocketServer(
            say({"type": "session.created", "session": {"id": "s", "model": "gpt-realtime-translate"}})
        ) as server,
        observed(server) as recorded,
    ):
        url = f"{server.ws}/v1/realtime/translations?model=gpt-realtime-translate"
        with websockets.sync.client.connect(url) as connection:
            connection.send(json.dumps({"type": "session.input_audio_buffer.append", "audio": audio}))
            connection.recv()
    call = recorded.one
    assert call.operation == "realtime.translations"
    assert call.usage.source == "estimated"
    assert abs(Decimal(units(call)["input_seconds"]) - 3) < Decimal("0.001")
    assert price_event(call).state == "estimated"


LIVE_USAGE = {
    "promptTokenCount": 522,
    "responseTokenCount": 42,
    "totalTokenCount": 564,
    "thoughtsTokenCount": 136,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 332}, {"modality": "AUDIO", "tokenCount": 165}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],
}


def gemini(caller: Caller) -> None:
    """A turn that calls a tool, the turn after it, and one that is interrupted; all in binary messages."""

    def tell(*messages: Any) -> None:
        caller.say(*(json.dumps(message).encode() for message in messages))

    sound = {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "QUJD" * 100}}]}}
    assert caller.hear()["setup"]["model"] == "models/gemini-3.8-live"
    tell({"setupComplete": {}})
    caller.hear()
    tell({"toolCall": {"functionCalls": [{"id": "f", "name": "look", "args": {}}]}}, {"usageMetadata": LIVE_USAGE})
    caller.hear()
    tell({"serverContent": sound}, {"usageMetadata": LIVE_USAGE}, {"serverContent": {"generationComplete": True}})
    tell({"serverContent": {"turnComplete": True}, "usageMetadata": LIVE_USAGE})
    tell({"serverContent": sound}, {"serverContent": {"interrupted": True}})
    tell({"serverContent": {"turnComplete": True}, "usageMetadata": LIVE_USAGE})
    caller.wait()


def test_gemini_live() -> None:
    async def play(url: str) -> None:
        client = genai.Client(api_key="test")
        # The client speaks TLS whatever the address says.
        inner: Any = client._api_client
        inner._websocket_base_url = lambda *_: url
        inner._websocket_ssl_ctx = {}
        config: Any = {"response_modalities": ["AUDIO"]}
        async with client.aio.live.connect(model="gemini-3.8-live", config=config) as live:
            await live.send_client_content(turns={"role": "user", "parts": [{"text": "Hello"}]})
            async for message in live.receive():
                if message.usage_metadata:
                    break
            answer = genai.types.FunctionResponse(id="f", name="look", response={"ok": True})
            await live.send_tool_response(function_responses=[answer])
            turns = [message async for message in live.receive()]
            assert turns[-1].server_content is not None
            assert turns[-1].server_content.turn_complete
            async for message in live.receive():
                assert message is not None

    with SocketServer(gemini) as server, observed(server, "google_gemini") as recorded:
        asyncio.run(play(server.ws))
    assert [(call.operation, call.status) for call in recorded.calls] == [
        ("live", "ok"),
        ("live", "ok"),
        ("live", "cancelled"),
    ]
    for call in recorded.calls:
        # 25 of 522 tokens of the prompt have no kind: they are text. Thoughts are text of the answer.
        assert units(call) == {
            "input_text_tokens": "357",
            "input_audio_tokens": "165",
            "output_text_tokens": "136",
            "output_audio_tokens": "42",
        }
        assert call.usage.flags == ()
        # 357 × 0.75 + 165 × 3 + 136 × 4.5 + 42 × 12, a million
        assert cost(call) == ("priced", Decimal("0.00187875"))
    assert recorded.calls[1].time_to_first_token_ms is not None


def test_vertex_live() -> None:
    path = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
    model = "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live"
    answer = {"serverContent": {"turnComplete": True}, "usageMetadata": LIVE_USAGE}
    with (
        SocketServer(say(answer)) as server,
        observed(server, "google_vertex") as recorded,
        websockets.sync.client.connect(server.ws + path) as connection,
    ):
        connection.send(json.dumps({"setup": {"model": model}}))
        connection.recv()
    assert cost(recorded.one) == ("priced", Decimal("0.00187875"))


def test_xai_voice_is_estimated_by_the_connection() -> None:
    messages = ({"type": "conversation.created", "conversation": {"id": "conv_2"}}, {"type": "response.created"})
    with SocketServer(say(*messages)) as server, observed(server, "xai") as recorded:
        url = f"{server.ws}/v1/realtime?model=grok-voice-think-fast-1.0"
        with websockets.sync.client.connect(url) as connection:
            connection.send("{}")
            for _ in messages:
                connection.recv()
    call = recorded.one
    assert (call.response_id, call.usage.source) == ("conv_2", "estimated")
    # $3 an hour
    assert cost(call) == (
        "estimated",
        (Decimal(units(call)["input_seconds"]) * 3 / 3600).quantize(Decimal("1e-12")).normalize(),
    )


def test_content_only_where_it_is_wanted() -> None:
    done = {**REALTIME[3]["response"], "output": [{"type": "message", "content": [{"transcript": "Good morning"}]}]}

    def recorded_with(*, content: bool) -> Recorded:
        with (
            SocketServer(say({"type": "response.done", "response": done})) as server,
            observed(server, content=content) as recorded,
        ):
            with websockets.sync.client.connect(f"{server.ws}/v1/realtime?model=gpt-realtime") as connection:
                connection.send("{}")
                connection.recv()
            return recorded

    assert recorded_with(content=False).contents == []
    assert "Good morning" in json.dumps(recorded_with(content=True).contents[0].output)


def test_credentials_of_the_address_stay_here() -> None:
    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=AIzaSECRETSECRET"
    with (
        SocketServer(refuse_with=403) as server,
        observed(server, "google_gemini") as recorded,
        pytest.raises(Exception, match="403"),
        websockets.sync.client.connect(server.ws + path),
    ):
        pass
    assert "SECRET" not in repr(recorded.one)
