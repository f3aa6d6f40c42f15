"""Anthropic messages with the real client: cache buckets, cumulative streams, early ends, batches."""

import asyncio
import json
import threading
from typing import Any

import anthropic
import httpx2
import pytest
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, event_stream, json_answer, sse

PROMPT: Any = [{"role": "user", "content": "Hello"}]
USAGE: dict[str, Any] = {
    "input_tokens": 1000,
    "cache_read_input_tokens": 20_000,
    "cache_creation_input_tokens": 3000,
    "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 1000},
    "output_tokens": 500,
    "service_tier": "standard",
    "inference_geo": "us",
}


def message(**fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5-20260901",
        "content": [{"type": "text", "text": "Hello there"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }


def events(*words: str, final: Any = None, stop: bool = True) -> tuple[bytes, ...]:
    started = message(content=[], usage={**USAGE, "output_tokens": 2}, stop_reason=None)
    out: list[Any] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    out += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words
    ]
    if final is not None:
        out += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": final},
        ]
    if stop:
        out.append({"type": "message_stop"})
    return sse(*out, name_key="type")


def ask(answer: Answer, *, content: bool = False, read: Any = list, **options: Any) -> Recorded:
    with (
        Loopback(answer) as server,
        anthropic.Anthropic(api_key="sk-ant-test", base_url=server.url, max_retries=0) as client,
        observed(server, "anthropic", content=content) as recorded,
    ):
        asked: dict[str, Any] = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": PROMPT, **options}
        result = client.messages.create(**asked)
        if options.get("stream"):
            read(result)
        return recorded


UNITS = {
    "input_text_tokens": 1000,
    "cache_read_text_tokens": 20_000,
    "cache_write_5m_tokens": 2000,
    "cache_write_1h_tokens": 1000,
    "output_text_tokens": 500,
}


def test_message() -> None:
    recorded = ask(json_answer(message(), request_id="req_1"), content=True, system="Be kind")
    call = recorded.one
    assert recorded.units == UNITS
    assert (call.provider, call.operation, call.status, call.request_id) == ("anthropic", "messages", "ok", "req_1")
    assert (call.request_model, call.response_model) == ("claude-opus-5-5", "claude-opus-5-5-20260901")
    assert call.dimensions == {"service_tier": "default", "inference_geo": "us"}
    assert recorded.contents[0].input == {"system": "Be kind", "messages": PROMPT}
    assert recorded.contents[0].output == [{"type": "text", "text": "Hello there"}]


def test_tools_speed_priority_and_compaction() -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30},
        "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1},
        "service_tier": "priority",
        "speed": "fast",
        "iterations": [
            {"type": "message", "input_tokens": 100, "output_tokens": 50},
            {"type": "compaction", "input_tokens": 900, "output_tokens": 40},
        ],
    }
    recorded = ask(json_answer(message(usage=usage)))
    assert recorded.units == {
        "input_text_tokens": 1000,
        "output_text_tokens": 90,
        "web_search_calls": 3,
        "web_fetch_calls": 1,
    }
    assert recorded.one.usage.details == {"reasoning_tokens": 30}
    assert recorded.one.dimensions == {"service_tier": "priority", "speed": "fast"}


@pytest.mark.parametrize(
    ("usage", "units", "flags"),
    [
        ({"cache_creation_input_tokens": 9}, {"cache_write_tokens": 9}, ()),
        (
            {
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 9, "ephemeral_1h_input_tokens": 1},
            },
            {"cache_write_tokens": 9},
            ("sum_mismatch",),
        ),
        ({"cache_read_input_tokens": -1}, {}, ("malformed",)),
        ({"server_tool_use": "x"}, {}, ("malformed",)),
    ],
)
def test_odd_usage(usage: Any, units: dict[str, int], flags: tuple[str, ...]) -> None:
    recorded = ask(json_answer(message(usage={"input_tokens": 5, "output_tokens": 6, **usage})))
    assert recorded.units == {"input_text_tokens": 5, "output_text_tokens": 6, **units}
    assert recorded.one.usage.flags == flags


def test_stream_overwrites_and_does_not_add() -> None:
    recorded = ask(event_stream(events("Hello ", "there", final={"output_tokens": 500})), stream=True, content=True)
    assert recorded.units == UNITS
    assert (recorded.one.usage.source, recorded.one.usage.flags, recorded.one.status) == ("response", (), "ok")
    assert recorded.one.time_to_first_token_ms is not None
    assert recorded.contents[0].output == [{"type": "text", "text": "Hello there"}]
    without_content = ask(
        event_stream(events("Hello ", "there", final={"output_tokens": 500}), gzipped=True), stream=True
    )
    assert without_content.units == UNITS


