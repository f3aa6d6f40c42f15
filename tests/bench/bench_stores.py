"""The same rows and questions on DuckDB, chDB and Parquet, side by side.

python tests/bench/bench_stores.py [--rows 1000000] [--engines duckdb chdb parquet]

Each engine has a process of its own. 90 days, 8 projects of which the first has 45 % of the rows, 30 models, 200
agents, 5,000 customers, all skewed; runs of five calls; 20 % of the rows with 2 KB of content. Prints rows stored a
second in batches of 5,000 (the store's part: rows are columns already, and each batch is durable), bytes a row,
resident memory, and milliseconds of the first and the fastest later run of each question; of questions also the ratio
to DuckDB, which is what can be compared on a busy machine.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from llmobserve_server.query.event_detail import get_event
from llmobserve_server.query.events import list_events
from llmobserve_server.query.fields import list_fields
from llmobserve_server.query.filters import parse
from llmobserve_server.query.run_detail import get_run
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.blocks import RowBlock
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store, WriteBatch

ENGINES = {"duckdb": "events.duckdb", "chdb": "chdb", "parquet": "parquet"}
BATCH = 5000
DAYS = 90
WARM_RUNS = 3
MEMORY_BYTES = 512 * 1024**2
START = datetime(2026, 8, 20)  # noqa: DTZ001 - times of the tables have no zone
END = START + timedelta(days=DAYS)
PROJECT = "proj_0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_engine(options.one, options.rows)))
        return
    found: dict[str, dict[str, Any]] = {}
    for engine in options.engines:
        command = [sys.executable, __file__, "--one", engine, "--rows", str(options.rows)]
        found[engine] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        print(f"{engine}: {found[engine]['figures']}", flush=True)
    report(found)


def report(found: dict[str, dict[str, Any]]) -> None:
    first = next(iter(found.values()))
    print(f"{'question: ms / processor ms':34}" + "".join(f"{engine:>20}" for engine in found))
    for name in first["questions"]:
        cells = [each["questions"][name] for each in found.values()]
        print(f"{name:34}" + "".join(f"{warm:12.0f} /{busy:6.0f}" for warm, busy in cells))


def measure_engine(engine: str, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"{engine}:///{Path(folder) / ENGINES[engine]}"
        store = open_store(url, memory_limit_bytes=MEMORY_BYTES, threads=2)
        spent, busy, slowest = 0.0, 0.0, 0.0
        for batch in batches(count):
            started, processor = time.perf_counter(), time.process_time()
            result = store.write(batch)
            took = time.perf_counter() - started
            assert not any(result.duplicates.values())
            spent, busy, slowest = spent + took, busy + time.process_time() - processor, max(slowest, took)
        store.checkpoint()
        store.close()
        store = open_store(url, memory_limit_bytes=MEMORY_BYTES, threads=2)
        try:
            figures = {
                "rows_per_s": round(count / spent),
                "rows_per_processor_s": round(count / busy),
                "slowest_batch_ms": round(slowest * 1000),
                "bytes_per_row": round(store.sizes().total_bytes / count),
            }
            asked = {name: timed(ask) for name, ask in questions(store).items()}
            figures["peak_resident_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        finally:
            store.close()
    return {"figures": figures, "questions": asked}


def timed(ask: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the fastest run but the first, and the least processor time of one."""
    ask()
    times: list[float] = []
    busy: list[float] = []
    for _ in range(WARM_RUNS):
        started, processor = time.perf_counter(), time.process_time()
        ask()
        times.append((time.perf_counter() - started) * 1000)
        busy.append((time.process_time() - processor) * 1000)
    return min(times), min(busy)


