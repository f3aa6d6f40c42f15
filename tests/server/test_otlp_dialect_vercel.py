"""Vercel's AI SDK: calls and their sums in both modes, and what earlier versions meant by input."""

import json
from decimal import Decimal
from typing import Any

import pytest
from server.otlp_spans import call_of, content_of, event, records_of, span, span_of, usd

CALL: dict[str, Any] = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "openai.chat",
    "ai.model.id": "gpt-4o-mini",
    "ai.response.model": "gpt-4o-mini-2024-07-18",
    "ai.response.id": "chatcmpl-1",
}
COUNTS = {
    "ai.usage.inputTokens": 120,
    "ai.usage.outputTokens": 30,
    "ai.usage.totalTokens": 150,
    "ai.usage.inputTokenDetails.noCacheTokens": 56,
    "ai.usage.inputTokenDetails.cacheReadTokens": 64,
    "ai.usage.outputTokenDetails.reasoningTokens": 12,
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 30,
}
PARENT = "00f067aa0ba902b7"


def test_legacy_call() -> None:
    attributes = {
        **CALL,
        **COUNTS,
        "ai.operationId": "ai.streamText.doStream",
        "ai.telemetry.functionId": "writer",
        "ai.telemetry.metadata.sessionId": "s1",
        "ai.settings.context.userId": "u1",
        "ai.settings.context.customerId": "c1",
        "ai.telemetry.metadata.team": "blue",
        "ai.request.headers.authorization": "Bearer secret",
        "ai.response.msToFirstChunk": 21.5,
        "ai.response.finishReason": "tool-calls",
        "ai.prompt.messages": '[{"role": "user"}]',
        "ai.response.toolCalls": '[{"toolName": "search"}]',
    }
    call = call_of(span(attributes, scope="ai"))
    assert (call.provider, call.request_model, call.response_model) == (
        "openai",
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    )
    assert (call.response_id, call.stream, call.time_to_first_token_ms) == ("chatcmpl-1", True, 21.5)
    assert call.usage.units == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    assert call.usage.details == {"reasoning_tokens": 12}
    # gpt-4o-mini (openai.com/api/pricing, 2026-11): 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths.
    assert usd(call) == Decimal("0.0000312")
    context = call.context
    assert (context.session_id, context.user_id, context.customer_id) == ("s1", "u1", "c1")
    assert (context.section_path, context.metadata) == ("agent:writer", {"team": "blue"})
    assert "secret" not in str(call)
    content = content_of(span(attributes, scope="ai"))
    assert content["output"] == {"tool_calls": [{"toolName": "search"}]}


def test_legacy_sum() -> None:
    sent = span({**CALL, **COUNTS, "ai.operationId": "ai.generateText"}, name="ai.generateText")
    assert (span_of(sent).kind, span_of(sent).name) == ("agent", "ai.generateText")
    assert call_of(sent).usage.flags == ("aggregate",)
    assert call_of(sent).response_id is None
    (embedding, _) = records_of(span({"ai.operationId": "ai.embedMany", "ai.usage.tokens": 16}))
    assert (embedding.type, embedding.kind) == ("span", "step")


PARTS = {"input_text_tokens": 40, "cache_read_text_tokens": 80, "output_text_tokens": 45}


@pytest.mark.parametrize(
    "counts",
    [
        # Version 4, version 5, version 6, and the provider's own usage in the metadata.
        {"ai.usage.promptTokens": 40, "ai.usage.completionTokens": 45, "cached": {"cacheReadInputTokens": 80}},
        {"ai.usage.inputTokens": 40, "ai.usage.outputTokens": 45, "ai.usage.cachedInputTokens": 80},
        {
            "ai.usage.inputTokens": 120,
            "ai.usage.outputTokens": 45,
            "ai.usage.inputTokenDetails.noCacheTokens": 40,
            "ai.usage.inputTokenDetails.cacheReadTokens": 80,
        },
        {
            "ai.usage.inputTokens": 120,
            "ai.usage.outputTokens": 45,
            "cached": {"usage": {"input_tokens": 40, "cache_read_input_tokens": 80, "output_tokens": 45}},
        },
    ],
)
def test_input_of_anthropic_in_all_versions(counts: dict[str, Any]) -> None:
    attributes = {**CALL, "ai.model.provider": "anthropic.messages", "ai.response.model": "claude-haiku-4-5", **counts}
    if "cached" in attributes:
        attributes["ai.response.providerMetadata"] = json.dumps({"anthropic": attributes.pop("cached")})
    call = call_of(span(attributes))
    assert (call.provider, call.usage.units) == ("anthropic", PARTS)
    # claude-haiku-4-5 (claude.com/pricing, 2026-11): 40 × 1 + 80 × 0.10 + 45 × 5 = 273 millionths.
    assert usd(call) == Decimal("0.000273")


