"""pydantic-ai: agents and tools in the tree, in every way to run an agent, each provider call once."""

from decimal import Decimal

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
import openai
from pydantic_ai import Agent

if sys.argv[1] == "openinference":
    from opentelemetry import trace

    with_openinference()
    from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

    trace.get_tracer_provider().add_span_processor(OpenInferenceSpanProcessor())
    Agent.instrument_all()


def agents(kind="openai-chat"):
    researcher, writer = Agent(kind + ":gpt-4o-mini"), Agent(kind + ":gpt-4o-mini", name="the writer")

    @researcher.tool_plain
    def search(query: str) -> str:
        '''Finds papers.'''
        openai.OpenAI().embeddings.create(model="text-embedding-3-small", input=query)
        return "three papers"

    @writer.tool_plain
    async def delegate(task: str) -> str:
        '''Has it looked up.'''
        return (await researcher.run(task)).output

    return researcher, writer


def failing():
    agent = Agent("openai-chat:gpt-4o-mini", name="failing")

    @agent.tool_plain
    def broken(text: str) -> str:
        '''Fails.'''
        raise LookupError("no such paper")

    return agent


async def main():
    _, writer = agents()
    with llmobserve.run("async"):
        seen["async"] = (await writer.run("Hello")).output
    with llmobserve.run("responses"):
        await agents("openai-responses")[1].run("Hello")
    with llmobserve.run("streamed"):
        async with writer.run_stream("Hello") as answer:
            seen["streamed"] = [part async for part in answer.stream_text()][-1]
    with llmobserve.run("events"):
        async with writer.run_stream_events("Hello") as events:
            async for event in events:
                pass
        with llmobserve.section("step:after"):
            pass
    solo = agents()[0]
    solo.name = "solo"
    with llmobserve.run("nodes"):
        async with solo.iter("Hello") as nodes:
            async for node in nodes:
                pass
    await of_two_customers_async(lambda: writer.run("Hello"))
    await writer.run("Hello")
    with llmobserve.run("broken"):
        try:
            await failing().run("Hello")
        except LookupError:
            seen["broken"] = True
    with llmobserve.run("cancelled"):
        work = asyncio.ensure_future(writer.run("Hello"))
        await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    with llmobserve.run("after all"), llmobserve.section("step:one"):
        pass


asyncio.run(main())
with llmobserve.run("sync"):
    seen["sync"] = agents()[1].run_sync("Hello").output
"""
WRITER = """\
agent the writer
  call
  tool delegate
    agent researcher
      call
      tool search
        call
      call
  call"""
SOLO = """\
agent solo
  call
  tool search
    call
  call"""
BROKEN = """\
agent failing !
  call
  tool broken !"""
# text-embedding-3-small (openai.com/api/pricing, 2026-11): 8 tokens × 0.02 = 0.16 millionths.
EMBEDDING_USD = Decimal("0.00000016")


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("pydantic_ai") == {"active"}
    for run in ("async", "responses", "streamed", "run of c1", "run of c2", "the writer", "sync"):
        assert outcome.tree(run) == WRITER, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert outcome.tree("events") == f"{WRITER}\nstep after"
    assert outcome.tree("nodes") == SOLO
    assert outcome.tree("broken") == BROKEN
    assert outcome.tree("after all") == "step one"
    assert outcome.seen == dict.fromkeys(("async", "streamed", "sync"), "Hello there") | {"broken": True}
    # Eight writers with 4 calls of the model and a search, one agent with 2 and a search, the failing one with 1.
    models, searches = 8 * 4 + 2 + 1, 9
    assert len(outcome.calls) == len(provider.ledger) == models + searches
    assert outcome.usd == models * CALL_USD + searches * EMBEDDING_USD
