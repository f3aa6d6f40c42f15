"""Models of other publishers at Azure's hosts."""

from typing import Any

import pytest
from loopback.exchanges import recorded, units
from loopback.given import exchange, only

from llmobserve.providers.registry import Registry

CHAT: dict[str, Any] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def test_claude_in_foundry() -> None:
    url = "https://my-resource.services.ai.azure.com/anthropic/v1/messages"
    usage = {
        "input_tokens": 1000,
        "cache_read_input_tokens": 2000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "output_tokens": 500,
    }
    body = {"id": "msg_1", "type": "message", "model": "claude-opus-5-5-20260901", "usage": usage, "content": []}
    seen = only(exchange(url, {"model": "my-claude", "messages": []}, body))
    # 1000 x 4 + 2000 x 0.2 + 200 x 5 + 100 x 8 + 500 x 20 = 16,200 $/M
    assert (seen.call.provider, seen.call.operation) == ("azure_openai", "messages")
    assert (seen.cost.state, seen.usd) == ("priced", "0.0162")
    fast = {**body, "usage": {**usage, "speed": "fast"}}
    assert only(exchange(url, {"model": "my-claude", "messages": []}, fast)).cost.state == "unpriced"


@pytest.mark.parametrize(
    "url",
    [
        "https://r.services.ai.azure.com/models/chat/completions",
        "https://r.services.ai.azure.com/openai/v1/chat/completions",
        "https://r.services.ai.azure.com/api/projects/p/openai/v1/chat/completions",
        "https://d.eastus2.models.ai.azure.com/v1/chat/completions",
        "https://d.eastus2.inference.ai.azure.com/chat/completions",
        "https://r.openai.azure.us/openai/deployments/d/chat/completions",
        "https://r.openai.azure.com/openai/deployments/d/extensions/chat/completions",
    ],
)
def test_other_models(url: str) -> None:
    body = {"id": "c", "object": "chat.completion", "model": "Phi-4-reasoning", "choices": [], "usage": CHAT}
    seen = only(exchange(url, {"model": "d", "messages": []}, body))
    # 1000 x 0.125 + 100 x 0.5 = 175 $/M
    assert (seen.cost.state, seen.usd) == ("priced", "0.000175")


@pytest.mark.parametrize(
    "host",
    ["aws-external-anthropic.us-east-1.api.aws", "claude.googleapis.com", "api.anthropic.com"],
)
def test_anthropic_through_clouds(host: str) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5}
    told = recorded(f"https://{host}/v1/messages", request={}, body={"type": "message", "usage": usage})
    assert (told["provider"], units(told)) == ("anthropic", {"input_text_tokens": 10, "output_text_tokens": 5})
    assert Registry().provider_for("other.us-east-1.api.aws") is None
