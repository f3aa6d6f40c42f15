"""A web application under a real server, its provider and its collector; and what each call of it has to say.

Each call says in its prompt for whom and in which route it is made. The provider answers with a number of its own as
the number of output tokens, so that each stored call is told by its usage, and what it has to say is known.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from loopback.collector import Collector
from loopback.openai_bodies import chat_chunks, chat_completion
from loopback.server import Answer, Loopback, Received, event_stream, json_answer

__all__ = ["BIN", "CUSTOMERS", "Site", "Teller", "serving"]

BIN = Path(sys.executable).parent
CUSTOMERS = ("acme", "bolt", "cargo")
_PATIENCE_S = 60.0


class Teller:
    """A provider that answers chats, streamed or whole, each with a number of its own, and notes what was said."""

    def __init__(self) -> None:
        self.said: dict[int, tuple[str, str]] = {}
        """Number of the answer → customer and route, as the prompt says them."""
        self._numbers = count(1)
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> Answer:
        found = re.search(rb"for:(\w+) in:([^\"]+)\"", request.body)
        assert found is not None, request.body
        with self._lock:
            number = next(self._numbers)
            self.said[number] = found[1].decode(), found[2].decode()
        usage = {"prompt_tokens": 10, "completion_tokens": number, "total_tokens": 10 + number}
        if b'"stream":true' in request.body:
            return event_stream(chat_chunks("a", "b", usage=usage), pause_s=0.01)
        return json_answer(chat_completion(usage=usage))


class Site:
    """The application as it is served, with what it said to its provider and what its collector got."""

    def __init__(self, port: int, teller: Teller, collector: Collector, process: "subprocess.Popen[bytes]") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.teller = teller
        self.collector = collector
        self._process = process

    def ask_all(self, requests: Sequence[tuple[str, str, str]]) -> None:
        """Make all these requests at the same time: method, path and customer each. All have to succeed."""
        with ThreadPoolExecutor(len(requests)) as pool, httpx2.Client(timeout=_PATIENCE_S) as client:
            begin = threading.Barrier(len(requests))

            def ask(request: tuple[str, str, str]) -> int:
                method, path, customer = request
                begin.wait()
                with client.stream(method, self.url + path, headers={"x-customer": customer}) as answer:
                    answer.read()
                return answer.status_code

            assert set(pool.map(ask, requests)) == {200}

    def calls(self, expected: int) -> list[dict[str, Any]]:
        """The calls that have arrived, as many as expected."""
        until_s = time.monotonic() + _PATIENCE_S
        while len(self.collector.events("call")) < expected and time.monotonic() < until_s:
            time.sleep(0.05)
        calls = self.collector.events("call")
        assert len(calls) == expected == len(self.teller.said)
        return calls

    def stop(self) -> None:
        """End the server as its user would; what was recorded is sent then."""
        self._process.terminate()
        self._process.wait(_PATIENCE_S)

    def check(self, expected: int) -> list[dict[str, Any]]:
        """Every call has its customer and the run of its route, and so has every run; returns the runs.

        Ends the server.
        """
        calls = self.calls(expected)
        wrong = [
            (call["context"].get("customer_id"), call["context"].get("run_name"), said)
            for call in calls
            if (said := self.teller.said[call["usage"]["units"]["output_text_tokens"]])
            != (call["context"].get("customer_id"), call["context"].get("run_name"))
        ]
        assert wrong == [], wrong[:5]
        self.stop()
        runs = {
            span["event_id"]: span
            for span in self.collector.events("span")
            if span["kind"] == "run" and span.get("status", "ok") != "running"
        }
        by_id = {run["context"]["run_id"]: run for run in runs.values()}
        for call in calls:
            run = by_id[call["context"]["run_id"]]
            said = self.teller.said[call["usage"]["units"]["output_text_tokens"]]
            assert (run["context"].get("customer_id"), run["name"]) == said
            assert call["context"]["parent_span_id"] == run["context"]["span_id"]
        assert not any(batch.get("dropped") for batch in self.collector.batches)
        return list(runs.values())


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(folder: Path, program: str, command: Sequence[str], **environ: str) -> Generator[Site]:
    """Serve the application that the text of a program makes, by a command line with `{port}` in it."""
    (folder / "app.py").write_text(program)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    teller = Teller()
    with Collector() as collector, Loopback(teller) as provider:
        env = os.environ | {
            "LLMOBSERVE_COLLECTOR_URL": collector.url,
            "LLMOBSERVE_HOSTS": f"{provider.netloc}=openai",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "sk-test",
            **environ,
        }
        line = [str(BIN / command[0]), *(part.replace("{port}", str(port)) for part in command[1:])]
        with subprocess.Popen(line, cwd=folder, env=env) as process:
            try:
                until_s = time.monotonic() + _PATIENCE_S
                while not _answers(port):
                    assert process.poll() is None, "the server does not start"
                    assert time.monotonic() < until_s
                    time.sleep(0.05)
                yield Site(port, teller, collector, process)
            finally:
                process.kill()
