"""Program: other observers beside ours, put on and taken off in the orders given; prints what each has counted.

Each order runs in a process of its own, forked when the libraries are loaded: what these tools do to a process stays.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

import httpx2
import openai
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.server import Answer, Loopback, Received, event_stream, json_answer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmobserve
from llmobserve.transport import MemoryTransport

PROMPT: Any = [{"role": "user", "content": "Hello"}]
HOOKED = ("_send_single_request", "send")
NEEDS = {
    "openinference": "openinference.instrumentation.openai",
    "traceloop": "opentelemetry.instrumentation.openai",
    "langfuse": "langfuse",
    "sentry": "sentry_sdk",
    "ddtrace": "ddtrace",
    "logfire": "logfire",
}

Count = Callable[[], int]
Off = Callable[[], object]


def installed() -> list[str]:
    """Those of the other observers that are here."""

    def is_here(module: str) -> bool:
        with contextlib.suppress(ImportError):
            return find_spec(module) is not None
        return False

    return [name for name, module in NEEDS.items() if is_here(module)]


def _exporter() -> tuple[TracerProvider, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def _module(name: str) -> Any:
    __import__(name)
    return sys.modules[name]


def _opentelemetry(module: str) -> tuple[Count, Off]:
    provider, exporter = _exporter()
    instrumentor = _module(module).OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    return lambda: len(exporter.get_finished_spans()), instrumentor.uninstrument


def _langfuse() -> tuple[Count, Off]:
    provider, exporter = _exporter()
    _module("langfuse").Langfuse(
        public_key="pk-lf-1", secret_key="sk-lf-1", base_url="http://127.0.0.1:9", tracer_provider=provider
    )
    _module("langfuse.openai")
    return lambda: len(exporter.get_finished_spans()), lambda: None


def _sentry() -> tuple[Count, Off]:
    sentry = _module("sentry_sdk")
    spans: list[str] = []

    def taken(event: Any, hint: Any) -> None:
        spans.extend(span["op"] for span in event["spans"] if span["op"].startswith(("gen_ai", "http.client")))

    sentry.init(
        dsn="http://k@127.0.0.1:9/1",
        traces_sample_rate=1.0,
        before_send_transaction=taken,
        # Left to itself it imports every client library that is installed.
        auto_enabling_integrations=False,
        integrations=[
            _module("sentry_sdk.integrations.httpx2").Httpx2Integration(),
            _module("sentry_sdk.integrations.openai").OpenAIIntegration(),
        ],
    )
    return lambda: len(spans), lambda: sentry.init(default_integrations=False, auto_enabling_integrations=False)


def _ddtrace() -> tuple[Count, Off]:
    os.environ.update(DD_TRACE_AGENT_URL="http://127.0.0.1:9", DD_INSTRUMENTATION_TELEMETRY_ENABLED="false")
    ddtrace, trace = _module("ddtrace"), _module("ddtrace.trace")
    spans: list[str] = []

    class Counting(trace.TraceFilter):
        def process_trace(self, trace: Any) -> None:
            spans.extend(span.name for span in trace if span.name.startswith("openai"))

    trace.tracer.configure(trace_processors=[Counting()])
    ddtrace.patch(openai=True)
    return lambda: len(spans), _module("ddtrace.contrib.internal.openai.patch").unpatch


def _logfire() -> tuple[Count, Off]:
    logfire = _module("logfire")
    exporter = InMemorySpanExporter()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(exporter)],
    )
    logfire.instrument_openai()
    return lambda: len(exporter.get_finished_spans()), lambda: None


def _ours(netloc: str) -> tuple[Count, Off]:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport, hosts={netloc: "openai"})

    def count() -> int:
        llmobserve.flush()
        return sum(event["type"] == "call" for event in transport.events)

    return count, llmobserve.unobserve


def put_on(name: str, netloc: str) -> tuple[Count, Off]:
    """Begin to observe with one tool; returns how to ask for its count, and how to take it off."""
    if name == "ours":
        return _ours(netloc)
    if name in {"openinference", "traceloop"}:
        return _opentelemetry(NEEDS[name])
    return {"langfuse": _langfuse, "sentry": _sentry, "ddtrace": _ddtrace, "logfire": _logfire}[name]()


def calls(url: str) -> None:
    """Six calls: plain, streamed, raw, streamed raw, and two asynchronous ones."""
    asked: dict[str, Any] = {"model": "gpt-4o-mini", "messages": PROMPT}

    async def awaited() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
            await client.chat.completions.create(**asked)
            async for _ in await client.chat.completions.create(**asked, stream=True):
                pass

    with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as client:
        client.chat.completions.create(**asked)
        list(client.chat.completions.create(**asked, stream=True))
        client.chat.completions.with_raw_response.create(**asked).parse()
        with client.chat.completions.with_streaming_response.create(**asked) as response:
            response.read()
    asyncio.run(awaited())


def transaction() -> Any:
    """Sentry keeps spans only inside one."""
    sentry: Any = sys.modules.get("sentry_sdk")
    return contextlib.nullcontext() if sentry is None else sentry.start_transaction(op="test", name="test")


def answer(request: Received) -> Answer:
    """Streamed where asked for."""
    if request.json.get("stream"):
        return event_stream(chat_chunks("a", "b", usage=CHAT_USAGE))
    return json_answer(chat_completion())


def attributes() -> list[object]:
    """What stands at the places of our hooks."""
    owners: list[type] = [httpx2.Client, httpx2.AsyncClient]
    return [owner.__dict__.get(name) for owner in owners for name in HOOKED]


def run(order: list[str], removal: list[str]) -> dict[str, Any]:
    """Counts with all on, and for each one taken off: whether calls work, and what is added to our count."""
    bare = attributes()
    with Loopback(answer) as server:
        on = {name: put_on(name, server.netloc) for name in order}
        with transaction():
            calls(f"{server.url}/v1")
        out: dict[str, Any] = {"order": order, "counts": {name: count() for name, (count, _) in on.items()}}
        out["calls"], out["removed"] = len(server.ledger), []
        for name in removal:
            before = on["ours"][0]()
            on[name][1]()
            calls(f"{server.url}/v1")
            out["removed"].append([name, on["ours"][0]() - before])
        out["restored"] = attributes() == bare
    return out


def forked(*arguments: Any) -> None:
    """Run in a child and wait for it."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    print(json.dumps(run(*arguments)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for name in {"openinference", "sentry"} & set(installed()):
        _module(NEEDS[name])  # once for all children
    for each in cast("list[list[list[str]]]", json.loads(sys.argv[1])):
        forked(*each)
