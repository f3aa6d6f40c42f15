"""Texts in what functions return, and answers of the providers' own clients: whole, streamed, and as dictionaries."""

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import numpy as np
import openai
import pydantic
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion, response_events, response_object
from loopback.server import Answer, Loopback, event_stream, json_answer
from loopback.streams import APIS
from PIL import Image

from llmobserve import monitor_llm
from llmobserve.monitoring import CollectorRegistry, SpanContext
from llmobserve.testing import captured

PROMPT: Any = [{"role": "user", "content": "Hello"}]
HELLO = {"characters": 11, "words": 2, "lines": 1, "bytes": 11}
"""Of "Hello there"."""
MP3_HEADERS = {"content-type": "audio/wav"}


def figures(kind: str, result: Any) -> dict[str, Any]:
    found = CollectorRegistry.get(kind)().collect(result, (), {}, SpanContext())
    return {name: value for name, value in found.items() if value is not None}


def png(width: int = 4, height: int = 3) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def wav(samples: int = 4000, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * samples))
    return out.getvalue()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


PICTURE = {"count": 1, "pixels": 12, "width": 4, "height": 3, "bytes": len(png()), "format": "png"}
SPEECH = {
    "count": 1,
    "seconds": 0.5,
    "sample_rate_hz": 8000,
    "channels": 1,
    "bytes": len(wav()),
    "format": "wav",
}


@dataclass
class Summary:
    title: str
    body: str


class Report(pydantic.BaseModel):
    title: str
    pages: list[str]


