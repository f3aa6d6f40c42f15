"""How long the questions of the dashboard take on PostgreSQL, with and without sums.

python tests/bench/bench_postgresql.py [--rows 1000000] [--url postgresql://…] [--raw]

Without --url a server of its own is started. With it the database must be empty or hold the rows of an earlier run.
The rows are made by the server: 90 days, 8 projects of which the first has 45 % of them, 30 models, 200 agents, 5,000
customers, all skewed; runs of five records. Prints milliseconds of the first and of the median of the later runs. --raw
asks without sums too, once, which takes long.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import func

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loopback.postgresql import running_postgresql

from llmobserve.pricing import load_price_book
from llmobserve_server.errors import StoreError
from llmobserve_server.query.events import list_events
from llmobserve_server.query.fields import list_fields
from llmobserve_server.query.filters import parse
from llmobserve_server.query.run_detail import get_run
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.unpriced import list_unpriced
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events

DAYS = 90
LATER_RUNS = 3
GOAL_MS = 500.0
SETTINGS = (
    *("fsync=off", "full_page_writes=off", "shared_buffers=1GB", "max_connections=60", "max_wal_size=8GB"),
    *("maintenance_work_mem=256MB", "checkpoint_timeout=1h", "autovacuum=off"),
)
PREPARE = """
CREATE FUNCTION id_at(at timestamp, seed text) RETURNS text LANGUAGE sql VOLATILE
RETURN lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(seed), 1, 19);
CREATE FUNCTION zipf(choices integer) RETURNS integer LANGUAGE sql VOLATILE
RETURN least(floor(choices ^ random())::integer, choices);
"""
FILL = """
INSERT INTO events (
    project_id, event_id, type, kind, name, status, start_time, received_at, run_id, run_name, session_id, user_id,
    customer_id, environment, service, trace_id, span_id, parent_span_id, section_path, agent, tags, metadata,
    duration_ms, time_to_first_token_ms, provider, operation, request_model, model, error_type, http_status, stream,
    attempt, response_id, request_id, call_key, billable, input_tokens, output_tokens, cache_read_tokens, units,
    usage_source, cost_usd, cost_state, price_book, host, transport, sdk, sdk_version, revision, is_exchange
)
SELECT
    'proj_' || (CASE WHEN chance < 0.45 THEN 0 ELSE run %% 7 + 1 END), id,
    CASE WHEN n = 0 THEN 'span' ELSE 'call' END, CASE WHEN n = 0 THEN 'run' ELSE 'llm' END,
    CASE WHEN n = 0 THEN 'flow ' || flow ELSE 'chat.completions' END,
    CASE WHEN errs THEN 'error' ELSE 'ok' END, at, at + interval '2 s', run_id, 'flow ' || flow,
    's-' || run / 3, 'u-' || customer %% 20000,
    CASE WHEN chance2 < 0.85 THEN 'customer ' || customer END,
    CASE WHEN flow %% 5 = 0 THEN 'staging' ELSE 'production' END,
    'service ' || flow %% 6, md5(run_id), substr(md5(id), 1, 16), CASE WHEN n > 0 THEN substr(md5(run_id), 1, 16) END,
    'agent:agent ' || agent, 'agent ' || agent, ARRAY['tag ' || flow], jsonb_build_object('region', 'r' || flow %% 4),
    exp(6.5 + 1.1 * z), CASE WHEN flow %% 2 = 0 AND n > 0 THEN exp(5 + z) END,
    CASE WHEN n > 0 THEN 'provider ' || model %% 5 END, CASE WHEN n > 0 THEN 'chat.completions' END,
    CASE WHEN n > 0 THEN 'model ' || model END, CASE WHEN n > 0 THEN 'model ' || model END,
    CASE WHEN errs AND n > 0 THEN 'RateLimitError' END, CASE WHEN n > 0 THEN 200 END, flow %% 2 = 0, 0,
    CASE WHEN n > 0 THEN 'r-' || id END, CASE WHEN n > 0 THEN 'q-' || id END,
    CASE WHEN n > 0 THEN 'openai:r-' || id END, CASE WHEN n > 0 THEN true END,
    CASE WHEN n > 0 THEN (1000 * random())::bigint END, CASE WHEN n > 0 THEN (300 * random())::bigint END,
    CASE WHEN n > 0 AND model < 4 THEN 100 END,
    CASE WHEN n > 0 THEN '{"input_text_tokens": 812, "output_text_tokens": 77}'::json END,
    CASE WHEN n > 0 THEN 'response' END, CASE WHEN n > 0 AND model < 29 THEN (random() * 0.02)::numeric(18, 12) END,
    CASE WHEN n > 0 THEN CASE WHEN model < 29 THEN 'priced' ELSE 'unpriced' END END, '2026-11',
    CASE WHEN n > 0 THEN 'api.example.com' END, 'httpx2', 'llmobserve', '1.0.0', 0, CASE WHEN n > 0 THEN true END
