"""Spans of traceloop, OpenLIT, Strands, Google ADK, Logfire, pydantic-ai and Anthropic's SDK, each with its traps."""

import base64
import json
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, content_of, event, records_of, span, span_of, usd

CLAUDE: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
}
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4.1-mini",
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 45,
}
ALL_OF_CLAUDE = {
    "input_text_tokens": 40,
    "cache_read_text_tokens": 80,
    "cache_write_5m_tokens": 10,
    "cache_write_1h_tokens": 20,
    "output_text_tokens": 45,
}
# claude-sonnet-4-5, a million tokens (claude.com/pricing, 2026-11): $3 fresh, $0.30 read, $3.75 written for 5 minutes,
# $6 for an hour, $15 out: 40 x 3 + 80 x 0.30 + 10 x 3.75 + 20 x 6 + 45 x 15 = 120 + 24 + 37.5 + 120 + 675 millionths.
CLAUDE_USD = Decimal("0.0009765")


def test_lifetimes_of_a_cache_from_anthropics_sdk() -> None:
    attributes = {
        **CLAUDE,
        "gen_ai.usage.input_tokens": 150,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.cache_write.input_tokens": 30,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 10,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 20,
        "anthropic.response.service_tier": "standard",
        "anthropic.request.id": "req_1",
        "anthropic.message.stop_reason": "tool_use",
        "gen_ai.response.id": "msg_1",
    }
    call = call_of(span(attributes, scope="com.anthropic.sdk.python"))
    assert (call.usage.units, usd(call)) == (ALL_OF_CLAUDE, CLAUDE_USD)
    assert (call.response_id, call.request_id, call.dimensions) == ("msg_1", "req_1", {"service_tier": "default"})
    assert call.attributes == {"finish_reasons": ["tool_use"]}


def test_openlits_input_for_anthropic_leaves_the_cache_out() -> None:
    counts = {
        "gen_ai.usage.input_tokens": 400,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.cache_creation.input_tokens": 30,
        "gen_ai.usage.cost": 0,
    }
    call = call_of(span({**CLAUDE, **counts}, scope="openlit.instrumentation.anthropic"))
    assert call.usage.units == {
        "input_text_tokens": 400,
        "cache_read_text_tokens": 80,
        "cache_write_tokens": 30,
        "output_text_tokens": 45,
    }
    assert call.reported_cost_usd is None
    # 400 x 3 + 80 x 0.30 + 30 x 3.75 + 45 x 15 = 1200 + 24 + 112.5 + 675 millionths
    assert usd(call) == Decimal("0.0020115")


def test_openlits_input_for_openai_has_the_cache_in_it() -> None:
    attributes = {**CHAT, "gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.cost": 0.25}
    call = call_of(span(attributes, scope="openlit.instrumentation.openai"))
    assert call.usage.units["input_text_tokens"] == 40
    assert (call.reported_cost_usd, usd(call)) == (Decimal("0.25"), Decimal("0.000096"))


def test_openlits_output_for_google_leaves_the_reasoning_out() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 25,
        "gen_ai.usage.reasoning_tokens": 20,
    }
    call = call_of(span(attributes, scope="openlit.instrumentation.google_ai_studio"))
    assert call.usage.units == {"input_text_tokens": 120, "output_text_tokens": 45}
    # ai.google.dev/pricing, 2026-11: 120 x 0.30 + 45 x 2.50 = 36 + 112.5 millionths
    assert (usd(call), call.usage.details) == (Decimal("0.0001485"), {"reasoning_tokens": 20})


@pytest.mark.parametrize("scope", ["openlit.instrumentation.anthropic", "openlit.otel.tracing"])
def test_openlits_failed_call_has_nothing_but_a_name(scope: str) -> None:
    said = "Error code: 404 - no such model"
    exception = event("exception", 9, exception__type="anthropic.NotFoundError", exception__message=said)
    call = call_of(span({}, exception, name="chat boom", scope=scope, status=2, message=f"NotFoundError: {said}"))
    assert (call.kind, call.provider, call.request_model) == ("llm", "anthropic", "boom")
    assert (call.status, call.http_status, usd(call)) == ("error", 404, 0)


