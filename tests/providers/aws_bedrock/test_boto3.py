"""boto3 for Bedrock: converse and invoke, whole and as event streams, with their costs, errors, retries and endings."""

import base64
import gc
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from loopback.exchanges import event_frame
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, json_answer

from llmobserve import capture
from llmobserve.pricing import price_event

NOVA = "amazon.nova-lite-v1:0"
"""$0.06 for a million tokens of input, $0.015 read from a cache, $0.24 of output (https://aws.amazon.com/bedrock/pricing)"""
HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
"""$1 for a million tokens of input, $5 of output."""
TITAN = "amazon.titan-embed-text-v2:0"
"""$0.02 for a million tokens."""
MESSAGES: Any = [{"role": "user", "content": [{"text": "Hello"}]}]
USAGE = {"inputTokens": 1000, "cacheReadInputTokens": 200, "outputTokens": 500, "totalTokens": 1700}
UNITS = {"input_text_tokens": 1000, "cache_read_text_tokens": 200, "output_text_tokens": 500}
# 1000 x 0.06 + 200 x 0.015 + 500 x 0.24 = 183 dollars for a million calls
COST = Decimal("0.000183")
IDS = {"x-amzn-RequestId": "r-1"}


def bedrock(server: Loopback, attempts: int = 1) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=5),
    )


