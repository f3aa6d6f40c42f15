"""What the observed programs of these tests have in common: one call of the provider under a name."""

import os

import httpx2

import llmobserve
from llmobserve import lifecycle

if "EXIT_S" in os.environ:  # two seconds may be too few on a busy machine, where it matters who sends, not when
    lifecycle._EXIT_S = float(os.environ["EXIT_S"])

__all__ = ["ask"]


def ask(name: str = "", more: str = "") -> int:
    """Call the provider, with `more` in the prompt; returns the number of its answer."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"name:{name} {more}"}]}
    with llmobserve.section("agent:caller"), httpx2.Client(verify=False) as client:
        answer = client.post(f"{os.environ['PROVIDER_URL']}/v1/chat/completions", json=body, timeout=30)
    return answer.json()["usage"]["completion_tokens"]
