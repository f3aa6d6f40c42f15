"""Cohere: both versions of the API, whole and streamed. Billed units count, not tokens."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from loopback.exchanges import json_lines, recorded, units
from loopback.rig import observed
from loopback.server import Answer, Loopback, event_stream, json_answer, sse

URL = "https://api.cohere.com"
USAGE = {"billed_units": {"input_tokens": 7, "output_tokens": 88}, "tokens": {"input_tokens": 69, "output_tokens": 89}}
UNITS = {"input_text_tokens": 7, "output_text_tokens": 88}
MESSAGE = {"role": "assistant", "content": [{"type": "text", "text": "Hello there"}]}
V2 = {"id": "c-1", "finish_reason": "COMPLETE", "message": MESSAGE, "usage": USAGE}
EVENTS: list[dict[str, Any]] = [
    {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello"}}}},
    {"type": "content-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
]
ASKED = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hello"}]}


def test_chat_of_both_versions() -> None:
    second = recorded(URL + "/v2/chat", request=ASKED, body=V2)
    first = recorded(
        URL + "/v1/chat", request={"model": "command", "message": "Hi"}, body={"text": "Hello", "meta": USAGE}
    )
    assert units(second) == units(first) == UNITS
    assert (second["operation"], second["request_model"], second["response_id"]) == ("chat", ASKED["model"], "c-1")


def test_streams_of_both_versions() -> None:
    body = b"".join(sse(*EVENTS, "[DONE]", name_key="type")).decode()
    second = recorded(URL + "/v2/chat", request=ASKED, body=body, content_type="text/event-stream")
    lines = json_lines(
        {"is_finished": False, "event_type": "stream-start", "generation_id": "g"},
        {"is_finished": False, "event_type": "text-generation", "text": "Hel"},
        {"is_finished": True, "event_type": "stream-end", "response": {"text": "Hel", "meta": USAGE}},
    )
    first = recorded(URL + "/v1/chat", request=ASKED, body=lines, content_type="application/stream+json")
    assert units(second) == units(first) == UNITS
    for answer in (first, second):
        assert (answer["stream"], answer["usage"]["source"]) == (True, "response")


def test_a_cut_stream_is_an_estimate() -> None:
    body = b"".join(sse(*EVENTS[:3], name_key="type")).decode()
    answer = recorded(URL + "/v2/chat", request=ASKED, body=body, content_type="text/event-stream")
    # "Hello" is 5 bytes, and 16 are for the frame of the message: 6 tokens of four bytes; the answer is 5 bytes.
    assert units(answer) == {"input_text_tokens": 6, "output_text_tokens": 2}
    assert answer["usage"]["flags"] == ["partial"]


def test_embeddings_and_images() -> None:
    asked = {"model": "embed-v4.0", "texts": ["a"], "input_type": "search_document"}
    body = {"id": "e", "embeddings": {"float": [[0.1, 0.2]]}, "meta": {"billed_units": {"input_tokens": 208}}}
    answer = recorded(URL + "/v2/embed", request=asked, body=body)
    assert (units(answer), answer["kind"]) == ({"input_text_tokens": 208}, "embedding")
    mixed = {**body, "meta": {"billed_units": {"input_tokens": 1510, "text_tokens": 10, "image_tokens": 1500}}}
    assert units(recorded(URL + "/v2/embed", request=asked, body=mixed)) == {
        "input_text_tokens": 10,
        "input_image_tokens": 1500,
    }


def test_rerank_units_are_those_returned_else_worked_out() -> None:
    asked = {"model": "rerank-v3.5", "query": "q", "documents": ["d"] * 250}
    body = {"id": "r", "results": [], "meta": {"billed_units": {"search_units": 3}}}
    assert units(recorded(URL + "/v2/rerank", request=asked, body=body)) == {"search_units": 3}
    bare = recorded(URL + "/v2/rerank", request=asked, body={"id": "r", "results": []})
    assert (units(bare), bare["usage"]["source"]) == ({"search_units": 3}, "estimated")


def test_error() -> None:
    answer = recorded(URL + "/v2/chat", request=ASKED, body={"id": "e", "message": "no such model"}, status=404)
    assert (answer["error"], answer["cost"]["state"]) == ({"type": "http_404", "message": "no such model"}, "free")


class TestRealClient:
    """`cohere` against a loopback server."""

    @pytest.fixture
    def cohere(self) -> Any:
        return pytest.importorskip("cohere")

    @pytest.mark.parametrize("new", [{}, {"something_new": {"a": [1]}}])
    def test_sync(self, cohere: Any, new: Any) -> None:
        answer = json_answer({**V2, **new})
        with Loopback(answer) as server, httpx.Client() as wire, observed(server, "cohere") as calls:
            client = cohere.ClientV2(api_key="k", base_url=server.url, httpx_client=wire)
            assert client.chat(**ASKED).message.content[0].text == "Hello there"
        assert calls.units == UNITS

    def test_stream(self, cohere: Any) -> None:
        with (
            Loopback(event_stream(sse(*EVENTS, "[DONE]", name_key="type"))) as server,
            httpx.Client() as wire,
            observed(server, "cohere") as calls,
        ):
            client = cohere.ClientV2(api_key="k", base_url=server.url, httpx_client=wire)
            assert [event.type for event in client.chat_stream(**ASKED)][-1] == "message-end"
        assert (calls.units, calls.one.stream, calls.one.status) == (UNITS, True, "ok")

    def test_async(self, cohere: Any) -> None:
        async def ask(server: Loopback) -> None:
            async with httpx.AsyncClient() as wire:
                client = cohere.AsyncClientV2(api_key="k", base_url=server.url, httpx_client=wire)
                await client.chat(**ASKED)

        with Loopback(json_answer(V2)) as server, observed(server, "cohere") as calls:
            asyncio.run(ask(server))
        assert calls.units == UNITS

    def test_error(self, cohere: Any) -> None:
        refusal = Answer(
            status=401, headers={"content-type": "application/json"}, body=json.dumps({"message": "no"}).encode()
        )
        with Loopback(refusal) as server, httpx.Client() as wire, observed(server, "cohere") as calls:
            client = cohere.ClientV2(api_key="k", base_url=server.url, httpx_client=wire)
            with pytest.raises(cohere.errors.UnauthorizedError):
                client.chat(**ASKED)
        assert calls.one.error is not None
        assert (calls.one.status, calls.one.error.message) == ("error", "no")
