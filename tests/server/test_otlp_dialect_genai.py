"""OpenTelemetry's GenAI names, new and old, as calls with exact units and costs, and what is no call."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import START_NS, call_of, content_of, event, records_of, span, span_of, usd

from llmobserve_server.ingest.otlp.providers import provider_of

CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1-mini",
}
COUNTS = {"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 45}
# gpt-4.1-mini, a million tokens: $0.40 fresh, $0.10 cached, $1.60 out (openai.com/api/pricing, 2026-11).
# 40 x 0.40 + 80 x 0.10 + 45 x 1.60 = 16 + 8 + 72 = 96 millionths.
CACHED_USD = Decimal("0.000096")


def test_new_names() -> None:
    call = call_of(
        span(
            {
                **CHAT,
                **COUNTS,
                "gen_ai.usage.cache_read.input_tokens": 80,
                "gen_ai.usage.reasoning.output_tokens": 20,
                "gen_ai.response.model": "gpt-4.1-mini-2025-04-14",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.request.stream": True,
                "gen_ai.response.time_to_first_chunk": 0.05,
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.conversation.id": "conv-1",
                "gen_ai.request.temperature": 0.2,
                "openai.response.service_tier": "default",
            }
        )
    )
    assert (call.provider, call.operation, call.kind) == ("openai", "chat.completions", "llm")
    assert (call.request_model, call.response_model) == ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14")
    assert call.usage.units == {"input_text_tokens": 40, "cache_read_text_tokens": 80, "output_text_tokens": 45}
    assert call.usage.details == {"reasoning_tokens": 20}
    assert usd(call) == CACHED_USD
    assert (call.response_id, call.time_to_first_token_ms, call.context.session_id) == ("chatcmpl-1", 50, "conv-1")
    assert (call.start_time_us, call.duration_ms, call.transport) == (START_NS // 1000, 250, "otlp")
    assert call.attributes == {"gen_ai.request.temperature": 0.2, "finish_reasons": ["stop"]}
    assert call.context.run_id == call.context.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert call.context.run_name == "call"


def test_old_names() -> None:
    call = call_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4.1-mini",
                "gen_ai.usage.prompt_tokens": 120,
                "gen_ai.usage.completion_tokens": 45,
                "gen_ai.usage.cache_read_input_tokens": 80,
                "gen_ai.openai.response.service_tier": "default",
            },
            parent="00f067aa0ba902b7",
        )
    )
    assert usd(call) == CACHED_USD
    assert (call.dimensions, call.context.run_name) == ({"service_tier": "default"}, None)


@pytest.mark.parametrize("name", ["gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"])
def test_cache_written_is_inside_of_the_input(name: str) -> None:
    call = call_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 150,
                "gen_ai.usage.output_tokens": 45,
                "gen_ai.usage.cache_read.input_tokens": 80,
                name: 30,
            }
        )
    )
    assert call.operation == "messages"
    assert call.usage.units == {
        "input_text_tokens": 40,
        "cache_read_text_tokens": 80,
        "cache_write_tokens": 30,
        "output_text_tokens": 45,
    }
    # claude-sonnet-4-5 (claude.com/pricing, 2026-11): 40 x 3 + 80 x 0.30 + 30 x 3.75 + 45 x 15 = 931.5 millionths.
    assert usd(call) == Decimal("0.0009315")


def test_more_than_200_000_tokens_of_which_most_were_cached_have_the_higher_rates() -> None:
    call = call_of(
        span(
            {
                "gen_ai.operation.name": "generate_content",
                "gen_ai.provider.name": "gcp.gemini",
                "gen_ai.request.model": "gemini-2.5-pro",
                "gen_ai.usage.input_tokens": 250_000,
                "gen_ai.usage.cache_read.input_tokens": 150_000,
                "gen_ai.usage.output_tokens": 1_000,
            }
        )
    )
    assert call.operation == "models.generateContent"
    # ai.google.dev/pricing, 2026-11, above 200,000: 100,000 x 2.50 + 150,000 x 0.25 + 1,000 x 15, a million:
    # 0.25 + 0.0375 + 0.015
    assert usd(call) == Decimal("0.3025")


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"gen_ai.usage.input_tokens": 40, "gen_ai.usage.cache_read.input_tokens": 80}, "the cache is more than all"),
        (
            {
                "gen_ai.usage.input_tokens": 40,
                "gen_ai.usage.cache_read.input_tokens": 30,
                "gen_ai.usage.total_tokens": 115,
            },
            "the total has the cache on top",
        ),
    ],
)
def test_input_that_leaves_the_cache_out_is_found_out(stated: Mapping[str, int], why: str) -> None:
    call = call_of(span({**CHAT, "gen_ai.usage.output_tokens": 45, **stated}))
    assert call.usage.units["input_text_tokens"] == 40, why
    assert call.usage.units["cache_read_text_tokens"] == stated["gen_ai.usage.cache_read.input_tokens"]


@pytest.mark.parametrize(
    ("stated", "output"),
    [
        ({"gen_ai.usage.output_tokens": 45}, 45),
        ({"gen_ai.usage.output_tokens": 15}, 35),
        ({"gen_ai.usage.output_tokens": 25, "gen_ai.usage.total_tokens": 165}, 45),
        ({"gen_ai.usage.output_tokens": 45, "gen_ai.usage.total_tokens": 165}, 45),
    ],
)
def test_reasoning_is_counted_once(stated: Mapping[str, int], output: int) -> None:
    counts = {"gen_ai.usage.input_tokens": 120, "gen_ai.usage.reasoning.output_tokens": 20, **stated}
    call = call_of(span({**CHAT, **counts}))
    assert (call.usage.units["output_text_tokens"], call.usage.details) == (output, {"reasoning_tokens": 20})


def test_audio_and_images_are_parts_of_the_input() -> None:
    call = call_of(
        span(
            {
                **CHAT,
                **COUNTS,
                "gen_ai.usage.audio.input_tokens": 50,
                "gen_ai.usage.image.input_tokens": 10,
                "gen_ai.usage.cache_read.input_tokens": 30,
                "gen_ai.usage.audio.cache_read.input_tokens": 20,
                "gen_ai.usage.audio.output_tokens": 5,
            }
        )
    )
    # 120 = 30 audio fresh + 20 audio cached + 10 image + 10 text cached + 50 text
    assert call.usage.units == {
        "input_text_tokens": 50,
        "input_audio_tokens": 30,
        "input_image_tokens": 10,
        "cache_read_text_tokens": 10,
        "cache_read_audio_tokens": 20,
        "output_text_tokens": 40,
        "output_audio_tokens": 5,
    }
    assert call.usage.flags == ()


def test_parts_beyond_the_total_are_a_doubt() -> None:
    call = call_of(span({**CHAT, **COUNTS, "gen_ai.usage.audio.input_tokens": 500}))
    assert (call.usage.flags, call.usage.units["input_text_tokens"]) == (("sum_mismatch",), 120)


def test_no_usage_is_unknown_and_not_nothing() -> None:
    call = call_of(span(CHAT))
    assert (call.usage.units, call.usage.source, usd(call)) == ({}, "unknown", None)


def test_embeddings_have_no_output() -> None:
    attributes = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.usage.input_tokens": 8,
        "gen_ai.usage.output_tokens": 0,
    }
    call = call_of(span(attributes))
    assert (call.kind, call.operation, call.usage.units) == ("embedding", "embeddings", {"input_text_tokens": 8})
    assert usd(call) == Decimal("0.00000016")  # 8 x $0.02 a million


def test_failed_calls_cost_nothing_where_the_provider_refused_them() -> None:
    said = "Error code: 404 - The model boom does not exist"
    exception = event("exception", 50, exception__type="openai.NotFoundError", exception__message=said)
    call = call_of(span({**CHAT, "error.type": "NotFoundError"}, exception, status=2, message=said))
    assert (call.status, call.http_status) == ("error", 404)
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("NotFoundError", said)
    assert usd(call) == 0


def test_a_failed_call_that_states_zeros_has_no_usage() -> None:
    zeros = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    call = call_of(span({**CHAT, **zeros, "error.type": "timeout"}, status=2))
    assert (call.usage.units, usd(call)) == ({}, None)


def test_an_error_type_of_digits_is_the_http_status() -> None:
    call = call_of(span({**CHAT, "error.type": "503"}, status=2))
    assert call.error is not None
    assert (call.http_status, call.error.type) == (503, "503")


@pytest.mark.parametrize(("status", "failed"), [(0, True), (1, False), (2, True)])
def test_an_exception_is_an_error_unless_the_span_is_said_to_be_fine(status: int, *, failed: bool) -> None:
    sent = span({**CHAT, **COUNTS}, event("exception", 5, exception__type="ValueError"), status=status)
    assert (call_of(sent).status == "error") is failed


def test_an_http_status_alone_is_no_error() -> None:
    assert call_of(span({**CHAT, "http.response.status_code": 404}, status=0)).status == "ok"


def test_a_caller_who_stopped_it_has_cancelled_it() -> None:
    assert call_of(span({**CHAT, "error.type": "asyncio.CancelledError"}, status=2)).status == "cancelled"


def test_of_an_answer_in_one_piece_no_first_token_is_told() -> None:
    whole = {**CHAT, "gen_ai.server.time_to_first_token": 0.2, "gen_ai.request.stream": False}
    assert call_of(span(whole)).time_to_first_token_ms is None
    chunk = event("gen_ai.content.completion.chunk", 40)
    assert call_of(span({**CHAT, "gen_ai.is_streaming": True}, chunk)).time_to_first_token_ms == 40


@pytest.mark.parametrize(
    ("stated", "model", "host", "port", "ours"),
    [
        ("az.ai.openai", "gpt-4o", None, None, "azure_openai"),
        ("gcp.vertex_ai", "gemini-2.5-pro", None, None, "google_vertex"),
        ("google.generative-ai", "gemini-2.5-pro", None, None, "google_gemini"),
        ("google.vertex.chat", "gemini-2.5-pro", None, None, "google_vertex"),
        ("openai.responses", "gpt-5", None, None, "openai"),
        ("anthropic.messages", "claude-sonnet-4-5", None, None, "anthropic"),
        ("x_ai", "grok-4", None, None, "xai"),
        ("strands-agents", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, None, "aws_bedrock"),
        ("strands-agents", "gpt-4.1-mini", None, None, "openai"),
        ("langchain", "claude-sonnet-4-5", None, None, "anthropic"),
        ("langchain", "llama-3.3-70b", None, None, "unknown"),
        (None, "anthropic/claude-sonnet-4-5", None, None, "anthropic"),
        (None, "o3-mini", None, None, "openai"),
        (None, "claude-sonnet-4-5@20250929", None, None, "google_vertex"),
        (None, "gemini-3-flash", None, None, "google_gemini"),
        (None, None, None, None, "unknown"),
        ("openai", "gpt-4o", "openrouter.ai", 443, "openrouter"),
        ("openai", "gpt-4o", "https://my.openai.azure.com/openai/v1/", None, "azure_openai"),
        ("openai", "gpt-4o", "127.0.0.1", 8000, "openai"),
        ("openai", "qwen3", "localhost", 11434, "ollama"),
        ("anthropic", "claude-sonnet-4-5", "proxy.internal", 8080, "anthropic"),
        ("some new host", "m", None, None, "some_new_host"),
    ],
)
def test_providers(stated: str | None, model: str | None, host: str | None, port: int | None, ours: str) -> None:
    assert provider_of(stated, model, host, port) == ours


def test_host_is_kept_as_an_sdk_would_name_it() -> None:
    assert call_of(span({**CHAT, "gen_ai.openai.api_base": "http://LLM.internal:8080/v1/"})).host == "llm.internal:8080"
    assert call_of(span({**CHAT, "server.address": "api.openai.com", "server.port": 443})).host == "api.openai.com"


def test_a_sum_is_a_span_and_below_it_a_call_that_stands_for_the_others() -> None:
    agent = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.agent.name": "weather",
        "gen_ai.response.id": "chatcmpl-last",
        "gen_ai.usage.input_tokens": 240,
        "gen_ai.usage.output_tokens": 90,
        "gen_ai.usage.cache_read.input_tokens": 160,
    }
    sent = span(agent)
    parent, call = span_of(sent), call_of(sent)
    assert (parent.kind, parent.name, parent.context.section_path) == ("agent", "weather", "agent:weather")
    assert call.usage.flags == ("aggregate",)
    assert call.context.parent_span_id == parent.context.span_id
    assert call.context.span_id not in (None, parent.context.span_id)
    assert call.event_id != parent.event_id
    assert (call.response_id, usd(call)) == (None, 2 * CACHED_USD)


def test_an_agent_without_usage_is_a_span_only() -> None:
    (agent,) = records_of(span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a/b"}))
    assert (agent.type, agent.context.section_path) == ("span", "agent:a_b")


def test_tools() -> None:
    sent = span(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.agent.name": "weather",
            "gen_ai.tool.call.arguments": '{"q": "Paris"}',
            "gen_ai.tool.call.result": "sunny",
        },
        name="execute_tool search",
    )
    tool = span_of(sent)
    assert (tool.kind, tool.name, tool.context.section_path) == ("tool", "search", "agent:weather/tool:search")
    assert tool.attributes == {"span_name": "execute_tool search"}
    assert content_of(sent) == {"input": {"q": "Paris"}, "output": "sunny"}


@pytest.mark.parametrize(("method", "kind"), [("tools/call", "tool"), ("tools/list", "mcp")])
def test_mcp(method: str, kind: str) -> None:
    found = span_of(span({"mcp.method.name": method, "gen_ai.tool.name": "search", "mcp.session.id": "m1"}))
    assert (found.kind, found.name) == (kind, "search")
    assert found.attributes["mcp.session.id"] == "m1"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("invoke_workflow", "workflow"), ("retrieval", "retriever"), ("plan", "step"), ("fetch_response", "step")],
)
def test_other_operations(operation: str, kind: str) -> None:
    (found,) = records_of(span({"gen_ai.operation.name": operation}, name="n"))
    assert (found.type, found.kind) == ("span", kind)


def test_model_and_tokens_without_an_operation_are_a_call() -> None:
    nameless = {key: value for key, value in {**CHAT, **COUNTS}.items() if key != "gen_ai.operation.name"}
    assert call_of(span(nameless)).usage.units == {"input_text_tokens": 120, "output_text_tokens": 45}


def test_an_unknown_operation_with_usage_is_kept_as_a_sum() -> None:
    step, call = records_of(span({**CHAT, **COUNTS, "gen_ai.operation.name": "ponder"}))
    assert (step.kind, call.usage.flags) == ("step", ("aggregate",))


def test_a_span_of_another_library_is_kept_and_no_section() -> None:
    request = {"http.request.method": "POST", "url.full": "https://shop.example/chat", "http.response.status_code": 500}
    (found,) = records_of(span(request, name="POST /chat", status=2))
    assert (found.kind, found.name, found.context.section_path) == ("other", "POST /chat", None)
    assert found.context.run_id == "0af7651916cd43dd8448eb211c80319c"
    assert (found.status, found.error.type) == ("error", "HTTP 500")
    assert found.attributes["url.full"] == "https://shop.example/chat"


def test_what_the_application_says_wins() -> None:
    ours = {
        "llmobserve.run_id": "r1",
        "llmobserve.session_id": "s1",
        "llmobserve.user_id": "u1",
        "llmobserve.customer_id": "acme",
        "llmobserve.section_path": "agent:researcher/step:plan",
        "llmobserve.tags": ["a"],
        "llmobserve.metadata": '{"plan": "pro"}',
        "llmobserve.prompt_name": "p",
        "llmobserve.prompt_version": 3,
    }
    call = call_of(span({**CHAT, "gen_ai.conversation.id": "other", "user.id": "other", **ours}))
    context = call.context
    assert (context.run_id, context.session_id, context.user_id, context.customer_id) == ("r1", "s1", "u1", "acme")
    assert context.section_path == "agent:researcher/step:plan"
    assert (context.tags, context.metadata) == (("a",), {"plan": "pro"})
    assert call.attributes == {"prompt_name": "p", "prompt_version": "3"}


def test_session_and_user_of_the_resource_are_the_last_choice() -> None:
    sent = span({**CHAT, "user.id": "u1"})
    sent = replace(sent, sender=replace(sent.sender, resource={"session.id": "s9", "user.id": "u9"}))
    assert (call_of(sent).context.session_id, call_of(sent).context.user_id) == ("s9", "u1")


def test_the_same_span_has_the_same_id_and_no_other_has() -> None:
    sent = span(CHAT)
    again = replace(sent, attributes={**CHAT, **COUNTS})
    elsewhere = replace(sent, trace_id="1af7651916cd43dd8448eb211c80319c")
    ids = [call_of(each).event_id for each in (sent, again, elsewhere)]
    assert ids[0] == ids[1] != ids[2]
    # The first twelve digits are the time in milliseconds.
    assert int(ids[0].replace("-", "")[:12], 16) == START_NS // 1_000_000
    assert (ids[0][14], len(ids[0])) == ("7", 36)


def test_a_span_without_an_end_is_running() -> None:
    found = span_of(replace(span({"gen_ai.operation.name": "invoke_agent"}), end_ns=0))
    assert (found.status, found.duration_ms) == ("running", None)


def test_attributes_are_bounded_and_have_no_nul() -> None:
    many = {f"key.{n}": n for n in range(300)}
    call = call_of(span({**CHAT, "long": "x" * 10_000, "nul\x00": "a\x00b", "vector": [0.5] * 99, **many}))
    assert call.attributes is not None
    assert len(call.attributes) == 100
    assert len(call.attributes["long"]) == 2048
    assert (call.attributes["nul"], call.attributes["vector"]) == ("ab", "[99 numbers]")
