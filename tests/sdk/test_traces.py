"""Beside OpenTelemetry: events join its trace, traces of other services are continued, and it is never imported."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.rig import Recorded, observed
from loopback.server import Loopback, json_answer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmobserve
from llmobserve import context
from llmobserve.context import OpenSpan

PROMPT: Any = [{"role": "user", "content": "Hello"}]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


pytestmark = pytest.mark.usefixtures("spans")


@pytest.fixture
def tracer() -> Any:
    """Not the global one, which a process can set only once: the current span is found all the same."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    return provider.get_tracer("application")


@pytest.fixture
def provider_calls() -> Iterator[tuple[openai.OpenAI, Recorded]]:
    with (
        Loopback(json_answer(chat_completion())) as server,
        openai.OpenAI(api_key="k", base_url=f"{server.url}/v1") as client,
        observed(server) as recorded,
    ):
        yield client, recorded


def ask(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="m", messages=PROMPT)


def ids(span: Any) -> tuple[str, str]:
    held = span.get_span_context()
    return f"{held.trace_id:032x}", f"{held.span_id:016x}"


def test_a_call_is_a_child_of_the_active_span(tracer: Any, provider_calls: Any) -> None:
    client, recorded = provider_calls
    with tracer.start_as_current_span("request") as outer:
        ask(client)
        with tracer.start_as_current_span("step") as inner:
            ask(client)
    ask(client)
    inside, deeper, after = (call.context for call in recorded.calls)
    assert (inside.trace_id, inside.parent_span_id) == ids(outer)
    assert (deeper.trace_id, deeper.parent_span_id) == ids(inner)
    assert after.trace_id != inside.trace_id


def test_runs_and_sections_stand_between_the_active_span_and_their_calls(
    tracer: Any, provider_calls: Any, spans: list[OpenSpan]
) -> None:
    client, recorded = provider_calls
    with tracer.start_as_current_span("request") as outer:
        with llmobserve.run("job") as job, llmobserve.section("agent:a") as agent:
            job_id, agent_id = job.span_id, agent.span_id
            with tracer.start_as_current_span("inside"):
                ask(client)
        with llmobserve.section("agent:b"):
            pass
    call = recorded.one.context
    assert (call.trace_id, call.parent_span_id) == (ids(outer)[0], agent_id)
    a, run, b = spans
    assert context.span_context(a).parent_span_id == job_id
    assert (context.span_context(run).trace_id, context.span_context(run).parent_span_id) == ids(outer)
    assert (context.run_context(b).trace_id, context.run_context(b).parent_span_id) == ids(outer)


def test_threads_and_tasks_stay_in_the_trace(tracer: Any, provider_calls: Any) -> None:
    client, recorded = provider_calls
    with tracer.start_as_current_span("request") as outer:
        thread = threading.Thread(target=ask, args=(client,))
        thread.start()
        thread.join()

        async def main() -> None:
            await asyncio.gather(asyncio.to_thread(ask, client), asyncio.to_thread(ask, client))

        asyncio.run(main())
    assert [(call.context.trace_id, call.context.parent_span_id) for call in recorded.calls] == [ids(outer)] * 3


def test_the_trace_of_a_request_is_continued(provider_calls: Any, spans: list[OpenSpan]) -> None:
    client, recorded = provider_calls
    with llmobserve.continue_trace({"Traceparent": TRACEPARENT}):
        ask(client)
        with llmobserve.section("agent:a") as agent:
            agent_id = agent.span_id
            ask(client)
    ask(client)
    bare, inside, after = (call.context for call in recorded.calls)
    assert (bare.trace_id, bare.parent_span_id) == (TRACE, SPAN)
    assert (inside.trace_id, inside.parent_span_id) == (TRACE, agent_id)
    assert context.run_context(spans[0]).parent_span_id == SPAN
    assert after.trace_id != TRACE


def test_a_span_that_is_active_here_wins(tracer: Any, provider_calls: Any) -> None:
    client, recorded = provider_calls
    with llmobserve.continue_trace({"traceparent": TRACEPARENT}), tracer.start_as_current_span("server") as server:
        ask(client)
        with llmobserve.run("r"):
            ask(client)
    assert [call.context.trace_id for call in recorded.calls] == [ids(server)[0]] * 2


def test_from_service_to_service(provider_calls: Any, spans: list[OpenSpan]) -> None:
    client, recorded = provider_calls
    with llmobserve.run("job", customer_id="Müller, & Söhne", user_id="u=1"), llmobserve.section("agent:a"):
        sent = llmobserve.trace_headers()
        here = context.wire_context(context.current(), None)
    assert sent["traceparent"] == f"00-{here.trace_id}-{here.parent_span_id}-01"
    assert sent["baggage"].isascii()
    other = [(name.encode(), value.encode()) for name, value in sent.items()]  # as an ASGI server has them
    with llmobserve.continue_trace(other, baggage=True), llmobserve.section("agent:b"):
        ask(client)
    there = recorded.one.context
    assert (there.trace_id, there.run_id, there.run_name) == (here.trace_id, here.run_id, "job")
    assert (there.customer_id, there.user_id) == ("Müller, & Söhne", "u=1")
    # The section of the other service hangs below the one that sent the request, in the same run.
    assert context.span_context(spans[-1]).parent_span_id == here.parent_span_id
    with llmobserve.continue_trace(sent):
        assert llmobserve.get_customer_id() is None
        assert llmobserve.get_run_id() != here.run_id
    assert llmobserve.get_customer_id() is None


def test_headers_where_nothing_is_said() -> None:
    sent = llmobserve.trace_headers()
    assert list(sent) == ["traceparent"]
    with llmobserve.continue_trace(sent):
        assert llmobserve.trace_headers() == sent


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE[:-1]}-{SPAN}a-01",
        "00-ä-ö-ü",
    ],
)
def test_headers_that_name_no_trace(wrong: str) -> None:
    with llmobserve.continue_trace({"traceparent": wrong, "baggage": "=,;,llmobserve.customer_id,x=1"}, baggage=True):
        assert context.is_outside(context.current())


def test_of_a_later_version_the_known_part_is_read() -> None:
    with llmobserve.continue_trace({"traceparent": f"01-{TRACE}-{SPAN}-01-more"}):
        assert context.current().link == (TRACE, SPAN)


def test_what_is_no_headers_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    with llmobserve.continue_trace(7):  # type: ignore[arg-type]
        assert context.is_outside(context.current())


_NEVER_IMPORTED = """
import sys, llmobserve, httpx2
llmobserve.observe(transport=llmobserve.transport.MemoryTransport())
with llmobserve.run("r"), llmobserve.continue_trace({}):
    llmobserve.trace_headers()
llmobserve.shutdown()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_opentelemetry_is_never_imported() -> None:
    code = "import llmobserve.transport\n" + _NEVER_IMPORTED
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
