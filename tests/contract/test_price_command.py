"""`llmobserve price`: JSON lines in, a priced line each out, bad lines apart."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmobserve.cli.price import price_lines

DATA = os.environ.get("LLMOBSERVE_TEST_DATA")
FIELDS = (
    "id",
    "provider",
    "model",
    "endpoint",
    "at",
    "service_tier",
    "batch",
    "response_usage",
    "request",
    "response",
    "stream_usage_events",
)
AT = "2026-11-10T12:00:00Z"


def run(*lines: str) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    status = price_lines(lines, out)
    return status, [json.loads(line) for line in out.getvalue().splitlines()]


def one(**call: Any) -> dict[str, Any]:
    _, answers = run(json.dumps({"id": "x", "provider": "openai", "at": AT, **call}))
    return answers[0]


def test_chat_usage_with_cache() -> None:
    # 86×2.50 + 1920×1.25 + 300×10 = 5615
    answer = one(
        model="gpt-4o",
        endpoint="chat.completions",
        response_usage={
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920},
        },
    )
    assert (answer["usd"], answer["state"], answer["reason"]) == ("0.005615", "priced", None)
    assert [(line["unit"], line["quantity"], line["rate_usd"], line["usd"]) for line in answer["receipt"]] == [
        ("input_text_tokens", "86", "2.5", "0.000215"),
        ("cache_read_text_tokens", "1920", "1.25", "0.0024"),
        ("output_text_tokens", "300", "10", "0.003"),
    ]


def test_batch_and_served_tier() -> None:
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    shared = {"model": "gpt-5", "endpoint": "responses", "response_usage": usage}
    # 1000×0.625 + 100×5
    assert one(**shared, batch=True)["usd"] == "0.001125"
    # Asked for priority, served as default: 1000×1.25 + 100×10
    asked = {"request": {"service_tier": "priority"}, "response": {"service_tier": "default"}}
    assert one(**shared, service_tier="default", **asked)["usd"] == "0.00225"
    # 1000×2.50 + 100×20
    assert one(**shared, service_tier="priority")["usd"] == "0.0045"


def test_tools_are_counted_from_the_answer() -> None:
    calls = [{"type": "web_search_call", "status": "completed"}, {"type": "web_search_call", "status": "failed"}]
    answer = one(
        model="gpt-5",
        endpoint="responses",
        response={"output": calls},
        response_usage={"input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000},
    )
    # 1000×1.25 + 10/1000
    assert answer["usd"] == "0.01125"


def test_stream_figures_replace_each_other() -> None:
    start = {"input_tokens": 2, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 0, "output_tokens": 4}
    answer = one(
        provider="anthropic",
        model="claude-sonnet-4-6",
        endpoint="messages (stream)",
        stream_usage_events=[
            {"type": "message_start", "message": {"usage": start}},
            {"type": "message_delta", "usage": {**start, "output_tokens": 64}},
        ],
    )
    # 2×3 + 100×3.75 + 64×15 = 6 + 375 + 960
    assert (answer["usd"], answer["state"]) == ("0.001341", "priced")


def test_azure_is_priced_by_the_answer() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    known = one(
        provider="azure",
        model="prod-chat",
        endpoint="chat.completions",
        response={"model": "gpt-4o-2024-08-06"},
        response_usage=usage,
    )
    assert (known["usd"], known["state"]) == ("0.0075", "priced")
    unknown = one(provider="azure", model="prod-chat", endpoint="chat.completions", response_usage=usage)
    assert (unknown["usd"], unknown["state"]) == (None, "unpriced")


def test_images_by_token_and_by_count() -> None:
    # 150×5 + 8000×40
    tokens = {"input_tokens": 150, "output_tokens": 8000, "total_tokens": 8150}
    for endpoint in ("images", "images.generate", "images.generations"):
        assert one(model="gpt-image-1", endpoint=endpoint, response_usage=tokens)["usd"] == "0.32075"
    counted = one(
        model="dall-e-3", endpoint="images.generations", request={"n": 2, "size": "1024x1792"}, response_usage={}
    )
    assert counted["usd"] == "0.16"


def test_audio_by_length() -> None:
    # 90 seconds at 0.006 a minute, stated by the answer or by the line
    stated = one(model="whisper-1", endpoint="audio.transcriptions", response_usage={"type": "duration", "seconds": 90})
    given = one(model="whisper-1", endpoint="audio.transcriptions", request={"audio_seconds": 90}, response_usage={})
    assert stated["usd"] == given["usd"] == "0.009"


def test_refused_requests_are_free() -> None:
    for response in ({"error": {"type": "server_error"}}, {"status_code": 429}):
        answer = one(model="gpt-4o", endpoint="chat.completions", response=response, response_usage=None)
        assert (answer["usd"], answer["state"]) == ("0", "free")


def test_realtime_usage_by_modality_and_cache() -> None:
    answer = one(
        model="gpt-realtime",
        endpoint="realtime",
        response_usage={
            "total_tokens": 1000,
            "input_tokens": 800,
            "output_tokens": 200,
            "input_token_details": {
                "text_tokens": 100,
                "audio_tokens": 700,
                "cached_tokens": 300,
                "cached_tokens_details": {"text_tokens": 50, "audio_tokens": 250},
            },
            "output_token_details": {"text_tokens": 50, "audio_tokens": 150},
        },
    )
    # 50×4 + 450×32 + 300×0.40 + 50×16 + 150×64 = 200 + 14400 + 120 + 800 + 9600
    assert answer["usd"] == "0.02512"


def test_counting_tokens_is_free() -> None:
    answer = one(provider="anthropic", model="claude-sonnet-5", endpoint="messages.count_tokens", response_usage={})
    assert (answer["usd"], answer["state"]) == ("0", "free")


def test_missing_usage_is_unpriced() -> None:
    answer = one(model="gpt-4o", endpoint="chat.completions", response_usage={})
    assert (answer["usd"], answer["state"]) == (None, "unpriced")


def test_unknown_provider_is_unpriced() -> None:
    answer = one(provider="nobody", model="m", endpoint="chat", response_usage={"prompt_tokens": 1})
    assert (answer["usd"], answer["state"]) == (None, "unpriced")


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "null",
        "{}",
        '{"id": "x"}',
        '{"id": "x", "provider": "openai", "at": "yesterday"}',
        '{"id": "x", "provider": "openai", "at": 5}',
        '{"id": "x", "provider": "openai", "model": 3}',
        '{"id": "x", "provider": "openai", "response": []}',
        '{"id": "x", "provider": "openai", "batch": "yes"}',
        '{"id": "x", "provider": "openai", "request": {"input_characters": -1}}',
    ],
)
def test_a_bad_line_is_reported_and_the_rest_goes_on(line: str) -> None:
    good = {"id": "good", "provider": "openai", "model": "tts-1", "endpoint": "audio.speech", "at": AT}
    status, answers = run(line, "", json.dumps({**good, "request": {"input_characters": 1000}}))
    assert status == 1
    assert answers[0]["error"]
    # 1000×15
    assert (answers[1]["id"], answers[1]["usd"]) == ("good", "0.015")


@pytest.mark.skipif(DATA is None, reason="LLMOBSERVE_TEST_DATA is not set")
def test_worked_examples_match_to_the_last_digit() -> None:
    examples = json.loads(Path(str(DATA), "cost_vectors.json").read_text("utf-8"))["vectors"]
    mine = [example for example in examples if example["provider"] in ("openai", "azure", "anthropic")]
    _, answers = run(*(json.dumps({key: one[key] for key in FIELDS if key in one}) for one in mine))
    assert {a["id"]: a.get("usd") for a in answers} == {e["id"]: e["expected_usd"] for e in mine}
