"""Chat, completions and embeddings with the real client: units, estimates, tools, unknown and hostile fields."""

from typing import Any

import openai
import pytest
from loopback.exchanges import recorded as recorded_by_explain
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, event_stream, json_answer, sse

PROMPT: Any = [{"role": "user", "content": "Hello"}]  # 5 bytes and 16 for the frame: 6 tokens


def ask(answer: Answer, *, content: bool = False, **options: Any) -> tuple[Any, Recorded]:
    with (
        Loopback(answer) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1", max_retries=0) as client,
        observed(server, content=content) as recorded,
    ):
        asked: dict[str, Any] = {"model": "gpt-4o-mini", "messages": PROMPT, **options}
        result = client.chat.completions.create(**asked)
        return (list(result) if options.get("stream") else result), recorded


def test_cached_tokens_are_not_fresh_input() -> None:
    _, recorded = ask(json_answer(chat_completion(), x_request_id="req_1"))
    call = recorded.one
    assert recorded.units == {"input_text_tokens": 120 - 64, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    assert (call.kind, call.provider, call.operation) == ("llm", "openai", "chat.completions")
    assert (call.request_model, call.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (call.response_id, call.request_id) == ("chatcmpl-1", "req_1")
    assert call.dimensions == {"service_tier": "default"}
    assert call.usage.raw == CHAT_USAGE


def test_audio_and_images_and_cache_writes() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "total_tokens": 1300,
        "prompt_tokens_details": {
            "cached_tokens": 100,
            "cache_write_tokens": 50,
            "audio_tokens": 200,
            "image_tokens": 150,
            "text_tokens": 650,
        },
        "completion_tokens_details": {"audio_tokens": 120, "reasoning_tokens": 0, "accepted_prediction_tokens": 7},
    }
    _, recorded = ask(json_answer(chat_completion(usage=usage)))
    assert recorded.units == {
        "input_text_tokens": 650 - 100 - 50,
        "input_audio_tokens": 200,
        "input_image_tokens": 150,
        "cache_read_text_tokens": 100,
        "cache_write_tokens": 50,
        "output_text_tokens": 180,
        "output_audio_tokens": 120,
    }
    assert recorded.one.usage.details == {"accepted_prediction_tokens": 7}
    assert recorded.one.usage.flags == ()


def test_cached_tokens_that_exceed_the_text_are_audio() -> None:
    usage = {
        "prompt_tokens": 300,
        "completion_tokens": 1,
        "total_tokens": 301,
        "prompt_tokens_details": {"cached_tokens": 150, "audio_tokens": 200},
    }
    _, recorded = ask(json_answer(chat_completion(usage=usage)))
    assert recorded.units == {
        "input_text_tokens": 0,
        "cache_read_text_tokens": 100,
        "cache_read_audio_tokens": 50,
        "input_audio_tokens": 150,
        "output_text_tokens": 1,
    }


@pytest.mark.parametrize("asked", [True, False], ids=["include_usage", "plain"])
def test_stream(asked: bool) -> None:
    chunks = chat_chunks("Hello ", "there", usage=CHAT_USAGE if asked else None)
    options: Any = {"stream_options": {"include_usage": True}} if asked else {}
    _, recorded = ask(event_stream(chunks), stream=True, **options)
    call = recorded.one
    assert (call.status, call.stream, call.dimensions) == ("ok", True, {"service_tier": "default"})
    if asked:
        assert (call.usage.source, recorded.units["cache_read_text_tokens"]) == ("response", 64)
    else:
        # "Hello there" has 11 bytes: 3 tokens.
        assert (call.usage.source, recorded.units) == ("estimated", {"input_text_tokens": 6, "output_text_tokens": 3})


def test_stream_in_arbitrary_pieces_with_carriage_returns() -> None:
    whole = b"\xef\xbb\xbf: comment\r\n\r\n" + b"".join(chat_chunks("Grüße ", "🙂", usage=CHAT_USAGE)).replace(
        b"\n", b"\r\n"
    )
    for size in (1, 7, 64):
        pieces = tuple(whole[at : at + size] for at in range(0, len(whole), size))
        _, recorded = ask(event_stream(pieces), stream=True)
        assert recorded.one.status == "ok"
        assert recorded.units["output_text_tokens"] == 30


def test_streamed_tool_call_and_content() -> None:
    def delta(**fields: Any) -> dict[str, Any]:
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [fields]}

    call: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
    events = [
        delta(
            index=0, delta={"role": "assistant", "tool_calls": [{**call, "function": {"name": "add", "arguments": ""}}]}
        ),
        delta(index=0, delta={"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1'}}]}),
        delta(index=0, delta={"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}),
        delta(index=0, delta={}, finish_reason="tool_calls"),
        "[DONE]",
    ]
    _, recorded = ask(event_stream(sse(*events)), stream=True, content=True)
    # "add" and '{"a": 1}' have 3 + 8 bytes: 3 tokens.
    assert recorded.units == {"input_text_tokens": 6, "output_text_tokens": 3}
    (content,) = recorded.contents
    assert content.event_id == recorded.one.event_id
    assert content.input == {"messages": PROMPT}
    assert content.output == [
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}],
            "finish_reason": "tool_calls",
        }
    ]


def test_streamed_content_is_put_together() -> None:
    _, recorded = ask(event_stream(chat_chunks("Hello ", "there", usage=CHAT_USAGE)), stream=True, content=True)
    assert recorded.contents[0].output == [{"role": "assistant", "content": "Hello there", "finish_reason": "stop"}]
    assert recorded.units["input_text_tokens"] == 56


def test_no_content_unless_asked_for() -> None:
    _, recorded = ask(json_answer(chat_completion("secret words")))
    assert recorded.contents == []
    assert "secret words" not in repr(recorded.calls)


def test_error_inside_a_stream() -> None:
    error = {"error": {"message": "The server had an error", "type": "server_error", "code": None}}
    chunks = (*chat_chunks("Hello ", done=False)[:2], *sse(error))
    with (
        Loopback(event_stream(chunks)) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(model="m", messages=PROMPT, stream=True))
        call = recorded.one
        assert call.error is not None
        assert (call.status, call.error.type) == ("error", "server_error")
        assert (call.usage.source, "partial" in call.usage.flags) == ("estimated", True)


def test_missing_usage_is_estimated_never_zero() -> None:
    _, recorded = ask(json_answer(chat_completion("Hello there", usage=None)))
    assert recorded.one.usage.source == "estimated"
    assert recorded.units == {"input_text_tokens": 6, "output_text_tokens": 3}


def test_explicit_zero_is_a_real_zero() -> None:
    zero = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}
    _, recorded = ask(json_answer(chat_completion("", usage=zero)))
    assert recorded.one.usage.source == "response"
    assert recorded.units == {"input_text_tokens": 9, "output_text_tokens": 0}


