"""Clients of streamed speech against a loopback provider: what was billed, once, with the cost by hand.

Prices: aura-2 $30 a million characters, ElevenLabs' fast voices $50. By the minute: nova-3 streamed $0.0048, with
language `multi` $0.0058, flux-general-en $0.0065. By the hour: AssemblyAI u3-rt-pro $0.45 of the session,
scribe_v2_realtime $0.39 of audio.
"""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import assemblyai.streaming.v3 as aai
import pytest
import websockets.sync.client
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types import SpeakV1Text
from elevenlabs.client import ElevenLabs
from elevenlabs.realtime.scribe import AudioFormat, ScribeRealtime
from loopback.costs import cost, units
from loopback.rig import observed
from loopback.socket_server import Caller, SocketServer, say

from llmobserve.pricing import price_event

# What the clients themselves do: they open connections and name errors in ways that websockets 17 has left behind.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:connect\(\) must be used as a context manager:DeprecationWarning",
    "ignore:websockets.exceptions.InvalidStatusCode is deprecated:DeprecationWarning",
    "ignore:websockets.legacy is deprecated:DeprecationWarning",
    "ignore:websockets.client:DeprecationWarning",
    "ignore:ConnectionClosed.code is deprecated:DeprecationWarning",
)


def deepgram(server: SocketServer, kind: Any = DeepgramClient) -> Any:
    environment = DeepgramClientEnvironment(
        base=server.http, production=server.ws, agent=server.ws, agent_rest=server.http
    )
    return kind(api_key="test", environment=environment)


RESULTS = {
    "type": "Results",
    "channel_index": [0, 1],
    "start": 60.0,
    "duration": 30.5,
    "is_final": True,
    "speech_final": True,
    "from_finalize": False,
    "channel": {"alternatives": [{"transcript": "Hello", "confidence": 1.0, "words": []}]},
    "metadata": {
        "request_id": "req_1",
        "model_info": {"name": "n", "version": "v", "arch": "a"},
        "model_uuid": "u",
    },
}
METADATA = {
    "type": "Metadata",
    "transaction_key": "deprecated",
    "request_id": "req_1",
    "sha256": "x",
    "created": "2026-11-21T00:00:00Z",
    "duration": 120.0,
    "channels": 2,
}


def listen(caller: Caller) -> None:
    assert caller.hear() == bytes(3200)
    caller.say(RESULTS)
    assert caller.hear()["type"] == "CloseStream"
    caller.say(METADATA)
    caller.connection.close()


@pytest.mark.parametrize(
    ("options", "usd"),
    [
        ({"model": "nova-3"}, "0.0096"),  # 2 minutes × 0.0048
        ({"model": "nova-3", "language": "multi"}, "0.0116"),  # 2 minutes × 0.0058
        ({"model": "nova-3", "multichannel": "true", "channels": "2"}, "0.0192"),  # each of two channels
    ],
)
def test_deepgram_listen(options: dict[str, Any], usd: str) -> None:
    with (
        SocketServer(listen) as server,
        observed(server, "deepgram") as recorded,
        deepgram(server).listen.v1.connect(**options) as connection,
    ):
        connection.send_media(bytes(3200))
        assert connection.recv().type == "Results"
        connection.send_close_stream()
        assert connection.recv().type == "Metadata"
    call = recorded.one
    assert (call.operation, call.request_model, call.response_id, call.status) == ("listen", "nova-3", "req_1", "ok")
    assert call.dimensions["mode"] == "streaming"
    assert (cost(call)[1], call.usage.source) == (Decimal(usd), "response")


def test_deepgram_listen_async_without_summary_is_partial() -> None:
    async def play(server: SocketServer) -> None:
        async with deepgram(server, AsyncDeepgramClient).listen.v1.connect(model="nova-3") as connection:
            await connection.send_media(bytes(3200))
            assert (await connection.recv()).type == "Results"

    with SocketServer(listen) as server, observed(server, "deepgram") as recorded:
        asyncio.run(play(server))
    call = recorded.one
    assert (call.status, call.usage.flags, units(call)) == ("cancelled", ("partial",), {"input_seconds": "90.5"})
    # 90.5 s × 0.0048 a minute
    assert cost(call) == ("estimated", Decimal("0.00724"))


