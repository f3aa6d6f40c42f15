"""Whole life of an observed process: real processes that are killed, fork, exit and meet dead collectors."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback.collector import Collector

import llmobserve
from llmobserve import capture, lifecycle
from llmobserve.cli import flush as flush_command
from llmobserve.settings import SettingError
from llmobserve.transport import MemoryTransport

HANG_S = 30
PRELUDE = """
import os, sys, time
import llmobserve
from llmobserve import lifecycle
from llmobserve.context import current, wire_context
from llmobserve.wire import CallEvent, new_span_id, now_us

def call(name):
    snapshot = current()
    event = CallEvent(event_id=name, kind="llm", provider="openai", operation="chat.completions",
                      start_time_us=now_us(), context=wire_context(snapshot, new_span_id()))
    lifecycle._current.recorder.record_call(event, None, snapshot)
"""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    llmobserve.shutdown(0)


def started(code: str, url: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PRELUDE + code],
        env={**os.environ, "LLMOBSERVE_COLLECTOR_URL": url, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], status: int = 0) -> str:
    out, err = process.communicate(timeout=HANG_S)
    assert process.returncode == status, err
    assert err == ""
    return out


def ids(collector: Collector) -> list[str]:
    return [event["event_id"] for event in collector.events("call")]


def segments() -> list[Path]:
    return sorted(Path(os.environ["LLMOBSERVE_SPOOL_DIR"]).glob("*.seg"))


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def refused() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def record(name: str = "e1") -> None:
    from llmobserve.context import current, wire_context
    from llmobserve.wire import CallEvent, new_span_id, now_us

    snapshot = current()
    assert lifecycle._current is not None
    lifecycle._current.recorder.record_call(
        CallEvent(
            event_id=name,
            kind="llm",
            provider="openai",
            operation="chat.completions",
            start_time_us=now_us(),
            context=wire_context(snapshot, new_span_id()),
        ),
        None,
        snapshot,
    )


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("llmobserve")]


def test_no_thread_and_no_file_before_the_first_event() -> None:
    llmobserve.observe(transport=MemoryTransport())
    assert threads() == []
    assert not Path(os.environ["LLMOBSERVE_SPOOL_DIR"]).exists()
    assert llmobserve.flush()
    assert threads() == []
    record()
    assert threads() == ["llmobserve-sender"]


def test_sent_in_the_background_without_a_flush() -> None:
    arrived = threading.Event()
    with Collector(lambda number, batch: arrived.set()) as collector:
        llmobserve.observe(collector_url=collector.url, flush_interval_ms=20)
        record("e1")
        assert arrived.wait(HANG_S)
        assert llmobserve.flush(HANG_S)
        assert ids(collector) == ["e1"]
        llmobserve.shutdown()


def test_spans_announce_before_the_first_call_and_end_after() -> None:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport, service="shop", environment="test")
    with llmobserve.run("r"), llmobserve.section("agent:a"), llmobserve.section("tool:t"):
        record("e1")
        record("e2")
    with llmobserve.run("quiet"):
        pass
    assert llmobserve.shutdown()
    told = [(event["type"], event.get("name") or event["event_id"], event.get("status")) for event in transport.events]
    assert told == [
        ("span", "r", "running"),
        ("span", "a", "running"),
        ("span", "t", "running"),
        ("call", "e1", None),
        ("call", "e2", None),
        ("span", "t", None),
        ("span", "a", None),
        ("span", "r", None),
        ("span", "quiet", None),
    ]
    spans = [event for event in transport.events if event["type"] == "span"]
    assert [span["event_id"] for span in spans[:3]] == [span["event_id"] for span in reversed(spans[3:6])]
    assert all(span["duration_ms"] >= 0 for span in spans[3:])
    by_name = {span["name"]: span for span in spans}
    call = next(event for event in transport.events if event["type"] == "call")
    assert call["context"]["parent_span_id"] == by_name["t"]["context"]["span_id"]
    assert by_name["t"]["context"]["parent_span_id"] == by_name["a"]["context"]["span_id"]
    assert by_name["a"]["context"]["parent_span_id"] == by_name["r"]["context"]["span_id"]
    assert [event["sequence"] for event in transport.events] == list(range(9))
    source = transport.batches[0]["source"]
    assert (source["service"], source["environment"], source["sdk_version"]) == ("shop", "test", llmobserve.__version__)


def test_outermost_section_sends_its_run_too() -> None:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport)
    with llmobserve.section("agent:a"):
        pass
    assert llmobserve.flush(HANG_S)
    root, section = transport.events
    assert (root["kind"], root["name"], section["kind"]) == ("run", "a", "agent")
    assert section["context"]["parent_span_id"] == root["context"]["span_id"]
    assert root["context"]["run_id"] == section["context"]["run_id"] == root["event_id"]


@pytest.mark.parametrize("content", [False, True])
def test_message_of_an_exception_is_content(content: bool) -> None:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport, capture_content=content)
    with pytest.raises(ValueError), llmobserve.run("r"):
        raise ValueError("the prompt")
    assert llmobserve.flush(HANG_S)
    expected = {"type": "ValueError", "message": "the prompt"} if content else {"type": "ValueError"}
    assert transport.events[0]["error"] == expected


def test_attributes_of_any_kind_can_be_sent() -> None:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport)
    odd = {"n": 1, "f": float("nan"), "b": True, "none": None, "o": Path("/x"), "long": "x" * 5000}
    with llmobserve.run("r"), llmobserve.section("s", attributes=odd):
        pass
    assert llmobserve.flush(HANG_S)
    expected = {"n": 1, "f": "nan", "b": True, "none": None, "o": "/x", "long": "x" * 1000}
    assert transport.events[0]["attributes"] == expected


def test_too_many_spans_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmobserve.recorder._SPANS_IN_MEMORY", 10)
    transport = MemoryTransport()
    llmobserve.observe(transport=transport, flush_interval_ms=60_000)
    for _ in range(15):
        with llmobserve.run("r"):
            pass
    assert llmobserve.flush(HANG_S)
    assert len(transport.events) == 10
    assert sum((batch.get("dropped", {}).get("spans_full", 0)) for batch in transport.batches) == 5


def test_observing_twice_changes_nothing_and_unobserving_leaves_no_trace() -> None:
    before = {name: getattr(httpx.Client, name) for name in dir(httpx.Client) if not name.startswith("__")}
    hooks = list(sys.meta_path)
    transport = MemoryTransport()
    llmobserve.observe(service="a")
    first = lifecycle._current
    llmobserve.observe(service="a")
    assert lifecycle._current is first
    assert any(entry.state == "active" for entry in capture.health())
    llmobserve.observe(service="b", transport=transport)
    assert lifecycle._current is not first
    record()
    llmobserve.unobserve()
    llmobserve.unobserve()
    assert {name: getattr(httpx.Client, name) for name in before} == before
    assert sys.meta_path == hooks
    assert capture.health() == []
    give_up = time.monotonic() + HANG_S
    while threads() and time.monotonic() < give_up:
        time.sleep(0.01)
    assert threads() == []
    assert llmobserve.status() is None
    with llmobserve.run("r"):
        pass
    assert [event["event_id"] for event in transport.events if event["type"] == "call"] == ["e1"]


def test_disabled_does_nothing_at_all() -> None:
    original = httpx.Client._send_single_request
    llmobserve.observe(enabled=False)
    assert lifecycle._current is None
    assert httpx.Client._send_single_request is original
    assert llmobserve.flush()


def test_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(SettingError, match="collector_url"):
        llmobserve.observe(collector_url="nowhere")
    with pytest.raises(SettingError, match="nobody"):
        llmobserve.observe(hosts={"x.test": "nobody"})
    assert lifecycle._current is None


def test_observed_again_sends_what_was_left(refused: str) -> None:
    llmobserve.observe(collector_url=refused)
    record("e1")
    assert not llmobserve.shutdown(HANG_S)
    assert len(segments()) == 1
    transport = MemoryTransport()
    llmobserve.observe(transport=transport)
    record("e2")
    assert llmobserve.flush(HANG_S)
    calls = [event["event_id"] for event in transport.events if event["type"] == "call"]
    assert sorted(calls) == ["e1", "e2"]


def test_killed_process_loses_nothing_that_it_recorded(refused: str) -> None:
    code = """
