"""Images, audio, moderation, batches and assistant runs with the real client."""

from decimal import Decimal
from typing import Any

import openai
import pytest
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, event_stream, json_answer, sse


def call(answer: Answer, use: Any, *more: Answer) -> Recorded:
    with (
        Loopback(answer, *more) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1", max_retries=0) as client,
        observed(server) as recorded,
    ):
        use(client)
        return recorded


def test_image_by_tokens() -> None:
    body = {
        "created": 1,
        "data": [{"b64_json": "QUJD" * 200_000}],
        "size": "1024x1024",
        "quality": "high",
        "usage": {
            "input_tokens": 50,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens": 4160,
            "total_tokens": 4210,
        },
    }
    recorded = call(json_answer(body), lambda c: c.images.generate(model="gpt-image-1", prompt="a cat"))
    assert recorded.units == {"input_text_tokens": 10, "input_image_tokens": 40, "output_image_tokens": 4160}
    assert recorded.one.dimensions == {"size": "1024x1024", "quality": "high"}
    assert recorded.one.request_model == "gpt-image-1"


def test_image_with_text_in_the_output() -> None:
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"text_tokens": 5, "image_tokens": 0},
        "output_tokens": 1100,
        "output_tokens_details": {"text_tokens": 100, "image_tokens": 1000},
        "total_tokens": 1105,
    }
    body = {"created": 1, "data": [{"b64_json": "QUJD"}], "usage": usage}
    recorded = call(json_answer(body), lambda c: c.images.generate(model="gpt-image-1.5", prompt="a cat"))
    assert recorded.units == {"input_text_tokens": 5, "output_text_tokens": 100, "output_image_tokens": 1000}


def test_images_by_count() -> None:
    body = {"created": 1, "data": [{"url": "https://x.test/1"}, {"url": "https://x.test/2"}]}
    recorded = call(
        json_answer(body), lambda c: c.images.generate(model="dall-e-2", prompt="a cat", n=2, size="512x512")
    )
    assert recorded.units == {"images": 2}
    assert recorded.one.dimensions == {"size": "512x512"}


def test_image_edit_reads_the_form_without_consuming_it() -> None:
    body = {"created": 1, "data": [{"b64_json": "QUJD"}]}

    def edit(client: openai.OpenAI) -> None:
        client.images.edit(model="dall-e-2", prompt="a hat", image=("c.png", b"\x89PNG", "image/png"), size="256x256")

    recorded = call(json_answer(body), edit)
    assert (recorded.one.operation, recorded.one.request_model) == ("images", "dall-e-2")
    assert recorded.one.dimensions == {"size": "256x256"}


def test_speech_by_characters() -> None:
    audio = Answer(headers={"content-type": "audio/mpeg"}, body=bytes(range(256)) * 500)

    def speak(client: openai.OpenAI) -> None:
        answer = client.audio.speech.create(model="tts-1", voice="alloy", input="Grüße aus Köln")
        assert answer.content == audio.body

    recorded = call(audio, speak)
    assert recorded.units == {"input_characters": 14}
    assert (recorded.one.usage.source, recorded.one.status) == ("request", "ok")


@pytest.mark.parametrize(
    ("usage", "extra", "units"),
    [
        ({"type": "duration", "seconds": 7.5}, {}, {"input_seconds": Decimal("7.5")}),
        (None, {"duration": 12.34, "language": "en", "segments": []}, {"input_seconds": Decimal("12.34")}),
        (
            {
                "type": "tokens",
                "input_tokens": 104,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 100},
                "output_tokens": 20,
                "total_tokens": 124,
            },
            {},
            {"input_text_tokens": 4, "input_audio_tokens": 100, "output_text_tokens": 20},
        ),
    ],
)
def test_transcription(usage: Any, extra: dict[str, Any], units: dict[str, Any]) -> None:
    body = {"text": "hello", **extra, **({"usage": usage} if usage else {})}

    def transcribe(client: openai.OpenAI) -> None:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"))

    recorded = call(json_answer(body), transcribe)
    assert recorded.units == units
    assert (recorded.one.kind, recorded.one.request_model) == ("audio", "whisper-1")


