"""`kill -9` at any moment: every call that had returned to the application is there, once, with what was said.

`KILLS=50 ./dev test tests/e2e/test_kill_loop.py` kills more often than the usual ten times.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from loopback.collector import Collector
from loopback.openai_bodies import chat_completion
from loopback.server import Answer, Loopback, Received, json_answer

from e2e.collector import LLMOBSERVE

KILLS = int(os.environ.get("KILLS", "10"))
PROGRAM = Path(__file__).with_name("calling_threads.py")
# 64 of the 120 input tokens of CHAT_USAGE were cached.
UNITS = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}


class Provider:
    """Gives each answer an id of its own."""

    def __init__(self) -> None:
        self._numbers = count()
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> Answer:
        with self._lock:
            return json_answer(chat_completion(id=f"chatcmpl-{next(self._numbers)}"))


@pytest.mark.timeout(60 + 10 * KILLS)
def test_every_call_that_returned_survives(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with Loopback(Provider()) as server, Collector() as collector:
        hosts = {"LLMOBSERVE_COLLECTOR_URL": collector.url, "LLMOBSERVE_HOSTS": f"{server.netloc}=openai"}
        for _ in range(KILLS):
            run_until_killed([sys.executable, str(PROGRAM), server.url, str(ledger)], ledger, hosts)
        flush(hosts)
        flush(hosts)  # what was being sent when a process was killed
        calls = {event["response_id"]: event for event in once(collector.events("call"))}
        contents = {event["event_id"]: event for event in once(collector.events("content"))}
        dropped = collector.dropped
    returned = ledger.read_text().split()
    print(f"{KILLS} kills, {len(returned)} calls had returned, {len(calls)} stored")
    assert len(returned) == len(set(returned)) > 10 * KILLS
    assert set(returned) <= set(calls)
    # A call whose answer the program had read, but not yet noted, may be there as well: one a thread and kill.
    assert len(calls) <= len(returned) + 4 * KILLS
    for name in returned:
        call = calls[name]
        assert (call["usage"]["units"], call["context"]["section_path"]) == (UNITS, "agent:caller")
        assert contents[call["event_id"]]["output"][0]["content"] == "Hello there"
    assert dropped == {}


def run_until_killed(command: list[str], ledger: Path, environ: dict[str, str]) -> None:
    """Start the program, let it call for up to a fifth of a second, and kill it."""
    before = size_of(ledger)
    with subprocess.Popen(command, env=os.environ | environ) as process:
        give_up = time.monotonic() + 30
        while size_of(ledger) == before and time.monotonic() < give_up:
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(random.uniform(0.01, 0.2))
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def flush(environ: dict[str, str]) -> None:
    subprocess.run([str(LLMOBSERVE), "flush"], env=os.environ | environ, check=True, capture_output=True, timeout=60)


def once(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A batch whose answer was lost is sent again: the collector knows its records by their ids."""
    return list({event["event_id"]: event for event in events}.values())
