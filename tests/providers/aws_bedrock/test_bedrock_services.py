"""Bedrock beside conversations: guardrails, prompt routers, videos, the other host."""

from typing import Any

import pytest
from loopback.exchanges import event_frame, recorded, units
from loopback.given import exchange, only

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
UNITS: dict[str, Any] = {
    "topicPolicyUnits": 2,
    "contentPolicyUnits": 3,
    "wordPolicyUnits": 4,
    "sensitiveInformationPolicyUnits": 5,
    "sensitiveInformationPolicyFreeUnits": 6,
    "contextualGroundingPolicyUnits": 7,
    "contentPolicyImageUnits": 1,
}


def test_guardrail_by_itself() -> None:
    body = {"usage": UNITS, "action": "NONE", "outputs": [], "assessments": []}
    asked = {"source": "INPUT", "content": [{"text": {"text": "Hello"}}]}
    seen = only(exchange(f"{HOST}/guardrail/gr-1/version/DRAFT/apply", asked, body))
    # a thousand: 2 x 0.15 + 3 x 0.15 + 5 x 0.1 + 7 x 0.1 = 1.95; one image 0.00075
    assert (seen.cost.state, seen.usd) == ("priced", "0.0027")


def test_checks_without_a_guardrail() -> None:
    body = {"results": {}, "usage": {"contentFilter": {"textUnits": 2}, "promptAttack": {"textUnits": 1}}}
    told = recorded(f"{HOST}/guardrail-checks/invoke", request={"checks": {}, "messages": []}, body=body)
    assert units(told) == {"guardrail_content_units": 3}


def _assessed(**usage: int) -> dict[str, Any]:
    return {"invocationMetrics": {"guardrailProcessingLatency": 5, "usage": usage}}


TRACE = {
    "guardrail": {
        "inputAssessment": {"gr-1": _assessed(topicPolicyUnits=1, contentPolicyUnits=1)},
        "outputAssessments": {"gr-1": [_assessed(contentPolicyUnits=2), _assessed(contentPolicyUnits=3)]},
    },
    "promptRouter": {
        "invokedModelId": "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0"
    },
}
ROUTER = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Adefault-prompt-router%2Fanthropic.claude%3A1"


@pytest.mark.parametrize("stream", [False, True])
def test_guardrail_and_router_of_a_conversation(stream: bool) -> None:
    usage = {"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100}
    answer: Any = {"output": {"message": {"content": []}}, "usage": usage, "trace": TRACE}
    kind = "application/json"
    if stream:
        answer = event_frame("metadata", {"usage": usage, "trace": TRACE})
        kind = "application/vnd.amazon.eventstream"
    url = f"{HOST}/model/{ROUTER}/converse" + ("-stream" if stream else "")
    told = recorded(url, request={"messages": []}, body=answer, content_type=kind)
    assert told["response_model"] == "us.anthropic.claude-3-haiku-20240307-v1:0"
    assert told["cost"]["state"] in ("priced", "estimated")
    (guardrail,) = told["further"]
    assert (guardrail["kind"], guardrail["operation"]) == ("moderation", "guardrail")
    assert guardrail["usage"]["units"] == {"guardrail_topic_units": 1, "guardrail_content_units": 6}
    # 7 units at $0.15 a thousand
    assert guardrail["cost"]["usd"] == "0.00105"


def test_a_video_is_one_event_and_costs_nothing_when_it_fails() -> None:
    name = "arn:aws:bedrock:us-east-1:1:async-invoke/x1"
    settings = {"durationSeconds": 6, "fps": 24, "dimension": "1280x720"}
    asked = {"modelId": "amazon.nova-reel-v1:1", "modelInput": {"videoGenerationConfig": settings}}
    started = exchange(f"{HOST}/async-invoke", asked, {"invocationArn": name})
    seen = only(started)
    assert (seen.units, seen.call.request_model) == ({"output_seconds": 6}, "amazon.nova-reel-v1:1")
    assert seen.call.dimensions["size"] == "1280x720"
    look = f"{HOST}/async-invoke/{name.replace(':', '%3A').replace('/', '%2F')}"
    assert exchange(look, None, {"invocationArn": name, "status": "InProgress"}, method="GET") == []
    failed = {"invocationArn": name, "status": "Failed", "failureMessage": "no", "modelArn": "amazon.nova-reel-v1:1"}
    ended = only(started, exchange(look, None, failed, method="GET"))
    assert (ended.units, ended.call.status) == ({"output_seconds": 0}, "error")
    ray = {"modelId": "luma.ray-v2:0", "modelInput": {"prompt": "x", "duration": "9s", "resolution": "720p"}}
    assert only(exchange(f"{HOST}/async-invoke", ray, {"invocationArn": name})).units == {"output_seconds": 9}


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/v1/chat/completions"])
def test_the_host_of_other_shapes(path: str) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {"id": "c", "object": "chat.completion", "model": "openai.gpt-oss-120b", "choices": [], "usage": usage}
    told = recorded(f"https://bedrock-mantle.us-east-1.api.aws{path}", request={}, body=body)
    assert (told["provider"], told["dimensions"]) == ("aws_bedrock", {"region": "us-east-1"})
    message = {
        "type": "message",
        "model": "anthropic.claude-opus-5-5",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    told = recorded("https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages", request={}, body=message)
    assert units(told) == {"input_text_tokens": 1, "output_text_tokens": 2}
