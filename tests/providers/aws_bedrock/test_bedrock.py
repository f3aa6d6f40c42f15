"""Amazon Bedrock: both interfaces, whole and as event streams, for every family of models."""

import base64
import json
from typing import Any

import pytest
from loopback.exchanges import event_frame, recorded, units

HOST = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/"
HAIKU = HOST + "anthropic.claude-3-haiku-20240307-v1%3A0/"
STREAM = "application/vnd.amazon.eventstream"


def counts(given: int, answer: int, **more: int) -> dict[str, str]:
    names = {"input": given, "output": answer, **{key.replace("_", "-"): value for key, value in more.items()}}
    return {f"X-Amzn-Bedrock-{name}-Token-Count": str(number) for name, number in names.items()}


def packed(*events: Any) -> bytes:
    return b"".join(
        event_frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in events
    )


def test_converse_with_caches() -> None:
    usage = {
        "inputTokens": 3,
        "outputTokens": 12,
        "totalTokens": 13256,
        "cacheReadInputTokens": 13216,
        "cacheWriteInputTokens": 25,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 20}],
    }
    body = {"output": {"message": {"content": [{"text": "Hi"}]}}, "usage": usage, "serviceTier": {"type": "flex"}}
    answer = recorded(HAIKU + "converse", request={"messages": []}, body=body, headers={"x-amzn-requestid": "r-1"})
    # 3 + 12 + 13216 + 25 = 13256; 20 of the 25 written for an hour.
    assert units(answer) == {
        "input_text_tokens": 3,
        "cache_read_text_tokens": 13216,
        "cache_write_1h_tokens": 20,
        "cache_write_tokens": 5,
        "output_text_tokens": 12,
    }
    assert "flags" not in answer["usage"]
    assert answer["dimensions"] == {"region": "eu-west-1", "service_tier": "flex"}
    assert (answer["request_model"], answer["request_id"]) == ("anthropic.claude-3-haiku-20240307-v1:0", "r-1")


def test_converse_stream() -> None:
    body = (
        event_frame("messageStart", {"role": "assistant"})
        + event_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
        + event_frame("messageStop", {"stopReason": "end_turn"})
        + event_frame("metadata", {"usage": {"inputTokens": 52, "outputTokens": 36, "totalTokens": 88}})
    )
    answer = recorded(HAIKU + "converse-stream", request={"messages": []}, body=body, content_type=STREAM)
    assert units(answer) == {"input_text_tokens": 52, "output_text_tokens": 36}
    assert (answer["stream"], answer["usage"]["source"]) == (True, "response")


def test_stream_that_was_cut_or_failed() -> None:
    start = event_frame("contentBlockDelta", {"delta": {"text": "x" * 40}})
    asked = {"messages": [{"content": [{"text": "y" * 20}]}]}
    cut = recorded(HAIKU + "converse-stream", request=asked, body=start, content_type=STREAM)
    assert (units(cut), cut["usage"]["source"], cut["usage"]["flags"]) == (
        {"input_text_tokens": 5, "output_text_tokens": 10},
        "estimated",
        ["partial"],
    )
    failure = event_frame("modelStreamErrorException", {"message": "gone"}, kind="exception")
    failed = recorded(HAIKU + "converse-stream", request=asked, body=start + failure, content_type=STREAM)
    assert (failed["status"], failed["error"]) == (
        "error",
        {"type": "modelStreamErrorException", "message": "gone"},
    )


@pytest.mark.parametrize(
    ("model", "body", "headers", "expected"),
    [
        ("amazon.titan-text-express-v1", {"inputTextTokenCount": 9.0, "results": [{"tokenCount": 17.0}]}, {}, (9, 17)),
        ("meta.llama3-70b-instruct-v1:0", {"prompt_token_count": 8, "generation_token_count": 35}, {}, (8, 35)),
        ("anthropic.claude-3", {"type": "message", "usage": {"input_tokens": 17, "output_tokens": 50}}, {}, (17, 50)),
        ("openai.gpt-oss-120b", {"usage": {"prompt_tokens": 6, "completion_tokens": 100}}, {}, (6, 100)),
        ("us.amazon.nova-lite-v1:0", {"usage": {"inputTokens": 7, "outputTokens": 53}}, {}, (7, 53)),
        ("amazon.nova-lite-v1:0", {"usage": {"inputTokens": 30}}, counts(30, 51), (30, 51)),
        ("cohere.command-text-v14", {"generations": [{"text": "x"}]}, counts(9, 112), (9, 112)),
        ("anthropic.claude-v2:1", {"completion": "x"}, counts(18, 87), (18, 87)),
    ],
)
def test_invoke_of_every_family(model: str, body: Any, headers: dict[str, str], expected: tuple[int, int]) -> None:
    answer = recorded(HOST + model + "/invoke", request={"prompt": "x"}, body=body, headers=headers)
    assert (units(answer)["input_text_tokens"], units(answer)["output_text_tokens"]) == expected
    assert answer["usage"]["source"] == ("header" if "usage" not in body and headers else "response")


