"""How long the questions of the pages take on the example data at ten times its size.

python tests/bench/bench_queries.py [--scale 10] [--data-dir DIR]

Prints milliseconds of the first and of the fastest later run, and the latter as a multiple of counting the rows.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func

from llmobserve_server.cli.demo import fill_if_empty
from llmobserve_server.query.event_detail import get_event
from llmobserve_server.query.events import list_events
from llmobserve_server.query.fields import list_fields
from llmobserve_server.query.filters import parse
from llmobserve_server.query.run_detail import get_run
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events

WARM_RUNS = 5
GOAL_MS = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=10.0)
    parser.add_argument("--data-dir", type=Path, help="keep the data here and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = ServerSettings(data_dir=options.data_dir or Path(scratch))
        filled = fill_if_empty(settings, scale=options.scale)
        if filled is not None:
            print(f"filled with {filled.accepted:,} records in {filled.seconds:.1f} s")
        store = open_store(settings.db_url)
        try:
            report(store)
        finally:
            store.close()


def report(store: Store) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    quarter = Scope("default", Window(now - timedelta(days=90), now))
    day = Scope("default", Window(now - timedelta(days=1), now))
    counted = quarter.select(events, func.count().label("n"))
    print(f"{store.fetch(counted)[0]['n']:,} events")
    base_cold, base = measure(lambda: store.fetch(counted))
    print(f"{'question':42} {'cold ms':>8} {'warm ms':>8} {'x count':>8}")
    print(f"{'SELECT count(*)':42} {base_cold:8.1f} {base:8.1f} {1:8.1f}")
    for name, ask in questions(store, quarter, day).items():
        cold, warm = measure(ask)
        mark = "" if warm <= GOAL_MS else f"  above {GOAL_MS:g} ms"
        print(f"{name:42} {cold:8.1f} {warm:8.1f} {warm / base:8.1f}{mark}")


def measure(ask: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the first run and of the fastest later one."""
    times: list[float] = []
    for _ in range(WARM_RUNS + 1):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return times[0], min(times[1:])


def questions(store: Store, quarter: Scope, day: Scope) -> dict[str, Callable[[], object]]:
    longest = list_runs(store, quarter, (), sort="-calls", limit=1).runs[0].run_id
    newest = list_events(store, quarter, (), limit=1).events[0].event_id

    def totals(scope: Scope, *group_by: str, q: str = "") -> Callable[[], object]:
        question = Question(group_by=group_by, terms=parse(q), compare=True, tz=ZoneInfo("Europe/Vienna"))
        return lambda: get_totals(store, scope, question)

    def runs(scope: Scope, q: str = "", sort: str = "-start") -> Callable[[], object]:
        return lambda: list_runs(store, scope, parse(q), sort=sort, limit=100)

    def page(q: str = "", sort: str = "-start") -> Callable[[], object]:
        return lambda: list_events(store, quarter, parse(q), sort=sort, limit=100)

    return {
        "runs, 24 h": runs(day),
        "runs, 90 d": runs(quarter),
        "runs, 90 d, costliest first": runs(quarter, sort="-cost"),
        "runs, 90 d, customer and status": runs(quarter, "customer:harbor-and-pine status:error"),
        "runs, 90 d, bare word": runs(quarter, "overloaded"),
        "totals, hour x model, 24 h": totals(day, "hour", "model"),
        "totals, day x provider, 90 d": totals(quarter, "day", "provider"),
        "totals, agent, 90 d": totals(quarter, "agent"),
        "totals, customer, 90 d": totals(quarter, "customer"),
        "totals, metadata.region, 90 d": totals(quarter, "metadata.region"),
        "totals, tag, 90 d": totals(quarter, "tag"),
        "events, 90 d": page(),
        "events, 90 d, three filters": page("model:gpt-5* cost:>0.0001 -status:error"),
        "events, 90 d, costliest first": page(sort="-cost"),
        "one event": lambda: get_event(store, quarter, newest),
        "longest run": lambda: get_run(store, quarter, longest),
        "fields with values, 30 d": lambda: list_fields(store, Scope("default", thirty_days(quarter))),
    }


def thirty_days(quarter: Scope) -> Window:
    assert quarter.window is not None
    return Window(quarter.window.end - timedelta(days=30), quarter.window.end)


if __name__ == "__main__":
    main()
