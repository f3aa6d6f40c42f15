"""What the observed programs of these tests have in common: one call of the provider under a name."""

import os

import httpx2

import llmobserve

__all__ = ["ask"]


def ask(name: str = "", more: str = "") -> int:
    """Call the provider, with `more` in the prompt; returns the number of its answer."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"name:{name} {more}"}]}
    with llmobserve.section("agent:caller"), httpx2.Client(verify=False) as client:
        answer = client.post(f"{os.environ['PROVIDER_URL']}/v1/chat/completions", json=body, timeout=30)
    return answer.json()["usage"]["completion_tokens"]
