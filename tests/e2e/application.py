"""An application as a user would write it; run as a program: `application.py OPENAI_URL ANTHROPIC_URL [die]`."""

import asyncio
import os
import signal
import sys
from typing import Any

import llmobserve

llmobserve.observe(service="reports", environment="test")

import anthropic  # noqa: E402 (what is imported after `observe` is observed as well)
import openai  # noqa: E402

OPENAI_URL, ANTHROPIC_URL = sys.argv[1:3]
MINI, HAIKU = "gpt-4o-mini", "claude-haiku-4-5"
client = openai.OpenAI(api_key="sk-test", base_url=OPENAI_URL, max_retries=0)
async_client = openai.AsyncOpenAI(api_key="sk-test", base_url=OPENAI_URL, max_retries=0)
claude = anthropic.Anthropic(api_key="sk-ant-test", base_url=ANTHROPIC_URL, max_retries=0)
async_claude = anthropic.AsyncAnthropic(api_key="sk-ant-test", base_url=ANTHROPIC_URL, max_retries=0)
TOOLS: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]


def prompt(case: str) -> Any:
    """The providers of the test answer by it."""
    return [{"role": "user", "content": f"case:{case}"}]


@llmobserve.tool("search")
def search() -> None:
    """Two levels down: the tool of an agent."""
    answer = client.chat.completions.create(model=MINI, messages=prompt("search"), tools=TOOLS)
    assert answer.choices[0].finish_reason == "tool_calls"


@llmobserve.agent("planner")
def plan() -> None:
    """Cached input, then a tool, then a request that the provider refuses."""
    client.chat.completions.create(model=MINI, messages=prompt("plan"))
    search()
    try:
        client.chat.completions.create(model=MINI, messages=prompt("refuse"))
    except openai.BadRequestError:
        return
    raise AssertionError("the error of the provider did not arrive")


def write() -> None:
    """Streams: one with usage, one without that is left early, one of Anthropic."""
    with llmobserve.section("agent:writer"):
        options: Any = {"stream": True, "stream_options": {"include_usage": True}}
        for _ in client.chat.completions.create(model=MINI, messages=prompt("draft"), **options):
            pass
        with client.chat.completions.create(model=MINI, messages=prompt("leave"), stream=True) as stream:
            for chunk in stream:
                if chunk.choices[0].delta.content == "beta ":
                    break
        with claude.messages.stream(model=HAIKU, max_tokens=100, messages=prompt("polish")) as events:
            assert events.get_final_text() == "fine words"


async def review() -> None:
    """Asynchronous, with prompt caching."""
    async with llmobserve.section("agent:reviewer"):
        await async_claude.messages.create(model=HAIKU, max_tokens=100, messages=prompt("review"))
        await async_client.embeddings.create(model="text-embedding-3-small", input="case:embed")


async def serve(customer: str, case: str) -> None:
    """One request of a customer: two calls, which the other customer's interleave with."""
    async with llmobserve.run("chat", customer_id=customer), llmobserve.section("agent:support"):
        for _ in range(2):
            await async_client.chat.completions.create(model=MINI, messages=prompt(case))


async def asynchronous() -> None:
    """A review of the report, then two customers at once."""
    with llmobserve.run("review", customer_id="acme"):
        await review()
    await asyncio.gather(serve("acme", "small"), serve("globex", "large"))


def main() -> None:
    """Everything once."""
    with llmobserve.run("nightly report", customer_id="acme", tags=["e2e"], metadata={"edition": "first"}):
        plan()
        write()
    asyncio.run(asynchronous())
    if sys.argv[3:] == ["die"]:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