def answer_of(**fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": [{"text": "Hello there"}]}
    body = {"output": {"message": message}, "stopReason": "end_turn", "usage": USAGE, "metrics": {"latencyMs": 9}}
    return {**body, **fields}


def frames(*words: str, usage: Any = USAGE) -> tuple[bytes, ...]:
    """A streamed answer, one frame each; without usage its last event is missing."""
    delta = ({"contentBlockIndex": 0, "delta": {"text": word}} for word in words)
    metadata = {"usage": usage, "metrics": {"latencyMs": 9}}
    return (
        event_frame("messageStart", {"role": "assistant"}),
        *(event_frame("contentBlockDelta", one) for one in delta),
        event_frame("contentBlockStop", {"contentBlockIndex": 0}),
        event_frame("messageStop", {"stopReason": "end_turn"}),
        *([event_frame("metadata", metadata)] if usage else []),
    )


def event_stream(chunks: tuple[bytes, ...], **options: Any) -> Answer:
    return Answer(headers={"content-type": "application/vnd.amazon.eventstream", **IDS}, chunks=chunks, **options)


def both(answer: Answer, use: Callable[[Any], Any]) -> Recorded:
    """Use the client bare and observed: the application gets the same."""
    with Loopback(answer) as server:
        bare = _outcome(bedrock(server), use)
        client = bedrock(server)
        with observed(server, "aws_bedrock") as recorded:
            assert _outcome(client, use) == bare
            gc.collect()
            capture.sweep()
        first, second = (request.body for request in server.ledger)
        assert first == second
    return recorded


def _outcome(client: Any, use: Callable[[Any], Any]) -> Any:
    try:
        return _steady(use(client))
    except (ClientError, EventStreamError) as error:
        return type(error).__name__, _steady(error.response)
    finally:
        client.close()


def _steady(answer: Any) -> Any:
    """Without the date that the client adds."""
    if isinstance(answer, dict):
        return {key: _steady(value) for key, value in answer.items() if key != "HTTPHeaders"}
    return answer


def converse(client: Any) -> Any:
    return client.converse(modelId=NOVA, messages=MESSAGES)


def converse_stream(client: Any) -> Any:
    return list(client.converse_stream(modelId=NOVA, messages=MESSAGES)["stream"])


def test_converse() -> None:
    recorded = both(json_answer(answer_of(), x_amzn_RequestId="r-1"), converse)
    call = recorded.one
    assert (call.provider, call.operation, call.status, call.transport) == ("aws_bedrock", "converse", "ok", "urllib3")
    assert (call.request_model, call.request_id, recorded.units) == (NOVA, "r-1", UNITS)
    assert (price_event(call).state, price_event(call).usd) == ("priced", COST)


def test_unknown_new_fields() -> None:
    usage = {**USAGE, "somethingNew": {"tokens": 99}}
    recorded = both(json_answer(answer_of(usage=usage, alsoNew=[1, None])), converse)
    assert (recorded.one.status, recorded.units, price_event(recorded.one).usd) == ("ok", UNITS, COST)


def test_missing_usage_is_no_zero() -> None:
    body = answer_of()
    del body["usage"]
    recorded = both(json_answer(body), converse)
    assert (recorded.one.status, recorded.one.usage.source) == ("ok", "estimated")
    assert price_event(recorded.one).state == "estimated"


def test_converse_stream() -> None:
    recorded = both(event_stream(frames("Hello ", "there")), converse_stream)
    call = recorded.one
    assert (call.stream, call.status, call.usage.flags, recorded.units) == (True, "ok", (), UNITS)
    assert call.time_to_first_token_ms is not None
    assert price_event(call).usd == COST


def test_converse_stream_without_usage() -> None:
    recorded = both(event_stream(frames("Hello ", "there", usage=None)), converse_stream)
    # "Hello there" has 11 bytes, at four bytes a token.
    assert (recorded.one.usage.source, recorded.units["output_text_tokens"]) == ("estimated", 3)
    assert price_event(recorded.one).state == "estimated"


def test_frames_in_any_pieces() -> None:
    whole = b"".join(frames("Hello ", "there"))
    recorded = both(event_stream(tuple(whole[at : at + 7] for at in range(0, len(whole), 7))), converse_stream)
    assert (recorded.one.status, recorded.units) == ("ok", UNITS)


# The client leaves its connection to the garbage collector.
LEFT_OPEN = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@LEFT_OPEN
def test_stream_that_fails_inside() -> None:
    failed = event_frame("modelStreamErrorException", {"message": "It went wrong"}, kind="exception")
    recorded = both(event_stream((*frames("Hello ")[:2], failed)), converse_stream)
    call = recorded.one
    assert (call.status, call.http_status) == ("error", 200)
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("modelStreamErrorException", "It went wrong")


@LEFT_OPEN
@pytest.mark.parametrize("close", [True, False], ids=["closed", "dropped"])
def test_stream_that_is_left(close: bool) -> None:
    def use(client: Any) -> Any:
        stream = client.converse_stream(modelId=NOVA, messages=MESSAGES)["stream"]
        first = [event for event, _ in zip(stream, range(2), strict=False)]
        if close:
            stream.close()
        return first

    recorded = both(event_stream(frames("Hello ", "there")), use)
    assert recorded.one.status in ({"cancelled"} if close else {"cancelled", "abandoned"})
    assert "partial" in recorded.one.usage.flags


def test_refused() -> None:
    body = {"message": "The model id is wrong"}
    answer = json_answer(body, status=400, x_amzn_ErrorType="ValidationException:http://internal/")
    recorded = both(answer, converse)
    call = recorded.one
    assert (call.status, call.http_status) == ("error", 400)
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("ValidationException", "The model id is wrong")
    assert price_event(call).state == "free"


def test_retries_are_attempts_of_one_call() -> None:
    busy = json_answer({"message": "busy"}, status=503, x_amzn_ErrorType="ServiceUnavailableException")
    with Loopback(busy, json_answer(answer_of())) as server, observed(server, "aws_bedrock") as recorded:
        client = bedrock(server, attempts=3)
        again: Any = [{"role": "user", "content": [{"text": "Are you there?"}]}]
        assert client.converse(modelId=NOVA, messages=again)["usage"]["inputTokens"] == 1000
        client.close()
        assert len(server.ledger) == 2
    first, second = recorded.calls
    assert [(call.status, call.attempt) for call in recorded.calls] == [("error", 0), ("ok", 1)]
    assert first.logical_call_id == second.logical_call_id == first.event_id
    assert (price_event(first).state, price_event(second).usd) == ("free", COST)


def test_arn_of_a_profile() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
    recorded = both(json_answer(answer_of()), lambda client: client.converse(modelId=arn, messages=MESSAGES))
    assert recorded.one.request_model == "us.amazon.nova-lite-v1:0"
    # The profile has no price of its own: that of the model stands for it.
    assert price_event(recorded.one).usd == COST


CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1000, "output_tokens": 200},
}
ASKED = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []})


