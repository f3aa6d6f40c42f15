"""OTLP into other collectors beside ours, one after another in one run: accepted, visible, processor, memory, disk.

Each is started as its own documents say, takes the same load for the same time, and is asked for its rows until all
that it acknowledged can be seen or nothing more comes. `./dev bench collectors` installs them apart from the project
(tests/bench/collectors.txt). Should run on an idle machine.
"""

import json
import os
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.otlp_load import Batch, send_for

SECONDS = float(os.environ.get("LLMOBSERVE_BENCH_SECONDS", "20"))
SPANS_A_BATCH = 200
DRAIN_S = 60.0
STUCK_S = 12.0
OURS = Path(sys.executable).with_name("llmobserve")
PROGRAMS = Path(os.environ["LLMOBSERVE_BENCH_PROGRAMS"])
Count = Callable[[], int]


@dataclass
class Running:
    """A collector that takes spans."""

    url: str
    """Where spans are posted."""
    headers: dict[str, str]
    process: subprocess.Popen[Any]
    folder: Path
    visible: Count
    """Spans that its own reading side finds."""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def _started(command: list[str], folder: Path, env: dict[str, str]) -> Generator[subprocess.Popen[Any]]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_for(ready: Callable[[], Any], process: subprocess.Popen[Any], folder: Path) -> Any:
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        with suppress(OSError):
            if found := ready():
                return found
        if process.poll() is not None:
            break
        time.sleep(0.3)
    raise RuntimeError((folder / "output").read_text(errors="replace")[-2000:])


def _opens(url: str) -> Callable[[], Any]:
    return lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5).status == 200


def _rows(path: Path, sql: str) -> Count:
    def count() -> int:
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        except sqlite3.Error:
            return 0
        try:
            return int(connection.execute(sql).fetchone()[0])
        except sqlite3.Error:
            return 0
        finally:
            connection.close()

    return count


@contextmanager
def _ours(folder: Path) -> Generator[Running]:
    port = _free_port()
    options = ["serve", "--port", str(port), "--data-dir", str(folder / "data")]
    with _started([str(OURS), *options], folder, {"COLUMNS": "400", "NO_COLOR": "1"}) as process:
        link = re.compile(r"https?://\S*/sign-in\?token=\S+")
        found = _wait_for(lambda: link.search((folder / "output").read_text()), process, folder)
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        browser.open(found[0], timeout=10).read()
        asked = f"http://127.0.0.1:{port}/api/v1/storage"

        def visible() -> int:
            return sum(
                table["rows"] for table in json.load(browser.open(asked))["tables"] if table["table"] == "events"
            )

        yield Running(f"http://127.0.0.1:{port}/v1/traces", {}, process, folder / "data", visible)


@contextmanager
def _phoenix(folder: Path) -> Generator[Running]:
    port = _free_port()
    env = {"PHOENIX_WORKING_DIR": str(folder), "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(_free_port())}
    with _started(
        [str(PROGRAMS / "phoenix"), "serve"], folder, {**env, "PHOENIX_TELEMETRY_ENABLED": "false"}
    ) as process:
        _wait_for(_opens(f"http://127.0.0.1:{port}/healthz"), process, folder)
        count = _rows(folder / "phoenix.db", "SELECT count(*) FROM spans")
        yield Running(f"http://127.0.0.1:{port}/v1/traces", {}, process, folder, count)


@contextmanager
def _mlflow(folder: Path) -> Generator[Running]:
    port = _free_port()
    database = folder / "mlflow.db"
    options = ["server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", f"sqlite:///{database}"]
    with _started([str(PROGRAMS / "mlflow"), *options], folder, {"MLFLOW_DISABLE_TELEMETRY": "true"}) as process:
        _wait_for(_opens(f"http://127.0.0.1:{port}/health"), process, folder)
        count = _rows(database, "SELECT count(*) FROM spans")
        headers = {"x-mlflow-experiment-id": "0"}
        yield Running(f"http://127.0.0.1:{port}/v1/traces", headers, process, folder, count)


COLLECTORS = {"llmobserve": _ours, "phoenix": _phoenix, "mlflow": _mlflow}


def _family(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    own = psutil.Process(process.pid)
    return [own, *own.children(recursive=True)]


def _cpu_s(process: subprocess.Popen[Any]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in _family(process))


def _on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


class _Peak:
    """Greatest memory of a process and its children, looked at twice a second."""

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self.rss_bytes = 0
        self._process = process
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.5):
            with suppress(psutil.Error):
                self.rss_bytes = max(self.rss_bytes, sum(each.memory_info().rss for each in _family(self._process)))


def _drained(running: Running, wanted: int) -> tuple[int, float]:
    """How many spans became visible, and for how long more of them did."""
    begun = last = time.perf_counter()
    seen = -1
    while time.perf_counter() - begun < DRAIN_S:
        now = running.visible()
        if now > seen:
            seen, last = now, time.perf_counter()
        if now >= wanted or time.perf_counter() - last > STUCK_S:
            break
        time.sleep(0.25)
    return seen, last - begun


def _measure(name: str) -> None:
    batch = Batch(SPANS_A_BATCH)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, COLLECTORS[name](Path(folder)) as running:
        send_for(running.url, batch, 2, headers=running.headers)
        before, _ = _drained(running, sys.maxsize)
        cpu_s, disk = _cpu_s(running.process), _on_disk(running.folder)
        with _Peak(running.process) as peak:
            sent = send_for(running.url, batch, SECONDS, headers=running.headers)
            seen, drain_s = _drained(running, before + sent.spans)
        visible = seen - before
        cpu_us = (_cpu_s(running.process) - cpu_s) / max(visible, 1) * 1e6
        grown = (_on_disk(running.folder) - disk) / max(visible, 1)
    answers = ", ".join(f"{count} x {answer}" for answer, count in sorted(sent.answers.items()))
    waits = statistics.quantiles(sent.waits_ms, n=100)
    rates = f"{sent.spans / sent.seconds:>11,.0f}{visible / (sent.seconds + drain_s):>11,.0f}"
    taken = f"{cpu_us:>12,.0f}{peak.rss_bytes / 2**20:>10,.0f}{grown:>13,.0f}"
    print(f"{name:<11}{rates}{waits[49]:>10,.0f}{waits[98]:>10,.0f}{taken}  {answers}", flush=True)


def main() -> None:
    """Print the table."""
    print(f"{len(Batch(SPANS_A_BATCH)) / SPANS_A_BATCH:,.0f} bytes a span, {SPANS_A_BATCH} spans a batch, 4 senders")
    heads = f"{'accepted/s':>11}{'visible/s':>11}{'p50 ms':>10}{'p99 ms':>10}{'CPU us/span':>12}{'RSS MiB':>10}"
    print(f"{'':<11}{heads}{'disk B/span':>13}  answers")
    for name in sys.argv[1:] or COLLECTORS:
        _measure(name)


if __name__ == "__main__":
    main()
