"""OpenInference's instrumentors for OpenAI, Anthropic and LangChain."""

from collections.abc import Callable

import pytest
from frameworks.environments import Environments

from live_otlp.billing import Project
from live_otlp.environments import CURRENT, python_of
from live_otlp.program import bill_of

pytestmark = pytest.mark.packaging

OPENAI = """
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=provider)
with using_attributes(session_id="s1", user_id="u1", metadata={"customer_id": "c1"}, tags=["blue"]):
    openai_calls(new_openai())
provider.shutdown()
"""
# Our SDK and an instrumentor in one process, and what each of them saw is sent.
BESIDE_US = """
import llmobserve
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=provider)
llmobserve.observe(collector_url=os.environ["COLLECTOR"], api_key=os.environ["KEY"])
with llmobserve.run("both", customer_id="c1"):
    openai_calls(new_openai())
llmobserve.shutdown()
provider.shutdown()
"""
# The client of Anthropic traces itself as soon as there is a tracer provider: two spans a call.
ANTHROPIC = """
from openinference.instrumentation.anthropic import AnthropicInstrumentor

provider = tracer_provider()
AnthropicInstrumentor().instrument(tracer_provider=provider)
anthropic_calls(new_anthropic())
provider.shutdown()
"""
# LangChain's and the clients' instrumentors know nothing of each other: their spans are in traces of their own.
LANGCHAIN = """
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = tracer_provider()
for instrumentor in (LangChainInstrumentor, OpenAIInstrumentor, AnthropicInstrumentor):
    instrumentor().instrument(tracer_provider=provider)


@tool
def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


def chat(model, **options):
    return ChatOpenAI(model=model, max_retries=0, **options)


chat("gpt-4o-mini").invoke("Hello")
list(chat("gpt-4o", stream_usage=True).stream("Hello"))
create_agent(chat("gpt-4.1"), [search]).invoke({"messages": [("user", "Hello")]})
OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False).embed_documents(["a", "b"])
create_agent(ChatAnthropic(model="claude-haiku-4-5", max_retries=0), [search]).invoke({"messages": [("user", "Hello")]})
list(ChatAnthropic(model="claude-sonnet-4-5", max_retries=0).stream("Hello"))
refused(lambda: chat("error-429").invoke("Hello"))
refused(lambda: ChatAnthropic(model="error-400", max_retries=0).invoke("Hello"))
provider.shutdown()
"""


def test_openai(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("openinference-openai")
    expected, billed = bill_of(python_of(environments, CURRENT), OPENAI, project)
    assert billed == expected
    for call in project.calls:
        assert (call["session_id"], call["user_id"], call["customer_id"]) == ("s1", "u1", "c1")
        assert call["tags"] == ["blue"]
        assert call["stream"] == (call["model"] in ("gpt-4o", "gpt-4.1-nano"))
        assert (call["time_to_first_token_ms"] is not None) == call["stream"]


def test_beside_our_sdk(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("openinference-beside-us")
    env = {"COLLECTOR": "{url}", "KEY": "{key}"}
    expected, billed = bill_of(python_of(environments, CURRENT), BESIDE_US, project, env)
    assert billed == expected
    assert len(project.merged) == expected.count
    assert {call["customer_id"] for call in project.calls} == {"c1"}


def test_anthropic(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("openinference-anthropic")
    expected, billed = bill_of(python_of(environments, CURRENT), ANTHROPIC, project)
    assert billed == expected
    assert len(project.merged) == expected.count  # one more span of each call


def test_langchain(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("openinference-langchain")
    expected, billed = bill_of(python_of(environments, CURRENT), LANGCHAIN, project)
    assert billed == expected
    assert project.merged
