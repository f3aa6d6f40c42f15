"""Tools that want older clients: LiteLLM's callback, OpenLIT and Strands."""

from collections.abc import Callable

import pytest
from frameworks.environments import Environments

from live_otlp.billing import Project
from live_otlp.environments import OPENAI_2, python_of
from live_otlp.program import bill_of

pytestmark = pytest.mark.packaging

LITELLM = """
import time
import litellm
from opentelemetry import trace

litellm.callbacks = ["otel"]
ask = litellm.completion
ask(model="openai/gpt-4o-mini", messages=QUESTION, user="u1")
list(ask(model="openai/gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}))
tools = [{"type": "function", "function": {"name": "search", "description": "Finds.", "parameters": SCHEMA}}]
ask(model="openai/gpt-4.1", messages=QUESTION, tools=tools)
ask(model="anthropic/claude-haiku-4-5", messages=QUESTION)
list(ask(model="anthropic/claude-sonnet-4-5", messages=QUESTION, stream=True))
litellm.embedding(model="openai/text-embedding-3-small", input=["a", "b"])
refused(lambda: ask(model="openai/error-400", messages=QUESTION, max_retries=0))
time.sleep(1)  # its callbacks run in threads that nothing waits for
trace.get_tracer_provider().force_flush()
"""
OPENLIT = """
import openlit

openlit.init()
openai_calls(new_openai())
"""
STRANDS = """
from strands import Agent, tool
from strands.models.openai import OpenAIModel

provider = tracer_provider()


@tool
def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


def agent(model, **options):
    told = {"session.id": "s1", "user.id": "u1"}
    return Agent(model=OpenAIModel(model_id=model), callback_handler=None, trace_attributes=told, **options)


agent("gpt-4.1", tools=[search])("Hello")
refused(lambda: agent("error-400")("Hello"))
provider.shutdown()
"""


def test_litellm(environments: Environments, new_project: Callable[[str], Project]) -> None:
    env = {"OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": "{url}", "OTEL_HEADERS": "authorization=Bearer {key}"}
    expected, billed = bill_of(python_of(environments, OPENAI_2), LITELLM, new_project("litellm"), env)
    assert billed == expected


def test_openlit(environments: Environments, new_project: Callable[[str], Project]) -> None:
    expected, billed = bill_of(python_of(environments, OPENAI_2), OPENLIT, new_project("openlit"))
    assert billed == expected


def test_strands(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("strands")
    expected, billed = bill_of(python_of(environments, OPENAI_2), STRANDS, project)
    assert billed == expected
    assert {(call["session_id"], call["user_id"]) for call in project.calls} == {("s1", "u1")}