@pytest.mark.parametrize("body", [ASKED, ASKED.encode(), io.BytesIO(ASKED.encode())], ids=["text", "bytes", "file"])
def test_invoke_model(body: Any) -> None:
    def use(client: Any) -> Any:
        if isinstance(body, io.BytesIO):
            body.seek(0)
        return json.loads(client.invoke_model(modelId=HAIKU, body=body)["body"].read())

    recorded = both(json_answer(CLAUDE), use)
    call = recorded.one
    assert (call.operation, call.status, call.response_id) == ("invoke", "ok", "msg_1")
    assert recorded.units == {"input_text_tokens": 1000, "output_text_tokens": 200}
    # 1000 x 1 + 200 x 5 = 2000 dollars for a million calls
    assert (price_event(call).state, price_event(call).usd) == ("priced", Decimal("0.002"))


@pytest.mark.parametrize("read", ["lines", "chunks", "iteration", "close"])
def test_body_of_invoke_model_in_pieces(read: str) -> None:
    def use(client: Any) -> Any:
        body = client.invoke_model(modelId=HAIKU, body=ASKED)["body"]
        if read == "lines":
            return b"".join(body.iter_lines())
        if read == "chunks":
            return b"".join(body.iter_chunks(50))
        if read == "iteration":
            return b"".join(body)
        return body.read(5), body.close()

    recorded = both(json_answer(CLAUDE), use)
    if read == "close":
        assert (recorded.one.status, recorded.one.usage.source) == ("cancelled", "estimated")
    else:
        assert (recorded.one.status, price_event(recorded.one).usd) == ("ok", Decimal("0.002"))


def test_invoke_model_for_vectors() -> None:
    answer = {"embedding": [0.25] * 1024, "embeddingsByType": {"float": [0.25] * 1024}, "inputTextTokenCount": 500}
    recorded = both(
        json_answer(answer),
        lambda client: client.invoke_model(modelId=TITAN, body=json.dumps({"inputText": "x"}))["body"].read(),
    )
    assert (recorded.one.kind, recorded.units) == ("embedding", {"input_text_tokens": 500})
    # 500 x 0.02 = 10 dollars for a million calls
    assert price_event(recorded.one).usd == Decimal("0.00001")


def claude_frames(*, metrics: bool = True) -> tuple[bytes, ...]:
    end: dict[str, Any] = {"type": "message_stop"}
    if metrics:
        end["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1000, "outputTokenCount": 200}
    started = {**CLAUDE, "content": [], "stop_reason": None, "usage": {"input_tokens": 1000, "output_tokens": 1}}
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": started},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello there"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}},
        end,
    )
    return tuple(
        event_frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in events
    )


@pytest.mark.parametrize("metrics", [True, False], ids=["metrics", "no metrics"])
def test_invoke_model_with_response_stream(metrics: bool) -> None:
    def use(client: Any) -> Any:
        return list(client.invoke_model_with_response_stream(modelId=HAIKU, body=ASKED)["body"])

    recorded = both(event_stream(claude_frames(metrics=metrics)), use)
    call = recorded.one
    assert (call.stream, call.status, call.operation) == (True, "ok", "invoke")
    assert recorded.units == {"input_text_tokens": 1000, "output_text_tokens": 200}
    assert price_event(call).usd == Decimal("0.002")
    assert call.time_to_first_token_ms is not None
