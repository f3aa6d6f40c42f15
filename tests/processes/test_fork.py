"""Processes that fork: nothing is lost, doubled or stuck, whoever ends how."""

import os

import pytest
from loopback.collector import Collector as Batches

from processes.ledger import Case

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

FORKS = {
    "Process": """
import multiprocessing
def work(number):
    ask(f"child-{number}")
def main():
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(number,)) for number in range(8)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
        assert child.exitcode == 0
""",
    "ProcessPoolExecutor": """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def work(number):
    return ask(f"child-{number}")
def main():
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")) as pool:
        assert len(set(pool.map(work, range(12)))) == 12
""",
    "os._exit": """
import os
def main():
    children = []
    for number in range(6):
        child = os.fork()
        if child == 0:
            ask(f"child-{number}")
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
""",
    "nested": """
import os
def descend(depth):
    ask(f"depth-{depth}")
    if depth == 3:
        return
    for _ in range(2):
        child = os.fork()
        if child == 0:
            descend(depth + 1)
            ask(f"after-{depth}")
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
def main():
    descend(0)
""",
    "beside threads": """
import os, threading
def main():
    done = threading.Event()
    def busy():
        while not done.is_set():
            ask("thread")
    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(10):
        child = os.fork()
        if child == 0:
            ask(f"child-{number}")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    done.set()
    for thread in threads:
        thread.join()
""",
}
COUNTS = {"Process": 10, "ProcessPoolExecutor": 14, "os._exit": 8, "nested": 1 + 2 + 4 + 8 + 14 + 2}
"""With one call of the parent before and one after."""


PROGRAM = """
import sys
import llmobserve
from calls import ask
{ways}
if __name__ == "__main__":
    llmobserve.observe()
    ask("before")
    main()
    ask("after")
"""


@pytest.mark.parametrize("way", FORKS)
def test_every_answered_call_is_stored_once(way: str, case: Case) -> None:
    case.run(PROGRAM.format(ways=FORKS[way]))
    if way in COUNTS:
        assert len(case.ledger.answered) == COUNTS[way]
    case.flush()  # children that end with os._exit run nothing of ours
    case.check()


def test_every_process_numbers_its_records_without_a_gap(case: Case) -> None:
    with Batches() as batches:
        case.run(PROGRAM.format(ways=FORKS["nested"]), LLMOBSERVE_COLLECTOR_URL=batches.url)
        case.flush(LLMOBSERVE_COLLECTOR_URL=batches.url)
    numbers: dict[str, set[int]] = {}
    for batch in batches.batches:
        numbers.setdefault(batch["source"]["process_id"], set()).update(event["sequence"] for event in batch["events"])
    assert len(numbers) == 1 + 2 + 4 + 8
    assert all(found == set(range(len(found))) for found in numbers.values())
