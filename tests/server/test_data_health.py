"""The question about the completeness of the data, over ledgers written by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from server.event_rows import PROJECT, at, call, opened, scope
from server.live_server import LiveServer, running
from server.test_query_scope import Watched

from llmobserve.wire import new_event_id, now_us
from llmobserve_server.query.data_health import get_data_health
from llmobserve_server.query.health_answers import DataHealth, Finding, Loss, SequenceGap
from llmobserve_server.query.health_losses import list_dead_letters
from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Store, WriteBatch

NOW = at(24, days=6).replace(tzinfo=UTC)


def receipt(process: str, start: datetime, **facts: Any) -> dict[str, Any]:
    """One batch; `numbers` are its first and last sequence number, all of them there."""
    first, last = facts.pop("numbers", (None, None))
    row = {
        "project_id": PROJECT,
        "received_at": start,
        "batch_id": f"{process}@{start}",
        "process_id": process,
        "service": "shop",
        "records": 1,
        "rejected": 0,
        "numbered": 0 if first is None else last - first + 1,
        "first_sequence": first,
        "last_sequence": last,
        "clock_skew_ms": 5.0,
    }
    return {**row, **facts}


def loss(process: str, start: datetime, reason: str, records: int, **facts: Any) -> dict[str, Any]:
    row = {
        "project_id": PROJECT,
        "received_at": start,
        "batch_id": f"{process}@{start}",
        "process_id": process,
        "service": "shop",
        "reason": reason,
        "records": records,
    }
    return {**row, **facts}


def letter(start: datetime, reason: str, **facts: Any) -> dict[str, Any]:
    row = {
        "project_id": PROJECT,
        "received_at": start,
        "batch_id": "b",
        "position": 0,
        "reason": reason,
        "body": '{"type":"call"}',
    }
    return {**row, **facts}


def told(process: str, start: datetime, *libraries: dict[str, Any], **facts: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "project_id": PROJECT,
        "received_at": start,
        "process_id": process,
        "service": "shop",
        "host": "web-1",
        "language": "python 3.12.1",
        "ended": facts.pop("ended", False),
    }
    return {**row, "report": {"made_at_us": 1, "libraries": list(libraries), **facts}}


def library(name: str, state: str = "active", **facts: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "version": "1.0", "target": "C.send", "detail": None, "calls": 0, **facts}


def asked(store: Store, service: str | None = None, **window: Any) -> DataHealth:
    return get_data_health(store, window.get("scope") or scope(), service, NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as opened_store:
        yield opened_store


def by_kind(health: DataHealth) -> dict[str, Finding]:
    return {finding.kind: finding for finding in health.findings}


def test_nothing_is_complete(store: Store) -> None:
    health = asked(store)
    assert health.complete
    assert (health.findings, health.coverage, health.processes, health.losses, health.gaps) == ([], [], [], [], [])
    assert (health.records.received, health.usage.calls, health.skew.batches) == (0, 0, 0)
    assert health.skew.p50_ms is None


def test_records_add_up(store: Store) -> None:
    store.write(
        WriteBatch(
            receipts=[
                receipt("p", at(1), records=10, rejected=2, duplicates=3),
                receipt("q", at(2), records=5),
                receipt("q", at(2), records=100, project_id="p2"),
                receipt("q", at(-1), records=100),
                receipt("q", at(0, days=7), records=100),
            ]
        )
    )
    records = asked(store).records
    # 10 + 5 arrived, 2 of them refused and 3 known: 10 were new.
    assert (records.batches, records.received, records.stored) == (2, 15, 10)
    assert (records.rejected, records.duplicates) == (2, 3)


def test_losses_of_a_batch_that_came_twice_count_once(store: Store) -> None:
    again = {"batch_id": "same"}
    store.write(
        WriteBatch(
            losses=[
                loss("p", at(1), "spool_full", 4, **again),
                loss("p", at(2), "spool_full", 4, **again),
                loss("p", at(3), "spool_full", 6, **again),  # two more were lost before it was tried again
                loss("q", at(1), "spool_full", 10, **again),
                loss("q", at(2), "torn", 1, service=None),
                loss("q", at(2), "made_up", 2),
                loss("q", at(2), "rejected_not_kept", 1),
                loss("q", at(-1), "torn", 50),
                loss("q", at(1), "torn", 50, project_id="p2"),
            ]
        )
    )
    health = asked(store)
    found = {(one.service, one.reason): one.records for one in health.losses}
    assert found == {
        ("shop", "spool_full"): 16,
        (None, "torn"): 1,
        ("shop", "made_up"): 2,
        ("shop", "rejected_not_kept"): 1,
    }
    assert health.lost_records == 20
    assert not health.complete
    assert health.findings[0].text == "20 records lost before sending"
    assert isinstance(health.losses[0], Loss)
    assert all(one.meaning and one.fix for one in health.losses)
    assert health.losses[0].last_at == at(3).replace(tzinfo=UTC)


def gaps_of(store: Store) -> dict[str, SequenceGap]:
    return {gap.process_id: gap for gap in asked(store).gaps}


def test_gaps_in_sequence_numbers(store: Store) -> None:
    store.write(
        WriteBatch(
            receipts=[
                # whole: 0-9 and 10-14, the second batch twice and partly before the first
                receipt("whole", at(1), numbers=(10, 14), batch_id="w2"),
                receipt("whole", at(1, seconds=1), numbers=(0, 9)),
                receipt("whole", at(2), numbers=(10, 14), batch_id="w2"),
                # open: 0-9, 20-29 and half of 30-39: 30 of 40 numbers less 5 are there, 15 are missing
                receipt("open", at(1), numbers=(0, 9)),
                receipt("open", at(2), numbers=(20, 29)),
                receipt("open", at(3), numbers=(30, 39), numbered=5),
                # before: the part before the window belongs to it
                receipt("before", at(-9), numbers=(0, 9)),
                receipt("before", at(3), numbers=(10, 12)),
                # said: 4 missing, of which the process says that it lost 3; contents have no number
                receipt("said", at(1), numbers=(0, 5)),
                receipt("said", at(2), numbers=(10, 11)),
                # another project has the missing ones, and a process outside of the window is none of ours
                receipt("open", at(2), numbers=(10, 19), project_id="p2"),
                receipt("past", at(-5), numbers=(0, 1)),
                receipt("past", at(-4), numbers=(5, 6)),
                receipt("unnumbered", at(1)),
            ],
            losses=[
                loss("said", at(-20), "spool_full", 3),
                loss("said", at(2), "content_too_big", 9),
                loss("open", at(1), "spans_full", 15),
            ],
        )
    )
    gaps = gaps_of(store)
    assert set(gaps) == {"open", "said"}
    open_, said = gaps["open"], gaps["said"]
    assert (open_.first_sequence, open_.last_sequence, open_.expected, open_.arrived) == (0, 39, 40, 25)
    assert (open_.on_the_way, open_.lost, open_.unexplained) == (0, 0, 15)
    assert (said.expected, said.arrived, said.lost, said.unexplained) == (12, 8, 3, 1)
    health = asked(store)
    assert health.missing_records == 16
    assert by_kind(health)["gaps"].count == 16
    assert open_.fix is not None


def test_a_gap_of_the_last_minutes_may_be_on_the_way(store: Store) -> None:
    now = NOW.replace(tzinfo=None)

    def ago(**time: float) -> datetime:
        return now - timedelta(**time)

    store.write(
        WriteBatch(
            receipts=[
                receipt("new", ago(minutes=9), numbers=(0, 9)),
                receipt("new", ago(minutes=1), numbers=(20, 29)),
                receipt("both", ago(minutes=9), numbers=(0, 9)),
                receipt("both", ago(minutes=8), numbers=(12, 19)),
                receipt("both", ago(minutes=1), numbers=(23, 29)),
                receipt("late", ago(minutes=9), numbers=(0, 9)),
                receipt("late", ago(minutes=8), numbers=(20, 29)),
                receipt("late", ago(minutes=1), numbers=(10, 19)),
            ]
        )
    )
    gaps = gaps_of(store)
    assert set(gaps) == {"new", "both"}, "what came late is not missing"
    assert (gaps["new"].on_the_way, gaps["new"].unexplained, gaps["new"].fix) == (10, 0, None)
    assert (gaps["both"].on_the_way, gaps["both"].unexplained) == (3, 2)
    assert asked(store).missing_records == 2


def test_refused_records_by_reason_and_their_text(store: Store) -> None:
    long = "x" * 9000
    store.write(
        WriteBatch(
            receipts=[
                receipt("p", at(1), batch_id="b", rejected=2, records=2),
                receipt("q", at(2), batch_id="b", rejected=1, service="other"),
            ],
            dead_letters=[
                letter(at(1), "start_time_us is 5"),
                letter(at(1), "start_time_us is 5", position=1, body=long),
                letter(at(2), "type must be one of"),
                letter(at(2), "type must be one of", project_id="p2"),
                letter(at(-1), "type must be one of"),
            ],
        )
    )
    health = asked(store)
    assert [(group.reason, group.records) for group in health.dead_letters] == [
        ("start_time_us is 5", 2),
        ("type must be one of", 1),
    ]
    assert sum(group.records for group in health.dead_letters) == health.records.rejected == 3
    assert "clock" in health.dead_letters[0].fix
    letters = list_dead_letters(store, scope(), None, None).letters
    assert [(one.reason, one.position) for one in letters] == [
        ("type must be one of", 0),
        ("start_time_us is 5", 0),
        ("start_time_us is 5", 1),
    ]
    assert (len(letters[2].body), letters[2].truncated, letters[0].truncated) == (8000, True, False)
    only = list_dead_letters(store, scope(), None, "type must be one of")
    assert [one.received_at for one in only.letters] == [at(2).replace(tzinfo=UTC)]
    of_other = asked(store, "other")
    assert [(group.reason, group.records) for group in of_other.dead_letters] == [("type must be one of", 1)]
    assert list_dead_letters(store, scope(), "shop", "type must be one of").letters == []


def test_the_matrix_takes_the_last_report_of_each_process(store: Store) -> None:
    httpx_us = 1_793_500_000_000_000
    store.write(
        WriteBatch(
            receipts=[
                receipt("a", at(1), records=7),
                receipt("a", at(9), records=3),
                receipt("b", at(2)),
                receipt("c", at(3), service=None),
                receipt("d", at(4), service="worker"),
                receipt("gone", at(-9)),
            ],
            process_reports=[
                told("a", at(1), library("httpx", calls=1), lost={"torn": 5}),
                told(
                    "a",
                    at(9),
                    library("httpx", calls=4, last_call_us=httpx_us),
                    library("aiohttp", "degraded", detail="not as expected"),
                    ended=True,
                    counts={"calls": 4},
                    capture_content=True,
                ),
                told("b", at(-30), library("httpx", "missing", version="0.99", calls=2, last_call_us=httpx_us - 9)),
                told("c", at(3), library("urllib3"), internal_errors={"capture.begin": 2}, lost={"spool_full": 3}),
                told("gone", at(-9), library("grpc")),
                told("b", at(5), library("grpc")) | {"project_id": "p2"},
            ],
        )
    )
    health = asked(store)
    assert health.libraries == ["aiohttp", "httpx", "urllib3"]
    assert [(row.service, row.processes) for row in health.coverage] == [("shop", 2), ("worker", 1), (None, 1)]
    shop = {cell.library: cell for cell in health.coverage[0].libraries}
    assert (shop["httpx"].state, shop["httpx"].versions) == ("missing", ["0.99", "1.0"])
    assert (shop["httpx"].processes, shop["httpx"].calls) == (2, 6)
    assert shop["httpx"].last_call == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=httpx_us)
    assert "httpx 0.99" in (shop["httpx"].fix or "")
    assert (shop["aiohttp"].state, shop["aiohttp"].detail) == ("degraded", "C.send: not as expected")
    assert health.coverage[1].libraries == []
    assert health.coverage[2].libraries[0].fix is None

    processes = {one.process_id: one for one in health.processes}
    assert list(processes) == ["a", "d", "c", "b"], "the latest first"
    a = processes["a"]
    assert (a.state, a.records, a.calls, a.lost, a.capture_content) == ("ended", 10, 4, 0, True)
    assert (a.host, a.language, a.first_seen) == ("web-1", "python 3.12.1", at(1).replace(tzinfo=UTC))
    assert (processes["d"].capture_content, processes["d"].calls, processes["d"].state) == (None, None, "silent")
    assert (processes["c"].lost, processes["c"].internal_errors) == (3, {"capture.begin": 2})
    assert "spool" in (processes["c"].fix or "") or "collector" in (processes["c"].fix or "")
    assert health.process_count == 4
    kinds = by_kind(health)
    assert kinds["uncovered"].text == "2 libraries not fully watched: aiohttp, httpx"
    assert kinds["internal_errors"].count == 2
    assert [finding.severity for finding in health.findings] == ["missing", "notice"]


def test_a_framework_that_changed_takes_no_call_away(store: Store) -> None:
    report = told("a", at(1), library("mcp", "missing", version="9.9"), library("httpx", calls=2))
    store.write(WriteBatch(receipts=[receipt("a", at(1))], process_reports=[report]))
    health = asked(store)
    cells = {cell.library: cell for cell in health.coverage[0].libraries}
    assert (cells["mcp"].is_framework, cells["httpx"].is_framework) == (True, False)
    assert "calls are recorded all the same" in (cells["mcp"].fix or "")
    assert (by_kind(health)["uncovered"].severity, by_kind(health)["uncovered"].count) == ("notice", 1)


def test_who_was_heard_of_in_the_last_minutes_is_active(store: Store) -> None:
    now = NOW.replace(tzinfo=None)
    store.write(
        WriteBatch(
            receipts=[
                receipt("near", now - timedelta(minutes=9)),
                receipt("far", now - timedelta(minutes=11)),
                receipt("over", now - timedelta(minutes=1)),
            ],
            process_reports=[told("over", now - timedelta(minutes=1), ended=True)],
        )
    )
    states = {one.process_id: one.state for one in asked(store).processes}
    assert states == {"near": "active", "far": "silent", "over": "ended"}


def test_clock_skew(store: Store) -> None:
    skews = {"ok": [5.0, 15.0, 1000.0], "off": [-90_000.0, -70_000.0, 8.0], "slow": [1500.0], "unknown": [None]}
    store.write(
        WriteBatch(
            receipts=[
                receipt(process, at(hour + 1), clock_skew_ms=ms)
                for process, all_ms in skews.items()
                for hour, ms in enumerate(all_ms)
            ]
        )
    )
    skew = asked(store).skew
    assert (skew.batches, skew.within_1_s, skew.within_1_min, skew.beyond_1_min) == (7, 4, 1, 2)
    # In order: -90000, -70000, 5, 8, 15, 1000, 1500; the 5th percentile lies at 0.3, the 95th at 5.7.
    assert (skew.p50_ms, skew.p95_ms) == (8.0, pytest.approx(1000 + 0.7 * 500))
    assert skew.p05_ms == pytest.approx(-84_000)
    (off,) = skew.processes
    assert skew.process_count == 1
    assert (off.process_id, off.skew_ms, off.batches) == ("off", -70_000.0, 3)
    assert "NTP" in off.fix


def test_usage_that_is_uncertain(store: Store) -> None:
    store.write(
        WriteBatch(
            events=[
                call("a", at(1), cost="0.1", service="shop", usage_source="response", usage_flags=["malformed"]),
                call("b", at(1), cost="0.1", service="shop", cost_state="estimated", usage_flags=["partial"]),
                call("c", at(1), service="shop", usage_source="unknown", usage_flags=["undecodable", "malformed"]),
                call("d", at(1), service="other", usage_source="unknown", status="error"),
                call("e", at(1), cost="0", cost_state="free"),
                call("f", at(1), billable=False),
                call("g", at(-1)),
                call("h", at(1), project_id="p2"),
            ]
        )
    )
    usage = asked(store).usage
    # a to e are charged calls of the window; c and d have no cost; of the error nothing was to be read.
    assert (usage.calls, usage.unpriced_calls, usage.estimated_calls, usage.unstated_calls) == (5, 2, 1, 1)
    assert {one.flag: one.calls for one in usage.flags} == {"undecodable": 1, "malformed": 2, "partial": 1}
    assert all(one.meaning and one.fix for one in usage.flags)
    kinds = by_kind(asked(store))
    assert {kind: kinds[kind].severity for kind in kinds} == {
        "unpriced": "missing",
        "unstated": "missing",
        "flagged": "notice",
        "estimated": "notice",
    }
    other = asked(store, "other").usage
    assert (other.calls, other.unpriced_calls, other.unstated_calls) == (1, 1, 0)


def test_one_service_alone(store: Store) -> None:
    store.write(
        WriteBatch(
            receipts=[
                receipt("a", at(1), numbers=(0, 1)),
                receipt("a", at(2), numbers=(5, 6)),
                receipt("b", at(1), service="other", records=4),
                receipt("c", at(1), service=None, records=2),
            ],
            losses=[loss("a", at(1), "torn", 1), loss("b", at(1), "torn", 2, service="other")],
        )
    )
    other = asked(store, "other")
    assert (other.lost_records, other.gaps, other.records.received, other.process_count) == (2, [], 4, 1)
    assert other.services == ["other", "shop"]
    assert [one.process_id for one in asked(store, "").processes] == ["c"]
    assert asked(store, "nobody").complete


def test_nothing_is_asked_without_the_project(store: Store) -> None:
    store.write(
        WriteBatch(
            receipts=[receipt("a", at(1), numbers=(0, 1)), receipt("a", at(2), numbers=(5, 6))],
            process_reports=[told("a", at(1))],
        )
    )
    watched: Any = Watched(store)
    get_data_health(watched, scope(), "shop", NOW)
    list_dead_letters(watched, scope(), "shop", "x")
    assert watched.seen >= 14
    assert get_data_health(store, Scope("p3", scope().window), None, NOW).process_count == 0


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("health")) as server:
        yield server


def test_over_http_from_batch_to_answer(live: LiveServer) -> None:
    good = {
        "type": "call", "event_id": new_event_id(), "kind": "llm", "provider": "openai", "sequence": 0,
        "operation": "chat.completions", "request_model": "house-model", "start_time_us": now_us(),
        "usage": {"units": {"input_text_tokens": 1}, "source": "response"},
    }  # fmt: skip
    body = {
        "version": 1,
        "batch_id": "b1",
        "sent_at_us": now_us(),
        "source": {"process_id": "p1", "service": "bot", "host": "h"},
        "dropped": {"spool_full": 3},
        "report": {"made_at_us": now_us(), "libraries": [{"name": "httpx", "state": "active", "calls": 1}]},
        "events": [good, {**good, "event_id": new_event_id(), "start_time_us": 7, "sequence": 1}, good],
    }
    with live.client() as sender:
        answer = sender.post("/v1/events", json=body).json()
        assert sender.get("/api/v1/health/data").status_code == 401
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (1, 1, 1)
    with live.browser() as browser:
        health = browser.get("/api/v1/health/data").json()
        assert health["complete"] is False
        assert health["records"] == {"batches": 1, "received": 3, "stored": 1, "rejected": 1, "duplicates": 1}
        assert (health["lost_records"], health["missing_records"], health["gaps"]) == (3, 0, [])
        assert health["coverage"][0]["libraries"][0]["calls"] == 1
        assert [finding["kind"] for finding in health["findings"]] == ["lost", "rejected", "unpriced"]
        assert health["processes"][0]["host"] == "h"
        letters = browser.get("/api/v1/health/dead-letters", params={"service": "bot"}).json()
        assert '"start_time_us":7' in letters["letters"][0]["body"]
        assert browser.get("/api/v1/health/data", params={"service": "none"}).json()["complete"] is True
        assert browser.get("/api/v1/health/data", params={"from": "soon"}).status_code == 400
