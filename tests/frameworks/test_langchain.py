"""LangChain and LangGraph: agents, nodes, tools, retrievers and named chains in the tree, each provider call once."""

from decimal import Decimal

import pytest

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
with_openinference(("langchain", "LangChainInstrumentor"))
import openai
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from langgraph.checkpoint.memory import InMemorySaver

HI = {"messages": [("user", "Hello")]}
model = ChatOpenAI(model="gpt-4o-mini", stream_usage=True)


@tool
def search(query: str) -> str:
    '''Finds papers.'''
    openai.OpenAI().embeddings.create(model="text-embedding-3-small", input=query)
    return "three papers"


@tool
async def delegate(task: str) -> str:
    '''Has the researcher look.'''
    return (await agent().ainvoke(HI))["messages"][-1].content


@tool
def broken(text: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


def agent(*tools, name="researcher"):
    return create_agent(model, tools=list(tools) or [search], name=name)


def words(text):
    return text.split()


def desk():
    def plan(state):
        return {"messages": [model.invoke("Plan")]}

    def route(state):
        return "research"

    graph = StateGraph(MessagesState)
    graph.add_node("plan", plan)
    graph.add_node("research", agent())
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", route, ["research"])
    graph.add_edge("research", END)
    return graph.compile()


class Papers(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        openai.OpenAI().embeddings.create(model="text-embedding-3-small", input=query)
        return [Document(page_content="a paper")]


def chain(name):
    read = {"papers": Papers(), "question": RunnablePassthrough()}
    prompt = ChatPromptTemplate.from_template("{papers} {question}")
    return (read | prompt | model | StrOutputParser() | RunnableLambda(words)).with_config(run_name=name)


with llmobserve.run("sync"):
    seen["sync"] = agent().invoke(HI)["messages"][-1].content
with llmobserve.run("streamed"):
    for part in agent().stream(HI):
        with llmobserve.section("step:reader"):
            pass


async def asynchronous():
    boss = agent(delegate, name="boss")
    with llmobserve.run("async"):
        await boss.ainvoke(HI)
    with llmobserve.run("streamed, async"):
        async for part, _ in boss.astream(HI, stream_mode="messages"):
            pass
        await model.ainvoke("Bye")
    with llmobserve.run("batch, async"):
        await chain("answer").abatch(["a", "b"])
    with llmobserve.run("at once"):
        await asyncio.gather(boss.ainvoke(HI), boss.ainvoke(HI))


asyncio.run(asynchronous())
with llmobserve.run("graph"):
    desk().invoke(HI)
with llmobserve.run("chain"):
    seen["chain"] = chain("answer").invoke("What?")
    for part in chain("stream").stream("What?"):
        pass
with llmobserve.run("batch"):
    chain("answer").batch(["a", "b"])
desk().with_config(run_name="own").invoke(HI)
(ChatPromptTemplate.from_template("{x}") | model).invoke("Hello")
of_two_customers(lambda: agent().invoke(HI))
with llmobserve.run("broken tool"):
    seen["broken tool"] = failure(lambda: agent(broken).invoke(HI))
with llmobserve.run("refused"):
    refused = create_agent(ChatOpenAI(model="error-400", max_retries=0), name="refused")
    seen["refused"] = failure(lambda: refused.invoke(HI))


def ask(state):
    return {"messages": [("user", interrupt("Go on?"))]}


graph = StateGraph(MessagesState)
graph.add_node("ask", ask)
graph.add_edge(START, "ask")
with llmobserve.run("interrupted"):
    graph.compile(checkpointer=InMemorySaver()).invoke(HI, {"configurable": {"thread_id": "1"}})
with llmobserve.run("after all"):
    model.invoke("Hello")
"""
RESEARCHER = """\
agent researcher
  step model
    call
  step tools
    tool search
      call
  step model
    call"""
BOSS = """\
agent boss
  step model
    call
  step tools
    tool delegate
      agent researcher
        step model
          call
        step tools
          tool search
            call
        step model
          call
  step model
    call"""
GRAPH = """\
step plan
  call
step research
  agent researcher
    step model
      call
    step tools
      tool search
        call
    step model
      call"""
CHAIN = """\
chain {}
  retriever Papers
    call
  call"""
BROKEN = """\
agent researcher !
  step model
    call
  step tools !
    tool broken !"""
REFUSED = """\
agent refused !
  step model !
    call !"""
# text-embedding-3-small (openai.com/api/pricing, 2026-11): 8 tokens × 0.02 = 0.16 millionths.
EMBEDDING_USD = Decimal("0.00000016")


def inside(section: str, tree: str) -> str:
    return "\n".join([section, *(f"  {line}" for line in tree.splitlines())])


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("langchain_core") == outcome.states("langgraph") == {"active"}
    for run in ("sync", "run of c1", "run of c2"):
        assert outcome.tree(run) == RESEARCHER, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    # What reads a stream is not in the agent that makes it; nor is what follows.
    assert outcome.tree("streamed") == RESEARCHER + "\nstep reader" * 3
    assert outcome.tree("streamed, async") == f"{BOSS}\ncall"
    assert outcome.tree("async") == BOSS
    assert outcome.tree("at once") == f"{BOSS}\n{BOSS}"
    assert outcome.tree("graph") == GRAPH
    assert outcome.tree("chain") == f"{CHAIN.format('answer')}\n{CHAIN.format('stream')}"
    assert outcome.tree("batch") == outcome.tree("batch, async") == "\n".join([CHAIN.format("answer")] * 2)
    assert outcome.tree("own") == inside("workflow own", GRAPH)
    assert outcome.tree("RunnableSequence") == "chain RunnableSequence\n  call"
    assert outcome.tree("broken tool") == BROKEN
    assert outcome.tree("refused") == REFUSED
    assert outcome.tree("interrupted") == "step ask"
    assert outcome.tree("after all") == "call"
    assert outcome.seen == {
        "sync": "Hello there",
        "chain": ["Hello", "there"],
        "broken tool": "LookupError",
        "refused": "OpenAIInvalidRequestError",
    }
    # Calls of models: 4 researchers with 2, 4 bosses with 4 and a call after, 2 graphs with 3, 6 chains, broken tool,
    # sequence, after all. Searches: a researcher, boss, graph or chain has one.
    assert len(outcome.calls) == len(provider.ledger) == 40 + 16 + 1
    assert outcome.usd == 40 * CALL_USD + 16 * EMBEDDING_USD