llmobserve.observe()
for n in range(10**6):
    call(f"e{n}")
    print(n, flush=True)
"""
    process = started(code, refused)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 400:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.communicate(timeout=HANG_S)
    printed = 401 + len([line for line in rest.split("\n")[:-1] if line])
    with Collector() as collector:
        assert flush_with(collector.url) == 0
        found = ids(collector)
    assert len(found) == len(set(found))
    assert found[:printed] == [f"e{n}" for n in range(printed)]
    assert len(found) <= printed + 1
    assert segments() == []


def flush_with(url: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMOBSERVE_COLLECTOR_URL", url)
        return flush_command.main(["--timeout", "20"])


def test_flush_command_reports(refused: str, capsys: pytest.CaptureFixture[str]) -> None:
    finished(started("llmobserve.observe()\ncall('e1')", refused))
    assert flush_with(refused) == 1
    assert "Left: 1 files" in capsys.readouterr().out
    with Collector() as collector:
        assert flush_with(collector.url) == 0
        assert "Sent 3 records" in capsys.readouterr().out  # call, announcement and end of the process run
        assert ids(collector) == ["e1"]
        assert flush_with(collector.url) == 0
        assert "Sent 0 records" in capsys.readouterr().out


def test_flush_command_leaves_running_processes_alone(refused: str) -> None:
    process = started("llmobserve.observe()\ncall('e1')\nprint('ready', flush=True)\nsys.stdin.read()", refused)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with Collector() as collector:
            flush_with(collector.url)
            assert ids(collector) == []
    finally:
        process.kill()
        process.communicate()


EXIT_CODE = """
llmobserve.observe()
for n in range(10):
    call(f"e{n}")
