"""Google ADK: agents, tools and workflows in the tree, each provider call once."""

from decimal import Decimal

import pytest
from loopback.server import Answer, Loopback, Received, event_stream, json_answer, sse

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

PROGRAM = """
with_openinference(("google_adk", "GoogleADKInstrumentor"))
import warnings
import openai
warnings.simplefilter("ignore")
from google.adk.agents import LlmAgent, LoopAgent, ParallelAgent, SequentialAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.function_tool import FunctionTool
from google.adk.workflow import Workflow
from google.genai import types


def search(query: str) -> str:
    '''Finds papers.'''
    openai.OpenAI().embeddings.create(model="text-embedding-3-small", input=query)
    return "three papers"


def broken(text: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


class Shout(FunctionTool):
    async def run_async(self, *, args, tool_context):
        return (await super().run_async(args=args, tool_context=tool_context)).upper()


class Count(BaseTool):
    async def run_async(self, *, args, tool_context):
        return "12"

    def _get_declaration(self):
        text = types.Schema(type="OBJECT", properties={"text": types.Schema(type="STRING")})
        return types.FunctionDeclaration(name=self.name, description=self.description, parameters=text)


def agent(name, *tools, model="claude-haiku-4-5"):
    return LlmAgent(name=name, model=AnthropicLlm(model=model), tools=list(tools), description="An agent.")


def writer():
    return agent("writer", AgentTool(agent=agent("researcher", search)), Count(name="count", description="Counts."))


async def ask(asked, **options):
    runner = InMemoryRunner(app_name="tests", **{"node" if isinstance(asked, Workflow) else "agent": asked})
    session = await runner.session_service.create_session(app_name="tests", user_id="u")
    message = types.Content(role="user", parts=[types.Part(text="Hello")])
    said = ""
    async for event in runner.run_async(user_id="u", session_id=session.id, new_message=message, **options):
        with llmobserve.section("step:reader") if options else llmobserve.tags("read"):
            pass
        if event.is_final_response() and event.content:
            said = event.content.parts[0].text
    return said


async def main():
    with llmobserve.run("async"):
        seen["async"] = await ask(writer())
    with llmobserve.run("streamed"):
        await ask(agent("researcher", search), run_config=RunConfig(streaming_mode=StreamingMode.SSE))
    with llmobserve.run("sequence"):
        await ask(SequentialAgent(name="pipeline", sub_agents=[agent("one"), agent("two")]))
    with llmobserve.run("parallel"):
        await ask(ParallelAgent(name="both", sub_agents=[agent("left", search), agent("right", search)]))
    with llmobserve.run("workflow"):
        await ask(Workflow(name="report", edges=[("START", agent("first"), agent("second"))]))
    await of_two_customers_async(lambda: ask(writer()))
    await ask(writer())
    with llmobserve.run("own tool"):
        await ask(agent("shouter", Shout(search)))
    with llmobserve.run("broken"):
        try:
            await ask(agent("failing", broken))
        except LookupError:
            seen["broken"] = True
    with llmobserve.run("refused"):
        try:
            await ask(agent("refused", model="error-400"))
        except Exception as error:
            seen["refused"] = type(error).__name__
    with llmobserve.run("after all"), llmobserve.section("step:one"):
        pass


asyncio.run(main())
"""
WRITER = """\
agent writer
  call
  tool researcher
    agent researcher
      call
      tool search
        call
      call
  call
  tool count
  call"""
RESEARCHER = """\
agent {}
  call
  tool search
    call
  call"""
SEQUENCE = """\
agent pipeline
  agent one
    call
  agent two
    call"""
WORKFLOW = """\
workflow report
  agent first
    call
  agent second
    call"""
BROKEN = """\
agent failing !
  call
  tool broken !"""
REFUSED = """\
agent refused !
  call !"""
# claude-haiku-4-5 (claude.com/pricing, 2026-11): 56 fresh, 64 cached and 30 output tokens,
# 56 × 1 + 64 × 0.10 + 30 × 5 = 212.4 millionths.
CALL_USD = Decimal("0.0002124")
# text-embedding-3-small (openai.com/api/pricing, 2026-11): 8 tokens × 0.02 = 0.16 millionths.
EMBEDDING_USD = Decimal("0.00000016")


