"""What a process tells the collector of itself: when, how much, and that it agrees with what happened."""

import contextlib
import functools
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from loopback.collector import Collector
from loopback.openai_bodies import chat_completion
from loopback.server import Loopback, json_answer

import llmobserve
from llmobserve import capture, lifecycle
from llmobserve.capture.patching import PatchHealth
from llmobserve.guard import guarded
from llmobserve.process_report import REPORT_BYTES, library_reports
from llmobserve.transport import MemoryTransport, Reply
from llmobserve.wire import ProcessReport


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    llmobserve.shutdown(0)


@pytest.fixture
def provider() -> Iterator[Loopback]:
    with Loopback(json_answer(chat_completion())) as server:
        yield server


def observe(provider: Loopback, transport: MemoryTransport, **settings: Any) -> None:
    llmobserve.observe(transport=transport, hosts={provider.netloc: "openai"}, flush_interval_ms=10, **settings)


def chat(provider: Loopback) -> None:
    httpx.post(f"{provider.url}/v1/chat/completions", json={"model": "gpt-4o-mini"}, trust_env=False)


def reports(transport: MemoryTransport) -> list[dict[str, Any]]:
    return [batch["report"] for batch in transport.batches if "report" in batch]


def library(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [entry for entry in report["libraries"] if entry["name"] == name]
    return found


def test_the_first_batch_and_the_end_are_reported(provider: Loopback) -> None:
    transport = MemoryTransport()
    observe(provider, transport, capture_content=True)
    chat(provider)
    assert llmobserve.flush()
    (first,) = reports(transport)
    assert library(first, "httpx") == {
        "name": "httpx",
        "version": httpx.__version__,
        "target": "Client._send_single_request, AsyncClient._send_single_request, "
        "HTTPTransport.handle_request, AsyncHTTPTransport.handle_async_request",
        "state": "active",
        "calls": 1,
        "first_call_us": transport.events[-2]["start_time_us"],
        "last_call_us": transport.events[-2]["start_time_us"],
    }
    assert first["capture_content"] is True
    assert first["counts"]["calls"] == 1
    assert "ended" not in first

    chat(provider)
    assert llmobserve.flush()
    assert len(reports(transport)) == 1, "nothing but a count has changed"

    assert llmobserve.shutdown()
    last = reports(transport)[-1]
    assert (last["ended"], library(last, "httpx")["calls"], last["counts"]["calls"]) == (True, 2, 2)
    assert len(reports(transport)) == 2


def test_calls_of_a_process_that_ends_at_once_come_with_its_only_report(provider: Loopback) -> None:
    transport = MemoryTransport()
    observe(provider, transport)
    chat(provider)
    assert llmobserve.shutdown()
    with_report = [batch for batch in transport.batches if "report" in batch]
    assert library(with_report[-1]["report"], "httpx")["calls"] == 1
    assert with_report[-1]["report"]["ended"]


def test_a_process_without_calls_says_nothing(provider: Loopback) -> None:
    transport = MemoryTransport()
    observe(provider, transport)
    assert llmobserve.shutdown()
    assert transport.batches == []


def test_losses_are_reported_with_the_same_count_as_the_ledger(provider: Loopback) -> None:
    transport = MemoryTransport()
    observe(provider, transport)
    chat(provider)
    assert llmobserve.flush()
    current = lifecycle._current
    assert current is not None
    current.recorder.spool.lose("spool_full", 7)
    assert llmobserve.flush()
    assert reports(transport)[-1]["lost"] == {"spool_full": 7}
    assert sum(batch.get("dropped", {}).get("spool_full", 0) for batch in transport.batches) == 7


def test_internal_errors_are_reported_without_a_record(provider: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    transport = MemoryTransport()
    observe(provider, transport)
    with guarded("test.place"):
        raise RuntimeError("ours")
    assert llmobserve.shutdown()
    assert reports(transport)[-1]["internal_errors"]["test.place"] >= 1
    assert transport.events == []


def test_a_report_that_did_not_arrive_is_sent_again(provider: Loopback) -> None:
    answers = [Reply(503), Reply(200, {}, b'{"accepted": 2}')]
    transport = MemoryTransport(lambda batch: answers.pop(0) if len(answers) > 1 else answers[0])
    observe(provider, transport)
    chat(provider)
    current = lifecycle._current
    assert current is not None
    assert not llmobserve.flush(1)
    current.sender._next_attempt_s = 0.0
    assert llmobserve.flush()
    assert len(reports(transport)) == 2
    assert transport.batches[0]["batch_id"] == transport.batches[1]["batch_id"]


def test_losses_alone_keep_their_batch_until_they_have_arrived(provider: Loopback) -> None:
    answers = [Reply(503), Reply(200, {}, b"{}")]
    transport = MemoryTransport(lambda batch: answers.pop(0) if len(answers) > 1 else answers[0])
    observe(provider, transport)
    current = lifecycle._current
    assert current is not None
    current.recorder.spool.lose("spool_full", 2)
    assert not llmobserve.flush(1)
    current.sender._next_attempt_s = 0.0
    assert llmobserve.flush()
    assert [batch["dropped"] for batch in transport.batches] == [{"spool_full": 2}] * 2
    assert len({batch["batch_id"] for batch in transport.batches}) == 1


def test_counts_are_exact_over_threads(provider: Loopback) -> None:
    transport = MemoryTransport()
    observe(provider, transport)
    threads = [threading.Thread(target=lambda: [chat(provider) for _ in range(10)]) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    status = llmobserve.status()
    assert status is not None
    assert (status["calls"], status["calls"]) == (80, 80), "looking does not count"
    assert llmobserve.shutdown()
    assert library(reports(transport)[-1], "httpx")["calls"] == 80


def test_another_tool_around_a_hook_is_named(provider: Loopback) -> None:
    # As a wrapper of another tool: its globals are those of its module, its name that of what it wraps.
    module = type(sys)("othertool.patches")
    exec(
        "import functools\n"
        "def wrapped(original):\n"
        "    @functools.wraps(original)\n"
        "    def send(*args, **kwargs):\n"
        "        return original(*args, **kwargs)\n"
        "    return send\n",
        module.__dict__,
    )
    transport = MemoryTransport()
    observe(provider, transport)
    original = httpx.HTTPTransport.handle_request
    httpx.HTTPTransport.handle_request = module.wrapped(original)
    try:
        chat(provider)
        assert llmobserve.flush()
        (report,) = reports(transport)
    finally:
        httpx.HTTPTransport.handle_request = original
    assert report["wrappers"] == [{"target": "HTTPTransport.handle_request", "module": "othertool.patches"}]


def test_a_child_reports_itself(provider: Loopback) -> None:
    with Collector() as collector:
        llmobserve.observe(collector_url=collector.url, hosts={provider.netloc: "openai"}, flush_interval_ms=10)
        chat(provider)
        assert llmobserve.flush()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                chat(provider)
                llmobserve.shutdown()
            os._exit(0)
        os.waitpid(child, 0)
        assert llmobserve.shutdown()
        last = {batch["source"]["process_id"]: batch["report"] for batch in collector.batches if "report" in batch}
        assert len(last) == 2
        assert [library(report, "httpx")["calls"] for report in last.values()] == [1, 1]
        assert all(report["ended"] for report in last.values())


def test_the_worst_hook_decides_and_is_named() -> None:
    hook = functools.partial(PatchHealth, library="aiohttp", version="3.13")
    (entry,) = library_reports(
        [
            hook(target="A.a", state="active"),
            hook(target="A.b", state="missing", detail="b is not as expected"),
            hook(target="A.c", state="degraded"),
            PatchHealth(library="grpc", version=None, target="", state="waiting"),
        ],
        {"aiohttp": (3, 1, 2)},
    )
    assert (entry.state, entry.target, entry.detail, entry.calls) == ("missing", "A.b", "b is not as expected", 3)


def test_it_stays_small(provider: Loopback) -> None:
    transport = MemoryTransport()
    observe(provider, transport)
    current = lifecycle._current
    assert current is not None
    for number in range(500):
        current.recorder.spool.lose(f"reason-{number}-" + "x" * 300, number + 1)
    chat(provider)
    assert llmobserve.flush()
    (report,) = reports(transport)
    assert len(json.dumps(report, separators=(",", ":"))) <= REPORT_BYTES
    assert library(report, "httpx")["calls"] == 1
    assert 500 in report["lost"].values()


def test_it_can_be_read_as_the_wire_describes_it(provider: Loopback) -> None:
    msgspec = pytest.importorskip("msgspec")
    transport = MemoryTransport()
    observe(provider, transport)
    chat(provider)
    assert llmobserve.shutdown()
    read = msgspec.convert(reports(transport)[-1], ProcessReport)
    assert {entry.name for entry in read.libraries} >= {"httpx", "http.client"}
    assert capture.health() == []