def test_deepgram_listen_without_any_result_is_estimated_by_the_audio() -> None:
    with SocketServer() as server, observed(server, "deepgram") as recorded:
        options = {"model": "nova-3", "encoding": "linear16", "sample_rate": "16000"}
        with deepgram(server).listen.v1.connect(**options) as connection:
            for _ in range(10):
                connection.send_media(bytes(32_000))  # a second each
    call = recorded.one
    assert (units(call), call.usage.source) == ({"input_seconds": "10"}, "estimated")
    assert cost(call) == ("estimated", Decimal("0.0008"))


def test_deepgram_flux() -> None:
    turn = {"type": "TurnInfo", "request_id": "req_2", "event": "EndOfTurn", "audio_window_end": 60.0}

    def script(caller: Caller) -> None:
        caller.say({"type": "Connected", "request_id": "req_2", "sequence_id": 0})
        caller.hear()
        caller.say({**turn, "audio_window_end": 12.5}, turn)
        caller.hear()
        caller.connection.close()

    with SocketServer(script) as server, observed(server, "deepgram") as recorded:
        url = f"{server.ws}/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
        with websockets.sync.client.connect(url) as connection:
            connection.send(bytes(3200))
            for _ in range(3):
                connection.recv()
            connection.send('{"type": "CloseStream"}')
            list(connection)
    call = recorded.one
    assert (call.response_id, call.status, units(call)) == ("req_2", "ok", {"input_seconds": "60"})
    assert cost(call) == ("priced", Decimal("0.0065"))


def test_deepgram_speak() -> None:
    def script(caller: Caller) -> None:
        caller.say({"type": "Metadata", "request_id": "req_3", "model_name": "aura-2-thalia-en", "model_version": "1"})
        caller.hear()
        caller.hear()
        caller.say(b"\x00" * 100)
        caller.hear()
        caller.connection.close()

    with (
        SocketServer(script) as server,
        observed(server, "deepgram") as recorded,
        deepgram(server).speak.v1.connect(model="aura-2-thalia-en", encoding="linear16") as connection,
    ):
        connection.send_text(SpeakV1Text(text="Hello there. "))
        connection.send_text(SpeakV1Text(text="Grüße"))
        received = [connection.recv(), connection.recv()]
        assert received[1] == b"\x00" * 100
        connection.send_close()
    call = recorded.one
    assert (units(call), call.usage.source, call.response_id) == ({"input_characters": "18"}, "request", "req_3")
    # 18 × 30, a million
    assert cost(call) == ("priced", Decimal("0.00054"))


def test_deepgram_speak_2_is_one_call_a_turn() -> None:
    def end(name: str, billed: int) -> dict[str, Any]:
        facts = {"speech_id": name, "input_character_count": billed + 1, "billable_character_count": billed}
        return {"type": "SpeechMetadata", **facts}

    def script(caller: Caller) -> None:
        caller.hear()
        caller.say({"type": "SpeechStarted", "speech_id": "s1"}, b"\x00", end("s1", 9))
        caller.hear()
        caller.say({"type": "SpeechInterrupted", "metadata": end("s2", 4)}, "end")
        caller.wait()

    with (
        SocketServer(script) as server,
        observed(server, "deepgram") as recorded,
        websockets.sync.client.connect(f"{server.ws}/v2/speak?model=aura-2-thalia-en") as connection,
    ):
        connection.send(json.dumps({"type": "Speak", "text": "0123456789"}))
        connection.send(json.dumps({"type": "Speak", "text": "01234"}))
        while connection.recv() != "end":
            pass
    assert [(call.response_id, units(call)) for call in recorded.calls] == [
        ("s1", {"input_characters": "9"}),
        ("s2", {"input_characters": "4"}),
    ]


def test_deepgram_agent_has_its_time_and_no_price() -> None:
    with (
        SocketServer(say({"type": "Welcome", "request_id": "req_4"})) as server,
        observed(server, "deepgram") as recorded,
        websockets.sync.client.connect(f"{server.ws}/v1/agent/converse") as connection,
    ):
        connection.send("{}")
        connection.recv()
    call = recorded.one
    assert (call.operation, list(call.usage.units), call.usage.source) == ("agent", ["input_seconds"], "estimated")
    assert cost(call) == ("unpriced", None)


AAI_PARAMETERS: Any = aai.StreamingParameters


def assembly(caller: Caller) -> None:
    caller.say({"type": "Begin", "id": "sess_a", "expires_at": "2026-11-21T00:00:00Z"})
    assert caller.hear() == bytes(1600)
    caller.hear()
    caller.say({"type": "Termination", "audio_duration_seconds": 60, "session_duration_seconds": 240})
    caller.connection.close()