def test_early_end_keeps_the_exact_input() -> None:
    hold = threading.Event()
    with (
        Loopback(event_stream(events("Hello ", "there, how are you", stop=False), hold=hold)) as server,
        anthropic.Anthropic(api_key="sk-ant-test", base_url=server.url) as client,
        observed(server, "anthropic") as recorded,
    ):
        with client.messages.create(model="m", max_tokens=9, messages=PROMPT, stream=True) as stream:
            for event in stream:
                if event.type == "content_block_delta" and "how" in event.delta.text:  # type: ignore[union-attr]
                    break
        hold.set()
    call = recorded.one
    # "Hello there, how are you" has 24 bytes: 6 tokens.
    assert recorded.units == {**UNITS, "output_text_tokens": 6}
    assert (call.status, call.usage.source, call.usage.flags) == ("cancelled", "estimated", ("partial",))


def test_stream_helper_and_async() -> None:
    async def run(server: Loopback) -> None:
        async with anthropic.AsyncAnthropic(api_key="sk-ant-test", base_url=server.url) as client:
            async with client.messages.stream(model="m", max_tokens=9, messages=PROMPT) as stream:
                final = await stream.get_final_message()
            assert final.content[0].text == "Hello there"  # type: ignore[union-attr]

    answer = event_stream(events("Hello ", "there", final={"output_tokens": 500}))
    with Loopback(answer) as server, observed(server, "anthropic") as recorded:
        asyncio.run(run(server))
    assert recorded.units == UNITS
    assert recorded.one.status == "ok"


def test_errors() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with (
        Loopback(json_answer(error, status=529), json_answer(message())) as server,
        anthropic.Anthropic(api_key="sk-ant-test", base_url=server.url, max_retries=1) as client,
        observed(server, "anthropic") as recorded,
    ):
        client.messages.create(model="m", max_tokens=9, messages=PROMPT)
        first, second = recorded.calls
        assert first.error is not None
        assert (first.status, first.error.type, first.http_status) == ("error", "overloaded_error", 529)
        assert first.logical_call_id == second.logical_call_id
        assert (second.attempt, dict(first.usage.units)) == (1, {})


def test_error_inside_a_stream() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    chunks = (*events("Hello ", stop=False), *sse(error, name_key="type"))

    def read(stream: Any) -> None:
        with pytest.raises(anthropic.APIStatusError):
            list(stream)

    recorded = ask(event_stream(chunks), stream=True, read=read)
    call = recorded.one
    assert call.error is not None
    assert (call.status, call.error.type, call.usage.source) == ("error", "overloaded_error", "estimated")
    assert recorded.units["cache_read_text_tokens"] == 20_000


def test_legacy_completion_has_no_usage() -> None:
    body = {"type": "completion", "id": "compl_1", "completion": " Hi", "stop_reason": "stop_sequence", "model": "c"}
    with (
        Loopback(json_answer(body)) as server,
        httpx2.Client() as client,
        observed(server, "anthropic") as recorded,
    ):
        asked = {"model": "claude-instant-1.2", "max_tokens_to_sample": 9, "prompt": "\n\nHuman: Hi\n\nAssistant:"}
        client.post(f"{server.url}/v1/complete", json=asked)
    assert (recorded.one.operation, recorded.one.usage.source, recorded.units) == ("complete", "unknown", {})


def test_counting_tokens_is_free_and_not_recorded() -> None:
    with (
        Loopback(json_answer({"input_tokens": 5})) as server,
        anthropic.Anthropic(api_key="sk-ant-test", base_url=server.url) as client,
        observed(server, "anthropic") as recorded,
    ):
        client.messages.count_tokens(model="m", messages=PROMPT)
    assert recorded.calls == []


def test_batch_results_are_one_event_a_line_and_the_same_when_fetched_again() -> None:
    second_message = message(id="msg_c", usage={"input_tokens": 1, "output_tokens": 2})
    lines = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": message(id="msg_a")}},
        {"custom_id": "b", "result": {"type": "errored", "error": {"type": "error"}}},
        {"custom_id": "c", "result": {"type": "succeeded", "message": second_message}},
    ]
    chunks = tuple(json.dumps(line).encode() + b"\n" for line in lines)
    results = Answer(headers={"content-type": "application/x-jsonl"}, chunks=chunks)

    def give(request: Any) -> Answer:
        if request.target.endswith("/results"):
            return results
        batch = {
            "id": "msgbatch_1",
            "type": "message_batch",
            "processing_status": "ended",
            "results_url": f"{server.url}/v1/messages/batches/msgbatch_1/results",
            "request_counts": {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0},
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-02T00:00:00Z",
        }
        return json_answer(batch)

    with (
        Loopback(give) as server,
        anthropic.Anthropic(api_key="sk-ant-test", base_url=server.url) as client,
        observed(server, "anthropic") as recorded,
    ):
        for _ in range(2):
            assert len(list(client.messages.batches.results("msgbatch_1"))) == 3
    first, second, *again = recorded.calls
    assert [call.event_id for call in again] == [first.event_id, second.event_id]
    assert dict(first.usage.units) == UNITS
    assert dict(second.usage.units) == {"input_text_tokens": 1, "output_text_tokens": 2}
    assert first.dimensions == {"batch": "true", "inference_geo": "us"}
    assert (first.operation, first.response_id, first.status) == ("messages.batches", "msg_a", "ok")
