"""Ten million calls in DuckDB and the questions of the pages about them: time, memory, bytes on disk.

python tests/bench/bench_store10m.py [--rows 10000000] [--keep DIR]

Some rows come in as a collector takes them; the rest are these again by SQL, with ids of their own, through 90 days.
The store then has 350 MB and two threads, and is asked what the pages ask (`bench_queries`), of the project that has
all rows. Prints milliseconds of the first and the fastest later run.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psutil
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.bench_queries import report
from bench.own_load import OwnBatch

from llmobserve_server.ingest.batch import batch_rows
from llmobserve_server.ingest.body import BodyLimits, read_body
from llmobserve_server.ingest.envelope import open_envelope
from llmobserve_server.pricing import Books, pricer_of
from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import events

DAYS = 90
SEED_ROWS = 50_000
BATCH = 5_000
_MB = 1024 * 1024
_ID = """lower(format('{}-{}-7{}-8{}-{}', left(lpad(hex(epoch_ms(moment)), 12, '0'), 8),
    right(hex(epoch_ms(moment)), 4),
    substr(md5(event_id || $round), 1, 3), substr(md5(event_id || $round), 4, 3),
    substr(md5(event_id || $round), 7, 12)))"""
_AGAIN = f"""
    INSERT INTO events BY NAME
    SELECT * EXCLUDE (moment, number) REPLACE (
        {_ID} AS event_id, moment AS start_time, moment AS received_at, md5(run_id || $round) AS run_id,
        md5(trace_id || $round) AS trace_id, left(md5(span_id || $round), 16) AS span_id,
        left(md5(parent_span_id || $round), 16) AS parent_span_id,
        'chatcmpl-' || left(md5(response_id || $round), 24) AS response_id,
        'req_' || md5(request_id || $round) AS request_id,
        'openai:chatcmpl-' || left(md5(response_id || $round), 24) AS call_key,
        cost_usd + $round * 0.000000001 AS cost_usd, duration_ms + $round AS duration_ms
    )
    FROM (SELECT *, CAST($from AS TIMESTAMP) + number * INTERVAL 1 MICROSECOND * $step AS moment
          FROM (SELECT *, row_number() OVER () AS number FROM seed))
"""


def build(path: Path, rows: int) -> None:
    """Write the file."""
    store = open_store(f"duckdb:///{path}", memory_limit_bytes=350 * _MB, threads=2)
    pricer, dice = pricer_of(Books()), random.Random(1)
    begin = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=DAYS)
    batch = OwnBatch(BATCH)
    started = time.perf_counter()
    for _ in range(SEED_ROWS // BATCH):
        body = read_body(batch.fresh(dice), "gzip", BodyLimits())
        made = batch_rows(open_envelope(body), "default", time.time_ns() // 1000, pricer)
        store.write(made.to_write())
    print(f"{SEED_ROWS:,} rows by the writer in {time.perf_counter() - started:.0f} s", flush=True)
    store.close()
    with duckdb.connect(str(path), config={"memory_limit": "1GB", "threads": 2}) as connection:
        connection.execute("CREATE TEMP TABLE seed AS SELECT * FROM events")
        connection.execute("DELETE FROM events")
        rounds = rows // SEED_ROWS
        step_us = int(timedelta(days=DAYS) / timedelta(microseconds=1) / rows)
        for number in range(rounds):
            first = begin + timedelta(days=DAYS * number / rounds)
            connection.execute(_AGAIN, {"round": number, "from": first, "step": step_us})
        connection.execute("DROP TABLE seed")
        connection.execute("CHECKPOINT")
    print(f"{rows:,} rows in {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    """Build, then ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="build the file here, or use the one that is here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = (options.keep or Path(scratch)) / "events.duckdb"
        if not path.exists():
            build(path, options.rows)
        started = time.perf_counter()
        store = open_store(f"duckdb:///{path}", memory_limit_bytes=350 * _MB, threads=2)
        (found,) = store.fetch(select(func.count().label("rows")).select_from(events))
        opened_ms = (time.perf_counter() - started) * 1000
        print(f"open and count {opened_ms:.0f} ms, {path.stat().st_size / found['rows']:.0f} bytes a row")
        report(store)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"resident {psutil.Process().memory_info().rss / _MB:.0f} MB after all questions, {peak:.0f} MB at most")
        store.close()


if __name__ == "__main__":
    main()
