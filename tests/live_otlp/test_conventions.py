"""Instrumentations that write OpenTelemetry's GenAI names: util-genai, traceloop, Logfire and pydantic-ai."""

from collections.abc import Callable

import pytest
from frameworks.environments import Environments

from live_otlp.billing import Project
from live_otlp.environments import CURRENT, python_of
from live_otlp.program import bill_of

pytestmark = pytest.mark.packaging

GENAI = """
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

provider = tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=provider)
AnthropicInstrumentor().instrument(tracer_provider=provider)
openai_calls(new_openai())
anthropic_calls(new_anthropic())
provider.shutdown()
"""
TRACELOOP = """
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

Traceloop.init(app_name="app")


@workflow(name="answer")
def main():
    Traceloop.set_association_properties({"session_id": "s1", "user_id": "u1", "customer_id": "c1"})
    openai_calls(new_openai())
    anthropic_calls(new_anthropic())


main()
"""
LOGFIRE = """
import logfire

logfire.configure(send_to_logfire=False, console=False)
logfire.instrument_openai()
logfire.instrument_anthropic()
openai_calls(new_openai())
anthropic_calls(new_anthropic())
logfire.shutdown()
"""
PYDANTIC_AI = """
import asyncio
from pydantic_ai import Agent, Embedder

provider = tracer_provider()
Agent.instrument_all()
Embedder.instrument_all()


def agent(model):
    made = Agent(model)

    @made.tool_plain
    def search(query: str) -> str:
        return "three papers"

    return made


async def streams():
    for model in ("openai-chat:gpt-4o", "anthropic:claude-sonnet-4-5"):
        async with Agent(model).run_stream("Hello") as result:
            async for _ in result.stream_text():
                pass


agent("openai-chat:gpt-4.1").run_sync("Hello")
agent("anthropic:claude-haiku-4-5").run_sync("Hello")
Agent("openai-responses:gpt-4.1-mini").run_sync("Hello")
asyncio.run(streams())
Embedder("openai:text-embedding-3-small").embed_documents_sync(["a", "b"])
refused(lambda: Agent("openai-chat:error-400").run_sync("Hello"))
refused(lambda: Agent("anthropic:error-400").run_sync("Hello"))
provider.shutdown()
"""


def test_util_genai(environments: Environments, new_project: Callable[[str], Project]) -> None:
    expected, billed = bill_of(python_of(environments, CURRENT), GENAI, new_project("genai"))
    assert billed == expected


def test_traceloop(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("traceloop")
    env = {"TRACELOOP_BASE_URL": "{url}", "TRACELOOP_API_KEY": "{key}"}
    expected, billed = bill_of(python_of(environments, CURRENT), TRACELOOP, project, env, otel=False)
    assert billed == expected
    assert {(call["session_id"], call["user_id"], call["customer_id"]) for call in project.calls} == {
        ("s1", "u1", "c1")
    }


def test_logfire(environments: Environments, new_project: Callable[[str], Project]) -> None:
    expected, billed = bill_of(python_of(environments, CURRENT), LOGFIRE, new_project("logfire"))
    assert billed == expected


def test_pydantic_ai(environments: Environments, new_project: Callable[[str], Project]) -> None:
    expected, billed = bill_of(python_of(environments, CURRENT), PYDANTIC_AI, new_project("pydantic-ai"))
    assert billed == expected
