"""CrewAI: crews, tasks, agents, tools and flows in the tree, each provider call once."""

import pytest

from frameworks.environments import OPENAI_2, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
import time
from crewai import LLM, Agent, Crew, Task
from crewai.flow.flow import Flow, listen, start
from crewai.tools import tool
from pydantic import BaseModel

with_openinference(("crewai", "CrewAIInstrumentor"), ("openai", "OpenAIInstrumentor"))


@tool("search")
def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


@tool("count words")
def count(text: str) -> str:
    '''Counts words.'''
    return "12"


@tool("broken")
def broken(text: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


def agent(role, tools=(), **options):
    llm = LLM(model="openai/" + options.pop("model", "gpt-4o-mini"), **options)
    return Agent(role=role, goal="work", backstory="experienced", tools=list(tools), llm=llm)


def desk(name="Desk", **options):
    researcher, writer = agent("Researcher", [search], **options), agent("Writer", [count], **options)
    tasks = [
        Task(name="find", description="find papers", expected_output="a list", agent=researcher),
        Task(description="secret instructions", expected_output="a text", agent=writer),
    ]
    return Crew(name=name, agents=[researcher, writer], tasks=tasks)


with llmobserve.run("sync"):
    seen["sync"] = desk().kickoff().raw
with llmobserve.run("streamed"):
    desk(stream=True).kickoff()


async def asynchronous():
    with llmobserve.run("async"):
        await desk().akickoff()
    with llmobserve.run("in a thread"):
        await desk().kickoff_async()


asyncio.run(asynchronous())
of_two_customers(lambda: desk().kickoff())


class Report(Flow):
    @start()
    def gather(self):
        return agent("Solo", [search]).kickoff("find papers").raw

    @listen(gather)
    def print_it(self, text):
        with llmobserve.section("step:own"):
            return desk("Inner").kickoff().raw


with llmobserve.run("flow"):
    Report().kickoff()


def one(agent_of_it, name):
    task = Task(name="find", description="find papers", expected_output="a list", agent=agent_of_it)
    return Crew(name=name, agents=[agent_of_it], tasks=[task])


with llmobserve.run("by LiteLLM"):
    one(agent("Researcher", is_litellm=True), "Desk").kickoff()
with llmobserve.run("broken tool"):
    seen["broken tool"] = one(agent("Researcher", [broken]), "Desk").kickoff().raw
with llmobserve.run("refused"):
    seen["refused"] = failure(one(agent("Researcher", model="error-400"), "Desk").kickoff)


async def cancelled():
    @tool("slow")
    def slow(text: str) -> str:
        '''Takes its time.'''
        loop.call_soon_threadsafe(work.cancel)
        time.sleep(0.3)
        return "late"

    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(one(agent("Researcher", [slow]), "Desk").akickoff())
    await work


with llmobserve.run("cancelled"):
    seen["cancelled"] = failure(lambda: asyncio.run(cancelled()))
"""
DESK = """\
workflow Desk
  step find
    agent Researcher
      call
      tool search
      call
  step task
    agent Writer
      call
      tool count_words
      call"""
FLOW = """\
workflow Report
  step gather
    agent Solo
      call
      tool search
      call
  step print_it
    step own
      workflow Inner
        step find
          agent Researcher
            call
            tool search
            call
        step task
          agent Writer
            call
            tool count_words
            call"""
BROKEN_TOOL = """\
workflow Desk
  step find
    agent Researcher
      call
      tool broken !
      call"""
REFUSED = """\
workflow Desk !
  step find !
    agent Researcher !
      call !"""


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_2), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("crewai") == {"active"}
    # CrewAI overwrites the names of its modules once they are imported.
    assert outcome.hooked("crewai") >= {"Crew.kickoff", "Crew.akickoff", "Flow.kickoff_async"}
    for run in ("sync", "streamed", "async", "in a thread", "run of c1", "run of c2"):
        assert outcome.tree(run) == DESK, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert outcome.tree("flow") == FLOW
    assert outcome.tree("by LiteLLM") == "workflow Desk\n  step find\n    agent Researcher\n      call"
    assert outcome.tree("broken tool") == BROKEN_TOOL
    assert outcome.tree("refused") == REFUSED
    assert outcome.tree("cancelled").startswith("workflow Desk\n  step find\n    agent Researcher\n      call")
    assert outcome.seen == {
        "sync": "Hello there",
        "broken tool": "Hello there",
        "refused": "BadRequestError",
        "cancelled": "CancelledError",
    }
    answered = [entry for entry in provider.ledger if entry.status == 200]
    assert len(outcome.calls) == len(provider.ledger)
    # 6 desks of 4 calls, a flow of 6, by LiteLLM 1, a tool that fails 2, one that is cancelled after 1.
    assert len(answered) == 34
    assert outcome.usd == 34 * CALL_USD
    assert "secret instructions" not in str(outcome.events)
