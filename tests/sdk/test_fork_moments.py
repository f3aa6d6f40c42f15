"""A fork at the worst moments of the sender's thread: the child neither hangs nor keeps what is the parent's."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from loopback.collector import Collector

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
HANG_S = 30

RECORD = """
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


def run(code: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RECORD + code],
        env={**os.environ, "LLMOBSERVE_COLLECTOR_URL": url},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(collector: Collector) -> list[str]:
    return sorted(event["event_id"] for event in collector.events("call"))


@pytest.mark.parametrize("module", ["llmobserve.transport.sender", "http.client"])
def test_while_the_sender_loads_its_modules(module: str) -> None:
    """A module that another thread was loading stays locked in the child for ever, if the fork happens then."""
    code = f"""
import importlib.abc, threading
loading = threading.Event()
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r} and threading.current_thread() is not threading.main_thread():
            loading.set()
            time.sleep(0.5)
sys.meta_path.insert(0, Slow())
assert {module!r} not in sys.modules
llmobserve.observe(flush_interval_ms=10)
call("parent")
assert loading.wait(10)
child = os.fork()
if child == 0:
    call("child")
    sys.exit(0)  # sends
assert os.waitpid(child, 0)[1] == 0
"""
    with Collector() as collector:
        run(code, collector.url)
        assert ids(collector) == ["child", "parent"]


@pytest.fixture
def half_answering() -> Iterator[str]:
    """Answers with a head that announces a body, which comes when the test is over."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            over.wait(HANG_S)

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1 * HANG_S)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()


def test_while_the_sender_waits_for_the_rest_of_an_answer(half_answering: str) -> None:
    """The reader of the answer holds a lock, which nobody in the child would give back."""
    code = """
llmobserve.observe(flush_interval_ms=10)
call("parent")
time.sleep(1)  # the sender is in the middle of the answer now
child = os.fork()
if child == 0:
    call("child")
    os._exit(0)
for _ in range(100):
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        break
    time.sleep(0.1)
else:
    os.kill(child, 9)
    raise SystemExit("the child hangs")
assert status == 0
os._exit(0)
"""
    run(code, half_answering)


def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_records(half_answering: str) -> None:
    """The parent's segment is locked while it is sent: the lock must not live on in the child."""
    code = """
llmobserve.observe(flush_interval_ms=10)
call("parent")
time.sleep(1)
child = os.fork()
if child == 0:
    os.close(1), os.close(2)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
os._exit(0)
"""
    child = int(run(code, half_answering))
    try:
        with Collector() as collector:
            flush = "from llmobserve.cli import main; sys.exit(main(['flush']))"
            run(flush, collector.url)
            assert ids(collector) == ["parent"]
    finally:
        os.kill(child, signal.SIGKILL)


def test_forks_beside_threads_that_record() -> None:
    code = """
import threading
llmobserve.observe(flush_interval_ms=10)
stop = threading.Event()
made = []
def busy(name):
    number = 0
    while not stop.is_set():
        call(f"{name}-{number}")
        made.append(number)
        number += 1
        time.sleep(0.001)
threads = [threading.Thread(target=busy, args=(f"thread-{n}",)) for n in range(4)]
for thread in threads:
    thread.start()
for number in range(40):
    child = os.fork()
    if child == 0:
        call(f"child-{number}")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print(len(made))
"""
    with Collector() as collector:
        made = int(run(code, collector.url))
        run("from llmobserve.cli import main; sys.exit(main(['flush']))", collector.url)
        found = ids(collector)
    # A child that ends while it sends what an earlier one left has it sent again: the collector knows it by its id.
    assert len(set(found)) == made + 40
    assert {f"child-{number}" for number in range(40)} <= set(found)
