"""The Azure Speech SDK, whose sessions are native code: the real classes against a service on loopback."""

import gc
import time
import wave
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loopback.azure_speech import AzureSpeech
from loopback.rig import Recorded, observed

from llmobserve import capture
from llmobserve.pricing import price_event

speech: Any = pytest.importorskip("azure.cognitiveservices.speech", reason="the Speech SDK is not installed")

PHRASES = ((0.5, 1.0, "Hello"), (2.0, 1.25, "secret words"))


@contextmanager
def service(*phrases: tuple[float, float, str]) -> Generator[tuple[AzureSpeech, Recorded]]:
    with AzureSpeech(*phrases) as server, observed(server, "openai") as recorded:
        yield server, recorded


def synthesizer(server: AzureSpeech, voice: str = "en-US-JennyNeural") -> Any:
    config = speech.SpeechConfig(endpoint=server.url, subscription="the-key")
    config.speech_synthesis_voice_name = voice
    return speech.SpeechSynthesizer(config, None)


def recognizer(server: AzureSpeech, directory: Path) -> Any:
    path = directory / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    config = speech.SpeechConfig(endpoint=server.url, subscription="the-key")
    return speech.SpeechRecognizer(config, speech.audio.AudioConfig(filename=str(path)))


def test_characters_of_a_text() -> None:
    with service() as (server, recorded):
        result = synthesizer(server).speak_text("Hello & 你好")
        assert result.reason == speech.ResultReason.SynthesizingAudioCompleted and result.audio_data
        call = recorded.one
        assert (call.provider, call.operation, call.kind, call.transport, call.status) == (
            "azure_speech",
            "text_to_speech",
            "audio",
            "azure.cognitiveservices.speech",
            "ok",
        )
        # 8 letters, signs and blanks, and two ideographs that count twice
        assert recorded.units == {"input_characters": 12}
        assert (call.host, call.dimensions["voice"]) == (server.netloc, "en-US-JennyNeural")
        # 12 x 15 / 1,000,000
        assert price_event(call).usd == Decimal("0.00018")
        assert "Hello" not in repr(call) and "the-key" not in repr(call)


def test_characters_of_ssml() -> None:
    ssml = (
        "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'>"
        "<voice name='en-US-Ava:DragonHDLatestNeural'>Hi<break/></voice></speak>"
    )
    with service() as (server, recorded):
        synthesizer(server).speak_ssml_async(ssml).get()
        # Hi and <break/>
        assert (recorded.units, recorded.one.request_model) == ({"input_characters": 10}, "neural-hd")


def test_speech_that_nobody_waits_for_is_recorded_too() -> None:
    with service() as (server, recorded):
        synthesizer(server).speak_text_async("Hello").get()
        speaker = synthesizer(server)
        future = speaker.speak_text_async("Hello you")
        time.sleep(0.3)
        del future, speaker
        gc.collect()
        capture.sweep()
        assert [(call.status, dict(call.usage.units)) for call in recorded.calls] == [
            ("ok", {"input_characters": 5}),
            ("abandoned", {"input_characters": 9}),
        ]


def test_what_cannot_be_reached_costs_nothing() -> None:
    with service() as (server, recorded):
        speaker = synthesizer(server)
        server.__exit__()
        result = speaker.speak_text("Hello")
        assert result.reason == speech.ResultReason.Canceled
        call = recorded.one
        assert (call.status, call.error and call.error.type) == ("error", "ConnectionFailure")
        assert recorded.units == {}


def test_one_utterance(tmp_path: Path) -> None:
    with service(*PHRASES) as (server, recorded):
        result = recognizer(server, tmp_path).recognize_once()
        assert result.text == "Hello"
        call = recorded.one
        assert (call.operation, call.request_model, call.status) == ("speech_to_text", "stt-real-time", "ok")
        # 0.5 s before the words and 1 s of words
        assert (recorded.units, call.usage.source) == ({"input_seconds": Decimal("1.5")}, "estimated")


def test_continuous_recognition_is_one_call(tmp_path: Path) -> None:
    with service(*PHRASES) as (server, recorded):
        listener = recognizer(server, tmp_path)
        heard: list[str] = []
        stopped: list[Any] = []
        listener.recognized.connect(lambda event: heard.append(event.result.text))
        listener.session_stopped.connect(stopped.append)
        listener.start_continuous_recognition()
        for _ in range(200):
            if stopped:
                break
            time.sleep(0.05)
        listener.stop_continuous_recognition()
        assert heard[:2] == ["Hello", "secret words"]
        # the end of the last words: 2 + 1.25 s
        assert recorded.units == {"input_seconds": Decimal("3.25")}
        assert recorded.one.status == "ok" and "secret" not in repr(recorded.calls)
