"""Azure OpenAI with the real client: the deployment is no model."""

from typing import Any

import openai
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion, response_object
from loopback.rig import observed
from loopback.server import Loopback, event_stream, json_answer

from llmobserve.providers.registry import Registry

PROMPT: Any = [{"role": "user", "content": "Hello"}]


def azure(server: Loopback) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(api_key="k", azure_endpoint=server.url, api_version="2024-10-21", max_retries=0)


@pytest.mark.parametrize("stream", [False, True])
def test_deployment_path(stream: bool) -> None:
    answer = event_stream(chat_chunks("Hi", usage=CHAT_USAGE)) if stream else json_answer(chat_completion())
    with Loopback(answer) as server, azure(server) as client, observed(server, "azure_openai") as recorded:
        result = client.chat.completions.create(model="my-deployment", messages=PROMPT, stream=stream)
        if stream:
            list(result)
        assert "/openai/deployments/my-deployment/chat/completions" in server.ledger[0].target
    call = recorded.one
    assert call.dimensions == {"service_tier": "default", "deployment": "my-deployment"}
    assert (call.provider, call.response_model) == ("azure_openai", "gpt-4o-mini-2024-07-18")
    assert recorded.units["cache_read_text_tokens"] == 64


def test_v1_path() -> None:
    with (
        Loopback(json_answer(response_object())) as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/openai/v1/") as client,
        observed(server, "azure_openai") as recorded,
    ):
        client.responses.create(model="my-deployment", input="Hello")
    assert (recorded.one.operation, recorded.one.request_model) == ("responses", "my-deployment")
    assert recorded.one.response_model == "gpt-5.6-2026-05-01"


def test_filtered_prompt_with_status_200_is_an_error() -> None:
    error = {"error": {"message": "The prompt was filtered", "type": None, "code": "content_filter", "status": 400}}
    with Loopback(json_answer(error)) as server, azure(server) as client, observed(server, "azure_openai") as recorded:
        client.chat.completions.create(model="my-deployment", messages=PROMPT)
    call = recorded.one
    assert call.error is not None
    assert (call.status, call.error.type, dict(call.usage.units)) == ("error", "content_filter", {})


def test_request_id() -> None:
    answer = json_answer(chat_completion(), apim_request_id="apim-1", x_request_id="x-1")
    with Loopback(answer) as server, azure(server) as client, observed(server, "azure_openai") as recorded:
        client.chat.completions.create(model="d", messages=PROMPT)
    assert recorded.one.request_id == "apim-1"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("res.openai.azure.com", "azure_openai"),
        ("res.cognitiveservices.azure.com", "azure_openai"),
        ("res.services.ai.azure.com", "azure_openai"),
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("api.anthropic.com", "anthropic"),
        ("openai.azure.com.evil.test", None),
        ("notapi.openai.com", None),
        ("example.com", None),
    ],
)
def test_hosts(host: str, name: str | None) -> None:
    registry = Registry()
    for _ in range(2):
        provider = registry.provider_for(host)
        assert (provider.name if provider else None) == name


def test_declared_hosts() -> None:
    registry = Registry({"llm.internal:8080": "openai", "other.internal": "anthropic"})

    def name(host: str, port: int | None) -> str | None:
        provider = registry.provider_for(host, port)
        return provider.name if provider else None

    assert name("llm.internal", 8080) == "openai"
    assert name("llm.internal", 9090) is None
    assert name("other.internal", 1234) == "anthropic"
    with pytest.raises(ValueError, match="unknown provider 'nobody'"):
        Registry({"x": "nobody"})


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/chat/completions", "chat.completions"),
        ("POST", "/gateway/a/v1/chat/completions", "chat.completions"),
        ("POST", "/chat/completions", "chat.completions"),
        ("GET", "/v1/chat/completions", None),
        ("POST", "/v1/completions", "completions"),
        ("POST", "/v1/responses/input_tokens", None),
        ("GET", "/v1/responses/resp_1", "responses"),
        ("GET", "/v1/responses/resp_1/input_items", None),
        ("POST", "/v1/threads/runs", "threads.runs"),
        ("POST", "/v1/threads/t/runs/r/submit_tool_outputs", "threads.runs"),
        ("GET", "/v1/threads/t/runs/r/steps", None),
        ("GET", "/v1/organization/usage/completions", None),
        ("GET", "/v1/models", None),
    ],
)
def test_paths(method: str, path: str, operation: str | None) -> None:
    registry = Registry()
    provider = registry.provider_for("api.openai.com")
    assert provider is not None
    found = registry.endpoint_for(provider, method, path)
    assert (found[0].operation if found else None) == operation
