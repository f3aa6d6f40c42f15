"""From an accepted batch to its answer: groups, replays, failures, overload, the live feed (C01, C03, C13)."""

import asyncio
import gzip
import random
import threading
from collections.abc import Generator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from server.batches import PROJECT, Collector, batch, call, collector, content, span
from sqlalchemy import Executable, func, select

from llmobserve.wire import BatchAnswer
from llmobserve_server.errors import BadRequest, Overloaded, PayloadTooLarge, StoreError, UnstorableRows
from llmobserve_server.ingest import commit
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.protocol import CostBatch, Row, Store, WriteBatch, WriteResult
from llmobserve_server.store.tables import contents, dead_letters, events


class Faulty:
    """A real store behind a fault: `refuses` ids as if no column could hold them, or `fails` altogether."""

    name = "faulty"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.refuses: set[str] = set()
        self.fails = False
        self.writes = 0

    def write(self, batch: WriteBatch) -> WriteResult:
        self.writes += 1
        if self.fails:
            raise StoreError("the disk is full")
        for row in (*batch.events, *batch.span_starts, *batch.contents):
            if row["event_id"] in self.refuses:
                raise UnstorableRows("it does not fit")
        return self.store.write(batch)

    def replace_costs(self, batch: CostBatch) -> bool:
        return self.store.replace_costs(batch)

    def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return self.store.fetch(statement, parameters)

    def initialize(self) -> None:
        self.store.initialize()

    def checkpoint(self) -> None:
        self.store.checkpoint()

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def server(tmp_path: Path) -> Generator[Collector]:
    with collector(tmp_path) as running:
        yield running


@pytest.fixture
def faulty(tmp_path: Path) -> Generator[tuple[Collector, Faulty]]:
    made: list[Faulty] = []

    def wrap(store: Store) -> Store:
        made.append(Faulty(store))
        return cast(Store, made[0])

    with collector(tmp_path, wrap=wrap) as running:
        yield running, made[0]


def post_all(server: Collector, bodies: list[bytes]) -> list[BatchAnswer]:
    async def main() -> list[BatchAnswer]:
        posts = [server.ingestor.submit(body, content_encoding=None, project_id=PROJECT) for body in bodies]
        return await asyncio.gather(*posts)

    return asyncio.run(main())


def totals(server: Collector) -> tuple[int, Decimal]:
    (row,) = server.store.fetch(select(func.count().label("n"), func.sum(events.c.reported_cost_usd).label("usd")))
    return row["n"], row["usd"]


def test_the_same_batch_twenty_times_at_once_is_stored_once(server: Collector) -> None:
    body = batch(*[call(reported_cost_usd="0.1") for _ in range(50)])
    answers = post_all(server, [body] * 20)
    assert sum(answer.accepted for answer in answers) == 50
    assert sum(answer.duplicates for answer in answers) == 19 * 50
    assert totals(server) == (50, Decimal(5))


def test_overlapping_batches_at_once_store_every_event_once(server: Collector) -> None:
    records = [call(reported_cost_usd="0.25") for _ in range(120)]
    bodies = [batch(*records[start : start + 60]) for start in range(0, 90, 30)]
    random.Random(3).shuffle(bodies)
    answers = post_all(server, bodies * 3)
    assert sum(answer.accepted for answer in answers) == 120
    assert all(answer.accepted + answer.duplicates == 60 for answer in answers)
    assert totals(server) == (120, Decimal(30))


def test_batches_that_wait_together_share_a_transaction(faulty: tuple[Collector, Faulty]) -> None:
    server, store = faulty
    answers = post_all(server, [batch(call(), call(), b"{}") for _ in range(100)])
    assert [(answer.accepted, answer.rejected) for answer in answers] == [(2, 1)] * 100
    assert store.writes < 100
    assert len(server.rows(events)) == 200
    assert len(server.rows(dead_letters)) == 100
    stats = server.ingestor.stats()
    assert (stats.accepted, stats.rejected, stats.batches) == (200, 100, 100)
    assert stats.commits == store.writes == len(stats.recent_commit_seconds)
    assert (stats.committed_rows, stats.waiting_batches, stats.waiting_bytes) == (300, 0, 0)


def test_an_answer_means_that_the_events_are_readable(server: Collector) -> None:
    for number in range(5):
        server.post(batch(call(), call()))
        assert len(server.rows(events)) == 2 * (number + 1)