def explained(body: Any, content_type: str = "application/json") -> dict[str, Any]:
    url = "https://api.openai.com/v1/chat/completions"
    return recorded_by_explain(url, request={"model": "gpt-4o"}, body=body, content_type=content_type)


def test_unknown_fields_are_kept_raw_and_do_no_harm() -> None:
    usage = {**CHAT_USAGE, "new_kind_of_tokens": 5, "nested": {"a": {"b": [1, 2]}}}
    _, recorded = ask(json_answer(chat_completion(usage=usage, brand_new={"x": 1})))
    assert recorded.units["input_text_tokens"] == 56
    assert recorded.one.usage.raw["new_kind_of_tokens"] == 5
    assert recorded.one.usage.flags == ()


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": "8", "completion_tokens": "2"}, (8, 2)),
        ({"prompt_tokens": 8.0, "completion_tokens": 2.0, "total_tokens": 10.0}, (8, 2)),
        ({"completion_tokens": 2, "total_tokens": 10}, (8, 2)),
        ({"prompt_tokens": 8, "total_tokens": 10}, (8, 2)),
        ({"prompt_tokens": 8, "completion_tokens": None, "total_tokens": 10}, (8, 2)),
        ({"input_tokens": 8, "output_tokens": 2, "total_tokens": None, "input_tokens_details": None}, (8, 2)),
    ],
)
def test_strange_but_complete_usage(usage: Any, expected: tuple[int, int]) -> None:
    told = explained(chat_completion(usage=usage))
    assert told["usage"]["units"] == {"input_text_tokens": expected[0], "output_text_tokens": expected[1]}
    assert (told["usage"]["source"], told["usage"].get("flags")) == ("response", None)