FROM (
    SELECT *, begin_at + n * interval '700 ms' AS at,
        id_at(begin_at + n * interval '700 ms', run_id || n) AS id,
        zipf(30) AS model, random() < 0.02 AS errs, sqrt(-2 * ln(random() + 1e-12)) * cos(2 * pi() * random()) AS z
    FROM (
        SELECT run, chance, random() AS chance2, zipf(40) AS flow, zipf(200) AS agent, zipf(5000) AS customer, begin_at,
            id_at(begin_at, run::text) AS run_id
        FROM (
            SELECT run, random() AS chance,
                %(first)s::timestamp + (%(days)s * (run - 1 + random()) / %(runs)s) * interval '1 day' AS begin_at
            FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS run
        ) AS runs
    ) AS chosen CROSS JOIN generate_series(0, 4) AS n
) AS records
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--url")
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_args()
    with _database(options.url) as url:
        now = datetime.now(UTC).replace(tzinfo=None)
        store = open_store(url)
        try:
            if not store.fetch(Scope("proj_0").select(events, events.c.event_id).limit(1)):
                fill(url, options.rows, now)
            began = time.perf_counter()
            store.after_load()
            print(f"sums renewed in {time.perf_counter() - began:.1f} s")
            _vacuum(url)
            report(store, url if options.raw else None, now)
        finally:
            store.close()


@contextmanager
def _database(url: str | None) -> Generator[str]:
    if url is not None:
        yield url
        return
    with running_postgresql(SETTINGS) as server:
        yield server.create("bench")


def fill(url: str, rows: int, now: datetime) -> None:
    """Make the rows, with the indexes built afterwards."""
    began = time.perf_counter()
    first, runs = now - timedelta(days=DAYS), rows // 5
    with psycopg.connect(url, autocommit=True) as connection:
        _weeks(connection, first, now)
        connection.execute(PREPARE)
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'events' AND indexname <> 'events_pkey'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        connection.execute("ALTER TABLE events DROP CONSTRAINT events_pkey")
        step = 100_000
        for start in range(1, runs + 1, step):
            span = {"from": start, "to": min(runs, start + step - 1), "runs": runs, "days": DAYS, "first": first}
            connection.execute(FILL.encode(), span)
            print(f"  {min(runs, start + step - 1) * 5:,} rows after {time.perf_counter() - began:.0f} s", flush=True)
        connection.execute("ALTER TABLE events ADD PRIMARY KEY (project_id, start_time, event_id)")
        for _, definition in indexes:
            # The definition names the parent alone: the partitions get theirs with it.
            connection.execute(definition.replace(" ON ONLY ", " ON ").encode())
        connection.execute("INSERT INTO event_ids SELECT project_id, event_id, start_time FROM events")
        connection.execute(
            "INSERT INTO sums_to_renew (grain, project_id, begins) SELECT DISTINCT grain, project_id, "
            "date_trunc(grain, start_time) FROM events CROSS JOIN unnest(ARRAY['hour', 'day']) AS grain"
        )
    print(f"filled with {rows:,} rows in {time.perf_counter() - began:.0f} s")


def _weeks(connection: psycopg.Connection[Any], first: datetime, last: datetime) -> None:
    from llmobserve_server.store.postgresql.partitions import Partitions

    days = (last - first).days
    Partitions().ensure(connection, (first + timedelta(days=day) for day in range(days + 1)))


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        sizes = connection.execute(
            "SELECT relname, pg_size_pretty(sum(size)) FROM (SELECT regexp_replace(relname, '_20.*', '') AS relname, "
            "pg_total_relation_size(oid) AS size FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200) AS s "
            "GROUP BY 1 ORDER BY sum(size) DESC LIMIT 4"
        ).fetchall()
    print("size: " + ", ".join(f"{name} {size}" for name, size in sizes))


