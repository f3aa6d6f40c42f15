"""Several records of one provider call are one charge, in whatever order and company they arrive (architecture 12)."""

import asyncio
import shutil
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from server.batches import PROJECT, Collector, batch, call, collector

from llmobserve.wire import now_us
from llmobserve_server.jobs.reprice.calls import ChunkReader
from llmobserve_server.query.data_health import get_data_health
from llmobserve_server.query.reprice_report import RepriceFilter
from llmobserve_server.query.run_detail import get_run
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, parse_window
from llmobserve_server.store.protocol import Row
from llmobserve_server.store.tables import events

DAY_US = 86_400 * 1_000_000
HOUR_US = 3_600 * 1_000_000
NOW_US = now_us()

# gpt-4o-mini: $0.15 for a million input tokens, $0.60 output (openai.com/api/pricing, 2026-11-20).
SEEN_USD = Decimal("0.00021")
"""1,000 x 0.15 / 1e6 + 100 x 0.60 / 1e6 = 0.00015 + 0.00006."""
TOLD_USD = Decimal("0.0003")
"""By hand: 1,200 x 0.15 / 1e6 + 200 x 0.60 / 1e6 = 0.00018 + 0.00012."""


@pytest.fixture
def server(tmp_path: Path) -> Generator[Collector]:
    with collector(tmp_path) as running:
        yield running


def seen(event_id: str, response_id: str | None = "resp-1", **facts: Any) -> dict[str, Any]:
    """What the SDK saw on the wire."""
    return call(event_id=event_id, response_id=response_id, transport="httpx2", **facts)


def told(event_id: str, response_id: str | None = "resp-1", **facts: Any) -> dict[str, Any]:
    """What the application said of the call, with other figures."""
    usage = {"units": {"input_text_tokens": 1200, "output_text_tokens": 200}, "source": "application"}
    facts = {"start_time_us": NOW_US + 40_000, "transport": "manual", "usage": usage, **facts}
    return call(event_id=event_id, response_id=response_id, **facts)


def charges(server: Collector, project: str = PROJECT) -> dict[str, str | None]:
    """By event id the record that is charged in its place; `None` where it is charged itself."""
    rows = server.rows(events, project)
    assert all((row["merged_into"] is None) == row["billable"] for row in rows)
    return {row["event_id"]: row["merged_into"] for row in rows}


def window(days: int) -> Scope:
    now = datetime.now(UTC)
    return Scope(PROJECT, parse_window((now - timedelta(days=days)).isoformat(), None, now))


def spent(server: Collector, days: int = 90) -> tuple[Decimal, int]:
    total = get_totals(server.store, window(days), Question(group_by=(), tz=ZoneInfo("UTC"))).total
    return total.spend.cost_usd, total.spend.calls


@pytest.mark.parametrize("order", [("seen", "told"), ("told", "seen")])
@pytest.mark.parametrize("together", [True, False])
def test_a_call_that_was_captured_and_recorded_by_hand_is_charged_once(
    server: Collector, order: tuple[str, str], together: bool
) -> None:
    records = {"seen": seen("a", start_time_us=NOW_US), "told": told("b")}
    chosen = [records[name] for name in order]
    if together:
        assert server.post(batch(*chosen)).accepted == 2
    else:
        assert [server.post(batch(record)).accepted for record in chosen] == [1, 1]
    assert charges(server) == {"a": None, "b": "a"}
    assert spent(server) == (SEEN_USD, 1)


RECORDS: Mapping[str, dict[str, Any]] = {
    "sdk": seen("sdk", start_time_us=NOW_US + 5, usage={"source": "estimated", "units": {"input_text_tokens": 9}}),
    "gateway": seen("gateway", start_time_us=NOW_US) | {"transport": "gateway"},
    "hand": told("hand"),
    "import": told("import", start_time_us=NOW_US - 20 * HOUR_US),
}


@pytest.mark.parametrize("order", list(permutations(RECORDS)), ids="-".join)
def test_which_record_is_charged_does_not_depend_on_the_order(server: Collector, order: tuple[str, ...]) -> None:
    for name in order:
        server.post(batch(RECORDS[name]))
        server.post(batch(RECORDS[name]))
    assert charges(server) == {"sdk": "gateway", "gateway": None, "hand": "gateway", "import": "gateway"}
    assert spent(server) == (SEEN_USD, 1)


