"""Runs a program of a framework in its own environment and reads what was recorded of it."""

import json
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.wire import Usage

__all__ = ["CALL_USD", "Outcome", "run_program"]

CALL_USD = Decimal("0.0000312")
"""A call of the demo provider with gpt-4o-mini (openai.com/api/pricing, 2026-11): 56 fresh, 64 cached and 30 output
tokens, 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths."""
_QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "DO_NOT_TRACK": "1",
}
"""No framework may tell its makers about the tests."""
_HEAD = """
import asyncio, concurrent.futures, json, os, sys
import llmobserve
from llmobserve import capture
from llmobserve.transport import MemoryTransport

transport = MemoryTransport()
seen = {}
spans_of_others = []


def with_openinference(*names):
    '''Have these instrumentors of OpenInference at work: (module, class). With them we come late, after the imports.'''
    if sys.argv[1] == "plain":
        return
    if sys.argv[1] == "openinference":
        llmobserve.observe(transport=transport)
    from importlib import import_module
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    for module, name in names:
        instrumentor = getattr(import_module("openinference.instrumentation." + module), name)()
        instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    spans_of_others.append(exporter)
    if sys.argv[1] == "openinference first":
        llmobserve.observe(transport=transport)


def of_two_customers(work, name="run of "):
    '''Two runs at a time, each in a thread.'''
    def one(customer):
        with llmobserve.run(name + customer, customer_id=customer):
            work()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(one, ["c1", "c2"]))


async def of_two_customers_async(work):
    '''Two runs at a time, each in a task.'''
    async def one(customer):
        with llmobserve.run("run of " + customer, customer_id=customer):
            await work()

    await asyncio.gather(one("c1"), one("c2"))


def failure(work):
    '''Type of the exception that the application sees.'''
    try:
        work()
    except BaseException as error:
        return type(error).__name__


if sys.argv[1] == "plain":
    llmobserve.observe(transport=transport)
"""
_TAIL = """
health = [[one.library, one.target, one.state, one.detail] for one in capture.health() if one.state != "waiting"]
internal_errors = llmobserve.lifecycle.status()["internal_errors"]
llmobserve.shutdown()
names = [span.name for exporter in spans_of_others for span in exporter.get_finished_spans()]
print("\\n" + json.dumps([transport.events, health, internal_errors, seen, names]))
"""


@dataclass(frozen=True)
class Outcome:
    """What was recorded of a program, and what it saw."""

    events: list[dict[str, Any]]
    health: list[list[str]]
    """Library, target, state and detail of each hook."""
    internal_errors: dict[str, int]
    seen: dict[str, Any]
    """What the program has put into `seen`."""
    others: list[str]
    """Names of the spans that OpenInference has made."""

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == "call"]

    @property
    def usd(self) -> Decimal:
        """Sum of what the answered calls cost."""
        total = Decimal(0)
        for call in self.calls:
            if call["http_status"] != 200:
                continue
            usage = Usage(units=call["usage"]["units"], source=call["usage"]["source"])
            request = PriceRequest(
                provider=call["provider"],
                operation=call["operation"],
                response_model=call["response_model"],
                usage=usage,
                at_us=1_794_312_000_000_000,
            )
            usd = price_call(request).usd
            assert usd is not None, call
            total += usd
        return total

    def states(self, library: str) -> set[str]:
        """States of the hooks of a library."""
        return {state for name, _, state, _ in self.health if name == library}

    def hooked(self, library: str) -> set[str]:
        """What is hooked of a library."""
        return {target for name, target, state, _ in self.health if name == library and state == "active"}

    def tree(self, run: str) -> str:
        """Sections and calls of the run of that name, indented, with the kind before the name."""
        below: defaultdict[str | None, list[dict[str, Any]]] = defaultdict(list)
        roots: list[str] = []
        for event in self.events:
            context = event["context"]
            if context.get("run_name") != run or (event["type"] == "span" and event.get("status") == "running"):
                continue
            if event["type"] == "span" and event["kind"] == "run":
                roots.append(context["span_id"])
            else:
                below[context["parent_span_id"]].append(event)
        assert len(roots) == 1, f"{len(roots)} runs are named {run!r}"

        def lines(parent: str, level: int) -> list[str]:
            found: list[str] = []
            for event in sorted(below.pop(parent, []), key=lambda one: (one["start_time_us"], one["sequence"])):
                what = f"{event['kind']} {event['name']}" if event["type"] == "span" else "call"
                failed = " !" if event.get("status") == "error" or event.get("error") else ""
                found += ["  " * level + what + failed, *lines(event["context"]["span_id"], level + 1)]
            return found

        shown = "\n".join(lines(roots[0], 0))
        assert not below, f"not under the run: {dict(below)}"
        return shown

    def customers(self, run: str) -> set[str | None]:
        """Customers of the calls in the run of that name."""
        return {call["context"].get("customer_id") for call in self.calls if call["context"].get("run_name") == run}


def run_program(python: Path, code: str, environment: dict[str, str], *, mode: str = "plain") -> Outcome:
    """Run the program, observed.

    `mode`: "openinference" has the instrumentors that the program names at work as well, "... first" below us.
    """
    # Frameworks swallow what their listeners raise: internal errors are counted and looked at instead.
    env = {**os.environ, **_QUIET, **environment, "LLMOBSERVE_RAISE_INTERNAL": "0"}
    with TemporaryDirectory() as folder:
        env["HOME"] = folder  # some write there
        program = Path(folder) / "program.py"  # smolagents reads the source of tools
        program.write_text(_HEAD + code + _TAIL, encoding="utf-8")
        done = subprocess.run(
            [python, "-I", program, mode], env=env, capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    outcome = Outcome(*json.loads(done.stdout.splitlines()[-1]))
    assert outcome.internal_errors == {}
    assert bool(outcome.others) == (mode != "plain")
    return outcome
