"""What is older than it is to be kept goes, what is younger stays: also when the job is killed or the disk is full."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from server.event_rows import PROJECT, call, opened, span
from server.test_store_disk_full import largest_file
from sqlalchemy import Table, select

from llmobserve_server.errors import StoreError
from llmobserve_server.jobs.retention import Retention
from llmobserve_server.settings import SettingError, load_settings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store, WriteBatch
from llmobserve_server.store.retention import RetentionRules
from llmobserve_server.store.tables import contents, dead_letters, events, scores, span_starts

NOW = datetime(2026, 11, 21, 12)  # noqa: DTZ001 (the tables hold naive UTC)
KILLS = 5
_EARLIER_TABLES = 4
"""Tables that the job empties before the events."""


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def rules(**days: int | None) -> RetentionRules:
    return RetentionRules({"contents": None, "events": None, "dead_letters": None} | days)  # pyright: ignore[reportArgumentType]


def retention(store: Store, kept: RetentionRules, **options: Any) -> Retention:
    return Retention(store, kept, clock=lambda: NOW, idle_share=0, **options)


def ids(store: Store, table: Table) -> set[str]:
    return {row["event_id"] for row in store.fetch(select(table.c.event_id))}


def said(event_id: str, received_at: datetime) -> dict[str, Any]:
    return {"project_id": PROJECT, "event_id": event_id, "received_at": received_at, "input": '"hello"'}


def score(event_id: str, said_at: datetime) -> dict[str, Any]:
    about = {"target_type": "event", "target_id": "c1", "name": "good", "data_type": "boolean", "source": "human"}
    return {"project_id": PROJECT, "event_id": event_id, "said_at": said_at, "received_at": said_at, **about}


def refused(event_id: str, received_at: datetime) -> dict[str, Any]:
    return {"project_id": PROJECT, "received_at": received_at, "event_id": event_id, "reason": "no", "body": "{}"}


def test_each_kind_is_kept_for_its_days_to_the_microsecond(tmp_path: Path) -> None:
    us = timedelta(microseconds=1)
    with opened(tmp_path) as store:
        store.write(
            WriteBatch(
                events=[call("old", days_ago(400) - us, cost="1"), call("kept", days_ago(400), cost="1")],
                span_starts=[span("old", days_ago(401)), span("kept", days_ago(1))],
                contents=[said("old", days_ago(14) - us), said("kept", days_ago(14))],
                scores=[score("old", days_ago(500)), score("kept", days_ago(3))],
                dead_letters=[refused("old", days_ago(31)), refused("kept", days_ago(29))],
            )
        )
        gone = retention(store, rules(contents=14, events=400, dead_letters=30)).run_once()
        assert gone == {"events": 1, "span_starts": 1, "contents": 1, "scores": 1, "dead_letters": 1}
        for table in (events, span_starts, contents, scores, dead_letters):
            assert ids(store, table) == {"kept"}, table.name


def test_what_is_kept_for_ever_stays_and_what_was_said_goes_with_its_event(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=[call("c", days_ago(9000))], contents=[said("c", days_ago(9000))]))
        assert retention(store, rules()).run_once().total() == 0
        assert retention(store, rules(contents=None, events=9001)).run_once().total() == 0
        assert retention(store, rules(contents=None, events=8000)).run_once() == {"events": 1, "contents": 1}


def test_deletion_comes_in_small_transactions_and_frees_the_file(tmp_path: Path) -> None:
    noise = [os.urandom(3000).hex() for _ in range(2000)]
    with opened(tmp_path) as store:
        store.write(WriteBatch(contents=[said(f"c{n}", days_ago(20)) | {"input": noise[n]} for n in range(2000)]))
        store.checkpoint()
        full = store.sizes()
        pieces: list[int] = []
        expire = store.expire

        def counted(*arguments: Any, **named: Any) -> int:
            pieces.append(expire(*arguments, **named))
            return pieces[-1]

        store.expire = counted  # pyright: ignore[reportAttributeAccessIssue]
        assert retention(store, rules(contents=14), piece_rows=700).run_once() == {"contents": 2000}
        assert [count for count in pieces if count] == [700, 700, 600]
        assert store.sizes().tables["contents"] < full.tables["contents"] / 10
        store.write(WriteBatch(contents=[said(f"n{n}", NOW) | {"input": noise[n]} for n in range(2000)]))
        store.checkpoint()
        assert store.sizes().total_bytes <= full.total_bytes


def test_below_the_disk_reserve_nothing_is_taken_but_old_rows_still_go(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=[call("old", days_ago(10)), call("new", days_ago(1))]))
    store = open_store(f"duckdb:///{tmp_path / 'events.duckdb'}", disk_reserve_bytes=1 << 62)
    try:
        with pytest.raises(StoreError, match="are kept"):
            store.write(WriteBatch(events=[call("more", NOW)]))
        assert retention(store, rules(events=7)).run_once() == {"events": 1}
        assert ids(store, events) == {"new"}
    finally:
        store.close()


def test_a_job_killed_again_and_again_deletes_nothing_that_is_kept_and_ends_its_work(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'events.duckdb'}"
    with opened(tmp_path) as store:
        for part in range(6):
            old = [call(f"old{part}-{n}", days_ago(100 - part), cost="0.01") for n in range(4000)]
            new = [call(f"new{part}-{n}", days_ago(part), cost="0.01") for n in range(500)]
            store.write(WriteBatch(events=[*old, *new]))
    kept = {f"new{part}-{n}" for part in range(6) for n in range(500)}
    left = [24_000]
    command = [sys.executable, str(Path(__file__).with_name("kill_retention.py")), url, NOW.isoformat()]
    for kill in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for number, _ in enumerate(process.stdout):
                if number == _EARLIER_TABLES + kill:
                    process.send_signal(signal.SIGKILL)
                    break
            assert process.wait(timeout=60) == -signal.SIGKILL
        with opened(tmp_path) as store:
            found = ids(store, events)
        assert kept <= found
        left.append(len(found - kept))
    assert sorted(left, reverse=True) == left
    assert 0 < left[-1] < 24_000
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "done"
    with opened(tmp_path) as store:
        assert ids(store, events) == kept


def test_the_job_runs_by_itself_and_says_why_it_could_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmobserve_server.jobs.retention._FIRST_AFTER", timedelta(seconds=0.05))
    monkeypatch.setattr("llmobserve_server.jobs.retention._EVERY", timedelta(seconds=0.05))
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=[call(f"old{n}", days_ago(10)) for n in range(10_000)]))
        job = retention(store, rules(events=7))
        with largest_file(1000):
            job.start()
            _until(lambda: job.state().last_error is not None)
            assert (job.state().last_end, job.state().deleted) == (None, {})
        _until(lambda: job.state().last_end == NOW)
        assert (job.state().deleted, job.state().last_error) == ({"events": 10_000}, None)
        job.stop()
        assert job.state().next_start is None
        never = retention(store, rules())
        never.start()
        assert never.state().next_start is None
        never.stop()


def test_days_are_read_from_the_settings() -> None:
    settings = load_settings(
        {"LLMOBSERVE_RETENTION_CONTENTS_DAYS": "14", "LLMOBSERVE_RETENTION_DEAD_LETTERS_DAYS": "forever"}
    )
    found = RetentionRules.of(settings)
    assert [found.kept_days(kind) for kind in ("contents", "events", "dead_letters")] == [14, None, None]
    standard = RetentionRules.of(load_settings({}))
    assert [standard.kept_days(kind) for kind in ("contents", "events", "dead_letters")] == [90, None, 30]
    with pytest.raises(SettingError, match=r"LLMOBSERVE_RETENTION_EVENTS_DAYS='0' cannot be used.*forever"):
        load_settings({"LLMOBSERVE_RETENTION_EVENTS_DAYS": "0"})


def _until(holds: Any) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it has not come true")