def test_stated_usage_beats_an_estimate_and_what_was_told_beats_what_nobody_knows(server: Collector) -> None:
    estimate = {"source": "estimated", "units": {"input_text_tokens": 5000, "output_text_tokens": 5000}}
    partial = {"source": "response", "flags": ["partial"], "units": {"input_text_tokens": 1000}}
    server.post(batch(seen("a1", "r1", usage=estimate), told("b1", "r1")))
    server.post(batch(told("b2", "r2"), seen("a2", "r2", usage={})))
    server.post(batch(told("b3", "r3"), seen("a3", "r3", usage=partial)))
    # Of records by hand alone the one that says more, then the first.
    short = {"units": {"input_text_tokens": 1}, "source": "application"}
    server.post(batch(told("b4", "r4", usage=short), told("b5", "r4"), told("b6", "r4", start_time_us=NOW_US + 90_000)))
    expected = {"a1": "b1", "b1": None, "a2": "b2", "b2": None, "a3": "b3", "b3": None}
    assert charges(server) == {**expected, "b4": "b5", "b5": None, "b6": "b5"}
    assert spent(server) == (4 * TOLD_USD, 4)


def test_retries_and_calls_on_the_wire_are_charged_each(server: Collector) -> None:
    """A retry has an answer of its own; and a server that repeats its ids does not make calls vanish."""
    retried = {"logical_call_id": "l-1"}
    server.post(batch(seen("try", "r1", **retried), seen("again", "r2", attempt=1, **retried)))
    server.post(batch(*(seen(f"same-{number}", "always", start_time_us=NOW_US + number) for number in range(5))))
    server.post(batch(seen("same-5", "always", start_time_us=NOW_US + 900), source={"process_id": "p-2"}))
    assert set(charges(server).values()) == {None}
    assert spent(server) == (8 * SEEN_USD, 8)
    # Said by hand of two of them: it is the nearest.
    server.post(batch(told("hand-0", "always", start_time_us=NOW_US + 1), told("hand-9", "always")))
    assert {key: into for key, into in charges(server).items() if into} == {"hand-0": "same-1", "hand-9": "same-5"}
    assert spent(server) == (8 * SEEN_USD, 8)


@pytest.mark.parametrize(("apart_hours", "is_one"), [(23, True), (-23, True), (25, False)])
def test_records_of_one_call_start_within_a_day(server: Collector, apart_hours: int, is_one: bool) -> None:
    start = NOW_US - 20 * DAY_US
    server.post(batch(seen("a", start_time_us=start)))
    server.post(batch(told("b", start_time_us=start + apart_hours * HOUR_US)))
    assert charges(server) == {"a": None, "b": "a" if is_one else None}
    assert spent(server) == ((SEEN_USD, 1) if is_one else (SEEN_USD + TOLD_USD, 2))