def test_assemblyai_streaming() -> None:
    ended = threading.Event()
    with SocketServer(assembly) as server, observed(server, "assemblyai") as recorded:
        client = aai.StreamingClient(aai.StreamingClientOptions(api_host=server.ws, api_key="test"))
        client.on(aai.StreamingEvents.Termination, lambda *_: ended.set())
        client.connect(AAI_PARAMETERS(sample_rate=16000, speech_model=aai.SpeechModel.u3_rt_pro))
        client.stream(bytes(1600))
        client.disconnect(terminate=True)
        assert ended.is_set()
    call = recorded.one
    assert (call.operation, call.request_model, call.response_id, call.status) == (
        "streaming",
        "u3-rt-pro",
        "sess_a",
        "ok",
    )
    # The session lasted four minutes: 240 s of $0.45 an hour.
    assert (units(call), cost(call)) == ({"input_seconds": "240"}, ("priced", Decimal("0.03")))


def test_assemblyai_without_termination_is_measured_here() -> None:
    with SocketServer(assembly) as server, observed(server, "assemblyai") as recorded:
        client = aai.StreamingClient(aai.StreamingClientOptions(api_host=server.ws, api_key="test"))
        client.connect(AAI_PARAMETERS(sample_rate=16000, speech_model=aai.SpeechModel.u3_rt_pro))
        client.stream(bytes(1600))
        client.disconnect()
    call = recorded.one
    assert (call.status, call.usage.source, call.usage.flags) == ("cancelled", "estimated", ("partial",))
    assert price_event(call).state == "estimated"


def test_elevenlabs_speech() -> None:
    def script(caller: Caller) -> None:
        while caller.hear()["text"]:
            pass
        caller.say({"audio": base64.b64encode(b"sound").decode(), "isFinal": None}, {"audio": None, "isFinal": True})
        caller.connection.close()

    with SocketServer(script) as server, observed(server, "elevenlabs") as recorded:
        speech: Any = ElevenLabs(api_key="test", base_url=server.http).text_to_speech
        speech._ws_base_url = server.ws  # the client speaks TLS whatever the address says

        def words() -> Iterator[str]:
            yield "Hello "
            yield "there."

        assert b"".join(speech.convert_realtime("voice", text=words(), model_id="eleven_flash_v2_5")) == b"sound"
    call = recorded.one
    assert (call.operation, call.request_model, call.status) == ("text_to_speech", "eleven_flash_v2_5", "ok")
    assert call.time_to_first_token_ms is not None
    sent = sum(len(json.loads(text)["text"]) for text in server.heard if json.loads(text)["text"].strip())
    assert units(call) == {"input_characters": str(sent)}
    assert sent in (12, 13)  # the client ends its last piece with a blank
    assert cost(call)[1] == Decimal(sent) * 50 / 1_000_000


def test_elevenlabs_transcription() -> None:
    async def play(url: str) -> None:
        scribe = ScribeRealtime("test", base_url=url)
        connection = await scribe.connect(
            {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_16000, "sample_rate": 16000}
        )
        await connection.send({"audio_base_64": base64.b64encode(bytes(320_000)).decode()})  # ten seconds
        await connection.send({"audio_base_64": base64.b64encode(bytes(64_000)).decode()})  # two
        await connection.commit()
        await asyncio.sleep(0.1)
        await connection.close()

    started = {"message_type": "session_started", "session_id": "sess_e", "config": {"model_id": "scribe_v2_realtime"}}
    with SocketServer(say(started)) as server, observed(server, "elevenlabs") as recorded:
        asyncio.run(play(server.ws))
    call = recorded.one
    assert (call.operation, call.response_id, units(call)) == ("speech_to_text", "sess_e", {"input_seconds": "12"})
    # 12 s of $0.39 an hour
    assert cost(call) == ("priced", Decimal("0.0013"))


def test_elevenlabs_agent_has_its_time_and_no_price() -> None:
    begun = {
        "type": "conversation_initiation_metadata",
        "conversation_initiation_metadata_event": {"conversation_id": "conv_1"},
    }
    with (
        SocketServer(say(begun)) as server,
        observed(server, "elevenlabs") as recorded,
        websockets.sync.client.connect(f"{server.ws}/v1/convai/conversation?agent_id=a") as connection,
    ):
        connection.send("{}")
        connection.recv()
    call = recorded.one
    assert (call.operation, call.response_id, list(call.usage.units)) == ("conversation", "conv_1", ["input_seconds"])
    assert cost(call) == ("unpriced", None)
