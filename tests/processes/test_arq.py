"""Jobs of arq belong to the run, customer and section that enqueued them, however late a worker calls `observe()`."""

import sys
from pathlib import Path

import pytest
from e2e.collector import wait_until
from wheels import ROOT, uv

from processes.ledger import Case, spooled_records
from processes.queues import CUSTOMERS, attempts, chains, redis_server, run_chains, sent_by, worker

pytestmark = pytest.mark.packaging

TASKS = """
import asyncio, os
from arq import Retry, cron, func
from arq.connections import RedisSettings, create_pool
import llmobserve
from calls import ask
EARLY

REDIS = RedisSettings.from_dsn(os.environ["BROKER"])

async def outer(ctx):
    ask("outer")
    await ctx["redis"].enqueue_job("inner")

async def inner(ctx):
    await asyncio.to_thread(ask, "inner")

async def flaky(ctx):
    ask(f"flaky-{ctx['job_try'] - 1}")
    if ctx["job_try"] == 1:
        raise Retry(defer=0.01)

async def broken(ctx):
    ask("broken")
    raise ValueError("no")

async def slow(ctx, number):
    await asyncio.sleep(0.2)
    ask(f"slow-{number}")

async def every(ctx):
    ask("every")

async def startup(ctx):
    LATE

class WorkerSettings:
    functions = [outer, inner, func(flaky, name="named"), broken, slow]
    cron_jobs = [cron(every, run_at_startup=True, month=1, day=1)]
    on_startup = startup
    redis_settings = REDIS
    poll_delay = 0.05

assert WorkerSettings.functions[2].coroutine is flaky

async def send(*jobs):
    pool = await create_pool(REDIS)
    await asyncio.gather(*[pool.enqueue_job(*job) for job in jobs])
    await pool.aclose()

def enqueue():
    asyncio.run(send(["outer"], ["named"], ["broken"], ["slow", 1], ["slow", 2], ["slow", 3]))

def enqueue_outside():
    with llmobserve.customer("nobody's run"):
        asyncio.run(send(["inner"], ["inner"]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """arq wants an older redis than the other tests."""
    folder = tmp_path_factory.mktemp("arq")
    uv("venv", "--quiet", "--python", sys.executable, folder)
    found = folder / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", found, ROOT / "python" / "llmobserve", "arq==0.28.0", "httpx2==2.16.2")
    return found


def expected(customer: str) -> dict[str, tuple[str, ...]]:
    def below(*tasks: str) -> tuple[str, ...]:
        return (f"job {customer}", "planner", *tasks, "caller")

    return {
        "outer": below("outer"),
        "inner": below("outer", "inner"),
        "flaky-0": below("named"),
        "flaky-1": below("named"),
        "broken": below("broken"),
        **{f"slow-{number}": below("slow") for number in (1, 2, 3)},
    }


CALLS = 2 * len(expected("")) + 3


@pytest.mark.parametrize("observed", ["at the import", "at the start of the worker"])
def test_jobs(observed: str, case: Case, tmp_path: Path, python: Path) -> None:
    place, other = ("EARLY", "LATE") if observed == "at the import" else ("LATE", "EARLY")
    (tmp_path / "tasks.py").write_text(TASKS.replace(place, "llmobserve.observe()").replace(other, "pass"))
    with redis_server(tmp_path) as url:
        environ = case.environ(BROKER=url, EXIT_S="30")
        with worker([str(python.with_name("arq")), "tasks.WorkerSettings"], tmp_path, environ):
            sent_by(tmp_path, environ, python)
            rows = run_chains(case, CALLS)
    assert spooled_records(case.spool) == 0
    for customer in CUSTOMERS:
        assert chains(case, rows, f"job {customer}") == expected(customer)
    alone = [row for row in rows if row["run_name"] == "inner"]
    assert [row["customer_id"] for row in alone] == ["nobody's run"] * 2
    assert [row["customer_id"] for row in rows if row["run_name"] == "cron:every"] == [None]
    assert attempts(case, rows, "named") == {(0, "error", "Retry"): 2, (1, "ok", None): 2}
    assert attempts(case, rows, "broken") == {(0, "error", "ValueError"): 2}


def test_a_worker_without_us_takes_our_jobs(case: Case, tmp_path: Path, python: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS.replace("EARLY", "").replace("LATE", "pass"))
    with redis_server(tmp_path) as url:
        environ = case.environ(BROKER=url)
        with worker([str(python.with_name("arq")), "tasks.WorkerSettings"], tmp_path, environ):
            sent_by(tmp_path, environ, python)
            wait_until(lambda: len(case.ledger.answered) == CALLS, 60)
    assert case.collector.calls(q=f"service:{case.service}") == []
