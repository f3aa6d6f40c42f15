"""Haystack: pipelines, components, agents, their steps and tools in the tree, each provider call once."""

import pytest

from frameworks.environments import OPENAI_2, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
from haystack import Document, Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import tool

with_openinference(("haystack", "HaystackInstrumentor"), ("openai", "OpenAIInstrumentor"))


@tool
def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


@tool
def count(text: str) -> str:
    '''Counts words.'''
    return "12"


@tool
def broken(text: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


def generator(model="gpt-4o-mini", **options):
    return OpenAIChatGenerator(model=model, max_retries=0, **options)


def desk(**metadata):
    pipeline = Pipeline(metadata=metadata)
    pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user("Write about {{topic}}")]))
    pipeline.add_component("researcher", Agent(chat_generator=generator(), tools=[search]))
    pipeline.add_component("writer", Agent(chat_generator=generator(), tools=[count]))
    pipeline.connect("prompt.prompt", "researcher.messages")
    pipeline.connect("researcher.messages", "writer.messages")
    return pipeline


ASKED = {"prompt": {"topic": "cats"}}
HELLO = [ChatMessage.from_user("Hello")]
with llmobserve.run("sync"):
    seen["sync"] = desk(name="Desk").run(ASKED)["writer"]["last_message"].text


async def asynchronous():
    with llmobserve.run("async"):
        await desk(name="Desk").run_async(ASKED)
    with llmobserve.run("generator"):
        async for part in desk(name="Desk").run_async_generator(ASKED):
            with llmobserve.section("step:between"):
                await generator().run_async(messages=HELLO)
    with llmobserve.run("streamed"):
        pipeline = Pipeline()
        pipeline.add_component(
            "llm", generator(generation_kwargs={"stream_options": {"include_usage": True}})
        )
        handle = pipeline.stream({"llm": {"messages": HELLO}})
        seen["streamed"] = "".join([chunk.content async for chunk in handle])

    async def work():
        await desk(name="Desk").run_async(ASKED)

    await of_two_customers_async(work)


asyncio.run(asynchronous())
of_two_customers(lambda: desk(name="Desk").run(ASKED), "thread of ")

store = InMemoryDocumentStore()
store.write_documents([Document(content="Cats purr")])
pipeline = Pipeline()
pipeline.add_component("find", InMemoryBM25Retriever(store))
pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user("{{documents}}")]))
pipeline.add_component("llm", generator())
pipeline.connect("find.documents", "prompt.documents")
pipeline.connect("prompt.prompt", "llm.messages")
with llmobserve.run("retrieval"):
    pipeline.run({"find": {"query": "cats"}})
with llmobserve.run("agent alone"):
    Agent(chat_generator=generator(), tools=[search]).run(messages=HELLO)
with llmobserve.run("broken tool"):
    seen["broken tool"] = failure(
        lambda: Agent(chat_generator=generator(), tools=[broken], raise_on_tool_invocation_failure=True).run(
            messages=HELLO
        )
    )
pipeline = Pipeline()
pipeline.add_component("llm", generator("error-400"))
with llmobserve.run("refused"):
    seen["refused"] = failure(lambda: pipeline.run({"llm": {"messages": HELLO}}))
"""
DESK = """\
workflow Desk
  step prompt
  agent researcher
    step Step 1
      call
      tool search
    step Step 2
      call
  agent writer
    step Step 1
      call
      tool count
    step Step 2
      call"""
RETRIEVAL = """\
workflow Pipeline
  retriever find
  step prompt
  step llm
    call"""
ALONE = """\
agent Agent
  step Step 1
    call
    tool search
  step Step 2
    call"""
BROKEN_TOOL = """\
agent Agent !
  step Step 1 !
    call
    tool broken"""
"""Haystack raises what a tool has raised only after the traced work of the tool."""
REFUSED = """\
workflow Pipeline !
  step llm !
    call !"""


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_2), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("haystack") == {"active"}
    for run in ("sync", "async", "run of c1", "run of c2", "thread of c1", "thread of c2"):
        assert outcome.tree(run) == DESK, run
    for run in ("run of", "thread of"):
        assert (outcome.customers(f"{run} c1"), outcome.customers(f"{run} c2")) == ({"c1"}, {"c2"})
    between = outcome.tree("generator").splitlines()
    assert [line for line in between if line.startswith("step between")] == ["step between"] * 3
    assert outcome.tree("streamed") == "workflow Pipeline\n  step llm\n    call"
    assert outcome.tree("retrieval") == RETRIEVAL
    assert outcome.tree("agent alone") == ALONE
    assert outcome.tree("broken tool") == BROKEN_TOOL
    assert outcome.tree("refused") == REFUSED
    assert outcome.seen == {
        "sync": "Hello there",
        "streamed": "Hello there",
        "broken tool": "ToolInvocationError",
        "refused": "PipelineRuntimeError",
    }
    # 7 desks of 4, 3 between the steps of the generator, streamed 1, retrieval 1, alone 2, broken 1; one refused.
    assert len(outcome.calls) == len(provider.ledger) == 37
    assert outcome.usd == 36 * CALL_USD
