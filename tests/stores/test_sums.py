"""Sums of hours and days are those of the events at every moment, and are what long windows are read from."""

import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from server.event_rows import call
from stores.engines import ENGINES, Place

from llmobserve_server.query.filters import parse
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.latency_shape import LATENCY_ERROR, shape_quantiles
from llmobserve_server.store.protocol import CostBatch, Store, WriteBatch
from llmobserve_server.store.tables import COST_COLUMNS

BEGIN = datetime(2026, 9, 7)  # noqa: DTZ001 (the tables hold naive UTC)
DAYS = 10
QUESTIONS = [
    Question(group_by=group_by, terms=parse(q), tz=ZoneInfo(tz))
    for group_by, q, tz in (
        ((), "", "UTC"),
        (("model",), "", "UTC"),
        (("day", "provider"), "-status:error", "Europe/Vienna"),
        (("day", "agent"), "", "UTC"),
        (("week",), "customer:acme", "UTC"),
        (("customer",), "env:production", "UTC"),
        (("hour", "model"), "", "UTC"),
        (("service", "error"), "", "UTC"),
    )
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ENGINES["postgresql"](tmp_path) as found:
        yield found


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.opened() as opened:
        yield opened


@pytest.fixture
def raw(place: Place, store: Store) -> Iterator[Store]:
    """The same database, read event by event."""
    with Place(f"{place.url}?llmobserve_rollups=off").opened() as opened:
        yield opened


def make(dice: random.Random, number: int) -> dict[str, Any]:
    failed = dice.random() < 0.2
    return call(
        f"e{number}",
        BEGIN + timedelta(days=DAYS * dice.random()),
        cost=None if dice.random() < 0.1 else str(Decimal(dice.randint(0, 10**9)) / 10**12),
        model=dice.choice(("m1", "m2", "größer")),
        provider=dice.choice(("openai", "acme", None)),
        status="error" if failed else "ok",
        error_type="Timeout" if failed else None,
        agent=dice.choice(("a", "b", None)),
        customer_id=dice.choice(("acme", "other", None)),
        environment=dice.choice(("production", "staging")),
        service=dice.choice(("api", None)),
        duration_ms=dice.choice((None, 0.0, dice.lognormvariate(6, 2))),
        time_to_first_token_ms=dice.choice((None, dice.lognormvariate(5, 1))),
        input_tokens=dice.choice((None, dice.randint(0, 2**40))),
        is_exchange=True,
        revision=0,
    )


def window(dice: random.Random) -> Scope:
    first = BEGIN + timedelta(days=DAYS / 3 * dice.random())
    return Scope("p1", Window(first, first + timedelta(days=DAYS / 2 * dice.random(), hours=3)))


def exact(store: Store, scope: Scope, question: Question) -> Any:
    """The answer without what is not exact."""
    answer = get_totals(store, scope, question).model_dump()
    for row in (*answer["rows"], answer["total"]):
        for name in ("duration_p50_ms", "duration_p95_ms", "time_to_first_token_p50_ms"):
            row[name] = None
    return answer


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_changed_and_renewed_the_sums_are_those_of_the_events(store: Store, raw: Store, seed: int) -> None:
    dice = random.Random(seed)
    stored: dict[str, dict[str, Any]] = {}
    for step in range(24):
        match dice.choice(("new", "new", "revise", "price", "renew")):
            case "new":
                rows = [make(dice, 1000 * step + n) for n in range(dice.randint(1, 60))]
                store.write(WriteBatch(events=rows))
                stored.update((row["event_id"], row) for row in rows)
            case "revise" if stored:
                chosen = dice.sample(sorted(stored), min(5, len(stored)))
                rows = [
                    {**make(dice, 0), "event_id": name, "revision": stored[name]["revision"] + 1} for name in chosen
                ]
                assert store.write(WriteBatch(events=rows)).duplicate_event_ids == frozenset()
                stored.update((row["event_id"], {**stored[row["event_id"]], **row}) for row in rows)
            case "price" if stored:
                chosen = dice.sample(sorted(stored), min(5, len(stored)))
                assert store.replace_costs(priced([stored[name] for name in chosen], step))
            case _:
                store.after_load()
        question, scope = dice.choice(QUESTIONS), window(dice)
        assert exact(store, scope, question) == exact(raw, scope, question), step
    store.after_load()
    for question in QUESTIONS:
        scope = window(dice)
        assert exact(store, scope, question) == exact(raw, scope, question)


def priced(rows: list[dict[str, Any]], number: int) -> CostBatch:
    log = {"project_id": "p1", "job_id": "j", "number": number, "logged_at": BEGIN, "done": False}
    blank = dict.fromkeys(COST_COLUMNS)
    return CostBatch(
        log,
        [
            {
                **blank,
                **{name: row[name] for name in ("project_id", "event_id", "start_time", "revision", "model")},
                "cost_usd": Decimal("0.000000000007"),
                "cost_state": "priced",
            }
            for row in rows
        ],
    )


def test_full_hours_and_days_are_read_from_the_sums(place: Place, store: Store, raw: Store) -> None:
    dice = random.Random(7)
    store.write(WriteBatch(events=[make(dice, n) for n in range(200)]))
    store.after_load()
    scope = Scope("p1", Window(BEGIN + timedelta(hours=5, minutes=30), BEGIN + timedelta(days=8)))
    before = [exact(store, scope, question) for question in QUESTIONS]
    assert before == [exact(raw, scope, question) for question in QUESTIONS]
    # Behind the back of the store: what is read one by one is gone, what is added up is not.
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("DELETE FROM events WHERE start_time >= %s", (BEGIN + timedelta(days=1),))
    assert [exact(store, scope, question) for question in QUESTIONS] == before
    assert exact(raw, scope, QUESTIONS[0])["total"] != before[0]["total"]


def test_sums_that_are_renewed_while_two_collectors_write_miss_nothing(place: Place, store: Store, raw: Store) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def renew() -> None:
        try:
            while not stop.is_set():
                store.after_load()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    def write(other: Store, seed: int) -> None:
        try:
            dice = random.Random(seed)
            for step in range(25):
                other.write(WriteBatch(events=[make(dice, 10_000 * seed + 20 * step + n) for n in range(20)]))
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(each, seed)) for seed, each in enumerate((store, raw), 1)]
    renewer = threading.Thread(target=renew)
    for thread in (renewer, *threads):
        thread.start()
    scope = Scope("p1", Window(BEGIN, BEGIN + timedelta(days=DAYS)))
    while any(thread.is_alive() for thread in threads):
        assert get_totals(store, scope, QUESTIONS[0]).total.spend.calls % 20 == 0
    for thread in threads:
        thread.join()
    stop.set()
    renewer.join()
    assert failures == []
    store.after_load()
    with psycopg.connect(place.url) as connection:
        assert connection.execute("SELECT count(*) FROM sums_to_renew").fetchone() == (0,)
    for question in QUESTIONS:
        assert exact(store, scope, question) == exact(raw, scope, question)
    assert get_totals(store, scope, QUESTIONS[0]).total.spend.calls == 1000


