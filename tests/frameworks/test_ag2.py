"""AG2: agents and tools in the tree, each provider call once.

OpenInference knows AG2 before 1.0 only; its instrumentor of the OpenAI client is used.
"""

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
from ag2 import Agent, TaskConfig, tool
from ag2.config import OpenAIConfig
from ag2.middleware import BaseMiddleware, Middleware

with_openinference(("openai", "OpenAIInstrumentor"))


def model(name="gpt-4o-mini", **options):
    return OpenAIConfig(model=name, max_retries=0, **options)


@tool
def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


@tool
async def count(text: str) -> str:
    '''Counts words.'''
    return "12"


@tool
def broken(query: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


def desk():
    writer = Agent("writer", "Write.", config=model(), tools=[count])
    return Agent("boss", "Lead.", config=model(), tools=[search, writer.as_tool(description="Writes texts.")])


told = []


class Mine(BaseMiddleware):
    async def on_tool_execution(self, call_next, event, context):
        told.append(event.name)
        return await call_next(event, context)


async def main():
    with llmobserve.run("asked"):
        reply = await desk().ask("Write")
        seen["asked"] = reply.body
        await reply.ask("And again")
    with llmobserve.run("run"):
        async with desk().run("Write") as turn:
            with llmobserve.section("step:own"):
                pass
            await turn.result()
    with llmobserve.run("streamed"):
        await Agent("researcher", "Find.", config=model(streaming=True), tools=[search]).ask("Find")
    with llmobserve.run("middleware"):
        await Agent("researcher", "Find.", config=model(), tools=[search], middleware=[Middleware(Mine)]).ask("Find")

    async def work():
        await desk().ask("Write")

    await of_two_customers_async(work)
    with llmobserve.run("broken tool"):
        await Agent("researcher", "Find.", config=model(), tools=[broken]).ask("Find")


asyncio.run(main())
with llmobserve.run("refused"):
    refused = Agent("researcher", "Find.", config=model("error-400"))
    seen["refused"] = failure(lambda: asyncio.run(refused.ask("Find")))
seen["told"] = told
"""
DESK = """\
agent boss
  call
  tool search
  call
  tool task_writer
    agent writer
      call
      tool count
      call
  call"""
ONE_AGENT = """\
agent researcher
  call
  tool search
  call"""
BROKEN_TOOL = """\
agent researcher
  call
  tool broken !
  call"""


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("ag2") == {"active"}
    assert outcome.tree("asked") == f"{DESK}\nagent boss\n  call"
    for run in ("run of c1", "run of c2"):
        assert outcome.tree(run) == DESK, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert outcome.tree("run") == f"step own\n{DESK}"
    for run in ("streamed", "middleware"):
        assert outcome.tree(run) == ONE_AGENT, run
    assert outcome.tree("broken tool") == BROKEN_TOOL
    assert outcome.tree("refused") == "agent researcher !\n  call !"
    assert outcome.seen == {"asked": "Hello there", "refused": "BadRequestError", "told": ["search"]}
    # Four desks of 5, one asked again, streamed 2, middleware 2, broken 2; one refused.
    assert len(outcome.calls) == len(provider.ledger) == 28
    assert outcome.usd == 27 * CALL_USD