def test_headers_do_not_double_the_writes_that_the_body_splits() -> None:
    usage = {
        "input_tokens": 4,
        "output_tokens": 50,
        "cache_creation_input_tokens": 18131,
        "cache_creation": {"ephemeral_5m_input_tokens": 18131, "ephemeral_1h_input_tokens": 0},
        "cache_read_input_tokens": 0,
    }
    headers = counts(4, 50, cache_write_input=18131, cache_read_input=0)
    answer = recorded(HAIKU + "invoke", request={}, body={"usage": usage}, headers=headers)
    assert units(answer) == {"input_text_tokens": 4, "output_text_tokens": 50, "cache_write_5m_tokens": 18131}


def test_invoke_stream_of_claude_and_titan() -> None:
    claude = packed(
        {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 16, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "message_delta", "usage": {"output_tokens": 21}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 16, "outputTokenCount": 21}},
    )
    answer = recorded(HAIKU + "invoke-with-response-stream", request={}, body=claude, content_type=STREAM)
    assert (units(answer), answer["response_id"]) == ({"input_text_tokens": 16, "output_text_tokens": 21}, "msg_1")
    titan = packed(
        {"outputText": "Hello", "inputTextTokenCount": 6},
        {"outputText": "!", "totalOutputTextTokenCount": 3, "completionReason": "FINISH"},
    )
    url = HOST + "amazon.titan-text-express-v1/invoke-with-response-stream"
    answer = recorded(url, request={}, body=titan, content_type=STREAM)
    assert units(answer) == {"input_text_tokens": 6, "output_text_tokens": 3}
    assert "flags" not in answer["usage"]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-x", "us.anthropic.claude-x"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        (
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc",
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
        ),
    ],
)
def test_arns(path: str, model: str) -> None:
    body = {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}
    assert recorded(f"{HOST}{path}/converse", request={}, body=body)["request_model"] == model


def test_embedding_image_and_rerank_have_their_own_units() -> None:
    embedding = recorded(
        HOST + "amazon.titan-embed-text-v2:0/invoke", request={}, body={"embedding": [0.1], "inputTextTokenCount": 4}
    )
    assert (units(embedding), embedding["kind"]) == ({"input_text_tokens": 4}, "embedding")
    asked = {"imageGenerationConfig": {"width": 1024, "height": 512, "quality": "premium"}}
    image = recorded(HOST + "amazon.nova-canvas-v1:0/invoke", request=asked, body={"images": ["a", "b"]})
    assert (units(image), image["kind"]) == ({"images": 2}, "image")
    assert image["dimensions"] == {"region": "eu-west-1", "size": "1024x512", "quality": "premium"}
    rerank = recorded(HOST + "cohere.rerank-v3-5:0/invoke", request={"documents": ["d"] * 101}, body={"results": []})
    assert (units(rerank), rerank["kind"]) == ({"search_units": 2}, "rerank")


def test_error() -> None:
    answer = recorded(
        HAIKU + "converse", request={}, body={"message": "Too many requests"}, status=429, headers={"x": "y"}
    )
    assert answer["error"] == {"type": "http_429", "message": "Too many requests"}
    assert answer["cost"]["state"] == "free"


def test_sums_that_do_not_hold_are_flagged() -> None:
    body = {"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 99}}
    assert recorded(HAIKU + "converse", request={}, body=body)["usage"]["flags"] == ["sum_mismatch"]


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", True),
        ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", True),
        ("bedrock-runtime.us-east-1.api.aws", True),
        ("s3.us-east-1.amazonaws.com", False),
        ("bedrock-agent.us-east-1.amazonaws.com", False),
    ],
)
def test_hosts(host: str, known: bool) -> None:
    body = {"usage": {"inputTokens": 1, "outputTokens": 1}}
    assert recorded(f"https://{host}/model/m/converse", request={}, body=body)["recognised"] is known
