"""Releases of a client library that cannot be beside those of the other tests: openai 2, with and without aiohttp."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.server import Loopback, Received, event_stream, json_answer
from wheels import Distributions, uv

pytestmark = pytest.mark.packaging

APPLICATION = """
import asyncio, json, sys
import llmobserve
from llmobserve.transport import MemoryTransport

transport = MemoryTransport()
url = sys.argv[1]
llmobserve.observe(transport=transport, hosts={url.removeprefix("http://"): "openai"})
import openai

asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
with openai.OpenAI(api_key="k", base_url=url + "/v1") as client:
    assert client.chat.completions.create(**asked).choices[0].message.content == "Hello there"
    options = {"include_usage": True}
    assert len(list(client.chat.completions.create(**asked, stream=True, stream_options=options))) == 5

async def ask(**options):
    async with openai.AsyncOpenAI(api_key="k", base_url=url + "/v1", **options) as client:
        await client.chat.completions.create(**asked)

asyncio.run(ask())
try:
    import aiohttp
except ImportError:
    pass
else:
    asyncio.run(ask(http_client=openai.DefaultAioHttpClient()))
llmobserve.shutdown()
calls = [event for event in transport.events if event["type"] == "call"]
facts = [(call.get("status", "ok"), call.get("stream", False), call["usage"]["units"]) for call in calls]
print(json.dumps({"openai": openai.__version__, "calls": facts}))
"""
UNITS = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}


def answer(request: Received) -> Any:
    if request.json.get("stream"):
        return event_stream(chat_chunks("Hello", " there", usage=CHAT_USAGE))
    return json_answer(chat_completion())


@pytest.mark.parametrize(("more", "calls"), [((), 3), (("aiohttp", "httpx-aiohttp"), 4)], ids=["alone", "with aiohttp"])
def test_openai_2(distributions: Distributions, tmp_path: Path, more: tuple[str, ...], calls: int) -> None:
    place = tmp_path / "old"
    uv("venv", "--quiet", "--python", sys.executable, place)
    python = place / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, distributions.sdk_wheel, "openai==2.54.0", *more)
    with Loopback(answer) as server:
        done = subprocess.run(
            [python, "-I", "-c", APPLICATION, server.url], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert len(server.ledger) == calls
    said = json.loads(done.stdout)
    assert said["openai"] == "2.54.0"
    assert said["calls"] == [["ok", stream, UNITS] for stream in (False, True, False, False)[:calls]]
