"""Vertex AI: Gemini, Claude, other publishers and embeddings, and where they answer."""

import json
from typing import Any

import pytest
from loopback.exchanges import recorded, units

PLACE = "/v1/projects/p/locations/us-east5/publishers/"
REGIONAL = "https://us-east5-aiplatform.googleapis.com" + PLACE
USAGE = {"promptTokenCount": 8, "candidatesTokenCount": 2, "totalTokenCount": 10, "trafficType": "ON_DEMAND"}
GEMINI: dict[str, Any] = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": USAGE}
CLAUDE = {
    "id": "msg_vrtx_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-7",
    "content": [{"type": "text", "text": "Hi"}],
    "usage": {
        "input_tokens": 1,
        "cache_creation_input_tokens": 225,
        "cache_read_input_tokens": 965602,
        "output_tokens": 82,
    },
}
CLAUDE_UNITS = {
    "input_text_tokens": 1,
    "cache_read_text_tokens": 965602,
    "cache_write_tokens": 225,
    "output_text_tokens": 82,
}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("aiplatform.googleapis.com", "global"),
        ("us-east5-aiplatform.googleapis.com", "us-east5"),
        ("aiplatform.eu.rep.googleapis.com", "eu"),
    ],
)
def test_place_of_the_host(host: str, region: str) -> None:
    answer = recorded(f"https://{host}{PLACE}google/models/gemini-2.5-pro:generateContent", request={}, body=GEMINI)
    assert (answer["provider"], answer["dimensions"]["region"]) == ("google_vertex", region)
    assert units(answer) == {"input_text_tokens": 8, "output_text_tokens": 2}


def test_claude_model_is_that_of_the_path() -> None:
    url = REGIONAL + "anthropic/models/claude-opus-4-7@20260416:rawPredict"
    answer = recorded(url, request={"anthropic_version": "vertex-2023-10-16", "messages": []}, body=CLAUDE)
    assert (units(answer), answer["request_model"]) == (CLAUDE_UNITS, "claude-opus-4-7@20260416")
    assert answer["operation"] == "rawPredict"


def test_claude_stream() -> None:
    events = [
        {"type": "message_start", "message": {**CLAUDE, "usage": {**CLAUDE["usage"], "output_tokens": 1}}},  # type: ignore[dict-item]
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 82}},
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    url = REGIONAL + "anthropic/models/claude-opus-4-7:streamRawPredict"
    answer = recorded(url, request={"messages": []}, body=body, content_type="text/event-stream")
    assert (units(answer), answer["stream"]) == (CLAUDE_UNITS, True)


def test_counting_tokens_of_claude_is_no_call() -> None:
    url = REGIONAL + "anthropic/models/count-tokens:rawPredict"
    assert recorded(url, request={"messages": []}, body={"input_tokens": 3})["recognised"] is False


def test_other_publishers_speak_openai() -> None:
    body = {"id": "c", "model": "mistral-large", "usage": {"prompt_tokens": 4, "completion_tokens": 6}}
    answer = recorded(REGIONAL + "mistralai/models/mistral-large-2411:rawPredict", request={}, body=body)
    assert (units(answer), answer["request_model"]) == (
        {"input_text_tokens": 4, "output_text_tokens": 6},
        "mistral-large-2411",
    )


def test_embeddings_by_predict() -> None:
    body = {
        "predictions": [
            {"embeddings": {"values": [0.1], "statistics": {"token_count": 7}}},
            {"embeddings": {"values": [0.1], "statistics": {"token_count": 5.0}}},
        ],
        "metadata": {"billableCharacterCount": 40},
    }
    answer = recorded(REGIONAL + "google/models/text-embedding-005:predict", request={"instances": []}, body=body)
    assert (units(answer), answer["kind"]) == ({"input_text_tokens": 12}, "embedding")
    bare = {"predictions": [{"embeddings": {"values": [0.1]}}], "metadata": {"billableCharacterCount": 40}}
    answer = recorded(REGIONAL + "google/models/text-embedding-005:predict", request={"instances": []}, body=bare)
    assert units(answer) == {"input_characters": 40}


def test_images() -> None:
    body = {"predictions": [{"bytesBase64Encoded": "AAAA"}, {"raiFilteredReason": "x"}]}
    asked = {"instances": [], "parameters": {"sampleImageSize": "2K"}}
    answer = recorded(REGIONAL + "google/models/imagen-4.0-generate-001:predict", request=asked, body=body)
    assert (units(answer), answer["dimensions"]["size"], answer["kind"]) == ({"images": 1}, "2K", "image")
