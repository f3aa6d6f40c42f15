"""MCP: tool calls of clients and servers in the tree; a server in another process continues the run of its client."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, Outcome, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

SERVER = """
import json, os, sys
import llmobserve
from llmobserve.transport import MemoryTransport

transport = MemoryTransport()
llmobserve.observe(transport=transport)
import openai
from mcp.server.mcpserver import MCPServer

server = MCPServer("library")


@server.tool()
async def find(query: str) -> str:
    '''Finds papers.'''
    async with openai.AsyncOpenAI() as client:
        await client.embeddings.create(model="text-embedding-3-small", input=query)
    return "three papers"


server.run()
llmobserve.shutdown()
with open(os.environ["EVENTS"], "a") as file:
    file.writelines(json.dumps(event) + "\\n" for event in transport.events)
"""
PROGRAM = """
import logging, threading, time
with_openinference(("mcp", "MCPInstrumentor"))
import openai
import uvicorn
from agents import Agent, Runner, set_trace_processors
from agents.mcp import MCPServerStdio
from mcp import Client
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer

set_trace_processors([])
server = MCPServer("library")


@server.tool()
async def find(query: str) -> str:
    '''Finds papers.'''
    async with openai.AsyncOpenAI() as client:
        await client.embeddings.create(model="text-embedding-3-small", input=query)
    return "three papers"


@server.tool()
async def broken(query: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


ENVIRONMENT = {key: value for key, value in os.environ.items() if key.startswith(("OPENAI_", "LLMOBSERVE_", "EVENTS"))}
STARTED = StdioServerParameters(command=sys.executable, args=[os.environ["SERVER"]], env=ENVIRONMENT)


async def in_memory():
    async with Client(server) as client:
        with llmobserve.run("in memory"), llmobserve.section("agent:reader"):
            seen["in memory"] = (await client.call_tool("find", {"query": "x"})).content[0].text
            seen["broken"] = (await client.call_tool("broken", {"query": "x"})).is_error
        await of_two_customers_async(lambda: client.call_tool("find", {"query": "x"}))


async def started():
    async with stdio_client(STARTED) as streams, ClientSession(*streams) as session:
        await session.initialize()
        with llmobserve.run("own server", customer_id="acme"), llmobserve.section("agent:reader"):
            result = await session.call_tool("find", {"query": "x"}, meta=llmobserve.trace_headers())
            seen["own server"] = result.content[0].text
        with llmobserve.run("server of others", customer_id="acme"):
            await session.call_tool("find", {"query": "x"})
        with llmobserve.run("other meta"):
            await session.call_tool("find", {"query": "x"}, meta={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})


async def in_an_agent():
    params = {"command": STARTED.command, "args": STARTED.args, "env": STARTED.env}
    async with MCPServerStdio(params) as library:
        agent = Agent(name="researcher", model="gpt-4o-mini", mcp_servers=[library])
        with llmobserve.run("agent"):
            seen["agent"] = (await Runner.run(agent, "Hello")).final_output


async def over_http():
    config = uvicorn.Config(server.streamable_http_app(), port=0, log_level="error")
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    try:
        async with streamable_http_client(f"http://127.0.0.1:{port}/mcp") as streams:
            async with ClientSession(*streams[:2]) as session:
                await session.initialize()
                with llmobserve.run("over http", customer_id="acme"):
                    await session.call_tool("find", {"query": "x"}, meta=llmobserve.trace_headers())
    finally:
        serving.should_exit = True
        thread.join()


for work in (in_memory, started, in_an_agent, over_http):
    asyncio.run(work())
"""
BOTH_SIDES = """\
mcp find
  mcp find
    call"""
IN_MEMORY = """\
agent reader
  mcp find
    mcp find
      call
  mcp broken !
    mcp broken !"""
OWN_SERVER = """\
agent reader
  mcp find
    mcp find
      call"""
AGENT = """\
agent researcher
  call
  tool find
    mcp find
  call"""
# text-embedding-3-small (openai.com/api/pricing, 2026-11): 8 tokens × 0.02 = 0.16 millionths.
EMBEDDING_USD = Decimal("0.00000016")


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, tmp_path: Path, mode: str) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    with DemoProvider() as provider:
        environment = {
            **provider.environment(),
            "SERVER": str(tmp_path / "server.py"),
            "EVENTS": str(tmp_path / "events"),
        }
        client = run_program(environments.python(OPENAI_3), PROGRAM, environment, mode=mode)
    elsewhere = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    outcome = Outcome([*client.events, *elsewhere], client.health, {}, client.seen, client.others)
    assert outcome.states("mcp") == {"active"}
    assert outcome.tree("in memory") == IN_MEMORY
    assert outcome.tree("run of c1") == outcome.tree("run of c2") == BOTH_SIDES
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert outcome.tree("agent") == AGENT
    # A server that is told the run and the customer goes on with them.
    assert outcome.tree("own server") == OWN_SERVER
    assert outcome.customers("own server") == {"acme"}
    # Others are told the trace; so is one that anybody can reach, whatever is sent.
    assert outcome.tree("server of others") == outcome.tree("other meta") == outcome.tree("over http") == "mcp find"
    spans = [event for event in outcome.events if event["type"] == "span"]
    trace = {span["name"]: span["context"]["trace_id"] for span in spans if span["kind"] == "run"}
    asked = {span["context"]["span_id"] for span in spans if span["kind"] == "mcp"}
    runs = {
        span["context"]["run_id"]: span["context"] for span in spans if span["kind"] == "run" and span["name"] == "find"
    }
    assert len(runs) == 4, "server of others, other meta, agent, over http"
    traces = sorted(context["trace_id"] for context in runs.values())
    if mode == "plain":  # else the trace is OpenTelemetry's
        assert traces == sorted([trace["server of others"], "ab" * 16, trace["agent"], trace["over http"]])
        assert sum(context["parent_span_id"] in asked for context in runs.values()) == 3
    assert {context.get("customer_id") for context in runs.values()} == {None}
    assert outcome.seen == {
        "in memory": "three papers",
        "own server": "three papers",
        "broken": True,
        "agent": "Hello there",
    }
    assert len(outcome.calls) == len(provider.ledger) == 2 + 8
    assert outcome.usd == 2 * CALL_USD + 8 * EMBEDDING_USD
