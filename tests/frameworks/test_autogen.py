"""AutoGen: teams, agents and tools in the tree, each provider call once."""

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
import warnings
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core.models import ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

with_openinference(("autogen_agentchat", "AutogenAgentChatInstrumentor"), ("openai", "OpenAIInstrumentor"))
warnings.simplefilter("ignore")


def model(name="gpt-4o-mini", **options):
    info = ModelInfo(vision=False, function_calling=True, json_output=True, family="gpt-4o", structured_output=True)
    return OpenAIChatCompletionClient(model=name, model_info=info, max_retries=0, **options)


def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


async def count(text: str) -> str:
    '''Counts words.'''
    return "12"


def broken(query: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


def agent(name, tools, client=None, **options):
    options.setdefault("reflect_on_tool_use", True)
    return AssistantAgent(name, client or model(), tools=tools, **options)


def desk():
    members = [agent("researcher", [search]), agent("writer", [count])]
    return RoundRobinGroupChat(members, name="Desk", termination_condition=MaxMessageTermination(3))


async def main():
    with llmobserve.run("team"):
        seen["team"] = (await desk().run(task="Write")).messages[-1].content
    with llmobserve.run("team, streamed"):
        members = [
            agent(
                "researcher", [search], model(stream_options={"include_usage": True}), model_client_stream=True
            ),
            RoundRobinGroupChat([agent("writer", [count])], name="Inner", max_turns=1),
        ]
        team = RoundRobinGroupChat(members, name="Outer", max_turns=2)
        async for part in team.run_stream(task="Write"):
            with llmobserve.section("step:between"):
                pass
    with llmobserve.run("alone"):
        await agent("researcher", [search]).run(task="Find")
    with llmobserve.run("agent as tool"):
        helper = AgentTool(agent("writer", [count]))
        async for part in agent("boss", [helper]).run_stream(task="Write"):
            pass
    with llmobserve.run("broken tool"):
        await agent("researcher", [broken], reflect_on_tool_use=False).run(task="Find")

    async def work():
        await desk().run(task="Write")

    await of_two_customers_async(work)


asyncio.run(main())
with llmobserve.run("refused"):
    seen["refused"] = failure(lambda: asyncio.run(agent("researcher", [search], model("error-400")).run(task="Find")))
with llmobserve.run("refused team"):
    team = RoundRobinGroupChat([agent("researcher", [search], model("error-400"))], name="Desk", max_turns=1)
    seen["refused team"] = failure(lambda: asyncio.run(team.run(task="Find")))
"""
DESK = """\
workflow Desk
  agent researcher
    call
    tool search
    call
  agent writer
    call
    tool count
    call"""
OUTER = """\
workflow Outer
  agent researcher
    call
    tool search
    call
  workflow Inner
    agent writer
      call
      tool count
      call"""
ALONE = """\
agent researcher
  call
  tool search
  call"""
AS_TOOL = """\
agent boss
  call
  tool writer
    agent writer
      call
      tool count
      call
  call"""
BROKEN_TOOL = """\
agent researcher
  call
  tool broken !"""


@pytest.mark.parametrize("mode", ["plain", "openinference", "openinference first"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("autogen_agentchat") == {"active"}
    for run in ("team", "run of c1", "run of c2"):
        assert outcome.tree(run) == DESK, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    streamed = outcome.tree("team, streamed").splitlines()
    assert "\n".join(line for line in streamed if line != "step between") == OUTER
    assert streamed.count("step between") > 4
    assert outcome.tree("alone") == ALONE
    assert outcome.tree("agent as tool") == AS_TOOL
    assert outcome.tree("broken tool") == BROKEN_TOOL
    assert outcome.tree("refused") == "agent researcher !\n  call !"
    assert outcome.tree("refused team") == "workflow Desk !\n  agent researcher !\n    call !"
    assert outcome.seen == {"team": "Hello there", "refused": "BadRequestError", "refused team": "RuntimeError"}
    # Three desks of 4, nested teams 4, alone 2, boss 4, broken 1; two refused.
    assert len(outcome.calls) == len(provider.ledger) == 25
    assert outcome.usd == 23 * CALL_USD