class Answered:
    """As applications write their own."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._secret = "not looked at"


@pytest.mark.parametrize(
    ("result", "characters", "words", "lines", "size"),
    [
        ("Hello there", 11, 2, 1, 11),
        ("", 0, 0, 0, 0),
        ("\n", 1, 0, 1, 1),
        ("one\ntwo\n", 8, 2, 2, 8),
        ("one\r\ntwo", 8, 2, 2, 8),
        ("größer als\tnichts 🎉", 19, 4, 1, 24),
        ("\ud800", 1, 1, 1, 3),  # half a character: no UTF-8 has it, but Python's strings
        (["one", "two", ("three",)], 11, 3, 3, 11),
        ({"answer": "Hello there", "score": 0.5, "more": {"why": "no"}}, 13, 3, 2, 13),
        ({"text": "Hello there", "segments": [{"text": "Hello"}, {"text": "there"}]}, 11, 2, 1, 11),
        ({"role": "assistant", "content": "Hello there"}, 11, 2, 1, 11),
        ({"type": "text", "text": "Hello there"}, 11, 2, 1, 11),
        ({"type": "summary", "summary": "Hello there"}, 18, 3, 2, 18),
        (b"Hello there", 11, 2, 1, 11),
        (Summary("Hello", "there"), 10, 2, 2, 10),
        (Report(title="Hello", pages=["there"]), 10, 2, 2, 10),
        (Answered("Hello there"), 11, 2, 1, 11),
        ([None, 1, True, "Hello there", object()], 11, 2, 1, 11),
    ],
)
def test_text(result: Any, characters: int, words: int, lines: int, size: int) -> None:
    assert figures("text", result) == {"characters": characters, "words": words, "lines": lines, "bytes": size}


@pytest.mark.parametrize(
    "result",
    [None, 7, b"\x89PNG\r\n\x1a\n", b"zero\0", [], {}, object(), np.zeros(9), [0.5] * 3000, Image.new("L", (1, 1))],
)
def test_no_text(result: Any) -> None:
    assert figures("text", result) == {}


def test_text_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("Hello there")
    assert figures("text", path) == HELLO
    assert figures("text", str(path))["characters"] == len(str(path))
    path.write_text("a" * 1_000_001)
    assert figures("text", path) == {}


def test_what_is_long_is_not_counted_through() -> None:
    assert figures("text", "ab " * 400_000) == {"characters": 1_200_000, "bytes": 1_200_000}
    assert figures("text", "äb " * 400_000) == {"characters": 1_200_000}
    assert figures("text", "ab " * 333_333) == {"characters": 999_999, "words": 333_333, "lines": 1, "bytes": 999_999}
    # Of a sum only what is known of all.
    assert figures("text", ["äb " * 400_000, "one"]) == {"characters": 1_200_003}
    for kind in ("text", "image", "audio"):
        assert figures(kind, ["one"] * 20_001) == {"not_measured": "more than 20,000 values"}
    nested: list[Any] = []
    for _ in range(20):
        nested = [nested, "a"]
    assert figures("text", nested) == {"not_measured": "more than 8 levels"}
    circle: dict[str, Any] = {}
    circle["again"] = circle
    assert figures("image", circle) == {"not_measured": "more than 8 levels"}


def chat(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT)


SPOKEN = chat_completion(
    choices=[
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "audio": {"id": "a", "data": b64(wav()), "expires_at": 1, "transcript": "Hello there"},
            },
        }
    ]
)
CALLED = chat_completion(
    choices=[
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
            },
        }
    ]
)
DRAWN = response_object(
    output=[
        {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": "I think"}]},
        {"id": "i", "type": "image_generation_call", "status": "completed", "result": b64(png())},
        response_object()["output"][0],
    ]
)
IMAGES: dict[str, Any] = {"created": 1, "output_format": "png", "data": [{"b64_json": b64(png())}] * 2}
LINKED: dict[str, Any] = {"created": 1, "data": [{"url": "https://images.example/1"}]}
VECTORS: dict[str, Any] = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5] * 1536}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
HEARD: dict[str, Any] = {
    "task": "transcribe",
    "language": "english",
    "duration": 2.5,
    "text": "Hello there",
    "segments": [{"id": 0, "text": "Hello there", "start": 0.0, "end": 2.5}],
}
CLAUDE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
    "content": [
        {"type": "thinking", "thinking": "I think", "signature": "s"},
        {"type": "text", "text": "Hello "},
        {"type": "tool_use", "id": "t", "name": "search", "input": {"q": "a question"}},
        {"type": "text", "text": "there"},
    ],
}

OPENAI: dict[str, tuple[Any, Callable[[openai.OpenAI], Any], dict[str, Any]]] = {
    "chat": (chat_completion(), chat, {"text": HELLO}),
    "chat that speaks": (SPOKEN, chat, {"text": HELLO, "audio": SPEECH}),
    "chat that calls a tool": (CALLED, chat, {}),
    "response": (
        response_object(),
        lambda client: client.responses.create(model="gpt-5.6", input="a"),
        {"text": HELLO},
    ),
    "response with an image": (
        DRAWN,
        lambda client: client.responses.create(model="gpt-5.6", input="a"),
        {"text": HELLO, "image": PICTURE},
    ),
    "images": (
        IMAGES,
        lambda client: client.images.generate(model="gpt-image-1", prompt="a"),
        {"image": PICTURE | {"count": 2, "pixels": 24, "bytes": 2 * len(png())}},
    ),
    "image elsewhere": (
        LINKED,
        lambda client: client.images.generate(model="dall-e-3", prompt="a"),
        {"image": {"count": 1}},
    ),
    "vectors": (VECTORS, lambda client: client.embeddings.create(model="text-embedding-3-small", input="a"), {}),
    "transcript": (
        HEARD,
        lambda client: client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", wav()), response_format="verbose_json"
        ),
        {"text": HELLO},
    ),
}


@pytest.mark.parametrize("name", OPENAI)
def test_answers_of_openai(name: str) -> None:
    body, ask, expected = OPENAI[name]
    with Loopback(json_answer(body)) as server, openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client:
        answer = ask(client)
        before = answer.to_json()
        for result in (answer, [answer], body, answer.model_dump()):
            assert {kind: figures(kind, result) for kind in ("text", "image", "audio")} == {
                "text": {},
                "image": {},
                "audio": {},
                **expected,
            }
        assert answer.to_json() == before


def test_an_answer_of_anthropic() -> None:
    with Loopback(json_answer(CLAUDE)) as server, anthropic.Anthropic(api_key="k", base_url=server.url) as client:
        answer = client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=PROMPT)
    for result in (answer, CLAUDE, answer.content, answer.model_dump()):
        # Two texts: "Hello " and "there".
        assert figures("text", result) == HELLO | {"lines": 2}


def test_an_answer_of_gemini() -> None:
    types = pytest.importorskip("google.genai.types")
    body = {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "I think", "thought": True},
                        {"text": "Hello there"},
                        {"inlineData": {"mimeType": "image/png", "data": b64(png())}},
                    ],
                }
            }
        ]
    }
    for result in (types.GenerateContentResponse.model_validate(body), body):
        assert figures("text", result) == HELLO
        assert figures("image", result) == PICTURE
        assert figures("audio", result) == {}


DATA_URL = f"data:image/png;base64,{b64(png())}"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(png())}}, PICTURE),
        ({"type": "image", "source": {"type": "url", "url": "https://images.example/1"}}, {"count": 1}),
        ({"type": "image_url", "image_url": {"url": DATA_URL}}, PICTURE),
        ({"type": "input_image", "image_url": DATA_URL}, PICTURE),
        ({"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}, PICTURE),
        # OpenRouter, whole and streamed.
        (
            {
                "choices": [
                    {"message": {"content": "", "images": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}}
                ]
            },
            PICTURE,
        ),
        ({"choices": [{"delta": {"images": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}}]}, PICTURE),
        (
            [
                {"type": "image_generation.partial_image", "b64_json": b64(png(9, 9)), "output_format": "png"},
                {"type": "image_generation.completed", "b64_json": b64(png()), "output_format": "png"},
            ],
            PICTURE,
        ),
        # What is stated to be something else is not looked at.
        ({"type": "image", "source": {"type": "base64", "media_type": "application/pdf", "data": b64(png())}}, {}),
        # A format that is not read: one image all the same.
        (
            {"created": 1, "output_format": "svg", "data": [{"b64_json": b64(b"<svg/>")}]},
            {"count": 1, "bytes": 6, "format": "svg"},
        ),
    ],
)
def test_images_in_parts_of_messages(result: Any, expected: dict[str, Any]) -> None:
    assert figures("image", result) == expected
    assert figures("audio", result) == figures("text", result) == {}


@pytest.mark.parametrize(
    "result",
    [
        {"type": "input_audio", "input_audio": {"data": b64(wav()), "format": "wav"}},
        {"type": "output_audio", "data": b64(wav()), "transcript": "Hello there"},
        f"data:audio/wav;base64,{b64(wav())}",
    ],
)
def test_sounds_in_parts_of_messages(result: Any) -> None:
    assert figures("audio", result) == SPEECH
    assert figures("image", result) == {}


def test_speech_that_has_been_read() -> None:
    spoken = Answer(headers={"content-type": "audio/wav"}, body=wav())
    with Loopback(spoken) as server, openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client:
        answer = client.audio.speech.create(model="tts-1", voice="alloy", input="a", response_format="wav")
        assert figures("audio", answer) == SPEECH
        assert figures("text", answer) == figures("image", answer) == {}
        assert answer.read() == wav()
        with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="a") as streamed:
            assert figures("audio", streamed) == {}
            assert b"".join(streamed.iter_bytes()) == wav()


def test_speech_in_pieces() -> None:
    spoken = Answer(headers={"content-type": "audio/wav"}, chunks=(wav()[:1000], wav()[1000:]))
    with (
        Loopback(spoken) as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
        captured() as got,
    ):

        @monitor_llm("speak", collectors=["audio", "text"])
        def speak() -> Generator[bytes]:
            with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="a") as answer:
                yield from answer.iter_bytes()

        assert b"".join(speak()) == wav()
    (step,) = [span for span in got.spans if span.kind == "step"]
    assert step.attributes == {f"metrics.audio.{name}": value for name, value in SPEECH.items()}


def drawing() -> tuple[bytes, ...]:
    """A stream of a response that says "Hello there" and makes an image."""
    return response_events("Hel", "lo the", "re", final=DRAWN)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("chunks", "ask", "expected"),
    [
        (
            chat_chunks("Hel", "lo the", "re", usage=CHAT_USAGE),
            lambda client: client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=True),
            {"text": (11, 2)},
        ),
        (
            drawing(),
            lambda client: client.responses.create(model="gpt-5.6", input="a", stream=True),
            {"text": (11, 2), "image": (1, 12)},
        ),
    ],
    ids=["chat", "response"],
)
def test_streams_of_openai(chunks: tuple[bytes, ...], ask: Any, expected: Any, is_async: bool) -> None:
    with Loopback(event_stream(chunks)) as server, captured() as got:
        url = f"{server.url}/v1"

        @monitor_llm("stream", collectors=["text", "image"])
        def stream() -> Generator[Any]:
            with openai.OpenAI(api_key="k", base_url=url) as client:
                yield from ask(client)

        @monitor_llm("stream", collectors=["text", "image"])
        async def stream_later() -> AsyncGenerator[Any]:
            async with openai.AsyncOpenAI(api_key="k", base_url=url) as client:
                async for event in await ask(client):
                    yield event

        async def main() -> None:
            async for _ in stream_later():
                pass

        if is_async:
            asyncio.run(main())
        else:
            list(stream())
    (step,) = [span for span in got.spans if span.kind == "step"]
    characters, words = expected["text"]
    assert step.attributes["metrics.text.characters"] == characters
    assert step.attributes["metrics.text.words"] == words
    image = step.attributes.get("metrics.image.count"), step.attributes.get("metrics.image.pixels")
    assert image == expected.get("image", (None, None))


def test_streams_of_anthropic() -> None:
    api = APIS["messages"]
    text: str = json.loads(json.dumps(api.plain))["content"][0]["text"]
    with Loopback(event_stream(api.whole)) as server, anthropic.Anthropic(api_key="k", base_url=server.url) as client:
        asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": PROMPT}
        events = list(client.messages.create(**asked, stream=True))
        with client.messages.stream(**asked) as helper:
            made = list(helper)
        with client.messages.stream(**asked) as helper:
            texts = list(helper.text_stream)
    assert len(made) > len(events) > len(texts)
    whole = {"characters": len(text), "words": len(text.split()), "lines": 1, "bytes": len(text)}
    assert figures("text", events) == figures("text", made) == whole
    assert figures("text", texts)["characters"] == len(text)
