"""LlamaIndex: agents, workflows and their steps, tools, retrievers and engines in the tree, each call once."""

import pytest
from loopback.server import Loopback

from frameworks.environments import OPENAI_2, Environments
from frameworks.program import CALL_USD, run_program
from frameworks.scripted import environment_of, scripted

pytestmark = pytest.mark.packaging

PROGRAM = """
import copy, pickle
import llama_index_instrumentation
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.llms.openai import OpenAI

dispatcher = llama_index_instrumentation.root_dispatcher
others = [handler for handler in dispatcher.span_handlers if not type(handler).__module__.startswith("llmobserve")]
llmobserve.unobserve()
seen["left behind"] = dispatcher.span_handlers != others
llmobserve.observe(transport=transport)
# OpenInference's handler can be neither copied nor pickled, and so what holds a dispatcher.
seen["copied"] = copy.deepcopy(FunctionAgent(name="one", tools=[], llm=OpenAI(api_key="demo"))).name
seen["pickled"] = b"llmobserve" in pickle.dumps(dispatcher)
with_openinference(("llama_index", "LlamaIndexInstrumentor"), ("openai", "OpenAIInstrumentor"))


def model(**options):
    return OpenAI(**{"model": "gpt-4o-mini", "api_base": os.environ["OPENAI_BASE_URL"], "max_retries": 0, **options})


def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


async def count(text: str) -> str:
    '''Counts words.'''
    return "12"


def broken(text: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


def agent(name, tools, streaming=False, **options):
    options.setdefault("llm", model())
    return FunctionAgent(
        name=name, description=name, system_prompt="Work.", tools=tools, streaming=streaming, **options
    )


async def delegate(task: str) -> str:
    '''Has the writer write.'''
    return str(await agent("writer", [count]).run(task))


def desk():
    researcher = agent("researcher", [search], can_handoff_to=["writer"])
    writer = agent("writer", [count], can_handoff_to=[])
    return AgentWorkflow(agents=[researcher, writer], root_agent="researcher")


class Report(Workflow):
    @step
    async def gather(self, ev: StartEvent) -> StopEvent:
        with llmobserve.section("step:own"):
            return StopEvent(result=str(await agent("researcher", [search]).run("find papers")))


async def main():
    with llmobserve.run("handoff"):
        seen["handoff"] = str(await desk().run("write"))
    with llmobserve.run("agent as tool"):
        await agent("boss", [FunctionTool.from_defaults(async_fn=delegate, name="delegate")]).run("write")
    with llmobserve.run("streamed"):
        streaming = model(additional_kwargs={"stream_options": {"include_usage": True}})
        handler = agent("researcher", [search], streaming=True, llm=streaming).run("find")
        async for event in handler.stream_events():
            pass
        await handler
    with llmobserve.run("own workflow"):
        await Report(timeout=30).run()

    async def work():
        await desk().run("write")

    await of_two_customers_async(work)
    with llmobserve.run("broken tool"):
        await agent("researcher", [broken]).run("find papers")


asyncio.run(main())


async def refused():
    await agent("researcher", [search]).run("Refuse this")


with llmobserve.run("refused"):
    seen["refused"] = failure(lambda: asyncio.run(refused()))

Settings.llm = model()
Settings.embed_model = MockEmbedding(embed_dim=4)
index = VectorStoreIndex.from_documents([Document(text="Hello there")])
with llmobserve.run("query"):
    seen["query"] = str(index.as_query_engine().query("What?"))
    asyncio.run(index.as_query_engine().aquery("What?"))
streaming = model(additional_kwargs={"stream_options": {"include_usage": True}})
with llmobserve.run("streamed query"):
    engine = index.as_query_engine(streaming=True, llm=streaming)
    seen["streamed query"] = "".join(engine.query("What?").response_gen)

    async def stream():
        answer = await engine.aquery("What?")
        return "".join([part async for part in answer.response_gen])

    seen["streamed query, async"] = asyncio.run(stream())
    for part in index.as_chat_engine(chat_mode="context", llm=streaming).stream_chat("What?").response_gen:
        pass
with llmobserve.run("never streamed"):
    engine.query("What?")
"""
HANDOFF = """\
workflow AgentWorkflow
  agent researcher
    call
    tool search
    call
    tool handoff
  agent writer
    call
    tool count
    call"""
DELEGATED = """\
agent boss
  call
  tool delegate
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
OWN = """\
workflow Report
  step gather
    step own
      agent researcher
        call
        tool search
        call"""
BROKEN = """\
agent researcher
  call
  tool broken !
  call"""
QUERY = """\
chain RetrieverQueryEngine
  retriever VectorIndexRetriever
  step CompactAndRefine
    call"""
CHAT = """\
chain ContextChatEngine
  retriever VectorIndexRetriever
  step CompactAndRefine
    call"""


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    answers = scripted(arguments={"handoff": {"to_agent": "writer", "reason": "found"}})
    with Loopback(answers) as server:
        outcome = run_program(environments.python(OPENAI_2), PROGRAM, environment_of(server), mode=mode)
    assert outcome.states("llama_index") == {"active"}
    for run in ("handoff", "run of c1", "run of c2"):
        assert outcome.tree(run) == HANDOFF, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert outcome.tree("agent as tool") == DELEGATED
    assert outcome.tree("streamed") == ONE_AGENT
    assert outcome.tree("own workflow") == OWN
    assert outcome.tree("broken tool") == BROKEN
    assert outcome.tree("query") == f"{QUERY}\n{QUERY}"
    assert outcome.tree("streamed query") == f"{QUERY}\n{QUERY}\n{CHAT}"
    assert outcome.tree("never streamed") == QUERY.removesuffix("\n    call")
    assert outcome.tree("refused") == "agent researcher !\n  call !"
    answered = dict.fromkeys(("handoff", "query", "streamed query", "streamed query, async"), "Hello there")
    own = {"left behind": False, "copied": "one", "pickled": False}
    assert outcome.seen == {**answered, **own, "refused": "BadRequestError"}
    # Three hand-offs of 4 calls, boss 4, streamed 2, own 2, broken 2, two queries, three streamed ones; one refused.
    assert len(outcome.calls) == len(server.ledger) == 28
    assert outcome.usd == 27 * CALL_USD
