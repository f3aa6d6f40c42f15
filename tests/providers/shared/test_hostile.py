"""Answers that no provider should send: every reader of every endpoint survives them and invents nothing."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from llmobserve.providers.base import Endpoint, ProviderRequest
from llmobserve.providers.registry import PROVIDER_NAMES, load_provider

BAD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    2**70,
    float("nan"),
    float("inf"),
    "7",
    "",
    [],
    [[[]]],
    [None],
    {},
    {"a": {"b": []}},
    "x" * 5000,
]
KEYS = [
    "usage",
    "usageMetadata",
    "usage_info",
    "meta",
    "metrics",
    "billed_units",
    "inference_status",
    "results",
    "completions",
    "predictions",
    "embeddings",
    "data",
    "choices",
    "candidates",
    "message",
    "delta",
    "details",
    "prompt",
    "response",
    "interaction",
    "metadata",
    "error",
    "status",
    "id",
    "model",
    "urls",
    "cost",
    "outputs",
    "seconds",
    "size",
    "x_groq",
    "base_resp",
    "extra_info",
    "amazon-bedrock-invocationMetrics",
    "bytes",
    "token",
]
INNER = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "promptTokenCount",
    "candidatesTokenCount",
    "promptTokensDetails",
    "cacheTokensDetails",
    "cachedContentTokenCount",
    "inputTokens",
    "outputTokens",
    "cacheDetails",
    "billed_units",
    "prompt_tokens_details",
    "completion_tokens_details",
    "cost",
    "cost_details",
    "is_byok",
    "cost_in_usd_ticks",
    "estimated_cost",
    "predict_time",
    "pages_processed",
    "prompt_audio_seconds",
    "input_token_count",
    "generated_token_count",
    "cached_tokens",
    "total_input_tokens",
    "grounding_tool_count",
    "server_side_tool_usage_details",
    "search_units",
    "statistics",
    "iterations",
]
ENDPOINTS = [
    pytest.param(endpoint, id=f"{name}-{number}-{endpoint.operation}")
    for name in PROVIDER_NAMES
    for number, endpoint in enumerate(load_provider(name).endpoints)
]


def hostile_bodies() -> Iterator[Any]:
    yield from BAD
    for bad in BAD:
        yield dict.fromkeys(KEYS, bad)
        yield {key: dict.fromkeys(INNER, bad) for key in KEYS}
        yield {key: [dict.fromkeys((*KEYS, *INNER), bad)] for key in KEYS}
        yield [dict.fromkeys(KEYS, bad)]
        yield dict.fromkeys(INNER, bad)


BODIES = list(hostile_bodies())
REQUESTS: list[Any] = [None, [], {}, *(dict.fromkeys((*KEYS, *INNER, "documents", "messages"), bad) for bad in BAD)]


def check(reader: Any, *, ended_early: bool) -> None:
    reading = reader.reading(ended_early=ended_early)
    for item in (reading, *reading.items):
        for unit, quantity in item.usage.units.items():
            assert isinstance(unit, str)
            assert isinstance(quantity, (int, Decimal))
            assert quantity >= 0, (unit, quantity)
        assert all(isinstance(value, str) for value in item.dimensions.values()), item.dimensions
        assert item.reported_cost_usd is None or item.reported_cost_usd >= 0
        for name in (item.request_model, item.response_model, item.response_id, item.remote_id, item.error_message):
            assert name is None or isinstance(name, str), name
    assert isinstance(reader.terminal, bool)
    assert isinstance(reader.has_content, bool)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_hostile_answers(endpoint: Endpoint) -> None:
    match = re.match("", "")
    assert match is not None
    for number, body in enumerate(BODIES):
        asked = ProviderRequest(method=endpoint.methods[0], host="h", path="/", body=REQUESTS[number % len(REQUESTS)])
        for status in (200, 400):
            reader = endpoint.reader(asked, match, want_content=bool(number % 2))
            reader.read_body(body, status, {"x-amzn-bedrock-input-token-count": "nan"})
            check(reader, ended_early=False)
        reader = endpoint.reader(asked, match, want_content=True)
        for name in (None, "metadata", "contentBlockDelta", "throttlingException"):
            reader.read_event(name, body)
        reader.read_event(None, None)
        check(reader, ended_early=bool(number % 2))