def test_a_chain_of_records_is_decided_alike_in_every_order(tmp_path: Path) -> None:
    """Each within a day of the next: nobody looks at the middle one when the ends arrive."""
    start = NOW_US - 40 * DAY_US
    chain = [told(f"b{number}", start_time_us=start + number * 20 * HOUR_US) for number in range(5)]
    found: set[tuple[tuple[str, str | None], ...]] = set()
    for number, order in enumerate(list(permutations(chain))[::11]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with collector(folder) as server:
            for record in order:
                server.post(batch(record))
            found.add(tuple(charges(server).items()))
    assert found == {(("b0", None), ("b1", "b0"), ("b2", None), ("b3", "b2"), ("b4", None))}


def test_concurrent_and_replayed_batches_charge_once(server: Collector) -> None:
    pairs = [(seen(f"a{n}", f"r{n}", start_time_us=NOW_US + n), told(f"b{n}", f"r{n}")) for n in range(60)]
    bodies = [batch(*(pair[side] for pair in pairs[at : at + 5])) for at in range(0, 60, 5) for side in (0, 1)]

    async def post() -> None:
        async with asyncio.TaskGroup() as group:
            for body in [*bodies, *bodies[::-1]]:
                group.create_task(server.ingestor.submit(body, content_encoding=None, project_id=PROJECT))

    asyncio.run(post())
    assert charges(server) == {f"{side}{n}": None if side == "a" else f"a{n}" for n in range(60) for side in "ab"}
    assert spent(server) == (60 * SEEN_USD, 60)


def test_projects_do_not_see_each_other(server: Collector) -> None:
    server.post(batch(seen("a")))
    server.post(batch(told("b")), project_id="other")
    assert charges(server) == {"a": None}
    assert charges(server, "other") == {"b": None}


def test_a_revision_that_names_another_call_leaves_the_twin_charged(server: Collector) -> None:
    job = seen("job", "r1", start_time_us=NOW_US)
    server.post(batch(job, told("hand", "r1")))
    assert charges(server) == {"job": None, "hand": "job"}
    # gpt-4o-mini as above, the double of it.
    usage = {"units": {"input_text_tokens": 2000, "output_text_tokens": 200}, "source": "response"}
    server.post(batch({**job, "revision": 1, "usage": usage}))
    assert charges(server) == {"job": None, "hand": "job"}
    assert spent(server) == (2 * SEEN_USD, 1)
    server.post(batch({**job, "revision": 2, "response_id": "r2", "usage": usage}))
    assert charges(server) == {"job": None, "hand": None}
    assert spent(server) == (2 * SEEN_USD + TOLD_USD, 2)


def test_a_job_that_is_polled_stays_one_event_beside_its_twin(server: Collector) -> None:
    running = seen("job", "resp_bg", usage={}, start_time_us=NOW_US)
    server.post(batch(running))
    server.post(batch(told("hand", "resp_bg")))
    assert charges(server) == {"job": "hand", "hand": None}
    finished = {**running, "revision": 1, "usage": call()["usage"]}
    for _ in range(3):
        server.post(batch(finished))
    assert charges(server) == {"job": None, "hand": "job"}
    assert spent(server) == (SEEN_USD, 1)


UNMERGED = {
    "a number below 999": {"provider": "ollama", "response_id": "chatcmpl-7"},
    "the caller's X-Request-Id": {"provider": "vllm", "response_id": "chatcmpl-web-1"},
    "a batch": {"operation": "batches", "response_id": "b-1"},
    "a batch, told line by line": {"response_id": "batch_1"},
    "a conversation": {"response_id": "conv_1"},
    "turns of a resumed session": {"provider": "google_gemini", "operation": "live", "response_id": "s/1"},
    "the opening of a session": {"response_id": None, "request_id": "req-1", "http_status": 101},
    "X-Opaque-Id": {"provider": "elasticsearch", "response_id": None, "request_id": "my-app"},
    "an order of several captures": {"provider": "paypal", "response_id": None, "request_id": "debug-1"},
}


@pytest.mark.parametrize("facts", list(UNMERGED.values()), ids=list(UNMERGED))
def test_ids_of_more_than_one_call_merge_nothing(server: Collector, facts: dict[str, Any]) -> None:
    server.post(batch(seen("a", **facts), told("b", **facts), told("c", **facts)))
    assert charges(server) == {"a": None, "b": None, "c": None}


def test_the_request_id_is_the_key_where_there_is_no_response_id(server: Collector) -> None:
    speech: dict[str, Any] = {"operation": "audio.speech", "kind": "audio", "response_id": None, "request_id": "req-1"}
    server.post(batch(seen("a", **speech), told("b", **speech), told("c", **{**speech, "request_id": "req-2"})))
    assert charges(server) == {"a": None, "b": "a", "c": None}


@pytest.mark.parametrize("told_first", [True, False])
def test_a_record_by_hand_may_name_the_request_only(server: Collector, told_first: bool) -> None:
    captured = seen("a", "r1", request_id="req-1", start_time_us=NOW_US)
    by_hand = told("b", None, request_id="req-1")
    others = [seen("c", "r2", request_id="req-2"), told("d", None, request_id="req-3")]
    for record in (by_hand, captured, by_hand) if told_first else (captured, by_hand, captured):
        server.post(batch(record))
    server.post(batch(*others))
    server.post(batch(told("e", "r1"), by_hand))
    assert charges(server) == {"a": None, "b": "a", "c": None, "d": None, "e": "a"}
    assert spent(server) == (2 * SEEN_USD + TOLD_USD, 3)


def test_a_session_that_shares_its_request_is_not_taken_for_one_call(server: Collector) -> None:
    turns = [seen(f"t{number}", f"resp-{number}", request_id="req-1", http_status=101) for number in range(3)]
    server.post(batch(*turns, told("b", None, request_id="req-1")))
    assert charges(server) == {"t0": None, "t1": None, "t2": None, "b": None}


def test_what_the_charged_record_lacks_is_taken_from_its_twin(server: Collector) -> None:
    """So that the cost is found under the customer, whichever record named it."""
    own_context = {"run_id": "run-1", "span_id": "1" * 16}
    hand_context = {
        "run_id": "run-1",
        "customer_id": "acme",
        "session_id": "s-1",
        "section_path": "agent:writer",
        "span_id": "2" * 16,
    }
    server.post(batch(seen("a", start_time_us=NOW_US, context=own_context)))
    server.post(batch(told("b", context=hand_context)))
    (charged, merged) = server.rows(events)
    assert (charged["customer_id"], charged["session_id"]) == ("acme", "s-1")
    assert (charged["section_path"], charged["agent"]) == ("agent:writer", "writer")
    assert charged["borrowed"] == ["session_id", "customer_id", "section_path", "agent"]
    assert (merged["customer_id"], merged["borrowed"]) == ("acme", None)
    by_customer = get_totals(server.store, window(7), Question(group_by=("customer",), tz=ZoneInfo("UTC"))).rows
    assert [(row.keys["customer"], row.spend.cost_usd, row.spend.calls) for row in by_customer] == [
        ("acme", SEEN_USD, 1)
    ]
    detail = get_run(server.store, window(7), "run-1")
    assert (detail.run.spend.cost_usd, detail.run.spend.calls, detail.run.span_count) == (SEEN_USD, 1, 1)
    assert [node.event_id for node in detail.nodes if node.type == "call"] == ["a"]
    # When it is found to be another call, it gets its own context back.
    server.post(batch(seen("a", "r2", start_time_us=NOW_US, context=own_context, revision=1)))
    (alone, _) = server.rows(events)
    assert (alone["customer_id"], alone["section_path"], alone["agent"], alone["borrowed"]) == (None, None, None, None)
    assert alone["run_id"] == "run-1"


def test_errors_of_one_call_count_once_in_its_run(server: Collector) -> None:
    failed: dict[str, Any] = {"status": "error", "error": {"type": "refused"}, "context": {"run_id": "run-1"}}
    server.post(batch(seen("a", **failed), told("b", **failed)))
    run = get_run(server.store, window(7), "run-1").run
    assert (run.error_count, run.spend.calls) == (1, 1)


def test_health_and_repricing_count_the_call_once(server: Collector) -> None:
    server.post(batch(seen("a", start_time_us=NOW_US), told("b")))
    server.post(batch(told("b")))
    health = get_data_health(server.store, window(1), None, datetime.now(UTC))
    assert (health.usage.calls, health.usage.twin_records, health.usage.twin_usd) == (1, 1, TOLD_USD)
    # The record that came twice is a duplicate; its call's other record is not.
    assert (health.records.received, health.records.stored, health.records.duplicates) == (3, 2, 1)
    assert ChunkReader(server.store, PROJECT, RepriceFilter(), 10).find().calls == 1


def test_what_was_merged_is_read_back_from_the_log(server: Collector, tmp_path: Path) -> None:
    """A crash leaves the file and its log; rows that one transaction wrote and changed come back as it left them."""
    server.post(batch(seen("a", start_time_us=NOW_US), told("b", context={"customer_id": "acme"})))
    server.post(batch(seen("c", "r2", start_time_us=NOW_US)))
    server.post(batch(told("d", "r2")))
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("events.duckdb*"):
        shutil.copy(file, copy)
    assert (copy / "events.duckdb.wal").stat().st_size > 0
    with collector(copy) as again:
        assert charges(again) == {"a": None, "b": "a", "c": None, "d": "c"}
        assert [row["customer_id"] for row in again.rows(events)] == ["acme", "acme", None, None]


def test_an_id_that_hundreds_of_records_have_is_no_id_of_a_call(server: Collector) -> None:
    server.post(batch(*(told(f"t{number}", "constant", start_time_us=NOW_US + number) for number in range(257))))
    assert set(charges(server).values()) == {None}


def test_watchers_see_which_record_is_not_charged(server: Collector) -> None:
    async def watch() -> list[Row]:
        with server.ingestor.subscribe(PROJECT) as watching:
            await server.ingestor.submit(
                batch(seen("a", start_time_us=NOW_US), told("b")), content_encoding=None, project_id=PROJECT
            )
            return [await anext(watching), await anext(watching)]

    rows = asyncio.run(watch())
    assert [(row["event_id"], row["billable"], row.get("merged_into")) for row in rows] == [
        ("a", True, None),
        ("b", False, "a"),
    ]
