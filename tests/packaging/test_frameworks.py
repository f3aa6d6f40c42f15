"""Frameworks over a provider's client, each in its own environment: every call once, in the section it was made in."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.server import Loopback, Received, event_stream, json_answer
from wheels import Distributions, uv

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.wire import Usage

pytestmark = pytest.mark.packaging

HEAD = """
import asyncio, json, os, sys
import llmobserve
from llmobserve.transport import MemoryTransport

transport = MemoryTransport()
url = sys.argv[1]
os.environ.update(OPENAI_API_KEY="k", OPENAI_BASE_URL=url + "/v1", LITELLM_LOCAL_MODEL_COST_MAP="True")
llmobserve.observe(transport=transport, hosts={url.removeprefix("http://"): "openai"})
"""
TAIL = """
llmobserve.shutdown()
calls = [event for event in transport.events if event["type"] == "call"]
print(json.dumps([[call["context"]["section_path"], call["usage"]["units"]] for call in calls]))
"""
LANGCHAIN = """
from langchain_openai import ChatOpenAI
model = ChatOpenAI(model="gpt-4o-mini", stream_usage=True)
with llmobserve.section("agent:chain"):
    assert model.invoke("Hello").content == "Hello there"
    assert "".join(part.content for part in model.stream("Hello")) == "Hello there"
    asyncio.run(model.ainvoke("Hello"))
"""
AGENTS = """
from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI
set_tracing_disabled(True)
model = OpenAIChatCompletionsModel(model="gpt-4o-mini", openai_client=AsyncOpenAI())
agent = Agent(name="writer", instructions="Write.", model=model)
with llmobserve.section("agent:writer"):
    assert Runner.run_sync(agent, "Hello").final_output == "Hello there"
"""
LITELLM = """
import litellm
with llmobserve.section("agent:lite"):
    asked = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    assert litellm.completion(**asked).choices[0].message.content == "Hello there"
    asyncio.run(litellm.acompletion(**asked))
"""
UNITS = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
# gpt-4o-mini (openai.com/api/pricing, 2026-11): 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths.
ONE_CALL_USD = Decimal("0.0000312")


def answer(request: Received) -> Any:
    if request.json.get("stream"):
        return event_stream(chat_chunks("Hello", " there", usage=CHAT_USAGE))
    return json_answer(chat_completion())


@pytest.mark.parametrize(
    ("packages", "code", "path", "calls"),
    [
        (("langchain-openai==1.7.3",), LANGCHAIN, "agent:chain", 3),
        (("openai-agents==0.24.0",), AGENTS, "agent:writer", 1),
        (("litellm==1.106.2",), LITELLM, "agent:lite", 2),
    ],
    ids=["langchain", "openai-agents", "litellm"],
)
def test_each_call_is_charged_once(
    distributions: Distributions, tmp_path: Path, packages: tuple[str, ...], code: str, path: str, calls: int
) -> None:
    place = tmp_path / "framework"
    uv("venv", "--quiet", "--python", sys.executable, place)
    python = place / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, distributions.sdk_wheel, *packages)
    with Loopback(answer) as server:
        done = subprocess.run(
            [python, "-I", "-c", HEAD + code + TAIL, server.url],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert len(server.ledger) == calls, "calls on the wire"
    recorded = json.loads(done.stdout.splitlines()[-1])
    assert recorded == [[path, UNITS]] * calls
    usage = Usage(units=UNITS, source="response")
    call = PriceRequest(
        provider="openai",
        operation="chat.completions",
        response_model="gpt-4o-mini",
        usage=usage,
        at_us=1_794_312_000_000_000,
    )
    assert price_call(call).usd == ONE_CALL_USD
