"""What the hooks of http.client and urllib3 add to a request: bare and observed, alternated in one process.

Run: `python tests/bench/bench_http_client.py [repeats]`. Sockets answer at once and in memory, so nothing but library
and capture is measured; CPU time of the thread, best of the repeats. Most requests of a program go to other hosts:
for these the hooks are to take no more than two microseconds.
"""

import gc
import http.client
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import urllib3
import urllib3.connection
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion

from llmobserve import capture
from llmobserve.settings import load

CALLS = 200
PATH = "/v1/chat/completions"
ASKED = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}).encode()
HEADERS = {"content-type": "application/json", "user-agent": "bench"}


class _Socket:
    """Takes everything and has the answer ready."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._answer))  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


def _answers() -> dict[str, bytes]:
    body = json.dumps(chat_completion()).encode()
    chunks = chat_chunks(*[f"word{n} " for n in range(47)], usage=CHAT_USAGE)
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: "
    return {
        "json": head + b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        "50 chunks": head + b"text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + framed,
    }


def _with_http_client(host: str, answer: bytes) -> Callable[[], None]:
    def call() -> None:
        connection = http.client.HTTPConnection(host)
        connection.sock = _Socket(answer)
        connection.request("POST", PATH, ASKED, HEADERS)
        connection.getresponse().read()

    return call


def _with_urllib3(host: str, answer: bytes) -> Callable[[], None]:
    class Connection(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            self.sock = _Socket(answer)  # type: ignore[assignment]

    def call() -> None:
        pool: Any = urllib3.HTTPConnectionPool(host)
        pool.ConnectionCls = Connection
        for _ in pool.urlopen("POST", PATH, body=ASKED, headers=HEADERS, preload_content=False).stream():
            pass

    return call


def _cpu_us(call: Callable[[], None]) -> float:
    gc.collect()
    start = time.thread_time_ns()
    for _ in range(CALLS):
        call()
    return (time.thread_time_ns() - start) / CALLS / 1000


def _ignore(*record: Any) -> None:
    return None


def main(repeats: int) -> None:
    """Print a line for each library, kind of answer and host."""
    print(f"{'':48}{'bare':>10}{'observed':>10}{'added':>9}  ratio")
    for host in ("elsewhere.test", "api.openai.com"):
        for library, make in (("http.client", _with_http_client), ("urllib3", _with_urllib3)):
            for kind, answer in _answers().items():
                call = make(host, answer)
                bare: list[float] = []
                observed: list[float] = []
                for _ in range(repeats):
                    bare.append(_cpu_us(call))
                    capture.install(sink=_ignore, settings=load({}, {}))
                    observed.append(_cpu_us(call))
                    capture.uninstall()
                low, high = min(bare), min(observed)
                name = f"{library}, {kind}, {host}"
                print(f"{name:48}{low:8.1f}us{high:8.1f}us{high - low:7.1f}us  {high / low:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
