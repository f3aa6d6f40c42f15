"""Frameworks that were imported, and agents that were made, before `observe()`; and what `unobserve()` leaves."""

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
llmobserve.unobserve()
import openai
from agents import Agent as OpenaiAgent, OpenAIChatCompletionsModel, Runner, function_tool, set_trace_processors
from google.adk.agents import LlmAgent
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.runners import InMemoryRunner
from google.genai import types
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from mcp import Client
from mcp.server.mcpserver import MCPServer
from pydantic_ai import Agent

set_trace_processors([])
server = MCPServer("library")


def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


server.tool()(search)
chain = create_agent(ChatOpenAI(model="gpt-4o-mini"), tools=[tool(search)], name="chain")
kit = LlmAgent(name="kit", model=AnthropicLlm(model="claude-haiku-4-5"), tools=[search])
pydantic = Agent("openai-chat:gpt-4o-mini", name="pydantic", tools=[search])


async def work(phase):
    model = OpenAIChatCompletionsModel("gpt-4o-mini", openai.AsyncOpenAI())
    sdk = OpenaiAgent(name="sdk", model=model, tools=[function_tool(search)])
    with llmobserve.run(phase):
        await chain.ainvoke({"messages": [("user", "Hello")]})
        await Runner.run(sdk, "Hello")
        await pydantic.run("Hello")
        runner = InMemoryRunner(agent=kit, app_name="tests")
        session = await runner.session_service.create_session(app_name="tests", user_id="u")
        asked = types.Content(role="user", parts=[types.Part(text="Hello")])
        async for event in runner.run_async(user_id="u", session_id=session.id, new_message=asked):
            pass
        async with Client(server) as client:
            await client.call_tool("search", {"query": "x"})


async def main():
    llmobserve.observe(transport=transport)
    await work("late")
    llmobserve.unobserve()
    await work("not observed")
    llmobserve.observe(transport=transport)
    await work("again")
    llmobserve.unobserve()
    llmobserve.observe(transport=transport, frameworks=["mcp"])
    await work("only mcp")


asyncio.run(main())
"""
TREE = """\
agent chain
  step model
    call
  step tools
    tool search
  step model
    call
agent sdk
  call
  tool search
  call
agent pydantic
  call
  tool search
  call
agent kit
  call
  tool search
  call
mcp search
  mcp search"""
ONLY_MCP = "\n".join(["call"] * 8 + ["mcp search", "  mcp search"])


def test_every_framework(environments: Environments) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment())
    assert outcome.tree("late") == outcome.tree("again") == TREE
    assert outcome.tree("only mcp") == ONLY_MCP
    assert {event["context"].get("run_name") for event in outcome.events} == {"late", "again", "only mcp"}
    assert len(provider.ledger) == 4 * 8
    assert len(outcome.calls) == 3 * 8
