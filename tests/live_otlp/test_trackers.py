"""SDKs of other trackers, pointed to the collector by their own variables: Langfuse, MLflow and LangSmith."""

from collections.abc import Callable

import pytest
from frameworks.environments import Environments

from live_otlp.billing import Project
from live_otlp.environments import CURRENT, python_of
from live_otlp.program import bill_of

pytestmark = pytest.mark.packaging

LANGFUSE = """
from langfuse import get_client, observe, propagate_attributes
from langfuse.openai import OpenAI


@observe()
def main():
    openai_calls(OpenAI(max_retries=0))
    anthropic_calls(new_anthropic())


with propagate_attributes(session_id="s1", user_id="u1", tags=["blue"], metadata={"customer_id": "c1"}):
    main()
get_client().flush()
"""
# The stream of `messages.create` is traced without any usage (3.17), that of `messages.stream` not at all.
MLFLOW = """
import mlflow

mlflow.openai.autolog()
mlflow.anthropic.autolog()


@mlflow.trace(span_type="CHAIN")
def main():
    openai_calls(new_openai())
    client = new_anthropic()
    anthropic_calls(client, streams=False)
    list(client.messages.create(model="claude-sonnet-4-5", max_tokens=100, messages=QUESTION, stream=True))


main()
mlflow.flush_trace_async_logging()
"""
# The embeddings of a wrapped client are not traced, and the wrapper for Anthropic fails with anthropic 2.12.
LANGSMITH = """
from langchain_anthropic import ChatAnthropic
from langsmith import traceable
from langsmith.run_trees import get_cached_client
from langsmith.wrappers import wrap_openai
from opentelemetry import trace

client = wrap_openai(new_openai())


@traceable(run_type="chain", metadata={"session_id": "s1", "user_id": "u1", "customer_id": "c1"}, tags=["blue"])
def main():
    chat = client.chat.completions.create
    chat(model="gpt-4o-mini", messages=QUESTION)
    list(chat(model="gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}))
    client.responses.create(model="gpt-4.1-mini", input="Hello")
    list(client.responses.create(model="gpt-4.1-nano", input="Hello", stream=True))
    refused(lambda: chat(model="error-429", messages=QUESTION))
    ChatAnthropic(model="claude-haiku-4-5", max_retries=0).invoke("Hello")
    list(ChatAnthropic(model="claude-sonnet-4-5", max_retries=0).stream("Hello"))
    refused(lambda: ChatAnthropic(model="error-400", max_retries=0).invoke("Hello"))


main()
get_cached_client().flush()
trace.get_tracer_provider().force_flush()
"""
LANGSMITH_ENV = {
    "LANGSMITH_API_KEY": "{key}",
    "LANGSMITH_ENDPOINT": "{url}",
    "LANGSMITH_OTEL_ENABLED": "true",
    "LANGSMITH_OTEL_ONLY": "true",
    "LANGSMITH_TRACING": "true",
}


def test_langfuse_by_its_host_alone(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("langfuse")
    env = {"LANGFUSE_HOST": "{url}", "LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "{key}"}
    expected, billed = bill_of(python_of(environments, CURRENT), LANGFUSE, project, env, otel=False)
    assert billed == expected
    assert {(call["session_id"], call["user_id"], call["customer_id"]) for call in project.calls} == {
        ("s1", "u1", "c1")
    }


def test_mlflow(environments: Environments, new_project: Callable[[str], Project]) -> None:
    env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{url}/v1/traces"}
    expected, billed = bill_of(python_of(environments, CURRENT), MLFLOW, new_project("mlflow"), env)
    # A call of unknown cost, not one of none.
    assert billed == expected.without_usage("claude-sonnet-4-5")


def test_langsmith(environments: Environments, new_project: Callable[[str], Project]) -> None:
    project = new_project("langsmith")
    expected, billed = bill_of(python_of(environments, CURRENT), LANGSMITH, project, LANGSMITH_ENV, otel=False)
    assert billed == expected
    assert {(call["session_id"], call["user_id"], call["customer_id"]) for call in project.calls} == {
        ("s1", "u1", "c1")
    }
