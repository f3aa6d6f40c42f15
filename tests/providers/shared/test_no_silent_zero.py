"""A success that says nothing of its usage is never priced at nothing, but where the operation is known to be free."""

import re
from typing import Any

import pytest

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.providers.base import Endpoint, ProviderRequest
from llmobserve.providers.registry import PROVIDER_NAMES, load_provider

OWN_HARDWARE = ("lmstudio", "ollama", "vllm")
FREE = {
    ("algolia", "index"),
    ("azure_openai", "moderations"),
    ("openai", "moderations"),
    ("paypal", "refund"),
    ("stripe", "refunds"),
    ("twilio", "lookups"),
}
MODELS = {
    "anthropic": "claude-opus-5-5",
    "aws_bedrock": "amazon.nova-lite-v1:0",
    "azure_openai": "gpt-4o",
    "cohere": "command-a-03-2025",
    "google_gemini": "gemini-2.5-flash",
    "google_vertex": "gemini-2.5-flash",
    "groq": "openai/gpt-oss-120b",
    "mistral": "mistral-large-2512",
    "openai": "gpt-4o",
    "stability": "sd3.5-large",
    "voyage": "voyage-3.5",
    "xai": "grok-4.3",
}
BODIES: list[Any] = [
    None,
    [],
    {},
    {"id": "x"},
    {"id": "x", "status": "completed", "object": "thing"},
    {"usage": None},
    {"usage": {}},
    {"error": {"message": "no"}},
    {"choices": [{"message": {"content": "Hello"}}]},
]
AT_US = 1_795_000_000_000_000
"""In November 2026."""


def _endpoints() -> Any:
    for name in PROVIDER_NAMES:
        if name not in OWN_HARDWARE:
            for number, endpoint in enumerate(load_provider(name).endpoints):
                yield pytest.param(name, endpoint, id=f"{name}-{number}-{endpoint.operation}")


@pytest.mark.parametrize(("provider", "endpoint"), list(_endpoints()))
def test_what_is_not_known_is_not_nothing(provider: str, endpoint: Endpoint) -> None:
    match = re.match("", "")
    assert match is not None
    asked = {"model": MODELS.get(provider, "m"), "messages": [{"role": "user", "content": "Hello"}]}
    request = ProviderRequest(method=endpoint.methods[0], host="h", path="/", body=asked)
    for body in BODIES:
        reader = endpoint.reader(request, match, want_content=False)
        reader.read_body(body, 200, {})
        main = reader.reading()
        for reading in (main, *main.items):
            if reading.pending:
                continue
            operation = reading.operation or endpoint.operation
            cost = price_call(
                PriceRequest(
                    provider=provider,
                    operation=operation,
                    request_model=reading.request_model,
                    response_model=reading.response_model,
                    usage=reading.usage,
                    dimensions=reading.dimensions,
                    reported_cost_usd=reading.reported_cost_usd,
                    at_us=AT_US,
                    http_status=200,
                )
            )
            assert cost.usd != 0 or (provider, operation) in FREE, (body, cost)
