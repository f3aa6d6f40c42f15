"""Providers that speak OpenAI's shape, each with what it does otherwise."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from loopback.exchanges import recorded, units
from loopback.rig import observed
from loopback.server import Answer, Loopback, event_stream, json_answer, sse

PLAIN = {"prompt_tokens": 18, "completion_tokens": 35, "total_tokens": 53}
PLAIN_UNITS = {"input_text_tokens": 18, "output_text_tokens": 35}


def chat(usage: Any, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello there"}
    body = {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        **fields,
    }
    return body if usage is None else {**body, "usage": usage}


def chunks(usage: Any, **last: Any) -> tuple[bytes, ...]:
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    events = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}], **last},
    ]
    if usage is not None:
        events[-1]["usage"] = usage
    return sse(*events, "[DONE]")


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.groq.com/openai/v1/chat/completions", "groq"),
        ("https://api.together.xyz/v1/chat/completions", "together"),
        ("https://api.together.ai/v1/chat/completions", "together"),
        ("https://api.fireworks.ai/inference/v1/chat/completions", "fireworks"),
        ("https://api.cerebras.ai/v1/chat/completions", "cerebras"),
        ("https://api.deepinfra.com/v1/openai/chat/completions", "deepinfra"),
        ("https://api.novita.ai/v3/openai/chat/completions", "novita"),
        ("https://api.deepseek.com/chat/completions", "deepseek"),
        ("https://api.deepseek.com/beta/chat/completions", "deepseek"),
        ("https://api.x.ai/v1/chat/completions", "xai"),
        ("https://openrouter.ai/api/v1/chat/completions", "openrouter"),
        ("https://api.perplexity.ai/chat/completions", "perplexity"),
        ("https://api.moonshot.ai/v1/chat/completions", "moonshot"),
        ("https://api.z.ai/api/paas/v4/chat/completions", "zai"),
        ("https://api.minimax.io/v1/text/chatcompletion_v2", "minimax"),
        ("https://api.mistral.ai/v1/chat/completions", "mistral"),
        ("https://api.ai21.com/studio/v1/chat/completions", "ai21"),
        ("https://router.huggingface.co/v1/chat/completions", "huggingface"),
        ("https://router.huggingface.co/together/v1/chat/completions", "huggingface"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions", "aws_bedrock"),
    ],
)
def test_chat_whole_and_streamed(url: str, provider: str) -> None:
    asked = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
    stream = b"".join(chunks(PLAIN)).decode()
    for answer in (
        recorded(url, request=asked, body=chat(PLAIN, something_new={"a": [1]})),
        recorded(url, request=asked, body=stream, content_type="text/event-stream"),
    ):
        assert (answer["provider"], answer["operation"]) == (provider, "chat.completions")
        assert (units(answer), answer["usage"]["source"]) == (PLAIN_UNITS, "response")
    missing = recorded(url, request=asked, body=chat(None))
    # "Hello" and the frame of its message are 5 + 16 bytes, "Hello there" 11.
    assert (units(missing), missing["usage"]["source"]) == (
        {"input_text_tokens": 6, "output_text_tokens": 3},
        "estimated",
    )
    refused = recorded(url, request=asked, body={"error": {"type": "invalid", "message": "bad"}}, status=400)
    assert (refused["error"]["message"], refused["cost"]["state"]) == ("bad", "free")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.deepseek.com/anthropic/v1/messages",
        "https://api.fireworks.ai/inference/v1/messages",
        "https://api.moonshot.ai/anthropic/v1/messages",
        "https://api.z.ai/api/anthropic/v1/messages",
        "https://api.minimax.io/anthropic/v1/messages",
        "https://openrouter.ai/api/v1/messages",
        "http://localhost:11434/v1/messages",
    ],
)
def test_anthropic_shape(url: str) -> None:
    usage = {"input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 9}
    answer = recorded(url, request={"model": "m"}, body={"type": "message", "model": "m", "usage": usage})
    assert units(answer) == {"input_text_tokens": 4, "cache_read_text_tokens": 6, "output_text_tokens": 9}


def test_groq_states_the_usage_of_a_stream_beside_it() -> None:
    body = b"".join(chunks(None, x_groq={"id": "r", "usage": {**PLAIN, "queue_time": 0.28}})).decode()
    url = "https://api.groq.com/openai/v1/chat/completions"
    answer = recorded(url, request={"model": "m-1"}, body=body, content_type="text/event-stream")
    assert (units(answer), answer["usage"]["source"]) == (PLAIN_UNITS, "response")
    answer = recorded(url, request={"model": "m-1"}, body=chat(PLAIN, service_tier="on_demand"))
    assert answer["dimensions"] == {"service_tier": "default"}
    heard = {"text": "hi", "duration": 3.5, "x_groq": {"id": "r"}}
    url = "https://api.groq.com/openai/v1/audio/transcriptions"
    assert units(recorded(url, request={"model": "whisper"}, body=heard)) == {"input_seconds": "3.5"}


def test_deepseek_hits_and_misses() -> None:
    url = "https://api.deepseek.com/chat/completions"
    usage = {
        "prompt_tokens": 10000,
        "completion_tokens": 1000,
        "total_tokens": 11000,
        "prompt_cache_hit_tokens": 8000,
        "prompt_cache_miss_tokens": 2000,
    }
    expected = {"input_text_tokens": 2000, "cache_read_text_tokens": 8000, "output_text_tokens": 1000}
    both = {**usage, "prompt_tokens_details": {"cached_tokens": 8000}}
    for stated in (usage, both):
        answer = recorded(url, request={}, body=chat(stated))
        assert (units(answer), answer["usage"].get("flags")) == (expected, None)
    wrong = recorded(url, request={}, body=chat({**usage, "prompt_cache_miss_tokens": 1}))
    assert wrong["usage"]["flags"] == ["sum_mismatch"]


XAI = {
    "prompt_tokens": 10120,
    "completion_tokens": 1499,
    "total_tokens": 14428,
    "prompt_tokens_details": {"cached_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 2809},
}


def test_xai_reasoning_is_outside_the_completion_and_ticks_are_the_cost() -> None:
    url = "https://api.x.ai/v1/chat/completions"
    # 10120 + 1499 + 2809 = 14428.
    expected = {"input_text_tokens": 9992, "cache_read_text_tokens": 128, "output_text_tokens": 4308}
    answer = recorded(url, request={}, body=chat({**XAI, "cost_in_usd_ticks": 232856000}, model="grok-4.20"))
    assert (units(answer), answer["usage"].get("flags")) == (expected, None)
    assert answer["usage"]["details"] == {"reasoning_tokens": 2809}
    # A tick is a ten-billionth of a dollar.
    assert Decimal(answer["reported_cost_usd"]) == Decimal("0.0232856")
    assert (answer["cost"]["state"], Decimal(answer["cost"]["usd"])) == ("provider_reported", Decimal("0.0232856"))
    inside = recorded(url, request={}, body=chat({**XAI, "total_tokens": 10120 + 1499}))
    assert units(inside)["output_text_tokens"] == 1499
    tools = {"web_search_calls": 2, "x_search_calls": 1, "mcp_calls": 4}
    searched = recorded(url, request={}, body=chat({**XAI, "server_side_tool_usage_details": tools}))
    assert units(searched) == {**expected, "web_search_calls": 2, "x_search_calls": 1}


def test_xai_deferred_chat_is_charged_where_it_is_fetched() -> None:
    url = "https://api.x.ai/v1/chat/"
    started = recorded(url + "completions", request={"deferred": True}, body={"request_id": "d"})
    assert started["recorded"] is False
    assert recorded(url + "deferred-completion/d", method="GET", body=None, status=202)["recorded"] is False
    fetched = recorded(url + "deferred-completion/d", method="GET", body=chat(PLAIN))
    assert units(fetched) == PLAIN_UNITS


def test_openrouter_cost_with_and_without_a_key_of_ones_own() -> None:
    url = "https://openrouter.ai/api/v1/chat/completions"
    details = {"upstream_inference_cost": 19}
    own = recorded(url, request={}, body=chat({**PLAIN, "cost": 0.95, "is_byok": True, "cost_details": details}))
    assert Decimal(own["cost"]["usd"]) == Decimal("19.95")
    usual = recorded(url, request={}, body=chat({**PLAIN, "cost": 0.95, "is_byok": False, "cost_details": details}))
    assert (usual["cost"]["state"], Decimal(usual["cost"]["usd"])) == ("provider_reported", Decimal("0.95"))
    body = b"".join(chunks({**PLAIN, "cost": 0.00014})).decode()
    streamed = recorded(url, request={}, body=body, content_type="text/event-stream")
    assert Decimal(streamed["cost"]["usd"]) == Decimal("0.00014")


def test_deepinfra_cost() -> None:
    url = "https://api.deepinfra.com/v1/openai/chat/completions"
    answer = recorded(url, request={}, body=chat({**PLAIN, "estimated_cost": 8.775e-06}))
    assert Decimal(answer["cost"]["usd"]) == Decimal("0.000008775")
    status = {"tokens_input": 3, "tokens_generated": 4, "cost": 0.5, "runtime_ms": 9}
    url = "https://api.deepinfra.com/v1/inference/org/model"
    own = recorded(url, request={"input": "x"}, body={"results": [], "inference_status": status})
    assert (units(own), own["request_model"]) == ({"input_text_tokens": 3, "output_text_tokens": 4}, "org/model")
    assert Decimal(own["cost"]["usd"]) == Decimal("0.5")


def test_perplexity() -> None:
    url = "https://api.perplexity.ai/chat/completions"
    usage = {
        "prompt_tokens": 33,
        "completion_tokens": 7163,
        "total_tokens": 7196,
        "citation_tokens": 20016,
        "num_search_queries": 18,
        "reasoning_tokens": 73997,
    }
    deep = recorded(url, request={"model": "sonar-deep-research"}, body=chat(usage, model="sonar-deep-research"))
    assert units(deep) == {
        "input_text_tokens": 33,
        "output_text_tokens": 7163,
        "citation_tokens": 20016,
        "reasoning_tokens": 73997,
        "web_search_calls": 18,
    }
    cost = {"total_cost": 0.013, "request_cost": 0.008}
    plain = recorded(url, request={}, body=chat({**PLAIN, "search_context_size": "medium", "cost": cost}))
    assert (plain["dimensions"], units(plain)) == ({"search_context_size": "medium"}, PLAIN_UNITS)
    assert Decimal(plain["cost"]["usd"]) == Decimal("0.013")
    search = recorded("https://api.perplexity.ai/search", request={"query": "x"}, body={"id": "s", "results": []})
    assert (units(search), search["kind"]) == ({"requests": 1}, "search")


def test_perplexity_agent() -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 10,
        "total_tokens": 110,
        "input_tokens_details": {"cache_read_input_tokens": 60},
        "tool_calls_details": {"search_web": {"invocation": 2}, "fetch_url": {"invocation": 1}},
        "cost": {"currency": "USD", "input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3},
    }
    body = {"id": "resp_1", "object": "response", "model": "sonar", "status": "completed", "output": [], "usage": usage}
    answer = recorded("https://api.perplexity.ai/v1/responses", request={"model": "sonar"}, body=body)
    assert units(answer) == {
        "input_text_tokens": 40,
        "cache_read_text_tokens": 60,
        "output_text_tokens": 10,
        "web_search_calls": 2,
        "web_fetch_calls": 1,
    }
    assert Decimal(answer["cost"]["usd"]) == Decimal("0.3")


def test_mistral() -> None:
    url = "https://api.mistral.ai/v1/"
    spoken = chat({**PLAIN, "prompt_audio_seconds": 12, "service_tier": "priority"})
    answer = recorded(url + "chat/completions", request={}, body=spoken)
    assert (units(answer), answer["dimensions"]) == (
        {**PLAIN_UNITS, "input_seconds": 12},
        {"service_tier": "priority"},
    )
    pages = {"model": "mistral-ocr-2512", "pages": [], "usage_info": {"pages_processed": 12, "doc_size_bytes": 9}}
    assert units(recorded(url + "ocr", request={}, body=pages)) == {"pages": 12}
    asked = {"document_annotation_format": {"type": "json_schema"}}
    assert units(recorded(url + "ocr", request=asked, body=pages)) == {"annotated_pages": 12}
    heard = {"model": "voxtral", "text": "x", "usage": {**PLAIN, "prompt_audio_seconds": 30}}
    assert units(recorded(url + "audio/transcriptions", request={}, body=heard)) == {"input_seconds": 30}
    turn = {
        "conversation_id": "conv_1",
        "outputs": [],
        "usage": {**PLAIN, "connector_tokens": 7, "total_tokens": 60, "connectors": {"web_search": 2}},
    }
    answer = recorded(url + "conversations", request={"inputs": "x"}, body=turn)
    assert (units(answer), answer["operation"]) == (
        {"input_text_tokens": 25, "output_text_tokens": 35, "web_search_calls": 2},
        "conversations",
    )
    for path in ("fim/completions", "agents/completions"):
        answer = recorded(url + path, request={}, body=chat(PLAIN))
        assert (units(answer), answer["operation"]) == (PLAIN_UNITS, path.replace("/", "."))


def test_voyage() -> None:
    url = "https://api.voyageai.com/v1/"
    body = {"object": "list", "data": [{"embedding": "AAAA", "index": 0}], "model": "voyage-3.5"}
    total = {**body, "usage": {"total_tokens": 777}}
    assert units(recorded(url + "embeddings", request={}, body=total)) == {"input_text_tokens": 777}
    ranked = recorded(url + "rerank", request={}, body={"data": [], "model": "r", "usage": {"total_tokens": 57}})
    assert (units(ranked), ranked["kind"]) == ({"input_text_tokens": 57}, "rerank")
    mixed = {**body, "usage": {"total_tokens": 1010, "text_tokens": 10, "image_pixels": 560000}}
    answer = recorded(url + "multimodalembeddings", request={}, body=mixed)
    assert units(answer) == {"input_text_tokens": 10, "input_image_tokens": 1000}


def test_moonshot_and_minimax() -> None:
    url = "https://api.moonshot.ai/v1/chat/completions"
    answer = recorded(url, request={}, body=chat({**PLAIN, "cached_tokens": 8}))
    assert units(answer) == {"input_text_tokens": 10, "cache_read_text_tokens": 8, "output_text_tokens": 35}
    refusal = {"base_resp": {"status_code": 1008, "status_msg": "no balance"}}
    answer = recorded("https://api.minimax.io/v1/text/chatcompletion_v2", request={}, body=refusal)
    assert (answer["status"], answer["error"]) == ("error", {"type": "status_1008", "message": "no balance"})
    speech = {"data": {"audio": "AAAA"}, "extra_info": {"usage_characters": 26}, "base_resp": {"status_code": 0}}
    answer = recorded("https://api.minimax.io/v1/t2a_v2", request={"model": "speech-02-hd", "text": "x"}, body=speech)
    assert units(answer) == {"input_characters": 26}


CLIENTS = [
    ("groq", "groq", "Groq", ""),
    ("together", "together", "Together", ""),
    ("cerebras.cloud.sdk", "cerebras", "Cerebras", ""),
    ("fireworks", "fireworks", "Fireworks", ""),
    ("perplexity", "perplexity", "Perplexity", ""),
]
ASKED: dict[str, Any] = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(("module", "provider", "name", "path"), CLIENTS, ids=[one[1] for one in CLIENTS])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestRealClients:
    """Clients of one generator against a loopback server."""

    def open(self, module: str, name: str, server: Loopback, path: str) -> Any:
        library = pytest.importorskip(module)
        options: dict[str, Any] = {"api_key": "k", "base_url": server.url + path, "max_retries": 0}
        if module.startswith("cerebras"):
            options["warm_tcp_connection"] = False
        return getattr(library, name)(**options)

    def test_sync_and_stream(self, module: str, provider: str, name: str, path: str) -> None:
        answers = (json_answer(chat(PLAIN)), event_stream(chunks(PLAIN)))
        with (
            Loopback(*answers) as server,
            observed(server, provider) as calls,
            self.open(module, name, server, path) as client,
        ):
            assert client.chat.completions.create(**ASKED).choices[0].message.content == "Hello there"
            assert len(list(client.chat.completions.create(**ASKED, stream=True))) == 2
        assert [call.provider for call in calls.calls] == [provider] * 2
        assert [dict(call.usage.units) for call in calls.calls] == [PLAIN_UNITS] * 2
        assert [(call.status, call.stream) for call in calls.calls] == [("ok", False), ("ok", True)]

    def test_async(self, module: str, provider: str, name: str, path: str) -> None:
        async def ask(server: Loopback) -> None:
            async with self.open(module, "Async" + name, server, path) as client:
                await client.chat.completions.create(**ASKED)

        with Loopback(json_answer(chat(PLAIN))) as server, observed(server, provider) as calls:
            asyncio.run(ask(server))
        assert calls.units == PLAIN_UNITS

    def test_error(self, module: str, provider: str, name: str, path: str) -> None:
        body = json.dumps({"error": {"type": "invalid", "message": "bad"}}).encode()
        refusal = Answer(status=400, headers={"content-type": "application/json"}, body=body)
        with (
            Loopback(refusal) as server,
            observed(server, provider) as calls,
            self.open(module, name, server, path) as client,
        ):
            library = pytest.importorskip(module)
            with pytest.raises(library.BadRequestError):
                client.chat.completions.create(**ASKED)
        assert calls.one.error is not None
        assert (calls.one.status, calls.one.error.message) == ("error", "bad")


def test_mistral_client() -> None:
    library = pytest.importorskip("mistralai.client")
    answers = (json_answer(chat(PLAIN)), event_stream(chunks(PLAIN)))
    with (
        Loopback(*answers) as server,
        observed(server, "mistral") as calls,
        library.Mistral(api_key="k", server_url=server.url) as client,
    ):
        client.chat.complete(**ASKED)
        list(client.chat.stream(**ASKED))
    assert [dict(call.usage.units) for call in calls.calls] == [PLAIN_UNITS] * 2
    assert [(call.status, call.stream) for call in calls.calls] == [("ok", False), ("ok", True)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ai21_client() -> None:
    library = pytest.importorskip("ai21")
    messages = pytest.importorskip("ai21.models.chat")
    httpx = pytest.importorskip("httpx")
    answer = json_answer(chat(PLAIN))
    with Loopback(answer) as server, httpx.Client() as wire, observed(server, "ai21") as calls:
        client = library.AI21Client(api_key="k", api_host=server.url, http_client=wire)
        client.chat.completions.create(model="jamba-mini", messages=[messages.ChatMessage(role="user", content="Hi")])
    assert calls.units == PLAIN_UNITS