def test_openlits_scope_tells_the_provider_where_nothing_else_does() -> None:
    nameless = {key: value for key, value in CHAT.items() if key != "gen_ai.system"}
    unknown = {**nameless, "gen_ai.request.model": "my-model"}
    assert call_of(span(unknown, scope="openlit.instrumentation.openai")).provider == "openai"
    assert call_of(span(unknown, scope="openlit.otel.tracing")).provider == "unknown"
    assert call_of(span(nameless, scope="openlit.instrumentation.langchain")).provider == "openai"


def test_strands() -> None:
    attributes = {
        **CHAT,
        "gen_ai.system": "strands-agents",
        "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "gen_ai.usage.total_tokens": 195,
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.cache_read_input_tokens": 80,
        "gen_ai.usage.cache_write_input_tokens": 30,
        "gen_ai.server.time_to_first_token": 90,
        "session.id": "s1",
    }
    asked = event("gen_ai.user.message", 1, content='[{"text": "Weather in Paris?"}]')
    answer = event("gen_ai.choice", 240, finish_reason="end_turn", message='[{"text": "Sunny"}]')
    sent = span(attributes, asked, answer, scope="strands.telemetry.tracer")
    call = call_of(sent)
    assert (call.provider, call.time_to_first_token_ms, call.context.session_id) == ("aws_bedrock", 90, "s1")
    # The total, 195 = 40 + 80 + 30 + 45, tells that 40 is fresh input only.
    assert (call.usage.units["input_text_tokens"], call.usage.units["cache_write_tokens"]) == (40, 30)
    assert call.attributes == {"finish_reasons": ["end_turn"]}
    assert content_of(sent) == {
        "input": {"messages": [{"role": "user", "content": [{"text": "Weather in Paris?"}]}]},
        "output": [{"role": "assistant", "content": [{"text": "Sunny"}], "finish_reason": "end_turn"}],
    }


def test_strands_agents_and_tools() -> None:
    tool = span(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "gen_ai.system": "strands-agents"},
        event("gen_ai.tool.message", 0, role="tool", content='{"city": "Paris"}'),
        event("gen_ai.choice", 7, message='[{"text": "sunny"}]'),
        scope="strands.telemetry.tracer",
    )
    assert content_of(tool) == {"input": {"city": "Paris"}, "output": [{"text": "sunny"}]}
    agent = span({**CHAT, "gen_ai.operation.name": "invoke_agent"}, scope="strands.telemetry.tracer")
    assert [record.type for record in records_of(agent)] == ["span", "call"]
    cycle = {"gen_ai.operation.name": "execute_event_loop_cycle", "gen_ai.system": "strands-agents"}
    assert span_of(span(cycle, scope="strands.telemetry.tracer")).kind == "step"


def test_a_failed_call_of_strands_is_the_providers_whose_library_raised() -> None:
    attributes = {**CHAT, "gen_ai.system": "strands-agents", "gen_ai.request.model": "boom"}
    exception = event("exception", 9, exception__type="openai.NotFoundError", exception__message="gone")
    call = call_of(span(attributes, exception, scope="strands.telemetry.tracer", status=2))
    assert (call.provider, call.http_status) == ("openai", 404)


