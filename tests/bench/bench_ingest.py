"""Our own format into the collector, over HTTP, until it can be queried: rate, answers, processor, memory, disk.

The collector is a process of its own with 350 MB for DuckDB, and is asked over its API for what it has. Senders share
the machine with it. What is answered with 200 is durable and visible, so the rate of answers is that of what is
visible; the count at the end is held against it. OTLP is in `./dev bench collectors`, beside other collectors.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.own_load import OwnBatch, send_all

EVENTS = int(os.environ.get("LLMOBSERVE_BENCH_EVENTS", "150000"))
SIZES = (10_000, 1_000, 100)
SERVE = [str(Path(sys.executable).with_name("llmobserve")), "serve", "--port", "0"]
IDLE_S = 12.0
_MB = 1024 * 1024


@dataclass
class Collector:
    """A running one."""

    url: str
    process: psutil.Process
    ask: Callable[[str], object]
    """The answer of a path below /api/v1."""
    started_s: float
    """Until it answered."""


@contextmanager
def collector(data_dir: Path, **env: str) -> Generator[Collector]:
    """Serve from `data_dir` until the end of the block."""
    begun = time.perf_counter()
    settings = {"COLUMNS": "400", "NO_COLOR": "1", "LLMOBSERVE_DB_MEMORY_MB": "350", "LLMOBSERVE_OTLP_GRPC_PORT": "0"}
    with subprocess.Popen(
        [*SERVE, "--data-dir", str(data_dir)], stdout=subprocess.PIPE, text=True, env=os.environ | settings | env
    ) as child:
        assert child.stdout is not None
        link = next(found for line in child.stdout if (found := re.search(r"https?://\S*/sign-in\?token=\S+", line)))
        url = link[0].partition("/sign-in")[0]
        open_url = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        ).open
        open_url(f"{url}/health", timeout=10).read()
        started_s = time.perf_counter() - begun
        open_url(link[0], timeout=10).read()
        try:
            yield Collector(
                url,
                psutil.Process(child.pid),
                lambda path: json.load(open_url(f"{url}/api/v1/{path}", timeout=60)),
                started_s,
            )
        finally:
            child.terminate()


def used(process: psutil.Process) -> tuple[float, float]:
    """Processor seconds and resident MB of a process and its children."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family), sum(one.memory_info().rss for one in family) / _MB


def _visible(here: Collector) -> int:
    tables = here.ask("storage")["tables"]  # type: ignore[index]
    return sum(table["rows"] for table in tables if table["table"] == "events")


def _measure(size: int) -> str:
    dice = random.Random(size)
    batch = OwnBatch(size)
    batches = max(EVENTS // size, 4)
    if size < 1000:
        batches //= 3
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder)) as here:
        idle_mb = used(here.process)[1]
        post = f"{here.url}/v1/events"
        send_all(post, [batch.fresh(dice) for _ in range(2)])  # loads the price book and the libraries
        bodies = [batch.fresh(dice) for _ in range(batches)]
        before, sent = used(here.process), batches * size
        told = send_all(post, bodies)
        after = used(here.process)
        seen = _visible(here) - 2 * size
        time.sleep(IDLE_S)
        disk = sum(file.stat().st_size for file in Path(folder).glob("events.duckdb*")) / (sent + 2 * size)
        waits = statistics.quantiles(told.waits_ms, n=20)
        return (
            f"batches of {size:6,}: {sent / told.seconds:8,.0f} events/s answered and visible ({seen:,} of {sent:,}), "
            f"{(after[0] - before[0]) / sent * 1e6:5.1f} us of processor an event, answers p50 "
            f"{statistics.median(told.waits_ms):5.0f} ms p95 {waits[-1]:5.0f} ms {dict(told.answers)}, "
            f"memory {after[1]:.0f} MB (idle before {idle_mb:.0f}), {disk:.0f} bytes an event on disk, "
            f"start {here.started_s * 1000:.0f} ms"
        )


def main() -> None:
    """Print one line for each size of batch."""
    for size in SIZES:
        print(_measure(size), flush=True)


if __name__ == "__main__":
    main()
