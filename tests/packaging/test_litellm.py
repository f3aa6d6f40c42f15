"""LiteLLM over a provider's client, in its own environment: every call once, in the section it was made in."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from wheels import Distributions, uv

from llmobserve.demo_provider import DemoProvider
from llmobserve.pricing import PriceRequest, price_call
from llmobserve.wire import Usage

pytestmark = pytest.mark.packaging

PROGRAM = """
import asyncio, json
import llmobserve
from llmobserve.transport import MemoryTransport

transport = MemoryTransport()
llmobserve.observe(transport=transport)
import litellm

with llmobserve.section("agent:lite"):
    asked = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    assert litellm.completion(**asked).choices[0].message.content == "Hello there"
    asyncio.run(litellm.acompletion(**asked))
llmobserve.shutdown()
calls = [event for event in transport.events if event["type"] == "call"]
print(json.dumps([[call["context"]["section_path"], call["usage"]["units"]] for call in calls]))
"""
UNITS = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
# gpt-4o-mini (openai.com/api/pricing, 2026-11): 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths.
ONE_CALL_USD = Decimal("0.0000312")


def test_each_call_is_charged_once(distributions: Distributions, tmp_path: Path) -> None:
    place = tmp_path / "litellm"
    uv("venv", "--quiet", "--python", sys.executable, place)
    python = place / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, distributions.sdk_wheel, "litellm==1.106.2")
    with DemoProvider() as provider:
        done = subprocess.run(
            [python, "-I", "-c", PROGRAM],
            env={**os.environ, **provider.environment(), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert len(provider.ledger) == 2, "calls on the wire"
    assert json.loads(done.stdout.splitlines()[-1]) == [["agent:lite", UNITS]] * 2
    call = PriceRequest(
        provider="openai",
        operation="chat.completions",
        response_model="gpt-4o-mini",
        usage=Usage(units=UNITS, source="response"),
        at_us=1_794_312_000_000_000,
    )
    assert price_call(call).usd == ONE_CALL_USD