def test_transcription_as_text_has_no_usage() -> None:
    def transcribe(client: openai.OpenAI) -> None:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), response_format="text")

    recorded = call(Answer(headers={"content-type": "text/plain"}, body=b"hello"), transcribe)
    assert (recorded.one.status, recorded.one.usage.source, recorded.units) == ("ok", "unknown", {})


def test_moderation() -> None:
    body = {"id": "modr-1", "model": "omni-moderation-latest", "results": []}
    recorded = call(json_answer(body), lambda c: c.moderations.create(input="hello"))
    assert (recorded.one.kind, recorded.units) == ("moderation", {"requests": 1})


def _batch(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file_1",
        "completion_window": "24h",
        "created_at": 1,
        "status": status,
        **fields,
    }


def test_batch_is_charged_once_when_it_is_over() -> None:
    usage = {
        "input_tokens": 9000,
        "input_tokens_details": {"cached_tokens": 1000},
        "output_tokens": 500,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 9500,
    }

    def run(client: openai.OpenAI) -> None:
        client.batches.create(completion_window="24h", endpoint="/v1/chat/completions", input_file_id="file_1")
        for _ in range(3):
            client.batches.retrieve("batch_1")

    done = json_answer(_batch("completed", model="gpt-4o-mini-2024-07-18", usage=usage))
    recorded = call(json_answer(_batch("validating")), run, json_answer(_batch("in_progress")), done)
    first, second = recorded.calls
    assert first.event_id == second.event_id
    assert first.dimensions == {"batch": "true"}
    assert dict(first.usage.units) == {
        "input_text_tokens": 8000,
        "cache_read_text_tokens": 1000,
        "output_text_tokens": 500,
    }
    assert first.response_model == "gpt-4o-mini-2024-07-18"


def _run(status: str, usage: Any = None) -> dict[str, Any]:
    return {
        "id": "run_1",
        "object": "thread.run",
        "created_at": 1,
        "assistant_id": "asst_1",
        "thread_id": "thread_1",
        "status": status,
        "model": "gpt-4o-mini",
        "instructions": "",
        "tools": [],
        "metadata": {},
        "usage": usage,
        "parallel_tool_calls": True,
    }


RUN_USAGE = {
    "prompt_tokens": 381,
    "completion_tokens": 89,
    "total_tokens": 470,
    "prompt_token_details": {"cached_tokens": 81},
}
RUN_UNITS = {"input_text_tokens": 300, "cache_read_text_tokens": 81, "output_text_tokens": 89}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_polled_run_is_charged_when_it_is_over() -> None:
    def poll(client: openai.OpenAI) -> None:
        runs: Any = client.beta.threads.runs
        runs.create(thread_id="thread_1", assistant_id="asst_1")
        for _ in range(3):
            runs.retrieve("run_1", thread_id="thread_1")

    recorded = call(
        json_answer(_run("queued")), poll, json_answer(_run("in_progress")), json_answer(_run("completed", RUN_USAGE))
    )
    assert len({one.event_id for one in recorded.calls}) == 1
    assert len(recorded.calls) == 2
    assert dict(recorded.calls[0].usage.units) == RUN_UNITS


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_streamed_run() -> None:
    delta = {
        "id": "msg_1",
        "object": "thread.message.delta",
        "delta": {"content": [{"index": 0, "type": "text", "text": {"value": "Hi"}}]},
    }
    names = ["thread.run.created", "thread.message.delta", "thread.run.completed"]
    objects = [_run("queued"), delta, _run("completed", RUN_USAGE)]
    chunks = [f"event: {name}\n".encode() + sse(body)[0] for name, body in zip(names, objects, strict=True)] + [
        b"event: done\ndata: [DONE]\n\n"
    ]

    def stream(client: openai.OpenAI) -> None:
        runs: Any = client.beta.threads.runs
        list(runs.create(thread_id="thread_1", assistant_id="asst_1", stream=True))

    recorded = call(event_stream(chunks), stream)
    assert (recorded.one.operation, recorded.one.status, recorded.one.stream) == ("threads.runs", "ok", True)
    assert recorded.units == RUN_UNITS