def test_nothing_is_acknowledged_while_the_store_fails_and_a_retry_is_not_doubled(
    faulty: tuple[Collector, Faulty],
) -> None:
    server, store = faulty
    body = batch(call(), call())
    assert server.post(body).accepted == 2
    late = batch(call())
    store.fails = True
    for _ in range(2):
        with pytest.raises(StoreError, match="disk is full") as caught:
            server.post(late)
        assert (caught.value.status, caught.value.retry_after_s) == (503, 5)
    stats = server.ingestor.stats()
    assert (stats.failed, stats.last_error, stats.waiting_batches) == (2, "the disk is full", 0)
    store.fails = False
    assert server.post(late).accepted == 1
    assert server.post(body).duplicates == 2
    assert server.ingestor.stats().last_error is None
    assert len(server.rows(events)) == 3


def test_a_row_the_store_refuses_becomes_a_dead_letter_and_the_others_are_stored(
    faulty: tuple[Collector, Faulty],
) -> None:
    server, store = faulty
    store.refuses = {"bad-1", "bad-2"}
    good = [call() for _ in range(9)]
    assert server.post(batch(good[0])).accepted == 1
    records = [*good[:4], call(event_id="bad-1"), *good[4:], content("bad-2", input="x"), content("fine", input="y")]
    answer = server.post(batch(*records))
    assert (answer.accepted, answer.duplicates, answer.rejected) == (9, 1, 2)
    assert {verdict.index: verdict.status for verdict in answer.verdicts} == {
        0: "duplicate",
        4: "rejected",
        10: "rejected",
    }
    assert len(server.rows(events)) == 9
    assert [row["event_id"] for row in server.rows(contents)] == ["fine"]
    letters = [(row["event_id"], row["reason"]) for row in server.rows(dead_letters)]
    assert letters == [("bad-1", "it does not fit"), ("bad-2", "it does not fit")]


def test_a_refused_row_does_not_disturb_batches_that_came_with_it(faulty: tuple[Collector, Faulty]) -> None:
    server, store = faulty
    store.refuses = {"bad"}
    answers = post_all(server, [batch(call(), call(event_id="bad")), *[batch(call()) for _ in range(10)]])
    assert [answer.accepted for answer in answers] == [1] * 11
    assert sum(answer.rejected for answer in answers) == 1
    assert len(server.rows(events)) == 11


def test_a_defect_in_idle_upkeep_does_not_end_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    class Defective(Faulty):
        def checkpoint(self) -> None:
            failed.set()
            raise RuntimeError("a defect")

    monkeypatch.setattr(commit, "_IDLE_S", 0.01)
    with collector(tmp_path, wrap=lambda store: cast(Store, Defective(store))) as server:
        assert failed.wait(10)
        assert server.post(batch(call())).accepted == 1


def test_a_full_queue_sends_batches_away_and_takes_them_later(tmp_path: Path) -> None:
    settings = ServerSettings(ingest_queue_batches=3)
    with collector(tmp_path, settings) as server:
        bodies = [batch(call()) for _ in range(30)]

        async def main() -> list[BatchAnswer | BaseException]:
            posts = [server.ingestor.submit(body, content_encoding=None, project_id=PROJECT) for body in bodies]
            return await asyncio.gather(*posts, return_exceptions=True)

        results = asyncio.run(main())
        refused = [result for result in results if isinstance(result, Overloaded)]
        assert len(refused) == server.ingestor.stats().refused_overload == 27
        assert all((error.status, error.retry_after_s) == (503, 2) for error in refused)
        assert len(server.rows(events)) == 3
        for body in bodies:
            server.post(body)
        assert len(server.rows(events)) == 30


def test_the_queue_is_bounded_by_decompressed_bytes_too(tmp_path: Path) -> None:
    settings = ServerSettings(ingest_queue_mb=1, max_decoded_mb=1)
    with collector(tmp_path, settings) as server:
        noise = random.Random(5).randbytes(300_000).hex()
        body = gzip.compress(batch(content("c", input=noise)))

        async def main() -> list[BatchAnswer | BaseException]:
            posts = [server.ingestor.submit(body, content_encoding="gzip", project_id=PROJECT) for _ in range(8)]
            return await asyncio.gather(*posts, return_exceptions=True)

        results = asyncio.run(main())
        assert any(isinstance(result, Overloaded) for result in results)
        assert any(isinstance(result, BatchAnswer) for result in results)
        assert all(isinstance(result, BatchAnswer | Overloaded) for result in results)
        assert server.ingestor.stats().waiting_bytes == 0
        assert server.post(body, encoding="gzip").duplicates == 1


