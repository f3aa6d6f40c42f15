"""Calls made in gunicorn workers, Celery pools and greenlets: nothing is lost when those end, or are killed."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest
from e2e.collector import wait_until

from processes.ledger import Case

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
BIN = Path(sys.executable).parent
REQUESTS = 200

WEB_APP = """
import os, signal, sys
import llmobserve
from calls import ask
llmobserve.observe()
ask("master")  # before the workers are forked

def app(environ, start_response):
    number = str(ask("worker")).encode()
    start_response("200 OK", [("content-length", str(len(number)))])
    return [number]
"""
HANDLER = """
import os, signal
def post_worker_init(worker):
    ours = signal.getsignal(signal.SIGTERM)
    def handle(signum, frame):
        open(os.environ["HANDLED"], "a").write("x")
        ours(signum, frame)
    signal.signal(signal.SIGTERM, handle)
"""


@contextmanager
def gunicorn(case: Case, folder: Path) -> "Generator[tuple[subprocess.Popen[bytes], str]]":
    (folder / "webapp.py").write_text(WEB_APP)
    (folder / "settings.py").write_text(HANDLER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(BIN / "gunicorn"), "--preload", "--workers=2", f"--bind=127.0.0.1:{port}", "--config=settings.py"]
    command += ["--no-control-socket", "--log-level=warning", "webapp:app"]
    environ = case.environ(HANDLED=str(folder / "handled"))
    with subprocess.Popen(command, cwd=folder, env=environ) as master:
        try:
            wait_until(lambda: answers(port), 60)
            yield master, f"http://127.0.0.1:{port}"
        finally:
            master.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get(url: str) -> int | None:
    """The number that the application got of the provider; `None` when its worker died under it."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.read())
    except (OSError, HTTPException):
        return None


def workers_of(master: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
@pytest.mark.parametrize("kill_a_worker", [False, True])
def test_gunicorn(kill_a_worker: bool, case: Case, tmp_path: Path) -> None:
    with gunicorn(case, tmp_path) as (master, url), ThreadPoolExecutor(4) as clients:
        answered = [clients.submit(get, url) for _ in range(REQUESTS)]
        if kill_a_worker:
            wait_until(lambda: len(case.ledger.answered) > REQUESTS // 3, 60)
            os.kill(workers_of(master.pid)[0], signal.SIGKILL)
        returned = [number for future in answered if (number := future.result()) is not None]
        master.send_signal(signal.SIGTERM)
        assert master.wait(30) == 0
    assert (tmp_path / "handled").read_text().count("x") == 2  # the application's own handler, in both workers
    if kill_a_worker:
        assert len(returned) >= REQUESTS - 4
    else:
        assert len(returned) == REQUESTS
        assert len(case.ledger.answered) == REQUESTS + 1
    case.flush()
    case.check(may_be_missing=set(case.ledger.answered) - set(returned) if kill_a_worker else ())


TASKS = """
import os
from celery import Celery
import llmobserve
from calls import ask
llmobserve.observe()
folder = os.environ["BROKER"]
app = Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": folder + "/queue", "data_folder_out": folder + "/queue", "processed_folder": folder + "/done",
    },
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
)

@app.task
def work(number):
    ask(f"task-{number}")
"""


def test_celery_workers_that_live_for_one_task(case: Case, tmp_path: Path) -> None:
    """Without a flush of ours or the user's: what the children have recorded arrives by itself."""
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "queue").mkdir()
    (tmp_path / "done").mkdir()
    environ = case.environ(BROKER=str(tmp_path))
    send = "import tasks\nfor number in range(20): tasks.work.delay(number)"
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, env=environ, check=True, timeout=60)
    command = [str(BIN / "celery"), "-A", "tasks", "worker", "--pool=prefork", "--concurrency=8"]
    command += ["--max-tasks-per-child=1", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with subprocess.Popen(
        [*command, "--loglevel=ERROR"], cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL
    ) as worker:
        try:
            wait_until(lambda: len(case.ledger.answered) == 20, 120)
            wait_until(lambda: len(case.collector.calls(q=f"service:{case.service}")) == 20, 60)
        finally:
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(30)
            finally:
                worker.kill()
    case.check()


GEVENT = """
BEFORE
import llmobserve
llmobserve.observe()
AFTER
import gevent, sys, time
import httpx2
from calls import ask
ask('first')

def work(number):
    with llmobserve.run(f"run-{number}"), llmobserve.section(f"tool:t{number}"):
        gevent.sleep(0.001 * (50 - number))
        ask(f"greenlet-{number}")
        gevent.sleep(0.001 * number)

gevent.joinall([gevent.spawn(work, number) for number in range(50)], raise_error=True)
print(time.time(), flush=True)
"""
PATCH = "from gevent import monkey; monkey.patch_all()"


@pytest.mark.parametrize("order", ["before observe", "after observe"])
def test_greenlets(order: str, case: Case) -> None:
    before, after = (PATCH, "") if order == "before observe" else ("", PATCH)
    done = case.run(GEVENT.replace("BEFORE", before).replace("AFTER", after), EXIT_S="30")
    took_s = time.time_ns() / 1e9 - float(done.stdout)
    assert took_s < 25, "hang detector: the goal is three seconds"
    assert len(case.ledger.answered) == 51
    rows = case.check()  # without a flush: the process has sent everything at its end
    for row in rows:
        name = case.ledger.names[int(row["output_tokens"])]
        if name != "first":
            number = name.partition("-")[2]
            assert (row["run_name"], row["section_path"]) == (f"run-{number}", f"tool:t{number}/agent:caller")