def report(store: Store, raw_url: str | None, now: datetime) -> None:
    counted = store.fetch(Scope("proj_0").select(events, func.count().label("n")))[0]["n"]
    print(f"{counted:,} records in the largest project, which is asked")
    print(f"{'question':46} {'first ms':>9} {'later ms':>9}")
    for name, ask in questions(store, now).items():
        first, later = measure(ask)
        mark = "" if later <= GOAL_MS else f"  above {GOAL_MS:g} ms"
        print(f"{name:46} {first:9.1f} {later:9.1f}{mark}", flush=True)
    if raw_url is not None:
        plain = open_store(f"{raw_url}?llmobserve_rollups=off")
        print("without sums:")
        for name, ask in questions(plain, now).items():
            print(f"{name:46} {_once(ask)}", flush=True)
        plain.close()


def _once(ask: Callable[[], object]) -> str:
    started = time.perf_counter()
    try:
        ask()
    except StoreError as error:
        return error.message
    return f"{(time.perf_counter() - started) * 1000:9.1f}"


def measure(ask: Callable[[], object]) -> tuple[float, float]:
    times: list[float] = []
    for _ in range(LATER_RUNS + 1):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return times[0], statistics.median(times[1:])


def questions(store: Store, now: datetime) -> dict[str, Callable[[], object]]:
    def last(**length: int) -> Scope:
        return Scope("proj_0", Window(now - timedelta(**length), now + timedelta(minutes=5)))

    day, week, month, quarter = last(hours=24), last(days=7), last(days=30), last(days=90)
    vienna = ZoneInfo("Europe/Vienna")

    def totals(
        scope: Scope, *group_by: str, q: str = "", limit: int = 200, compare: bool = False
    ) -> Callable[[], object]:
        asked = Question(group_by=group_by, terms=parse(q), compare=compare, tz=vienna, limit=limit)
        return lambda: get_totals(store, scope, asked)

    newest = list_events(store, day, (), limit=1).events[0]
    return {
        "total, 24 h, with the day before": totals(day, compare=True),
        "total, 30 d, with the month before": totals(month, compare=True),
        "day x provider, 90 d": totals(quarter, "day", "provider", limit=10_000),
        "day x model, 90 d": totals(quarter, "day", "model", limit=10_000),
        "hour x model, 7 d": totals(week, "hour", "model", limit=10_000),
        "models, 90 d": totals(quarter, "model"),
        "200 agents with latencies, 30 d": totals(month, "agent"),
        "200 customers with latencies, 30 d": totals(month, "customer"),
        "200 customers with latencies, 90 d": totals(quarter, "customer"),
        "models of one customer, 24 h": totals(day, "model", q='customer:"customer 7"'),
        "errors by type, 30 d": totals(month, "error", q="status:error"),
        "latest runs, 7 d": lambda: list_runs(store, week, (), limit=50),
        "latest runs, 90 d": lambda: list_runs(store, quarter, (), limit=50),
        "latest runs with an error, 7 d": lambda: list_runs(store, week, parse("status:error"), limit=50),
        "one run": lambda: get_run(store, week, newest.run_id or ""),
        "latest events, 90 d": lambda: list_events(store, quarter, (), limit=100),
        "latest events, three filters, 90 d": lambda: list_events(
            store, quarter, parse('model:"model 3" env:production cost:>0.01'), limit=100
        ),
        "latest events with a tag, 30 d": lambda: list_events(store, month, parse('tag:"tag 17"'), limit=100),
        "unpriced models, 30 d": lambda: list_unpriced(store, month, load_price_book()),
        "fields with values, 24 h": lambda: list_fields(store, day),
        "fields with values, 30 d": lambda: list_fields(store, month),
        "costliest runs, 24 h": lambda: list_runs(store, day, (), sort="-cost", limit=50),
        "metadata.region, 24 h": totals(day, "metadata.region"),
    }


if __name__ == "__main__":
    main()