def test_bodies_above_the_limits_and_damaged_ones_leave_nothing_waiting(tmp_path: Path) -> None:
    with collector(tmp_path, ServerSettings(max_body_mb=1, max_decoded_mb=2)) as server:
        for body, encoding, error in (
            (b"x" * (1024 * 1024 + 1), None, PayloadTooLarge),
            (gzip.compress(batch(content("c", input="ab" * 1_100_000))), "gzip", PayloadTooLarge),
            (b"no gzip", "gzip", BadRequest),
            (b"no json", None, BadRequest),
        ):
            with pytest.raises(error):
                server.post(body, encoding=encoding)
        stats = server.ingestor.stats()
        assert (stats.waiting_batches, stats.waiting_bytes) == (0, 0)


def test_a_client_that_hangs_up_does_not_undo_its_batch_or_harm_others(server: Collector) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(
                server.ingestor.submit(batch(call(event_id="a")), content_encoding=None, project_id=PROJECT)
            )
            await asyncio.sleep(0)
            gone.cancel()
            group.create_task(
                server.ingestor.submit(batch(call(event_id="b")), content_encoding=None, project_id=PROJECT)
            )

    asyncio.run(main())
    assert "b" in [row["event_id"] for row in server.rows(events)]
    answer = server.post(batch(call(event_id="a")))
    assert answer.accepted + answer.duplicates == 1
    assert server.ingestor.stats().waiting_batches == 0


def test_watchers_see_new_rows_of_their_project_once(server: Collector) -> None:
    async def main() -> list[list[str]]:
        submit = server.ingestor.submit
        with server.ingestor.subscribe("p1") as mine, server.ingestor.subscribe("p2") as other:
            assert server.ingestor.stats().watchers == 2
            body = batch(call(event_id="c1"), span(event_id="s1", status="running"), content("c1", input="x"), b"{}")
            await submit(body, content_encoding=None, project_id="p1")
            await submit(body, content_encoding=None, project_id="p1")
            await submit(batch(call(event_id="c2")), content_encoding=None, project_id="p1")
            await submit(batch(call(event_id="c3")), content_encoding=None, project_id="p2")
            seen = [[(await anext(mine))["event_id"] for _ in range(3)], [(await anext(other))["event_id"]]]
            mine.close()
            seen.append([row["event_id"] async for row in mine])
        return seen

    assert asyncio.run(main()) == [["c1", "s1", "c2"], ["c3"], []]
    assert server.ingestor.stats().watchers == 0


def test_a_slow_watcher_loses_rows_that_are_counted_and_holds_up_nobody(server: Collector) -> None:
    async def main() -> tuple[int, int]:
        with server.ingestor.subscribe(PROJECT) as slow:
            for _ in range(4):
                body = batch(*[call() for _ in range(300)])
                await server.ingestor.submit(body, content_encoding=None, project_id=PROJECT)
            waiting = 0
            while waiting < 1000:
                await anext(slow)
                waiting += 1
            return waiting, slow.dropped

    assert asyncio.run(main()) == (1000, 200)
    assert len(server.rows(events)) == 1200


def test_watchers_are_told_when_the_collector_stops(server: Collector) -> None:
    async def main() -> list[Row]:
        subscription = server.ingestor.subscribe(PROJECT)
        await asyncio.to_thread(server.ingestor.stop)
        return [row async for row in subscription]

    assert asyncio.run(main()) == []


def test_after_stop_nothing_is_taken_and_what_was_taken_is_stored(server: Collector) -> None:
    server.post(batch(call()))
    server.ingestor.stop()
    server.ingestor.stop()
    with pytest.raises(StoreError):
        server.post(batch(call()))
    server.ingestor.start()
    assert server.post(batch(call())).accepted == 1
    assert len(server.rows(events)) == 2


def test_what_senders_lost_is_counted_by_reason(server: Collector) -> None:
    server.post(batch(dropped={"spool_full": 3}))
    server.post(batch(dropped={"spool_full": 2, "too_large": 1}))
    assert dict(server.ingestor.stats().dropped_by_senders) == {"spool_full": 5, "too_large": 1}


def test_what_senders_say_of_losses_cannot_harm_the_counts(server: Collector) -> None:
    server.post(batch(dropped={"spool_full": 3, "absurd": 10**400, "negative": -5}))
    server.post(batch(dropped={f"reason-{number}": 1 for number in range(200)}))
    counts = server.ingestor.stats().dropped_by_senders
    assert (counts["spool_full"], counts["negative"], counts["absurd"]) == (3, 0, 0)
    # 64 reasons have a name of their own, the first of all among them; the other 137 share one.
    assert (len(counts), counts["other"], counts.total()) == (65, 137, 203)