def test_adk() -> None:
    attributes = {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.agent.name": "weather_agent",
        "gen_ai.conversation.id": "sess-1",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "gcp.vertex.agent.invocation_id": "e-1",
        "gcp.vertex.agent.llm_request": '{"model": "m", "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}',
        "gcp.vertex.agent.llm_response": '{"content": {"role": "model", "parts": [{"text": "ho"}]}}',
    }
    sent = span(attributes, scope="gcp.vertex.agent")
    call = call_of(sent)
    assert (call.provider, call.operation) == ("google_gemini", "models.generateContent")
    assert (call.context.session_id, call.context.section_path) == ("sess-1", "agent:weather_agent")
    # ai.google.dev/pricing, 2026-11: 40 x 0.30 + 80 x 0.03 + 45 x 2.50 = 12 + 2.4 + 112.5 millionths
    assert (usd(call), call.usage.details) == (Decimal("0.0001269"), {"reasoning_tokens": 20})
    assert call.attributes == {"gcp.vertex.agent.invocation_id": "e-1"}
    said = content_of(sent)
    assert said["input"]["messages"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert said["output"] == {"role": "model", "parts": [{"text": "ho"}]}


def test_an_older_adk_has_its_usage_in_the_answer_only() -> None:
    answer = {"usage_metadata": {"promptTokenCount": 120, "candidatesTokenCount": 25, "thoughtsTokenCount": 20}}
    attributes = {
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gcp.vertex.agent.llm_response": json.dumps(answer),
    }
    call = call_of(span(attributes, scope="gcp.vertex.agent", name="call_llm"))
    assert call.usage.units == {"input_text_tokens": 120, "output_text_tokens": 45}


RAW_OPENAI = {
    "prompt_tokens": 120,
    "completion_tokens": 45,
    "total_tokens": 165,
    "prompt_tokens_details": {"cached_tokens": 80},
    "completion_tokens_details": {"reasoning_tokens": 20},
}


def test_logfire_has_the_cache_in_the_providers_own_object() -> None:
    attributes = {
        **CHAT,
        "gen_ai.usage.raw": json.dumps(RAW_OPENAI),
        "gen_ai.response.finish_reasons": '["stop"]',
        "logfire.msg": "Chat Completion with 'gpt-4.1-mini'",
        "logfire.span_type": "span",
        "logfire.json_schema": "{}",
        "operation.cost": 0.0001,
    }
    sent = span(attributes, scope="logfire.openai", name="Chat Completion with {request_data[model]!r}")
    call = call_of(sent)
    assert call.usage.units == {"input_text_tokens": 40, "cache_read_text_tokens": 80, "output_text_tokens": 45}
    assert (call.usage.details, call.usage.raw) == ({"reasoning_tokens": 20}, RAW_OPENAI)
    assert (usd(call), call.reported_cost_usd) == (Decimal("0.000096"), Decimal("0.0001"))
    assert call.context.run_name == "Chat Completion with 'gpt-4.1-mini'"
    assert call.attributes == {
        "finish_reasons": ["stop"],
        "span_name": "Chat Completion with {request_data[model]!r}",
    }


def test_logfires_raw_usage_of_anthropic_leaves_the_cache_out_and_its_attribute_does_not() -> None:
    raw = {
        "input_tokens": 40,
        "output_tokens": 45,
        "cache_read_input_tokens": 80,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "service_tier": "standard",
    }
    counts = {"gen_ai.usage.input_tokens": 150, "gen_ai.usage.output_tokens": 45, "gen_ai.usage.raw": json.dumps(raw)}
    call = call_of(span({**CLAUDE, **counts}, scope="logfire.anthropic"))
    assert (call.usage.units, usd(call)) == (ALL_OF_CLAUDE, CLAUDE_USD)
    assert call.dimensions == {"service_tier": "default"}


def test_what_a_stream_of_logfire_consumed_comes_with_a_span_after_it() -> None:
    later = call_of(span({**CHAT, "logfire.span_type": "log"}, scope="logfire.openai"))
    assert (later.usage.flags, later.usage.units["input_text_tokens"]) == (("carrier",), 120)
    stream = call_of(span({**CLAUDE, "logfire.span_type": "span"}, scope="logfire.anthropic"))
    assert (stream.usage.flags, stream.usage.units, usd(stream)) == ((), {}, None)


def test_pydantic_ai() -> None:
    counts = {
        "gen_ai.usage.input_tokens": 150,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.details.cache_read_input_tokens": 80,
        "gen_ai.usage.details.cache_creation_input_tokens": 30,
        "gen_ai.usage.details.ephemeral_5m_input_tokens": 10,
        "gen_ai.usage.details.ephemeral_1h_input_tokens": 20,
    }
    call = call_of(span({**CLAUDE, **counts}, scope="pydantic-ai"))
    assert (call.usage.units, usd(call)) == (ALL_OF_CLAUDE, CLAUDE_USD)
    agent = {
        "gen_ai.operation.name": "invoke_agent",
        "agent_name": "weather",
        "logfire.msg": "weather run",
        "gen_ai.aggregated_usage.input_tokens": 240,
        "final_result": "Sunny",
    }
    (found, said) = records_of(span(agent, scope="pydantic-ai"))
    assert (found.kind, found.name, found.context.section_path) == ("agent", "weather", "agent:weather")
    assert (said.type, content_of(span(agent, scope="pydantic-ai"))["output"]) == ("content", "Sunny")


TRACELOOP: Mapping[str, Any] = {
    "traceloop.workflow.name": "answer",
    "gen_ai.agent.name": "weather_agent",
    "traceloop.association.properties.user_id": "u1",
    "traceloop.association.properties.session_id": "s1",
    "traceloop.association.properties.customer": "acme",
    "traceloop.association.properties.plan": "pro",
}


def test_traceloop() -> None:
    counts = {"gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.reasoning_tokens": 20}
    call = call_of(span({**CHAT, **TRACELOOP, **counts}, scope="opentelemetry.instrumentation.openai.v1"))
    assert (usd(call), call.usage.details) == (Decimal("0.000096"), {"reasoning_tokens": 20})
    context = call.context
    assert (context.session_id, context.user_id, context.customer_id) == ("s1", "u1", "acme")
    assert (context.metadata, context.section_path) == ({"plan": "pro"}, "workflow:answer/agent:weather_agent")


@pytest.mark.parametrize(
    ("entity", "kind", "path"),
    [
        ("workflow", "workflow", "workflow:thing"),
        ("agent", "agent", "workflow:answer/agent:thing"),
        ("task", "step", "workflow:answer/agent:weather_agent/step:thing"),
        ("tool", "tool", "workflow:answer/agent:weather_agent/tool:thing"),
    ],
)
def test_entities_of_traceloop(entity: str, kind: str, path: str) -> None:
    own = {
        "traceloop.span.kind": entity,
        "traceloop.entity.name": "thing",
        "traceloop.entity.input": '{"args": ["Paris"], "kwargs": {}}',
        "traceloop.entity.output": '"sunny"',
    }
    sent = span({**TRACELOOP, **own}, scope="traceloop.tracer")
    found = span_of(sent)
    assert (found.kind, found.name, found.context.section_path) == (kind, "thing", path)
    assert content_of(sent) == {"input": {"args": ["Paris"], "kwargs": {}}, "output": "sunny"}


def test_an_older_traceloop_writes_messages_field_by_field() -> None:
    attributes = {
        "llm.request.type": "chat",
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.usage.prompt_tokens": 120,
        "gen_ai.usage.completion_tokens": 45,
        "llm.usage.total_tokens": 165,
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": "Weather?",
        "gen_ai.prompt.10.role": "user",
        "gen_ai.prompt.10.content": "Now?",
        "gen_ai.prompt.2.role": "assistant",
        "gen_ai.prompt.2.content": "Sunny",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "Still sunny",
        "gen_ai.completion.0.finish_reason": "stop",
    }
    sent = span(attributes, scope="opentelemetry.instrumentation.openai.v1")
    call = call_of(sent)
    assert (call.provider, call.kind, call.usage.units) == (
        "openai",
        "llm",
        {"input_text_tokens": 120, "output_text_tokens": 45},
    )
    said = content_of(sent)
    assert [message["content"] for message in said["input"]["messages"]] == ["Weather?", "Sunny", "Now?"]
    assert said["output"] == [{"role": "assistant", "content": "Still sunny", "finish_reason": "stop"}]


def test_messages_stay_as_they_are_written() -> None:
    given = [{"role": "user", "parts": [{"type": "text", "content": "Grüße, 你好"}]}]
    attributes = {
        **CHAT,
        "gen_ai.system_instructions": '[{"type": "text", "content": "terse"}]',
        "gen_ai.input.messages": json.dumps(given),
        "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}]',
        "gen_ai.tool.definitions": [{"name": "get_weather"}],
    }
    assert content_of(span(attributes)) == {
        "input": {
            "messages": given,
            "system": [{"type": "text", "content": "terse"}],
            "tools": [{"name": "get_weather"}],
        },
        "output": [{"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}],
    }


def test_media_and_vectors_are_reduced_to_their_size() -> None:
    image = base64.b64encode(random.Random(7).randbytes(4000)).decode()
    given = [{"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": image}]}]
    vector = [[0.25] * 500]
    attributes = {**CHAT, "gen_ai.input.messages": json.dumps(given), "gen_ai.output.messages": json.dumps(vector)}
    said = content_of(span(attributes))
    part = said["input"]["messages"][0]["parts"][0]["content"]
    assert (part["type"], part["bytes"]) == ("image/png", 4000)
    assert said["output"] == [["[500 numbers]"]]


def test_messages_that_are_no_json_are_a_text() -> None:
    assert content_of(span({**CHAT, "gen_ai.input.messages": '[{"cut off'}))["input"] == '[{"cut off'


def test_messages_that_nest_too_deeply_do_not_spoil_the_call() -> None:
    deep = "[" * 5000 + "]" * 5000
    sent = span({**CHAT, "gen_ai.input.messages": deep, "gen_ai.usage.raw": deep})
    assert call_of(sent).usage.units == {"input_text_tokens": 120, "output_text_tokens": 45}
    assert content_of(sent) is not None