def batches(count: int) -> Iterator[WriteBatch]:
    """Rows in the order of their time, as columns: a few thousand different ones, with ids and times of their own."""
    dice = random.Random(7)
    pool = [_facts(dice) for _ in range(BATCH)]
    step = timedelta(days=DAYS) / count
    for start in range(0, count, BATCH):
        rows: list[dict[str, Any]] = []
        said: list[dict[str, Any]] = []
        for number in range(start, min(start + BATCH, count)):
            at = START + number * step
            event_id, run_id = _id(at, number), _id(START + (number // 5) * 5 * step, number // 5 + 2**40)
            own = {"event_id": event_id, "start_time": at, "received_at": at, "run_id": run_id, "trace_id": run_id}
            call_key = {"response_id": event_id, "call_key": f"openai:{event_id}"}
            rows.append({**pool[number % BATCH], **own, **call_key})
            if number % 5 == 0:
                text = dice.randbytes(1000).hex()
                project = rows[-1]["project_id"]
                said.append({"project_id": project, "event_id": event_id, "received_at": at, "input": text})
        yield WriteBatch(events=_block("events", rows), contents=_block("contents", said))


def _block(table: str, rows: list[dict[str, Any]]) -> RowBlock:
    return RowBlock(table, to_arrow(table, rows), [(row["project_id"], row["event_id"]) for row in rows])


def _id(at: datetime, number: int) -> str:
    at_ms = int((at - datetime(1970, 1, 1)).total_seconds() * 1000)  # noqa: DTZ001
    return f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7000-8000-{number:012x}"


def _facts(dice: random.Random) -> dict[str, Any]:
    def skewed(choices: int) -> int:
        return int(choices ** dice.random()) - 1

    agent, model = skewed(200), skewed(30)
    cost = Decimal(dice.randrange(1, 10**7)).scaleb(-9)
    failed = dice.random() < 0.02
    return {
        "project_id": PROJECT if dice.random() < 0.45 else f"proj_{dice.randrange(1, 8)}",
        "type": "call",
        "kind": "llm",
        "name": "chat.completions",
        "operation": "chat.completions",
        "status": "error" if failed else "ok",
        "error_type": "RateLimitError" if failed else None,
        "run_name": f"flow {agent % 20}",
        "customer_id": f"customer {skewed(5000)}" if dice.random() < 0.85 else None,
        "environment": "production" if agent % 5 else "staging",
        "service": f"service {agent % 6}",
        "section_path": f"agent:agent {agent}",
        "agent": f"agent {agent}",
        "tags": [f"tag {agent % 20}"],
        "metadata": {"region": f"r{agent % 4}"},
        "attributes": {"route": f"/r/{agent}", "n": dice.randrange(10**9)},
        "duration_ms": dice.lognormvariate(6.5, 1.1),
        "provider": f"provider {model % 5}",
        "request_model": f"model {model}",
        "model": f"model {model}",
        "http_status": 200,
        "stream": model % 2 == 0,
        "attempt": 0,
        "billable": True,
        "input_tokens": dice.randrange(1000),
        "output_tokens": dice.randrange(300),
        "units": {"input_text_tokens": 812, "output_text_tokens": 77},
        "usage_source": "response",
        "cost_usd": cost,
        "cost_state": "priced",
        "price_book": "2026-11-20",
        "transport": "httpx2",
        "sdk": "llmobserve-python",
        "sdk_version": "1.0.0",
        "revision": 0,
        "is_exchange": True,
    }


def questions(store: Store) -> dict[str, Callable[[], object]]:
    quarter, month = Scope(PROJECT, Window(START, END)), Scope(PROJECT, Window(END - timedelta(days=30), END))
    day = Scope(PROJECT, Window(END - timedelta(days=1), END))
    run_id = list_runs(store, day, (), limit=1).runs[0].run_id
    newest = list_events(store, day, (), limit=1).events[0].event_id

    def totals(scope: Scope, *group_by: str, q: str = "") -> Callable[[], object]:
        question = Question(group_by=group_by, terms=parse(q), tz=ZoneInfo("Europe/Vienna"))
        return lambda: get_totals(store, scope, question)

    def page(q: str = "", sort: str = "-start") -> Callable[[], object]:
        return lambda: list_events(store, quarter, parse(q), sort=sort, limit=100)

    return {
        "totals, 24 h": totals(day),
        "totals, 30 d": totals(month),
        "totals, hour x model, 24 h": totals(day, "hour", "model"),
        "totals, day x provider, 90 d": totals(quarter, "day", "provider"),
        "totals, agent, 30 d": totals(month, "agent"),
        "totals, customer, 30 d": totals(month, "customer"),
        "totals, metadata.region, 30 d": totals(month, "metadata.region"),
        "totals, tag, 30 d": totals(month, "tag"),
        "runs, 24 h": lambda: list_runs(store, day, (), limit=100),
        "runs, 30 d, costliest first": lambda: list_runs(store, month, (), sort="-cost", limit=100),
        "events, 90 d": page(),
        "events, 90 d, three filters": page("provider:provider* cost:>0.0001 -status:error"),
        "one event": lambda: get_event(store, quarter, newest),
        "one run": lambda: get_run(store, quarter, run_id),
        "fields with values, 30 d": lambda: list_fields(store, month),
    }


if __name__ == "__main__":
    main()