def test_legacy_embeddings() -> None:
    attributes = {
        "ai.operationId": "ai.embedMany.doEmbed",
        "ai.model.provider": "openai.embedding",
        "ai.model.id": "text-embedding-3-small",
        "ai.values": ['"a"', '"b"'],
        "ai.embeddings": ["[0.25,0.25]", "[0.25,0.25]"],
        "ai.usage.tokens": 16,
    }
    call = call_of(span(attributes))
    assert (call.kind, call.provider, call.usage.units) == ("embedding", "openai", {"input_text_tokens": 16})
    assert content_of(span(attributes))["output"] is None
    assert "0.25" not in str(records_of(span(attributes)))


def test_legacy_tool() -> None:
    attributes = {
        "ai.operationId": "ai.toolCall",
        "ai.toolCall.name": "search",
        "ai.toolCall.args": '{"q": 1}',
        "ai.toolCall.result": '"three"',
    }
    assert span_of(span(attributes)).context.section_path == "tool:search"
    assert content_of(span(attributes)) == {"input": {"q": 1}, "output": "three"}


def test_speech_is_counted_in_characters_and_seconds() -> None:
    spoken = {"ai.operationId": "ai.generateSpeech", "ai.model.provider": "elevenlabs", "ai.usage.characters": 500}
    assert call_of(span(spoken)).usage.units == {"input_characters": 500}
    heard = {"gen_ai.operation.name": "ai.transcribe", "gen_ai.provider.name": "openai", "gen_ai.usage.seconds": 12.5}
    call = call_of(span(heard, scope="gen_ai"))
    assert (call.kind, call.usage.units) == ("audio", {"input_seconds": Decimal("12.5")})


GENAI = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "text-embedding-3-small"}


def test_embeddings_are_two_spans_of_which_one_asks() -> None:
    operation = {**GENAI, "gen_ai.operation.name": "embeddings"}
    (outer,) = records_of(span(operation, scope="gen_ai", status=0))
    assert (outer.type, outer.kind) == ("span", "step")
    (inner,) = records_of(span({**operation, "gen_ai.usage.input_tokens": 16}, scope="gen_ai", parent=PARENT))
    assert (inner.type, inner.usage.units) == ("call", {"input_text_tokens": 16})
    refused = event("exception", 1, exception__type="AI_APICallError", exception__message="no")
    failed = span({**operation, "http.response.status_code": 429}, refused, scope="gen_ai", parent=PARENT, status=2)
    assert (call_of(failed).status, call_of(failed).http_status) == ("error", 429)


def test_genai_stream_with_context() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-haiku-4-5",
        "gen_ai.usage.input_tokens": 150,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.cache_read.input_tokens": 80,
        "gen_ai.usage.cache_creation.input_tokens": 30,
        "gen_ai.client.operation.time_to_first_chunk": 0.0175,
        "ai.settings.context.sessionId": "s1",
        "ai.settings.context.team": "blue",
    }
    call = call_of(span(attributes, scope="gen_ai"))
    assert (call.stream, call.time_to_first_token_ms, call.context.session_id) == (True, 17.5, "s1")
    assert call.context.metadata == {"team": "blue"}
    # 40 × 1 + 80 × 0.10 + 30 × 1.25 + 45 × 5 = 310.5 millionths; a write of no stated lifetime is one of 5 minutes.
    assert usd(call) == Decimal("0.0003105")


def test_steps_and_agents_of_genai() -> None:
    assert span_of(span({"gen_ai.operation.name": "agent_step"}, scope="gen_ai", name="step 1")).kind == "step"
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer", "gen_ai.usage.input_tokens": 240}
    assert span_of(span(agent, scope="gen_ai")).name == "writer"
    assert call_of(span(agent, scope="gen_ai")).usage.flags == ("aggregate",)
