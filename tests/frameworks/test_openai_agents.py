"""OpenAI Agents: workflows, agents, tools, hand-offs and guardrails in the tree, each provider call once."""

from decimal import Decimal

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
import openai
from agents import (
    Agent,
    GuardrailFunctionOutput,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    custom_span,
    function_tool,
    input_guardrail,
    set_trace_processors,
    set_tracing_disabled,
)

set_trace_processors([])
with_openinference(("openai_agents", "OpenAIAgentsInstrumentor"))


@function_tool
def search(query: str) -> str:
    '''Finds papers.'''
    openai.OpenAI().embeddings.create(model="text-embedding-3-small", input=query)
    return "three papers"


@function_tool
async def count(text: str) -> str:
    '''Counts words.'''
    return "12"


@function_tool
def told(text: str) -> str:
    '''Fails, and the model is told so.'''
    raise LookupError("no such paper")


@function_tool(failure_error_function=None)
def broken(text: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


@input_guardrail
async def polite(context, agent, said):
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


def chat():
    return OpenAIChatCompletionsModel("gpt-4o-mini", openai.AsyncOpenAI())


def desk(model="gpt-4o-mini"):
    writer = Agent(name="writer", model=model, tools=[count])
    return Agent(name="researcher", model=model, tools=[search], handoffs=[writer], input_guardrails=[polite])


def solo(*tools):
    return Agent(name="solo", model="gpt-4o-mini", tools=list(tools))


async def main():
    with llmobserve.run("async"):
        seen["async"] = (await Runner.run(desk(), "Hello")).final_output
    with llmobserve.run("chat"):
        await Runner.run(desk(chat()), "Hello")
    with llmobserve.run("streamed"):
        async for event in Runner.run_streamed(desk(), "Hello").stream_events():
            if event.type == "agent_updated_stream_event":
                with llmobserve.section("step:reader"):
                    pass
    await Runner.run(desk(), "Hello")
    await Runner.run(desk(), "Hello", run_config=RunConfig(workflow_name="my work"))
    await of_two_customers_async(lambda: Runner.run(desk(), "Hello"))
    with llmobserve.run("agent as tool"):
        await Runner.run(solo(desk().as_tool("delegate", "Has it looked up.")), "Hello")
    with llmobserve.run("own span"), custom_span("mine"):
        await Runner.run(solo(count), "Hello")
    with llmobserve.run("told"):
        await Runner.run(solo(told), "Hello")
    with llmobserve.run("broken"):
        try:
            await Runner.run(solo(broken), "Hello")
        except Exception as error:
            seen["broken"] = type(error).__name__
    try:
        1 / 0
    except ZeroDivisionError:
        with llmobserve.run("while handling another"):
            await Runner.run(solo(count), "Hello")
    with llmobserve.run("not traced"):
        await Runner.run(desk(), "Hello", run_config=RunConfig(tracing_disabled=True))
    set_tracing_disabled(True)
    with llmobserve.run("tracing off"):
        await Runner.run(desk(), "Hello")
        await Runner.run(solo(told), "Hello")


asyncio.run(main())
set_tracing_disabled(False)
with llmobserve.run("sync"):
    model = OpenAIChatCompletionsModel("gpt-4o-mini", openai.AsyncOpenAI())
    seen["sync"] = Runner.run_sync(Agent(name="solo", model=model, tools=[count]), "Hello").final_output
"""
DESK = """\
agent researcher
  guardrail polite
  call
  tool search
    call
  call
  step handoff to writer
agent writer
  call
  tool count
  call"""
SOLO = """\
agent solo
  call
  tool count
  call"""
AS_TOOL = """\
agent solo
  call
  tool delegate
    agent researcher
      guardrail polite
      call
      tool search
        call
      call
      step handoff to writer
    agent writer
      call
      tool count
      call
  call"""
TOLD = """\
agent solo
  call
  tool told !
  call"""
BROKEN = """\
agent solo !
  call
  tool broken !"""
# text-embedding-3-small (openai.com/api/pricing, 2026-11): 8 tokens × 0.02 = 0.16 millionths.
EMBEDDING_USD = Decimal("0.00000016")


def inside(section: str, tree: str) -> str:
    return "\n".join([section, *(f"  {line}" for line in tree.splitlines())])


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("agents") == {"active"}
    for run in ("async", "chat", "run of c1", "run of c2", "not traced"):
        assert outcome.tree(run) == DESK, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert sorted(outcome.tree("streamed").splitlines()) == sorted([*DESK.splitlines(), *["step reader"] * 2])
    # Without a run, a section or a name around them, both agents are in one run all the same.
    assert outcome.tree("Agent workflow") == inside("workflow Agent workflow", DESK)
    assert outcome.tree("my work") == inside("workflow my work", DESK)
    assert outcome.tree("agent as tool") == AS_TOOL
    assert outcome.tree("own span") == inside("step mine", SOLO)
    assert outcome.tree("told") == TOLD
    assert outcome.tree("broken") == BROKEN
    assert outcome.tree("while handling another") == outcome.tree("sync") == SOLO
    assert outcome.tree("tracing off") == f"{DESK}\n{TOLD}"
    assert outcome.seen == {"async": "Hello there", "sync": "Hello there", "broken": "UserError"}
    # Ten desks with 4 calls of the model and a search (one inside an agent of 2), three agents with 2 calls, two
    # that were told of the failure with 2, the broken one with 1.
    models, searches = 10 * 4 + 2 + 3 * 2 + 2 * 2 + 1, 10
    assert len(outcome.calls) == len(provider.ledger) == models + searches
    assert outcome.usd == models * CALL_USD + searches * EMBEDDING_USD