def test_an_output_without_its_input_is_doubted() -> None:
    told = explained(chat_completion(usage={"completion_tokens": 2}))
    assert (told["usage"]["flags"], told["cost"]["state"]) == (["malformed"], "estimated")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "text/event-stream"])
def test_a_stream_is_known_by_its_look_where_its_type_is_wrong(content_type: str) -> None:
    body = b"".join(chat_chunks("Hello", usage=CHAT_USAGE)).decode()
    told = explained(body, content_type=content_type)
    assert (told["usage"]["source"], told["stream"]) == ("response", True)


@pytest.mark.parametrize(
    ("usage", "flag"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99}, "sum_mismatch"),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 11}}, "sum_mismatch"),
        ({"prompt_tokens": 10, "completion_tokens": -5}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": 2**53 + 1}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": 10**30}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": float("nan")}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": float("inf")}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": "5.5"}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": "-5"}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": {"n": 5}}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": None}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens": True}, "malformed"),
        ({"prompt_tokens": 10, "completion_tokens_details": [1]}, ""),
        ({"prompt_tokens": 10, "prompt_tokens_details": "x"}, "malformed"),
        ("many", "malformed"),
        ([1, 2], "malformed"),
    ],
)
def test_hostile_usage(usage: Any, flag: str) -> None:
    from llmobserve.wire import record_to_json

    with Loopback(json_answer(chat_completion(usage=usage))) as server, observed(server) as recorded:
        import httpx2

        with httpx2.Client() as client:
            client.post(f"{server.url}/v1/chat/completions", json={"model": "m", "messages": PROMPT})
    assert recorded.one.usage.flags == ((flag,) if flag else ())
    if isinstance(usage, dict):
        assert recorded.units["input_text_tokens"] == 10
        assert recorded.units.get("output_text_tokens") in {None, 5}
    else:
        assert recorded.one.usage.source == "estimated"
    record_to_json(recorded.one)


@pytest.mark.parametrize("stream", [False, True])
def test_completions(stream: bool) -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct"}
    choice = {"text": "Hi there", "index": 0, "logprobs": None, "finish_reason": "stop"}
    answer = (
        event_stream(sse({**base, "choices": [choice]}, "[DONE]"))
        if stream
        else json_answer({**base, "choices": [choice], "usage": usage})
    )
    with (
        Loopback(answer) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        result = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say hi", stream=stream)
        if stream:
            list(result)
        assert recorded.one.operation == "completions"
        if stream:  # "Say hi": 6 bytes, 2 tokens; "Hi there": 8 bytes, 2 tokens
            assert recorded.units == {"input_text_tokens": 2, "output_text_tokens": 2}
        else:
            assert recorded.units == {"input_text_tokens": 4, "output_text_tokens": 6}


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("given", [True, False], ids=["usage", "no usage"])
def test_embeddings(encoding: Any, given: bool) -> None:
    vector: Any = [0.5] * 1536 if encoding == "float" else "AAAA" * 2048
    body: dict[str, Any] = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}] * 2,
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }
    if not given:
        del body["usage"]
    with (
        Loopback(json_answer(body, gzipped=True)) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server, content=True) as recorded,
    ):
        result = client.embeddings.create(
            model="text-embedding-3-small", input=["What?", "Why?"], encoding_format=encoding
        )  # type: ignore[arg-type]
        assert len(result.data) == 2
    call = recorded.one
    assert (call.kind, call.operation) == ("embedding", "embeddings")
    # "What?" and "Why?" have 9 bytes: 3 tokens.
    assert recorded.units == {"input_text_tokens": 8 if given else 3}
    assert call.usage.source == ("response" if given else "estimated")
    assert recorded.contents[0].output == {"vectors": 2}


def test_embedding_of_token_ids_is_counted() -> None:
    body = {"object": "list", "data": [], "model": "m"}
    with (
        Loopback(json_answer(body)) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        client.embeddings.with_raw_response.create(model="m", input=[[1, 2, 3], [4, 5]], encoding_format="float")
    assert recorded.units == {"input_text_tokens": 5}
