"""A framework that has changed at the hooked place: reported as missing, and calls are recorded all the same."""

import pytest

from frameworks.environments import OPENAI_2, OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from llmobserve.demo_provider import DemoProvider

pytestmark = pytest.mark.packaging

CHANGE = """
llmobserve.unobserve()


def change(owner, name):
    '''Give the method other parameters, as an upgrade may.'''
    original = getattr(owner, name)
    setattr(owner, name, lambda me, *args, **kwargs: original(me, *args, **kwargs))
"""
WITH_OPENAI_2 = """
import dspy
import llama_index_instrumentation
from crewai import Agent as Member, Crew, Task
from crewai.events.event_bus import CrewAIEventsBus
from haystack import Pipeline
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tracing.tracer import ProxyTracer
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai import OpenAI

change(CrewAIEventsBus, "emit")
change(dspy.Module, "__call__")
change(ProxyTracer, "trace")
change(llama_index_instrumentation.Dispatcher, "span_enter")
llmobserve.observe(transport=transport)

member = Member(role="Researcher", goal="work", backstory="experienced", llm="openai/gpt-4o-mini")
task = Task(description="work", expected_output="a text", agent=member)
seen["crewai"] = Crew(agents=[member], tasks=[task]).kickoff().raw
with dspy.context(lm=dspy.LM("openai/gpt-4o-mini", cache=False), adapter=dspy.JSONAdapter()):
    seen["dspy"] = dspy.Predict("question -> answer")(question="What?").answer
pipeline = Pipeline()
pipeline.add_component("llm", OpenAIChatGenerator(model="gpt-4o-mini"))
seen["haystack"] = pipeline.run({"llm": {"messages": [ChatMessage.from_user("Hello")]}})["llm"]["replies"][0].text


async def ask():
    model = OpenAI("gpt-4o-mini", api_base=os.environ["OPENAI_BASE_URL"])
    return str(await FunctionAgent(name="one", tools=[], llm=model, streaming=False).run("Hello"))


seen["llama_index"] = asyncio.run(ask())
"""
WITH_OPENAI_3 = """
from ag2 import Agent
from ag2.config import OpenAIConfig
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_core.models import ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient
from smolagents import MultiStepAgent, OpenAIModel, ToolCallingAgent

change(Agent, "_drive_scope")
change(BaseChatAgent, "run")
change(MultiStepAgent, "_run_stream")
llmobserve.observe(transport=transport)

seen["ag2"] = asyncio.run(Agent("one", "Work.", config=OpenAIConfig(model="gpt-4o-mini")).ask("Hello")).body
info = ModelInfo(vision=False, function_calling=True, json_output=True, structured_output=True, family="gpt-4o")
client = OpenAIChatCompletionClient(model="gpt-4o-mini", model_info=info)
seen["autogen_agentchat"] = asyncio.run(AssistantAgent("one", client).run(task="Hello")).messages[-1].content
seen["smolagents"] = ToolCallingAgent([], OpenAIModel("gpt-4o-mini"), verbosity_level=0).run("Hello")
"""


@pytest.mark.parametrize(
    ("packages", "code", "missing", "answers"),
    [
        (
            OPENAI_2,
            WITH_OPENAI_2,
            {
                ("crewai", "CrewAIEventsBus.emit"),
                ("dspy", "Module.__call__"),
                ("haystack", "ProxyTracer.trace"),
                ("llama_index", "root_dispatcher.span_enter"),
            },
            {"crewai": "Hello there", "dspy": "example", "haystack": "Hello there", "llama_index": "Hello there"},
        ),
        (
            OPENAI_3,
            WITH_OPENAI_3,
            {
                ("ag2", "Agent._drive_scope"),
                ("autogen_agentchat", "BaseChatAgent.run"),
                ("smolagents", "MultiStepAgent._run_stream"),
            },
            {"ag2": "Hello there", "autogen_agentchat": "Hello there", "smolagents": "example"},
        ),
    ],
    ids=["openai-2", "openai-3"],
)
def test_calls_are_recorded_all_the_same(
    environments: Environments,
    packages: tuple[str, ...],
    code: str,
    missing: set[tuple[str, str]],
    answers: dict[str, str],
) -> None:
    with DemoProvider() as provider:
        outcome = run_program(environments.python(packages), CHANGE + code, provider.environment())
    frameworks = {library for library, _ in missing}
    found = [one for one in outcome.health if one[0] in frameworks and one[2] == "missing"]
    assert {(library, target) for library, target, _, _ in found} == missing
    assert all("takes me" in detail or "not as expected" in detail for *_, detail in found)
    assert outcome.seen == answers
    assert len(outcome.calls) == len(provider.ledger) == len(answers)
    assert outcome.usd == len(answers) * CALL_USD
