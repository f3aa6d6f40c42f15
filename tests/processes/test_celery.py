"""Tasks of Celery belong to the run, customer and section that enqueued them, in every pool, beside other observers."""

import subprocess
import sys
from pathlib import Path

import pytest

from processes.ledger import Case, spooled_records
from processes.queues import BIN, CUSTOMERS, attempts, chains, redis_server, run_chains, sent_by, worker

TASKS = """
import os
import celery
import llmobserve
from calls import ask
BEFORE
llmobserve.observe()
AFTER

app = celery.Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BROKER"])

@app.task
def outer():
    ask("outer")
    inner.delay()

@app.task
def inner():
    ask("inner")

@app.task(bind=True)
def flaky(self):
    ask(f"flaky-{self.request.retries}")
    if self.request.retries == 0:
        raise self.retry(exc=ConnectionError("again"), countdown=0)

@app.task
def broken():
    ask("broken")
    raise ValueError("no")

@app.task
def first():
    ask("first")
    return 7

@app.task
def second(number):
    ask(f"second-{number}")

@app.task
def part(number):
    ask(f"part-{number}")
    return number

@app.task
def total(numbers):
    ask(f"total-{sum(numbers)}")

@app.task
def done(number):
    ask(f"done-{number}")

COMPOSED = celery.chord([part.s(1), part.s(2)], total.s())  # the same object for all customers

def enqueue():
    outer.delay()
    flaky.delay()
    broken.delay()
    celery.chain(first.s(), second.s())()
    COMPOSED.delay()
    part.apply_async((9,), link=done.s())

def enqueue_outside():
    with llmobserve.customer("nobody's run"):
        inner.delay()
        inner.delay()
"""
OPENTELEMETRY = """
from celery.signals import worker_process_init
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.instrumentation.celery import CeleryInstrumentor
trace.set_tracer_provider(TracerProvider())
CeleryInstrumentor().instrument()
"""
PLANNER = "agent:planner"


def expected(customer: str) -> dict[str, tuple[str, ...]]:
    def below(*tasks: str) -> tuple[str, ...]:
        return (f"job {customer}", "planner", *(f"tasks.{task}" for task in tasks), "caller")

    return {
        "outer": below("outer"),
        "inner": below("outer", "inner"),
        "flaky-0": below("flaky"),
        "flaky-1": below("flaky"),
        "broken": below("broken"),
        "first": below("first"),
        "second-7": below("second"),
        "part-1": below("part"),
        "part-2": below("part"),
        "total-3": below("total"),
        "part-9": below("part"),
        "done-9": below("done"),
    }


CALLS = 2 * len(expected("")) + 2
WAYS = {
    "prefork": ("prefork", "", ""),
    "prefork after OpenTelemetry": ("prefork", OPENTELEMETRY, ""),
    "threads before OpenTelemetry": ("threads", "", OPENTELEMETRY),
    "gevent": ("gevent", "", ""),
}
"""The pool, and what is done before and after `observe()`."""


@pytest.mark.parametrize("way", WAYS)
def test_tasks(way: str, case: Case, tmp_path: Path) -> None:
    pool, before, after = WAYS[way]
    (tmp_path / "tasks.py").write_text(TASKS.replace("BEFORE", before).replace("AFTER", after))
    with redis_server(tmp_path) as url:
        environ = case.environ(BROKER=url, EXIT_S="30")
        command = [str(BIN / "celery"), "-A", "tasks", "worker", "--concurrency=2", "--loglevel=ERROR"]
        command += [f"--pool={pool}"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with worker(command, tmp_path, environ):
            sent_by(tmp_path, environ)
            rows = run_chains(case, CALLS)
    assert spooled_records(case.spool) == 0
    for customer in CUSTOMERS:
        assert chains(case, rows, f"job {customer}") == expected(customer)
    alone = [row for row in rows if row["run_name"] == "tasks.inner"]
    assert [row["customer_id"] for row in alone] == ["nobody's run"] * 2
    assert len({row["run_id"] for row in alone}) == 2
    assert attempts(case, rows, "tasks.flaky") == {(0, "error", "ConnectionError"): 2, (1, "ok", None): 2}
    assert attempts(case, rows, "tasks.broken") == {(0, "error", "ValueError"): 2}


EAGER = """
import llmobserve, celery
from calls import ask
llmobserve.observe()
app = celery.Celery("tasks", broker="memory://")
app.conf.task_always_eager = True

@app.task(name="inner")
def inner():
    llmobserve.set_customer_id("changed inside")
    ask("inner")

@app.task(name="outer")
def outer():
    ask("outer")
    inner.delay()
    ask("after")

@app.task(name="broken")
def broken():
    ask("broken")
    raise ValueError("no")

with llmobserve.run("job", customer_id="acme"), llmobserve.section("agent:planner"):
    outer.delay()
    broken.delay()
    app.conf.task_eager_propagates = True
    try:
        broken.delay()
    except ValueError:
        ask("last")
assert llmobserve.get_customer_id() is None
"""


def test_eager_tasks(case: Case) -> None:
    case.run(EAGER)
    rows = case.check()
    found = [(case.ledger.names[int(row["output_tokens"])], row["section_path"], row["customer_id"]) for row in rows]
    assert found == [
        ("outer", "agent:planner/step:outer/agent:caller", "acme"),
        ("inner", "agent:planner/step:outer/step:inner/agent:caller", "changed inside"),
        ("after", "agent:planner/step:outer/agent:caller", "acme"),
        ("broken", "agent:planner/step:broken/agent:caller", "acme"),
        ("broken", "agent:planner/step:broken/agent:caller", "acme"),
        ("last", "agent:planner/agent:caller", "acme"),
    ]
    assert attempts(case, rows, "broken") == {(0, "error", "ValueError"): 2}


def test_celery_is_not_imported(case: Case) -> None:
    program = "import llmobserve, sys\nllmobserve.observe()\nprint([name for name in sys.modules if 'celery' in name])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=case.environ(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
