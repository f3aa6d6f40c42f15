"""Work handed to other processes by hand: over a queue of multiprocessing, and by the environment of a subprocess."""

import pytest

from processes.ledger import Case
from processes.queues import chains

QUEUE = """
import multiprocessing
import llmobserve
from calls import ask

def work(jobs):
    llmobserve.observe()
    while (job := jobs.get()) is not None:
        context, name = job
        with llmobserve.import_context(context), llmobserve.section("step:work"):
            ask(name)

if __name__ == "__main__":
    llmobserve.observe()
    start = multiprocessing.get_context("METHOD")
    jobs = start.Queue()
    workers = [start.Process(target=work, args=(jobs,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for customer in ("acme", "globex"):
        with llmobserve.run(f"job {customer}", customer_id=customer), llmobserve.section("agent:planner"):
            ask("planner")
            for number in range(3):
                jobs.put((llmobserve.export_context(), f"work-{number}"))
    for worker in workers:
        jobs.put(None)
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
"""
PARENT = """
import json, os, subprocess, sys
import llmobserve
from calls import ask
llmobserve.observe()

CHILD = '''
import os
import llmobserve
from calls import ask
llmobserve.observe()
with llmobserve.import_context(os.environ.get("LLM_CONTEXT")), llmobserve.section("tool:child"):
    ask("child")
'''
for customer in ("acme", "globex"):
    with llmobserve.run(f"job {customer}", customer_id=customer), llmobserve.section("agent:planner"):
        ask("planner")
        environ = os.environ | {"LLM_CONTEXT": json.dumps(llmobserve.export_context())}
        subprocess.run([sys.executable, "-c", CHILD], env=environ, check=True)
subprocess.run([sys.executable, "-c", CHILD], check=True)
"""


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_queue_of_multiprocessing(method: str, case: Case) -> None:
    case.run(QUEUE.replace("METHOD", method), EXIT_S="30")
    rows = case.check()
    assert len(rows) == 8
    for customer in ("acme", "globex"):
        run = f"job {customer}"
        assert {row["customer_id"] for row in rows if row["run_name"] == run} == {customer}
        expected = {f"work-{number}": (run, "planner", "work", "caller") for number in range(3)}
        assert chains(case, rows, run) == {"planner": (run, "planner", "caller"), **expected}


def test_subprocess(case: Case) -> None:
    case.run(PARENT, EXIT_S="30")
    rows = case.check()
    assert [row["customer_id"] for row in rows] == ["acme", "acme", "globex", "globex", None]
    for customer in ("acme", "globex"):
        run = f"job {customer}"
        expected = {"planner": (run, "planner", "caller"), "child": (run, "planner", "child", "caller")}
        assert chains(case, rows, run) == expected
    assert rows[-1]["run_name"] == "child"
