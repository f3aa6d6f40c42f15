"""Gemini API: own fixtures through the readers, and the real client where it is installed."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from loopback.exchanges import recorded, units
from loopback.rig import observed
from loopback.server import Answer, Loopback, event_stream, json_answer, sse

HOST = "https://generativelanguage.googleapis.com/v1beta/models/"
URL = HOST + "gemini-2.5-flash:generateContent"
STREAM_URL = HOST + "gemini-2.5-flash:streamGenerateContent"
ASKED = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
USAGE = {
    "promptTokenCount": 5000,
    "candidatesTokenCount": 100,
    "thoughtsTokenCount": 40,
    "cachedContentTokenCount": 4000,
    "totalTokenCount": 5140,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}, {"modality": "AUDIO", "tokenCount": 4000}],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 3000}, {"modality": "TEXT", "tokenCount": 1000}],
}
# Text 1000 - 1000 cached, audio 4000 - 3000 cached; answer 100 + 40 thoughts.
UNITS = {
    "input_text_tokens": 0,
    "input_audio_tokens": 1000,
    "cache_read_audio_tokens": 3000,
    "cache_read_text_tokens": 1000,
    "output_text_tokens": 140,
}


def chunk(text: str, usage: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **more}
    if finish:
        candidate["finishReason"] = finish
    answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r-1"}
    if usage is not None:
        answer["usageMetadata"] = usage
    return answer


def test_cached_audio_and_thoughts() -> None:
    answer = recorded(URL, request=ASKED, body=chunk("Hi", USAGE, "STOP"))
    assert units(answer) == UNITS
    assert answer["usage"]["details"] == {"reasoning_tokens": 40}
    assert "flags" not in answer["usage"]
    assert (answer["provider"], answer["operation"]) == ("google_gemini", "models.generateContent")
    assert (answer["request_model"], answer["response_model"], answer["response_id"]) == (
        "gemini-2.5-flash",
        "gemini-2.5-flash",
        "r-1",
    )
    # 2.5 Flash a million: audio 1.00, cached audio 0.10, cached text 0.03, output 2.50.
    # 1000 x 1 + 3000 x 0.1 + 1000 x 0.03 + 140 x 2.5 = 1000 + 300 + 30 + 350 = 1680.
    assert Decimal(answer["cost"]["usd"]) == Decimal("0.00168")


@pytest.mark.parametrize("form", ["sse", "array"])
def test_stream_keeps_the_last_usage(form: str) -> None:
    first = {"promptTokenCount": 5000, "totalTokenCount": 5000}
    events = [chunk("Hel", first), chunk("lo", first), chunk("", USAGE, "STOP")]
    if form == "sse":
        body = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events)
        answer = recorded(STREAM_URL + "?alt=sse", request=ASKED, body=body, content_type="text/event-stream")
    else:
        answer = recorded(STREAM_URL, request=ASKED, body=events)
    assert units(answer) == UNITS
    assert (answer["stream"], answer.get("status", "ok")) == (True, "ok")
    assert answer["usage"]["source"] == "response"


def test_blocked_prompt_has_no_output() -> None:
    body = {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
        "modelVersion": "gemini-2.5-flash",
    }
    assert units(recorded(URL, request=ASKED, body=body)) == {"input_text_tokens": 9, "output_text_tokens": 0}


def test_grounding_counts_prompts_and_queries() -> None:
    usage = {"promptTokenCount": 30, "candidatesTokenCount": 400, "toolUsePromptTokenCount": 70, "totalTokenCount": 500}
    grounding = {"webSearchQueries": ["a", "b", "c"], "groundingChunks": [{"web": {"uri": "https://x"}}]}
    answer = recorded(URL, request=ASKED, body=chunk("Hi", usage, "STOP", groundingMetadata=grounding))
    # Tokens of search results cost nothing.
    assert units(answer) == {
        "input_text_tokens": 30,
        "output_text_tokens": 400,
        "grounded_prompts": 1,
        "web_search_calls": 3,
    }
    # 30 x 0.30 + 400 x 2.50 = 1009 a million; one grounded prompt at 35 a thousand.
    assert Decimal(answer["cost"]["usd"]) == Decimal("0.036009")


def test_fetched_pages_are_input() -> None:
    usage = {"promptTokenCount": 30, "candidatesTokenCount": 4, "toolUsePromptTokenCount": 70, "totalTokenCount": 104}
    answer = recorded(URL, request=ASKED, body=chunk("Hi", usage, "STOP", urlContextMetadata={"urlMetadata": []}))
    assert units(answer) == {"input_text_tokens": 30 + 70, "output_text_tokens": 4}


def test_maps() -> None:
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    grounding = {"groundingChunks": [{"maps": {"uri": "https://x"}}]}
    answer = recorded(URL, request=ASKED, body=chunk("Hi", usage, "STOP", groundingMetadata=grounding))
    assert units(answer)["map_queries"] == 1


def test_image_output() -> None:
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 1300,
        "totalTokenCount": 1310,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    answer = recorded(HOST + "gemini-2.5-flash-image:generateContent", request=ASKED, body=chunk("x", usage, "STOP"))
    assert units(answer) == {"input_text_tokens": 10, "output_text_tokens": 10, "output_image_tokens": 1290}


@pytest.mark.parametrize(
    ("traffic", "tier"), [("ON_DEMAND", "default"), ("ON_DEMAND_FLEX", "flex"), ("ON_DEMAND_PRIORITY", "priority")]
)
def test_traffic_type_is_the_tier(traffic: str, tier: str) -> None:
    answer = recorded(URL, request=ASKED, body=chunk("Hi", {**USAGE, "trafficType": traffic}, "STOP"))
    assert answer["dimensions"] == {"service_tier": tier}


def test_parts_that_do_not_add_up_are_flagged() -> None:
    wrong = recorded(URL, request=ASKED, body=chunk("Hi", {**USAGE, "totalTokenCount": 9}, "STOP"))
    assert wrong["usage"]["flags"] == ["sum_mismatch"]
    more = {**USAGE, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 9999}]}
    answer = recorded(URL, request=ASKED, body=chunk("Hi", more, "STOP"))
    assert answer["usage"]["flags"] == ["sum_mismatch"]
    assert units(answer)["input_text_tokens"] == 5000


def test_without_usage_it_is_an_estimate() -> None:
    answer = recorded(URL, request=ASKED, body=chunk("Hello there", None, "STOP"))
    # "Hello" and the frame of its message are 5 + 16 bytes, the answer 11: 6 and 3 tokens of four bytes.
    assert units(answer) == {"input_text_tokens": 6, "output_text_tokens": 3}
    assert answer["usage"]["source"] == "estimated"


def test_error() -> None:
    error = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}
    for body in (error, [error]):
        answer = recorded(STREAM_URL, request=ASKED, body=body, status=429)
        assert answer["error"] == {"type": "RESOURCE_EXHAUSTED", "message": "Quota exceeded"}
        assert (answer["cost"]["state"], units(answer)) == ("free", {})


def test_embeddings_without_a_count_are_estimated() -> None:
    asked = {"requests": [{"content": {"parts": [{"text": "x" * 40}]}}, {"content": {"parts": [{"text": "y" * 40}]}}]}
    body = {"embeddings": [{"values": [0.1, 0.2]}, {"values": [0.3]}]}
    answer = recorded(HOST + "gemini-embedding-001:batchEmbedContents", request=asked, body=body)
    assert (units(answer), answer["usage"]["source"], answer["kind"]) == (
        {"input_text_tokens": 20},
        "estimated",
        "embedding",
    )
    stated = {**body, "usageMetadata": {"promptTokenCount": 17, "totalTokenCount": 17}}
    answer = recorded(HOST + "gemini-embedding-001:batchEmbedContents", request=asked, body=stated)
    assert (units(answer), answer["usage"]["source"]) == ({"input_text_tokens": 17}, "response")


def test_counting_tokens_is_no_call() -> None:
    answer = recorded(HOST + "gemini-2.5-flash:countTokens", request=ASKED, body={"totalTokens": 3})
    assert answer["recognised"] is False


INTERACTION: dict[str, Any] = {
    "id": "int-1",
    "model": "gemini-3.8-flash",
    "status": "completed",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Hi"}]}],
    "usage": {
        "total_input_tokens": 100,
        "total_cached_tokens": 60,
        "total_output_tokens": 20,
        "total_thought_tokens": 30,
        "total_tokens": 150,
        "input_tokens_by_modality": [{"modality": "text", "tokens": 100}],
        "grounding_tool_count": [{"type": "google_search", "count": 2}],
    },
}
INTERACTION_UNITS = {
    "input_text_tokens": 40,
    "cache_read_text_tokens": 60,
    "output_text_tokens": 50,
    "web_search_calls": 2,
    "grounded_prompts": 1,
}
INTERACTIONS = "https://generativelanguage.googleapis.com/v1beta/interactions"


def test_interaction_whole_and_streamed() -> None:
    asked = {"model": "gemini-3.8-flash", "input": "Hello"}
    assert units(recorded(INTERACTIONS, request=asked, body=INTERACTION)) == INTERACTION_UNITS
    events = [
        {"event_type": "interaction.created", "interaction": {"id": "int-1", "status": "in_progress"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}},
        {"event_type": "interaction.completed", "interaction": INTERACTION},
    ]
    body = b"".join(sse(*events, name_key="event_type")).decode()
    answer = recorded(INTERACTIONS, request=asked, body=body, content_type="text/event-stream")
    assert (units(answer), answer["response_id"]) == (INTERACTION_UNITS, "int-1")


def test_background_interaction_is_charged_once_when_it_is_over() -> None:
    asked = {"agent": "deep-research", "input": "Hello", "background": True}
    started = recorded(INTERACTIONS, request=asked, body={"id": "int-1", "status": "in_progress", "background": True})
    assert started["recorded"] is False
    body = {**INTERACTION, "background": True}
    over = recorded(INTERACTIONS + "/int-1", method="GET", body=body)
    assert (units(over), over["revision"]) == (INTERACTION_UNITS, 1)
    assert recorded(INTERACTIONS + "/int-1", method="GET", body=INTERACTION)["recorded"] is False


def test_video_is_recorded_with_the_seconds_that_were_asked_for() -> None:
    asked = {"instances": [{"prompt": "x"}], "parameters": {"durationSeconds": 6, "sampleCount": 2}}
    name = "models/veo-3.1/operations/op1"
    start = recorded(HOST + "veo-3.1:predictLongRunning", request=asked, body={"name": name})
    assert (units(start), start["kind"], start["usage"]["source"]) == ({"output_seconds": 12}, "video", "request")
    look = "https://generativelanguage.googleapis.com/v1beta/" + name
    assert recorded(look, method="GET", body={"name": name, "done": True, "response": {}})["recorded"] is False
    failed = recorded(look, method="GET", body={"name": name, "done": True, "error": {"code": 3, "message": "no"}})
    assert (failed["event_id"], failed["revision"], units(failed)) == (start["event_id"], 1, {"output_seconds": 0})
    assert failed["error"]["message"] == "no"


def test_openai_shape() -> None:
    body = {"id": "c", "model": "gemini-2.5-flash", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    url = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
    answer = recorded(url, request={"model": "gemini-2.5-flash"}, body=body)
    assert units(answer) == {"input_text_tokens": 7, "output_text_tokens": 2}


class TestRealClient:
    """`google-genai` against a loopback server."""

    @pytest.fixture
    def genai(self) -> Any:
        return pytest.importorskip("google.genai")

    def client(self, genai: Any, server: Loopback) -> Any:
        options = genai.types.HttpOptions(base_url=server.url, async_client_args={"trust_env": False})
        return genai.Client(api_key="k", http_options=options)

    @pytest.mark.parametrize("usage", [USAGE, {**USAGE, "somethingNew": {"a": 1}}, None])
    def test_sync(self, genai: Any, usage: Any) -> None:
        with (
            Loopback(json_answer(chunk("Hi", usage, "STOP"))) as server,
            observed(server, "google_gemini") as calls,
        ):
            with self.client(genai, server) as client:
                result = client.models.generate_content(model="gemini-2.5-flash", contents="Hello")
            assert result.text == "Hi"
        assert calls.one.usage.source == ("estimated" if usage is None else "response")
        if usage is not None:
            assert calls.units == UNITS

    def test_stream(self, genai: Any) -> None:
        answer = event_stream(sse(chunk("He"), chunk("llo", USAGE, "STOP")))
        with (
            Loopback(answer) as server,
            observed(server, "google_gemini") as calls,
            self.client(genai, server) as client,
        ):
            stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello")
            assert "".join(part.text for part in stream) == "Hello"
        assert (calls.units, calls.one.stream, calls.one.status) == (UNITS, True, "ok")
        assert calls.one.time_to_first_token_ms is not None

    def test_async(self, genai: Any) -> None:
        httpx2 = pytest.importorskip("httpx2")

        async def ask(server: Loopback) -> None:
            # Without a client of its own it would take aiohttp where that is installed.
            async with httpx2.AsyncClient() as wire:
                options = genai.types.HttpOptions(base_url=server.url, httpx_async_client=wire)
                client = genai.Client(api_key="k", http_options=options)
                await client.aio.models.generate_content(model="gemini-2.5-flash", contents="Hello")

        with (
            Loopback(json_answer(chunk("Hi", USAGE, "STOP"))) as server,
            observed(server, "google_gemini") as calls,
        ):
            asyncio.run(ask(server))
        assert calls.units == UNITS

    def test_error(self, genai: Any) -> None:
        error = {"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}
        answer = Answer(status=400, headers={"content-type": "application/json"}, body=json.dumps(error).encode())
        with (
            Loopback(answer) as server,
            observed(server, "google_gemini") as calls,
            self.client(genai, server) as client,
            pytest.raises(genai.errors.ClientError),
        ):
            client.models.generate_content(model="gemini-2.5-flash", contents="Hello")
        assert calls.one.error is not None
        assert (calls.one.status, calls.one.error.type) == ("error", "INVALID_ARGUMENT")


def test_an_answer_that_breaks_off_with_an_error_is_not_complete() -> None:
    started = chunk("Hello", {"promptTokenCount": 4, "totalTokenCount": 4})
    broken = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}
    answer = recorded(STREAM_URL, request=ASKED, body=[started, broken])
    # "Hello" is five bytes.
    assert units(answer) == {"input_text_tokens": 4, "output_text_tokens": 2}
    assert (answer["cost"]["state"], answer["error"]["type"]) == ("estimated", "UNAVAILABLE")
