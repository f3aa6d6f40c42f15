"""Refused records come back when their reason is gone: as they were sent, once, and only those that can."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from server.batches import PROJECT, batch, call, collector, run
from sqlalchemy import select

from llmobserve.wire import new_event_id, now_us
from llmobserve_server.store.protocol import WriteBatch
from llmobserve_server.store.tables import dead_letters, events

YEAR_2005_US = 1_104_537_600_000_000


def test_a_record_that_is_understood_now_is_stored_as_it_came_and_only_once(tmp_path: Path) -> None:
    lost = call()
    with collector(tmp_path) as running:
        # An older version did not know the kind of this record and kept it as a letter; its batch left a receipt.
        running.post(batch(call(), source={"process_id": "p-9", "service": "shop", "environment": "prod"}))
        (stored,) = running.rows(events)
        letter = {
            "project_id": PROJECT,
            "received_at": stored["received_at"],
            "batch_id": "b-1",
            "position": 1,
            "event_id": lost["event_id"],
            "reason": "kind must be one of …",
            "body": json.dumps(lost),
        }
        running.store.write(WriteBatch(dead_letters=[letter, {**letter, "body": '{"type":"call"', "event_id": None}]))
        first = run(running.ingestor.replay(PROJECT))
        again = run(running.ingestor.replay(PROJECT))
        rows = {row["event_id"]: row for row in running.rows(events)}
    assert (first.letters, first.stored, first.duplicates, len(first.refused), first.next_after) == (2, 1, 0, 1, None)
    assert (again.stored, again.duplicates) == (0, 1)
    row = rows[lost["event_id"]]
    assert (row["service"], row["environment"], row["process_id"]) == ("shop", "prod", "p-9")
    assert row["received_at"] == stored["received_at"]
    # gpt-4o-mini: 1,000 input tokens at $0.15 and 100 output tokens at $0.60 a million: $0.00015 + $0.00006.
    assert row["cost_usd"] == Decimal("0.00021")
    assert len(rows) == 2


def test_what_is_still_wrong_stays_a_letter_and_is_not_kept_twice(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        running.post(batch(call(start_time_us=YEAR_2005_US), call(event_id=""), call()))
        replayed = run(running.ingestor.replay(PROJECT))
        letters = running.store.fetch(select(dead_letters))
        rows = running.rows(events)
    assert (replayed.letters, replayed.stored) == (2, 0)
    assert {reason.partition(" ")[0] for _, reason in replayed.refused} == {"start_time_us", "event_id"}
    assert len(letters) == 2
    assert len(rows) == 1


def test_a_replay_goes_on_where_the_last_one_ended_and_leaves_other_projects_alone(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        running.post(batch(call()))
        received_at = running.rows(events)[0]["received_at"]
        ids = [new_event_id() for _ in range(1500)]
        letters = [
            {
                "project_id": PROJECT,
                "received_at": received_at + timedelta(seconds=place // 10),
                "batch_id": "b",
                "position": place % 10,
                "event_id": event_id,
                "reason": "",
                "body": json.dumps(call(event_id=event_id, start_time_us=now_us())),
            }
            for place, event_id in enumerate(ids)
        ]
        running.store.write(WriteBatch(dead_letters=[*letters, {**letters[0], "project_id": "other"}]))
        first = run(running.ingestor.replay(PROJECT))
        assert first.next_after is not None
        second = run(running.ingestor.replay(PROJECT, first.next_after))
        rows = running.rows(events)
        others = running.rows(events, "other")
    # The letters of the last arrival are looked at twice: nothing between is left out.
    assert (first.letters, first.stored) == (1000, 1000)
    assert second.stored == 500
    assert second.duplicates == 10
    assert second.next_after is None
    assert {row["event_id"] for row in rows} >= set(ids)
    assert others == []
