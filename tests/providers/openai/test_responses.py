"""The Responses API with the real client: cache writes, tool fees, background answers."""

from typing import Any

import openai
import pytest
from loopback.openai_bodies import response_events, response_object
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, event_stream, json_answer


def ask(answer: Answer, *, content: bool = False, **options: Any) -> Recorded:
    with (
        Loopback(answer) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1", max_retries=0) as client,
        observed(server, content=content) as recorded,
    ):
        asked: dict[str, Any] = {"model": "gpt-5.6", "input": "Hello", **options}
        result = client.responses.create(**asked)
        if options.get("stream"):
            list(result)
        return recorded


@pytest.mark.parametrize("stream", [False, True])
def test_tokens(stream: bool) -> None:
    final = response_object()
    answer = event_stream(response_events("Hello ", "there", final=final)) if stream else json_answer(final)
    recorded = ask(answer, stream=stream, content=True)
    call = recorded.one
    assert recorded.units == {"input_text_tokens": 2000, "cache_read_text_tokens": 3000, "output_text_tokens": 400}
    assert call.usage.details == {"reasoning_tokens": 250}
    assert (call.status, call.operation, call.stream) == ("ok", "responses", stream)
    # The tier that was served (`flex`), not the one of the first event (`auto`).
    assert call.dimensions == {"service_tier": "flex"}
    assert (call.response_id, call.response_model) == ("resp_1", "gpt-5.6-2026-05-01")
    assert (call.time_to_first_token_ms is not None) == stream
    assert recorded.contents[0].input == {"input": "Hello"}
    assert recorded.contents[0].output[0]["content"][0]["text"] == "Hello there"


def test_cache_writes_by_lifetime() -> None:
    usage = {
        "input_tokens": 10_000,
        "input_tokens_details": {
            "cached_tokens": 1000,
            "cache_write_tokens": 6000,
            "cache_write_tokens_details": {"ttl_30m_tokens": 4000, "ttl_12h_tokens": 1500},
        },
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10_010,
    }
    recorded = ask(json_answer(response_object(usage=usage)))
    assert recorded.units == {
        "input_text_tokens": 10_000 - 1000 - 6000,
        "cache_read_text_tokens": 1000,
        "cache_write_30m_tokens": 4000,
        "cache_write_12h_tokens": 1500,
        "cache_write_tokens": 500,
        "output_text_tokens": 10,
    }


def _item(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"{kind}_{number}", "type": kind, "status": "completed", **fields}


def test_fees_of_built_in_tools() -> None:
    search = {"type": "search", "query": "x"}
    output = [
        _item("web_search_call", 1, action=search),
        _item("web_search_call", 2, action=search),
        _item("web_search_call", 3, action=search, status="failed"),
        _item("file_search_call", 1, queries=["x"], results=None),
        _item("code_interpreter_call", 1, container_id="cntr_1", code="1", outputs=[]),
        _item("code_interpreter_call", 2, container_id="cntr_1", code="2", outputs=[]),
        _item("code_interpreter_call", 3, container_id="cntr_2", code="3", outputs=[]),
    ]
    recorded = ask(json_answer(response_object(output=output, tools=[{"type": "web_search_preview"}])))
    units = recorded.units
    assert (units["web_search_calls"], units["file_search_calls"], units["code_interpreter_sessions"]) == (2, 1, 2)
    assert recorded.one.dimensions["web_search_tool"] == "web_search_preview"
    recorded = ask(json_answer(response_object(output=output, tools=[{"type": "web_search"}])))
    assert "web_search_tool" not in recorded.one.dimensions


def test_stated_tool_usage_wins_and_images_are_a_call_of_their_own() -> None:
    tool_usage = {
        "web_search": {"num_requests": 1},
        "image_gen": {
            "input_tokens": 50,
            "input_tokens_details": {"text_tokens": 30, "image_tokens": 20},
            "output_tokens": 4000,
            "total_tokens": 4050,
        },
    }
    output = [_item("web_search_call", n, action={"type": "search", "query": "x"}) for n in range(3)]
    tools = [{"type": "image_generation", "model": "gpt-image-1.5"}]
    recorded = ask(json_answer(response_object(output=output, tools=tools, tool_usage=tool_usage)))
    main, image = recorded.calls
    assert main.usage.units["web_search_calls"] == 1
    assert (image.kind, image.operation, image.request_model) == (
        "image",
        "responses.image_generation",
        "gpt-image-1.5",
    )
    assert dict(image.usage.units) == {"input_text_tokens": 30, "input_image_tokens": 20, "output_image_tokens": 4000}
    assert image.response_id != main.response_id
    assert image.event_id != main.event_id


def test_stream_that_stops_early_is_estimated() -> None:
    recorded = ask(event_stream(response_events("Hello ", "there")), stream=True)
    assert (recorded.one.usage.source, recorded.one.usage.flags) == ("estimated", ("partial",))
    # "Hello" 5 bytes, "Hello there" 11 bytes.
    assert recorded.units == {"input_text_tokens": 2, "output_text_tokens": 3}


@pytest.mark.parametrize(("status", "outcome"), [("incomplete", "ok"), ("failed", "error")])
def test_other_ends(status: str, outcome: str) -> None:
    error = {"code": "server_error", "message": "It broke"} if status == "failed" else None
    final = response_object(status=status, error=error)
    recorded = ask(event_stream(response_events("Hello", final=final)), stream=True)
    assert recorded.one.status == outcome
    assert recorded.units["output_text_tokens"] == 400
    if error:
        assert recorded.one.error is not None
        assert (recorded.one.error.type, recorded.one.error.message) == ("server_error", "It broke")


def test_background_answer_is_one_event_however_often_it_is_looked_at() -> None:
    queued = response_object(status="queued", background=True, usage=None, output=[])
    running = response_object(status="in_progress", background=True, usage=None, output=[])
    done = response_object(background=True)
    with (
        Loopback(*map(json_answer, (queued, running, done))) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        client.responses.create(model="gpt-5.6", input="Hello", background=True)
        client.responses.retrieve("resp_1")
        assert recorded.calls == []
        client.responses.retrieve("resp_1")
        client.responses.retrieve("resp_1")
    first, second = recorded.calls
    assert first.event_id == second.event_id
    assert (first.revision, first.usage.units["output_text_tokens"]) == (1, 400)


def test_looking_at_a_foreground_answer_is_no_second_charge() -> None:
    with (
        Loopback(json_answer(response_object())) as server,
        openai.OpenAI(api_key="sk-test", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        client.responses.create(model="gpt-5.6", input="Hello")
        client.responses.retrieve("resp_1")
        assert len(recorded.calls) == 1
