"""The background thread: who waits is let go, and a busy application does not wake it in vain."""

import threading
import time

from llmobserve.transport import Worker


def test_a_flush_is_let_go_when_the_thread_ends() -> None:
    in_tick, go_on = threading.Event(), threading.Event()

    def tick(now: bool) -> bool:
        in_tick.set()
        return go_on.wait(10)

    worker = Worker(tick, lambda: 0.0, 0.01)
    worker.wake()
    assert in_tick.wait(5)
    answers: list[bool | None] = []
    waiting = threading.Thread(target=lambda: answers.append(worker.flush(60)))
    waiting.start()
    time.sleep(0.05)
    worker.abandon()
    go_on.set()
    waiting.join(10)
    assert answers == [False]


def test_records_do_not_wake_it_one_by_one_while_it_waits_for_the_collector() -> None:
    ticks: list[float] = []

    def tick(now: bool) -> bool:
        ticks.append(time.perf_counter())
        return False

    worker = Worker(tick, lambda: 60.0, 0.2)
    worker.wake()
    until = time.perf_counter() + 1.0
    while time.perf_counter() < until:
        worker.wake()
        time.sleep(0.002)
    worker.abandon()
    # About five of 0.2 s each, where every record would have been one before: some hundreds.
    assert 1 <= len(ticks) <= 10


def test_a_reminder_starts_no_thread() -> None:
    ticked = threading.Event()

    def tick(now: bool) -> bool:
        ticked.set()
        return True

    worker = Worker(tick, lambda: 0.0, 0.01)
    before = threading.active_count()
    worker.remind()
    assert threading.active_count() == before
    worker.wake()
    assert ticked.wait(5)
    time.sleep(0.05)
    ticked.clear()
    worker.remind()
    assert ticked.wait(5)
    worker.abandon()