print(time.time(), flush=True)
"""


@pytest.mark.parametrize("collector", ["silent", "refused"])
def test_exit_does_not_wait_for_a_dead_collector(collector: str, request: pytest.FixtureRequest) -> None:
    process = started(EXIT_CODE, request.getfixturevalue(collector))
    ready = float(finished(process))
    took_s = time.time_ns() / 1e9 - ready
    assert took_s < 10, "hang detector: the goal is two seconds, measured by tests/bench/bench_sdk_core.py"
    with Collector() as living:
        assert flush_with(living.url) == 0
        assert sorted(ids(living)) == [f"e{n}" for n in range(10)]


def test_exit_sends_to_a_living_collector() -> None:
    with Collector() as collector:
        finished(started(EXIT_CODE, collector.url))
        assert ids(collector) == [f"e{n}" for n in range(10)]
        ends = [event for event in collector.events("span") if event.get("status") != "running"]
        assert [(span["kind"], span["name"]) for span in ends] == [("run", "-c")]
    assert segments() == []


def test_no_signal_handler_is_set() -> None:
    code = """
import signal
before = [signal.getsignal(n) for n in signal.valid_signals()]
llmobserve.observe()
call("e1")
assert [signal.getsignal(n) for n in signal.valid_signals()] == before
"""
    with Collector() as collector:
        finished(started(code, collector.url))


FORK_CODE = """
llmobserve.observe(flush_interval_ms=60000)
for n in range(5):
    call(f"parent-{n}")
children = []
for child in range(2):
    pid = os.fork()
    if pid == 0:
        assert not [t for t in __import__("threading").enumerate() if t.name.startswith("llmobserve")]
        for n in range(5):
            call(f"child-{child}-{n}")
        END
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
"""
FORKED = sorted([f"parent-{n}" for n in range(5)] + [f"child-{c}-{n}" for c in range(2) for n in range(5)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_fork_neither_loses_nor_doubles(end: str) -> None:
    with Collector() as collector:
        finished(started(FORK_CODE.replace("END", end), collector.url))
        flush_with(collector.url)  # children that end with os._exit run nothing of ours: their files are adopted
        assert sorted(ids(collector)) == FORKED
        processes: dict[str, set[str]] = {}
        for batch in collector.batches:
            names = {event["event_id"].rpartition("-")[0] for event in batch["events"] if event["type"] == "call"}
            processes.setdefault(batch["source"]["process_id"], set()).update(names)
        assert sorted(map(sorted, processes.values())) == [["child-0"], ["child-1"], ["parent"]]


MULTIPROCESSING_CODE = """
import multiprocessing
lifecycle._EXIT_S = 20  # two seconds may be too few on a busy machine
def work(child):
    for n in range(5):
        call(f"child-{child}-{n}")
if __name__ == "__main__":
    llmobserve.observe(flush_interval_ms=60000)
    for n in range(5):
        call(f"parent-{n}")
    context = multiprocessing.get_context("METHOD")
    children = [context.Process(target=work, args=(child,)) for child in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
elif "METHOD" == "spawn":
    llmobserve.observe(flush_interval_ms=60000)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_short_lived_children_of_multiprocessing_deliver_themselves(method: str, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(PRELUDE + MULTIPROCESSING_CODE.replace("METHOD", method))
    with Collector() as collector:
        environ = {**os.environ, "LLMOBSERVE_COLLECTOR_URL": collector.url}
        done = subprocess.run(
            [sys.executable, str(script)], env=environ, capture_output=True, text=True, timeout=HANG_S, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(ids(collector)) == FORKED


def test_process_whose_spool_cannot_be_written_still_delivers(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with Collector() as collector:
        process = started(EXIT_CODE, collector.url, LLMOBSERVE_SPOOL_DIR=str(blocked / "spool"))
        _, err = process.communicate(timeout=HANG_S)
        assert process.returncode == 0
        assert err.count("cannot write to the spool directory") == 1
        assert ids(collector) == [f"e{n}" for n in range(10)]


def test_real_call_end_to_end() -> None:
    """An httpx call to an own host that speaks OpenAI's API, observed, spooled and delivered."""
    from loopback.openai_bodies import chat_completion
    from loopback.server import Loopback, json_answer

    with Collector() as collector, Loopback(json_answer(chat_completion())) as provider:
        host = provider.url.removeprefix("http://")
        llmobserve.observe(collector_url=collector.url, hosts={host: "openai"})
        with llmobserve.run("r", customer_id="acme"), llmobserve.section("agent:a"), httpx.Client() as client:
            body: dict[str, Any] = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}]}
            assert client.post(f"{provider.url}/v1/chat/completions", json=body).status_code == 200
        assert llmobserve.shutdown(HANG_S)
        (call,) = collector.events("call")
    assert (call["provider"], call["operation"], call["http_status"]) == ("openai", "chat.completions", 200)
    assert (call["context"]["customer_id"], call["context"]["section_path"]) == ("acme", "agent:a")
    assert len(collector.events("call")) == 1  # and none for our own requests


def test_status_counts() -> None:
    llmobserve.observe(transport=MemoryTransport())
    record()
    assert llmobserve.flush(HANG_S)
    status = llmobserve.status()
    assert status is not None
    assert (status["calls"], status["sent"], status["state"], status["lost"]) == (1, 2, "ok", {})
    json.dumps(status)
