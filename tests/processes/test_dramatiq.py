"""Messages of dramatiq belong to the run, customer and section that sent them; beside any other middleware."""

from pathlib import Path

import pytest

from processes.ledger import Case, spooled_records
from processes.queues import BIN, CUSTOMERS, attempts, chains, redis_server, run_chains, sent_by, worker

TASKS = """
import os
import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, CurrentMessage
import llmobserve
from calls import ask
EARLY

broker = RedisBroker(url=os.environ["BROKER"])
broker.add_middleware(AsyncIO())
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)

@dramatiq.actor
def outer():
    ask("outer")
    inner.send()

@dramatiq.actor
def inner():
    ask("inner")

@dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=1)
def flaky():
    number = CurrentMessage.get_current_message().options.get("retries", 0)
    ask(f"flaky-{number}")
    if number == 0:
        raise ConnectionError("again")

@dramatiq.actor(max_retries=0, on_retry_exhausted="apologise")
def broken():
    ask("broken")
    raise ValueError("no")

@dramatiq.actor
def apologise(message, retries):
    ask("apologise")

@dramatiq.actor
def first():
    ask("first")
    return 7

@dramatiq.actor
def second(number):
    ask(f"second-{number}")
    return number

@dramatiq.actor
def third(number):
    ask(f"third-{number}")

@dramatiq.actor
async def asynchronous():
    ask("asynchronous")

LATE
COMPOSED = first.message() | second.message() | third.message()  # the same object for all customers

def enqueue():
    outer.send()
    flaky.send()
    broken.send()
    COMPOSED.run()
    inner_later.send_with_options(delay=50)
    asynchronous.send()

@dramatiq.actor
def inner_later():
    ask("later")

def enqueue_outside():
    with llmobserve.customer("nobody's run"):
        inner.send()
        inner.send()
"""


def expected(customer: str) -> dict[str, tuple[str, ...]]:
    def below(*tasks: str) -> tuple[str, ...]:
        return (f"job {customer}", "planner", *tasks, "caller")

    return {
        "outer": below("outer"),
        "inner": below("outer", "inner"),
        "flaky-0": below("flaky"),
        "flaky-1": below("flaky"),
        "broken": below("broken"),
        "apologise": below("broken", "apologise"),
        "first": below("first"),
        "second-7": below("second"),
        "third-7": below("third"),
        "later": below("inner_later"),
        "asynchronous": below("asynchronous"),
    }


CALLS = 2 * len(expected("")) + 2


@pytest.mark.parametrize("observed", ["before the broker", "after the broker"])
def test_messages(observed: str, case: Case, tmp_path: Path) -> None:
    place, other = ("EARLY", "LATE") if observed.startswith("before") else ("LATE", "EARLY")
    (tmp_path / "tasks.py").write_text(TASKS.replace(place, "llmobserve.observe()").replace(other, ""))
    with redis_server(tmp_path) as url:
        environ = case.environ(BROKER=url, EXIT_S="30")
        command = [str(BIN / "dramatiq"), "tasks", "--processes=2", "--threads=2"]
        with worker(command, tmp_path, environ):
            sent_by(tmp_path, environ)
            rows = run_chains(case, CALLS)
    assert spooled_records(case.spool) == 0
    for customer in CUSTOMERS:
        assert chains(case, rows, f"job {customer}") == expected(customer)
    alone = [row for row in rows if row["run_name"] == "inner"]
    assert [row["customer_id"] for row in alone] == ["nobody's run"] * 2
    assert len({row["run_id"] for row in alone}) == 2
    assert attempts(case, rows, "flaky") == {(0, "error", "ConnectionError"): 2, (1, "ok", None): 2}
    assert attempts(case, rows, "broken") == {(0, "error", "ValueError"): 2}


STUB = """
import dramatiq
from dramatiq.brokers.stub import StubBroker
import llmobserve
from calls import ask
llmobserve.observe()
broker = StubBroker()
dramatiq.set_broker(broker)

@dramatiq.actor
def work():
    ask("work")

message = work.message()
worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=100)
worker.start()
for customer in ("acme", "globex"):
    with llmobserve.run("job", customer_id=customer):
        broker.enqueue(message)  # the same message again
        assert message.options == {}, message.options
broker.join("default")
worker.join()
worker.stop()
"""


def test_a_message_that_is_sent_twice_belongs_to_each_sender(case: Case) -> None:
    case.run(STUB)
    rows = case.check()
    assert [(row["customer_id"], row["section_path"]) for row in rows] == [
        ("acme", "step:work/agent:caller"),
        ("globex", "step:work/agent:caller"),
    ]
