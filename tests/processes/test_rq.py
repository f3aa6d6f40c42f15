"""Jobs of RQ belong to the run, customer and section that enqueued them; work horses lose nothing at their end."""

import sys
from pathlib import Path
from typing import Any

import pytest

from processes.ledger import Case, spooled_records
from processes.queues import BIN, CUSTOMERS, attempts, chains, redis_server, run_chains, sent_by, worker

TASKS = """
import os
import redis, rq
import llmobserve
from calls import ask
llmobserve.observe()

queue = rq.Queue(connection=redis.Redis.from_url(os.environ["BROKER"]))

def outer():
    ask("outer")
    queue.enqueue(inner)

def inner():
    ask("inner")

def flaky():
    job = rq.get_current_job()
    number = 1 - job.retries_left
    ask(f"flaky-{number}")
    job.meta["mine"] = number
    job.save_meta()
    if number == 0:
        raise ConnectionError("again")

def again():
    job = rq.get_current_job()
    ask(f"again-{job.number_of_retries or 0}")
    return None if job.number_of_retries else rq.Retry(max=1)

def broken():
    ask("broken")
    raise ValueError("no")

async def after():
    ask("after")

META = {"shared": True}

def enqueue():
    first = queue.enqueue(outer)
    queue.enqueue(flaky, retry=rq.Retry(max=1))
    queue.enqueue(again)
    queue.enqueue(broken, meta=META)
    queue.enqueue(after, depends_on=first)
    assert META == {"shared": True}

def enqueue_outside():
    with llmobserve.customer("nobody's run"):
        queue.enqueue(inner)
        queue.enqueue(inner)
    queue.enqueue(flaky, retry=rq.Retry(max=1))
"""


def expected(customer: str) -> dict[str, tuple[str, ...]]:
    def below(*tasks: str) -> tuple[str, ...]:
        return (f"job {customer}", "planner", *(f"tasks.{task}" for task in tasks), "caller")

    return {
        "outer": below("outer"),
        "inner": below("outer", "inner"),
        "flaky-0": below("flaky"),
        "flaky-1": below("flaky"),
        "again-0": below("again"),
        "again-1": below("again"),
        "broken": below("broken"),
        "after": below("after"),
    }


CALLS = 2 * len(expected("")) + 4


PRELOADED = [sys.executable, "-c", "import sys, tasks; from rq.cli import main; sys.exit(main())"]
PLAIN = [str(BIN / "rq")]
"""Imports the module of a job, and so calls `observe()`, in the middle of the job."""
WAYS = {
    "preloaded": [*PRELOADED, "worker", "--worker-class=rq.worker.Worker"],
    "plain": [*PLAIN, "worker", "--worker-class=rq.worker.Worker"],
    "one process": [*PLAIN, "worker", "--worker-class=rq.worker.SimpleWorker"],
}


@pytest.mark.parametrize("way", WAYS)
def test_jobs(way: str, case: Case, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    with redis_server(tmp_path) as url:
        environ = case.environ(BROKER=url, EXIT_S="30")
        with worker([*WAYS[way], "--url", url, "--logging_level=ERROR"], tmp_path, environ):
            sent_by(tmp_path, environ)
            rows = run_chains(case, CALLS)
    assert spooled_records(case.spool) == 0
    for customer in CUSTOMERS:
        assert chains(case, rows, f"job {customer}") == expected(customer)
    alone = [row for row in rows if row["run_name"] == "tasks.inner"]
    assert [row["customer_id"] for row in alone] == ["nobody's run"] * 2
    assert attempts(case, rows, "tasks.flaky") == {(0, "error", "ConnectionError"): 3, (1, "ok", None): 3}
    assert attempts(case, rows, "tasks.again") == {(0, "ok", None): 2, (1, "ok", None): 2}
    assert attempts(case, rows, "tasks.broken") == {(0, "error", "ValueError"): 2}


def test_a_work_horse_has_sent_its_records_when_it_ends(case: Case, tmp_path: Path) -> None:
    """Nobody else sends: the worker itself observes nothing, its horses import the module of the job."""
    (tmp_path / "tasks.py").write_text(TASKS)
    with redis_server(tmp_path) as url:
        environ = case.environ(BROKER=url, EXIT_S="30")
        program = "import llmobserve, tasks\nfor _ in range(10):\n    tasks.queue.enqueue(tasks.inner)"
        case.run(program, BROKER=url, PYTHONPATH=f"{tmp_path}:{environ['PYTHONPATH']}")
        start = [*WAYS["plain"], "--url", url, "--burst", "--logging_level=ERROR"]
        with worker(start, tmp_path, environ) as process:
            process.wait(120)
            assert process.returncode == 0
    assert len(case.ledger.answered) == 10
    assert spooled_records(case.spool) == 0
    case.check()


def test_jobs_in_the_same_process(case: Case, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS.replace("connection=", "is_async=False, connection="))
    program = """
import tasks, llmobserve
with llmobserve.run("job", customer_id="acme"), llmobserve.section("agent:planner"):
    tasks.queue.enqueue(tasks.outer)
assert llmobserve.get_customer_id() is None
"""
    with redis_server(tmp_path) as url:
        case.run(program, BROKER=url, PYTHONPATH=f"{tmp_path}:{case.environ()['PYTHONPATH']}")
    found: list[tuple[Any, ...]] = [(row["section_path"], row["customer_id"]) for row in case.check()]
    assert found == [
        ("agent:planner/step:tasks.outer/agent:caller", "acme"),
        ("agent:planner/step:tasks.outer/step:tasks.inner/agent:caller", "acme"),
    ]
