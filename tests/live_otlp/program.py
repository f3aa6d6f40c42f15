"""Runs a program of an instrumentation in its own process, and the calls that such programs make."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from live_otlp.billing import Bill, Project, served
from llmobserve.demo_provider import DemoProvider

__all__ = ["CALLS", "bill_of", "run_command"]

CALLS = '''
import os

QUESTION = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}


def openai_calls(client):
    """A chat, a stream, a tool with its result, embeddings, both forms of a response and a refused call."""
    chat = client.chat.completions.create
    chat(model="gpt-4o-mini", messages=QUESTION)
    list(chat(model="gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}))
    tools = [{"type": "function", "function": {"name": "search", "description": "Finds.", "parameters": SCHEMA}}]
    asked = chat(model="gpt-4.1", messages=QUESTION, tools=tools).choices[0].message
    result = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "three papers"}
    chat(model="gpt-4.1", messages=[*QUESTION, asked.model_dump(exclude_none=True), result], tools=tools)
    client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    client.responses.create(model="gpt-4.1-mini", input="Hello")
    list(client.responses.create(model="gpt-4.1-nano", input="Hello", stream=True))
    refused(lambda: chat(model="error-429", messages=QUESTION))


def anthropic_calls(client, streams=True):
    """A message, both forms of a stream, a tool and a refused call."""
    create = client.messages.create
    create(model="claude-haiku-4-5", max_tokens=100, messages=QUESTION)
    if streams:
        list(create(model="claude-sonnet-4-5", max_tokens=100, messages=QUESTION, stream=True))
        with client.messages.stream(model="claude-opus-4-5", max_tokens=100, messages=QUESTION) as stream:
            list(stream.text_stream)
    tools = [{"name": "search", "description": "Finds.", "input_schema": SCHEMA}]
    create(model="claude-haiku-4-5", max_tokens=100, messages=QUESTION, tools=tools)
    refused(lambda: create(model="error-429", max_tokens=100, messages=QUESTION))


def refused(call):
    try:
        call()
    except Exception:
        return
    raise AssertionError("the call was not refused")


def new_openai():
    import openai

    return openai.OpenAI(max_retries=0)


def new_anthropic():
    import anthropic

    return anthropic.Anthropic(max_retries=0)


def tracer_provider():
    """OpenTelemetry as its documentation sets it up: all that is particular comes from the environment."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
'''
"""Head of each program."""
_QUIET = {
    "AI_SDK_LOG_WARNINGS": "false",
    "DO_NOT_TRACK": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TRACELOOP_TELEMETRY": "false",
    "TRACELOOP_TRACE_CONTENT": "true",
}
"""No tool may tell its makers about the tests."""


def bill_of(
    python: Path, program: str, project: Project, env: Mapping[str, str] | None = None, *, otel: bool = True
) -> tuple[Bill, Bill]:
    """What the provider served to a program of Python, and what the collector bills. `env`: as for `run_command`."""
    return run_command([str(python), "-W", "ignore", "-c", f"{CALLS}\n{program}"], project, env, otel=otel)


def run_command(
    command: Sequence[str], project: Project, env: Mapping[str, str] | None = None, *, otel: bool = True
) -> tuple[Bill, Bill]:
    """As `bill_of`, of any program. `otel`: exporters of OpenTelemetry learn of the collector by the environment.

    In values of `env`, `{url}` and `{key}` are the collector's address and the project's key.
    """
    url = project.collector.url
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {project.key}",
    }
    often = {"OTEL_BSP_SCHEDULE_DELAY": "20"}  # milliseconds: traces come in several requests
    own = {name: value.format(url=url, key=project.key) for name, value in (env or {}).items()}
    with DemoProvider() as provider:
        whole = {**os.environ, **_QUIET, **often, **provider.environment(), **(told if otel else {}), **own}
        done = subprocess.run(command, env=whole, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        expected = served(provider.ledger)
    print(done.stdout, done.stderr, file=sys.stderr)  # pytest shows it where the test fails
    assert expected.count
    return expected, project.wait_for(expected)
