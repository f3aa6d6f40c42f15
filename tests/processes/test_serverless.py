"""A process that is frozen between its requests, as on AWS Lambda: simulated with SIGSTOP and SIGCONT."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from e2e.collector import wait_until
from loopback.collector import Collector as Batches

import llmobserve
from llmobserve.serverless import flush_on_return
from llmobserve.transport import MemoryTransport
from processes.ledger import Case

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")

LOOP = """
import sys, time
import llmobserve
from llmobserve.serverless import flush_on_return
from calls import ask
llmobserve.observe()

@flush_on_return
def handler(event, context):
    return ask(event)

for line in sys.stdin:  # the runtime: one invocation a line
    began = time.perf_counter()
    handler(line.strip(), None)
    print(round(time.perf_counter() - began, 3), flush=True)
"""


class Sandbox:
    """The simulated runtime: the process is frozen from the moment on at which an invocation has been answered."""

    def __init__(self, case: Case, **environ: str) -> None:
        path = case.spool.with_name("function.py")
        path.write_text(LOOP)
        self._process = subprocess.Popen(
            [sys.executable, str(path)],
            env=case.environ(**environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def invoke(self, event: str) -> float:
        """How long the invocation took, in seconds."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self._process.send_signal(signal.SIGCONT)
        stdin.write(f"{event}\n")
        stdin.flush()
        took_s = float(stdout.readline())
        self._process.send_signal(signal.SIGSTOP)
        return took_s

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_every_invocation_has_sent_its_records_before_it_is_frozen(case: Case) -> None:
    with Sandbox(case, AWS_LAMBDA_FUNCTION_NAME="bot") as sandbox:
        for number in range(4):
            sandbox.invoke(f"event-{number}")
            wait_until(lambda seen=number + 1: len(case.collector.calls(q=f"service:{case.service}")) == seen, 10)
            time.sleep(0.1)
        case.check()


def test_what_a_silent_collector_has_not_taken_is_sent_after_the_thaw(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        with Sandbox(case, LLMOBSERVE_COLLECTOR_URL=f"http://127.0.0.1:{port}") as sandbox:
            sandbox.invoke("first")  # loads the client library too
            took_s = [sandbox.invoke(f"event-{number}") for number in range(3)]
            assert min(took_s) < 5, "hang detector: 0.3 s are waited for the collector, whose answer never comes"
            listener.close()
            with Batches(port=port) as batches:
                give_up = time.monotonic() + 60
                while len({event["event_id"] for event in batches.events("call")}) < len(case.ledger.answered):
                    assert time.monotonic() < give_up
                    sandbox.invoke("later")
                    time.sleep(0.3)


def test_sandbox_that_is_thrown_away(case: Case) -> None:
    """Frozen, then killed: its disk, where there is one to come back to, has what was not sent."""
    with Sandbox(case, LLMOBSERVE_COLLECTOR_URL="http://127.0.0.1:1") as sandbox:
        sandbox.invoke("only")
    case.flush()
    case.check()


def observed() -> MemoryTransport:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport, flush_interval_ms=60_000)
    return transport


def names(transport: MemoryTransport) -> list[str]:
    return [event["name"] for event in transport.events if event.get("kind") == "run" and event["name"] != ""]


@pytest.fixture(autouse=True)
def nothing_left() -> Any:
    yield
    llmobserve.shutdown(0)


def test_decorator_keeps_answer_error_and_name() -> None:
    transport = observed()

    @flush_on_return(timeout_ms=5000)
    def handler(number: int) -> int:
        with llmobserve.run(f"run-{number}"):
            return 10 // number

    assert handler(5) == 2
    assert names(transport) == ["run-5"]
    with pytest.raises(ZeroDivisionError):
        handler(0)
    assert names(transport) == ["run-5", "run-0"]
    assert handler.__name__ == "handler"


def test_decorator_of_a_coroutine() -> None:
    transport = observed()

    @flush_on_return
    async def handler() -> str:
        with llmobserve.run("asynchronous"):
            await asyncio.sleep(0)
        return "answer"

    assert asyncio.run(handler()) == "answer"
    assert names(transport) == ["asynchronous"]


def test_decorator_without_observe_does_nothing() -> None:
    assert flush_on_return(lambda: 7)() == 7
    assert not Path(os.environ["LLMOBSERVE_SPOOL_DIR"]).exists()