@pytest.mark.parametrize("seed", range(4))
def test_latencies_of_sums_are_as_near_as_is_said(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    values = [dice.choice((0.0, dice.uniform(0.01, 5), dice.lognormvariate(7, 2))) for _ in range(dice.randint(1, 300))]
    if seed == 0:
        values = [10.0, 10_000.0]
    rows = [{**make(dice, n), "start_time": BEGIN + timedelta(hours=1), "duration_ms": v} for n, v in enumerate(values)]
    store.write(WriteBatch(events=rows))
    store.after_load()
    scope = Scope("p1", Window(BEGIN, BEGIN + timedelta(days=2)))
    total = get_totals(store, scope, QUESTIONS[0]).total
    for fraction, told in ((0.5, total.duration_p50_ms), (0.95, total.duration_p95_ms)):
        place = fraction * (len(values) - 1)
        below, above = sorted(values)[int(place)], sorted(values)[min(int(place) + 1, len(values) - 1)]
        true = below + (above - below) * (place - int(place))
        assert told is not None and abs(told - true) <= LATENCY_ERROR * true + 1e-9


def test_a_shape_of_nothing_has_no_quantiles() -> None:
    assert shape_quantiles("", (0.5,)) == [None]
    assert shape_quantiles("0", (0.5, 0.95)) == [None, None]


def test_sums_outlive_the_events_but_not_those_of_users(place: Place, store: Store) -> None:
    dice = random.Random(3)
    store.write(WriteBatch(events=[{**make(dice, n), "user_id": f"u{n % 3}"} for n in range(100)]))
    store.after_load()
    scope = Scope("p1", Window(BEGIN, BEGIN + timedelta(days=DAYS)))
    before = exact(store, scope, QUESTIONS[1])
    while store.expire("events", BEGIN + timedelta(days=7), most_rows=1000):
        pass
    # An event that comes late does not make the sums of its hour those of the late one alone.
    late = {**make(dice, 1000), "start_time": BEGIN + timedelta(hours=3)}
    store.write(WriteBatch(events=[late]))
    store.after_load()
    assert exact(store, scope, QUESTIONS[1]) == before
    users = Question(group_by=("user",), terms=(), tz=ZoneInfo("UTC"))
    assert 0 < get_totals(store, scope, users).rows[0].spend.calls < 40
    with psycopg.connect(place.url) as connection:
        expired = "SELECT count(*) FROM event_sums WHERE user_id IS NOT NULL AND start_time < %s"
        assert connection.execute(expired, (BEGIN + timedelta(days=7),)).fetchone() == (0,)