def inside(tree: str) -> str:
    return "\n".join(f"  {line}" for line in tree.splitlines())


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, provider.environment(), mode=mode)
    assert outcome.states("google.adk") == {"active"}
    for run in ("async", "run of c1", "run of c2", "writer"):
        assert outcome.tree(run) == WRITER, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    # What reads the events of an agent is not in it.
    streamed = outcome.tree("streamed").splitlines()
    assert "\n".join(line for line in streamed if line != "step reader") == RESEARCHER.format("researcher")
    assert "step reader" in streamed
    left, right = (inside(RESEARCHER.format(name)) for name in ("left", "right"))
    assert outcome.tree("parallel") in (f"agent both\n{left}\n{right}", f"agent both\n{right}\n{left}")
    assert outcome.tree("workflow") == WORKFLOW
    assert outcome.tree("sequence") == SEQUENCE
    assert outcome.tree("own tool") == RESEARCHER.format("shouter")
    assert outcome.tree("broken") == BROKEN
    assert outcome.tree("refused") == REFUSED
    assert outcome.tree("after all") == "step one"
    assert outcome.seen == {"async": "Hello there", "broken": True, "refused": "BadRequestError"}
    # Four writers with 5 calls of a model and a search, four researchers with 2 and a search, two pairs of agents,
    # the failing one with 1. The refused call costs nothing.
    models, searches = 4 * 5 + 4 * 2 + 2 * 2 + 1, 8
    assert len(outcome.calls) == len(provider.ledger) == models + searches + 1
    assert outcome.usd == models * CALL_USD + searches * EMBEDDING_USD


GEMINI = """
import warnings
warnings.simplefilter("ignore")
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.genai import types


def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


async def main():
    agent = LlmAgent(name="researcher", model="gemini-2.5-flash", tools=[search])
    for mode in (StreamingMode.NONE, StreamingMode.SSE):
        runner = InMemoryRunner(agent=agent, app_name="tests")
        session = await runner.session_service.create_session(app_name="tests", user_id="u")
        message = types.Content(role="user", parts=[types.Part(text="Hello")])
        options = {"user_id": "u", "session_id": session.id, "new_message": message}
        with llmobserve.run(str(mode)):
            async for event in runner.run_async(**options, run_config=RunConfig(streaming_mode=mode)):
                if event.is_final_response():
                    seen[str(mode)] = event.content.parts[0].text


asyncio.run(main())
"""


def answer(request: Received) -> Answer:
    """A use of the tool, then a text."""
    was_used = any("functionResponse" in part for content in request.json["contents"] for part in content["parts"])
    part = {"text": "Hello there"} if was_used else {"functionCall": {"name": "search", "args": {"query": "cats"}}}
    body = {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 120, "candidatesTokenCount": 30, "totalTokenCount": 150},
        "modelVersion": "gemini-2.5-flash",
    }
    return event_stream(sse(body)) if "stream" in request.target else json_answer(body)


def test_gemini(environments: Environments) -> None:
    with Loopback(answer) as server:
        environment = {
            "GOOGLE_API_KEY": "demo",
            "GOOGLE_GEMINI_BASE_URL": server.url,
            "LLMOBSERVE_HOSTS": f"{server.netloc}=google_gemini",
        }
        outcome = run_program(environments.python(OPENAI_3), GEMINI, environment)
    for run in ("StreamingMode.NONE", "StreamingMode.SSE"):
        assert outcome.tree(run) == "agent researcher\n  call\n  tool search\n  call"
        assert outcome.seen[run] == "Hello there"
    # gemini-2.5-flash (ai.google.dev/pricing, 2026-11): 120 × 0.30 + 30 × 2.50 = 111 millionths.
    assert len(outcome.calls) == len(server.ledger) == 4
    assert outcome.usd == 4 * Decimal("0.000111")
