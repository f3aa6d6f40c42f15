"""Processes that end while the collector is dead, silent or slow, or while threads call: what returned is kept."""

import signal
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from e2e.collector import wait_until
from loopback.collector import Collector as Batches

from processes.ledger import Case, spooled_records

TEN_CALLS = """
import atexit, time
import llmobserve
from calls import ask
llmobserve.observe()
for _ in range(9):
    ask()
atexit.register(ask)
print(time.time(), flush=True)
"""


@contextmanager
def refused() -> Generator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def silent() -> Generator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def slow() -> Generator[str]:
    """Answers after four seconds: the batch has arrived, and the process does not learn of it."""

    def decide(number: int, batch: dict[str, Any]) -> None:
        time.sleep(4)

    with Batches(decide) as batches:
        yield batches.url


COLLECTORS = {"refused": refused, "silent": silent, "slow": slow}


@pytest.mark.parametrize("collector_is", COLLECTORS)
def test_an_exit_neither_waits_nor_loses(collector_is: str, case: Case) -> None:
    with COLLECTORS[collector_is]() as url:
        done = case.run(TEN_CALLS, LLMOBSERVE_COLLECTOR_URL=url)
        took_s = time.time_ns() / 1e9 - float(done.stdout)
    assert took_s < 10, "hang detector: the goal is two seconds, measured by tests/bench/bench_sdk_core.py"
    assert len(case.ledger.answered) == 10
    assert case.flush()["orphans_left"] == 0
    case.check()


def test_the_next_process_delivers_what_one_has_left(case: Case) -> None:
    with refused() as url:
        case.run(TEN_CALLS, LLMOBSERVE_COLLECTOR_URL=url)
    case.run(TEN_CALLS, EXIT_S="30")
    assert len(case.ledger.answered) == 20
    case.check()


def test_sigterm_as_it_is_by_default(case: Case) -> None:
    process = case.start(TEN_CALLS + "time.sleep(60)")
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    assert len(case.ledger.answered) == 9
    case.flush()
    case.check()


def test_sys_exit_in_threads(case: Case) -> None:
    case.run(
        """
import sys, threading
import llmobserve
from calls import ask
llmobserve.observe()
def work():
    ask()
    sys.exit(3)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
""",
        EXIT_S="30",
    )
    assert len(case.ledger.answered) == 8
    case.check()


def test_daemon_threads_that_call_until_the_end(case: Case) -> None:
    done = case.run("""
import os, threading, time
import llmobserve
from calls import ask
llmobserve.observe()
returned = []
def work():
    while True:
        number = ask()
        os.write(1, b"%d\\n" % number)
        returned.append(number)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
while len(returned) < 50:
    time.sleep(0.01)
""")
    returned = {int(line) for line in done.stdout.split()}
    assert len(returned) >= 50
    case.flush()
    not_returned = set(case.ledger.answered) - returned
    assert len(not_returned) <= 4  # one a thread
    case.check(may_be_missing=not_returned)


def test_an_interpreter_that_gives_no_more_threads(case: Case) -> None:
    """Python 3.12 and later refuse a thread from the moment on at which exit handlers run."""
    case.run(
        """
import threading
import llmobserve
from calls import ask
llmobserve.observe()
def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")
threading.Thread.start = refuse
for _ in range(5):
    ask()
""",
        EXIT_S="30",
    )
    assert len(case.ledger.answered) == 5
    case.check()  # sent by the thread that ended the process


def test_an_interpreter_without_threads_does_not_wait_for_a_silent_collector(case: Case) -> None:
    program = TEN_CALLS.replace(
        "llmobserve.observe()",
        "llmobserve.observe()\nimport threading\n"
        "def refuse(self): raise RuntimeError('no')\nthreading.Thread.start = refuse",
    )
    with silent() as url:
        done = case.run(program, LLMOBSERVE_COLLECTOR_URL=url)
    assert time.time_ns() / 1e9 - float(done.stdout) < 8, "hang detector: an answer is waited for up to ten seconds"
    case.flush()
    case.check()


def test_everything_waits_for_a_collector_that_comes_later(case: Case) -> None:
    """The process lives on: it finds the collector by itself."""
    with refused() as url:
        port = int(url.rpartition(":")[2])
    process = case.start(TEN_CALLS.replace("atexit.register(ask)", "") + "time.sleep(60)", LLMOBSERVE_COLLECTOR_URL=url)
    with process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            with Batches(port=port) as batches:
                wait_until(lambda: len(batches.events("call")) == 9, 60)
                wait_until(lambda: spooled_records(case.spool) == 0, 60)  # it has read the answer, too
        finally:
            process.kill()
    assert case.flush()["sent"] == 0
