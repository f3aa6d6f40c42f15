"""Hooks of the task queues: on and off again, beside bad data, and what they say of versions that they do not know."""

import copy
import inspect
import pickle
import threading
from types import ModuleType
from typing import Any

import celery
import dramatiq
import pytest
import rq.job
from celery import signals
from dramatiq.brokers.stub import StubBroker

import llmobserve
from llmobserve import capture
from llmobserve.frameworks.arq_hooks import ArqHooks
from llmobserve.frameworks.celery_hooks import CeleryHooks
from llmobserve.frameworks.dramatiq_hooks import DramatiqHooks
from llmobserve.frameworks.hooks import FrameworkHooks
from llmobserve.frameworks.rq_hooks import RqHooks
from llmobserve.guard import swallowed
from llmobserve.testing import captured

SIGNALS = (
    "before_task_publish",
    "task_prerun",
    "task_failure",
    "task_retry",
    "task_postrun",
    "worker_process_shutdown",
)


@pytest.fixture
def app() -> Any:
    made: Any = celery.Celery("tasks", broker="memory://", set_as_current=False)
    made.conf.task_always_eager = True
    return made


def receivers() -> int:
    return sum(len(getattr(signals, name).receivers) for name in SIGNALS)


def test_observed_again_and_again_a_task_is_one_section(app: Any) -> None:
    @app.task(name="work")
    def work() -> str | None:
        return llmobserve.get_customer_id()

    before = receivers()
    for _ in range(3):
        with captured() as seen:
            with llmobserve.run("r", customer_id="c"):
                assert work.delay().get() == "c"
            assert [(span.kind, span.name) for span in seen.spans] == [("step", "work"), ("run", "r")]
        assert receivers() == before
    work.delay()


def test_what_is_hooked_is_given_back() -> None:
    places: list[tuple[Any, str]] = [
        (rq.job.Job, "create"),
        (rq.job.Job, "perform"),
        (dramatiq.Broker, "emit_before"),
        (dramatiq.Broker, "emit_after"),
    ]
    before = [owner.__dict__[name] for owner, name in places]
    signatures = [inspect.signature(getattr(owner, name)) for owner, name in places]
    with captured():
        for (owner, name), signature in zip(places, signatures, strict=True):
            method = getattr(owner, name)
            assert inspect.signature(method) == signature
            assert method.__name__ == name
            assert pickle.loads(pickle.dumps(method)) == method
            assert copy.deepcopy(method) == method
        hooked = [owner.__dict__[name] for owner, name in places]
        assert all(one is not other for one, other in zip(before, hooked, strict=True))
        states = {(one.library, one.state) for one in capture.health() if one.library in {"celery", "rq", "dramatiq"}}
        assert states == {("celery", "active"), ("rq", "active"), ("dramatiq", "active")}
    assert [owner.__dict__[name] for owner, name in places] == before


def test_the_setting_leaves_them_alone(app: Any) -> None:
    @app.task(name="work")
    def work() -> None:
        pass

    before = receivers()
    with captured(frameworks="rq") as seen:
        with llmobserve.run("r"):
            work.delay()
        assert receivers() == before
        assert [span.name for span in seen.spans] == ["r"]


def broker_with(work: Any) -> tuple[StubBroker, Any]:
    broker = StubBroker()
    actor: Any = dramatiq.actor
    return broker, actor(work, broker=broker, max_retries=0)


def done(broker: StubBroker) -> None:
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=10)
    worker.start()
    broker.join("default", fail_fast=False)
    worker.stop()


@pytest.mark.parametrize("data", [7, "{", {"tags": 3}, {"traceparent": []}])
def test_a_context_that_cannot_be_read_does_not_keep_a_task_from_its_work(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    found: list[str | None] = []
    broker, work = broker_with(lambda: found.append(llmobserve.get_customer_id()))
    with captured() as seen:
        work.send_with_options(llmobserve=data)
        done(broker)
        assert [(span.kind, span.status) for span in seen.spans] == [("run", "ok"), ("step", "ok")]
    assert found == [None]
    assert swallowed()["context.import_context"][0] == 1


def test_tasks_leave_nothing_to_each_other() -> None:
    found: list[str | None] = []

    def work(number: int) -> None:
        found.append(llmobserve.get_customer_id())
        llmobserve.set_customer_id(f"set by {number}")
        if number == 1:
            raise SystemError("broken")

    broker, actor = broker_with(work)
    with captured() as seen:
        for number in range(3):
            actor.send(number)
        done(broker)
        assert sorted(span.status for span in seen.spans if span.kind == "step") == ["error", "ok", "ok"]
        assert len({span.context.run_id for span in seen.spans}) == 3
    assert found == [None, None, None]


def test_concurrent_tasks_keep_to_their_customers() -> None:
    gate = threading.Barrier(4)
    found: list[tuple[str, str | None]] = []

    def work(customer: str) -> None:
        gate.wait(10)
        found.append((customer, llmobserve.get_customer_id()))

    broker, actor = broker_with(work)
    with captured():
        for customer in "abcd":
            with llmobserve.run("r", customer_id=customer):
                actor.send(customer)
        worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=10)
        worker.start()
        broker.join("default")
        worker.stop()
    assert sorted(found) == [(customer, customer) for customer in "abcd"]


class Unlike:
    """A class of a version that does everything otherwise."""

    def perform(self, job: Any) -> None: ...
    def create(self) -> None: ...
    def handle_job_success(self, what: Any) -> None: ...
    def emit_before(self, what: Any) -> None: ...

    __slots__ = ("coroutine",)


@pytest.mark.parametrize(
    ("hooks", "name", "missing"),
    [
        (CeleryHooks(), "celery.signals", 6),
        (RqHooks(), "rq.job", 1),
        (RqHooks(), "rq.worker", 2),
        (DramatiqHooks(), "dramatiq.broker", 2),
        (ArqHooks(), "arq.connections", 1),
        (ArqHooks(), "arq.worker", 3),
    ],
)
def test_a_version_that_is_unlike_is_told(hooks: FrameworkHooks, name: str, missing: int) -> None:
    module: Any = ModuleType(name)
    for class_name in ("Job", "BaseWorker", "Broker", "Function", "CronJob"):
        setattr(module, class_name, Unlike)
    module.get_current_job = lambda: None
    before = dict(Unlike.__dict__)
    hooks.patch(module)
    states = [one.state for one in hooks.health(name)]
    assert states.count("missing") == missing
    hooks.unpatch()
    assert dict(Unlike.__dict__) == before
