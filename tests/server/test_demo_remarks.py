"""Scores, facts and calls told by hand in the example data: they add nothing to what it costs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from llmobserve.wire import Batch, CallEvent, FactRecord, ScoreRecord
from llmobserve_server.demo.generate import generate
from llmobserve_server.demo.load import fill_store
from llmobserve_server.demo.remarks import with_remarks
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events, facts, scores

NOW = datetime(2026, 11, 19, 15, 30)  # noqa: DTZ001 (the tables hold naive UTC); a Thursday
NOW_US = int(NOW.replace(tzinfo=UTC).timestamp() * 1_000_000)
DAYS = 6


@pytest.fixture(scope="module")
def plain() -> list[Batch]:
    return list(generate(days=DAYS, scale=1.0, seed=3, now_us=NOW_US))


def filled(folder: Path, batches: list[Batch]) -> Store:
    store = open_store(f"duckdb:///{folder / 'events.duckdb'}")
    done = fill_store(store, batches, project_id="default", settings=ServerSettings(), progress=lambda _: None)
    assert (done.rejected, done.duplicates) == (0, 0)
    return store


def test_remarks_are_the_same_each_time_and_leave_the_data_as_it_is(plain: list[Batch]) -> None:
    marked = list(with_remarks(plain, 3, NOW_US))
    assert marked == list(with_remarks(generate(days=DAYS, scale=1.0, seed=3, now_us=NOW_US), 3, NOW_US))
    known = {batch.batch_id for batch in plain}
    assert [batch for batch in marked if batch.batch_id in known] == plain
    records = [record for batch in marked if batch.batch_id not in known for record in batch.events]
    assert {type(record) for record in records} == {CallEvent, FactRecord, ScoreRecord}
    said = [record for record in records if isinstance(record, FactRecord | ScoreRecord)]
    assert all(record.at_us <= NOW_US for record in said)


def test_what_is_told_by_hand_costs_nothing_more(plain: list[Batch], tmp_path: Path) -> None:
    scope = Scope("default", Window(NOW - timedelta(days=DAYS), NOW + timedelta(minutes=1)))
    spends = []
    for name, batches in (("plain", plain), ("marked", list(with_remarks(plain, 3, NOW_US)))):
        folder = tmp_path / name
        folder.mkdir()
        store = filled(folder, batches)
        question = Question(group_by=("customer",), tz=ZoneInfo("UTC"))
        answer = get_totals(store, scope, question)
        spends.append((answer.total.spend, {row.keys["customer"]: row.spend for row in answer.rows}))
        if name == "marked":
            told = store.fetch(select(events.c.merged_into, events.c.billable).where(events.c.transport == "manual"))
            assert len(told) > 50
            assert all(row["merged_into"] and not row["billable"] for row in told)
            targets = store.fetch(select(scores.c.target_type).distinct())
            assert {row["target_type"] for row in targets} == {"run", "session", "event"}
            kinds = store.fetch(select(facts.c.kind, func.count().label("n")).group_by(facts.c.kind))
            assert {row["kind"] for row in kinds} == {"routing", "cache", "quality"}
        store.close()
    assert spends[0] == spends[1]
