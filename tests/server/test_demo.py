import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from server.event_rows import opened

from llmobserve.wire import Batch, CallEvent, ContentRecord, SpanEvent
from llmobserve_server.demo.generate import generate, workday
from llmobserve_server.demo.load import fill_store, is_empty
from llmobserve_server.demo.world import INCIDENT, SPIKE
from llmobserve_server.query.filters import parse
from llmobserve_server.query.run_detail import get_run
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, Window, id_time
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.protocol import Store

NOW = datetime(2026, 11, 19, 15, 30)  # noqa: DTZ001 (the tables hold naive UTC); a Thursday
NOW_US = int(NOW.replace(tzinfo=UTC).timestamp() * 1_000_000)
DAYS = 40


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return list(generate(days=DAYS, scale=1.0, seed=3, now_us=NOW_US))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, batches: list[Batch]):
    directory: Path = tmp_path_factory.mktemp("demo")
    with opened(directory) as store:
        assert is_empty(store, "default")
        filled = fill_store(
            store, batches, project_id="default", settings=ServerSettings(), progress=lambda _filled: None
        )
        assert (filled.rejected, filled.duplicates) == (0, 0)
        assert filled.accepted == sum(len(batch.events) for batch in batches)
        yield store


def everything() -> Scope:
    return Scope("default", Window(NOW - timedelta(days=DAYS), NOW + timedelta(minutes=1)))


def day(days_ago: int) -> Scope:
    start = NOW.replace(hour=0, minute=0) - timedelta(days=days_ago)
    return Scope("default", Window(start, start + timedelta(days=1)))


def totals(store: Store, scope: Scope, *group_by: str, q: str = ""):
    return get_totals(store, scope, Question(group_by=group_by, terms=parse(q), tz=ZoneInfo("UTC")))


def test_same_seed_same_data_other_seed_other_data(batches: list[Batch]):
    assert list(generate(days=DAYS, scale=1.0, seed=3, now_us=NOW_US)) == batches
    other = [batch.batch_id for batch in generate(days=1, scale=0.1, seed=4, now_us=NOW_US)]
    assert not set(other) & {batch.batch_id for batch in batches}


def test_records_are_whole(batches: list[Batch]):
    records = [record for batch in batches for record in batch.events]
    events = [record for record in records if isinstance(record, CallEvent | SpanEvent)]
    ids = {event.event_id for event in events}
    assert len(ids) == len(events)
    contents = [record for record in records if isinstance(record, ContentRecord)]
    assert len(events) + len(contents) == len(records)
    assert {record.event_id for record in contents} <= ids
    spans = {event.context.span_id for event in events}
    assert all(event.context.parent_span_id in spans for event in events if event.context.parent_span_id)
    for event in events:
        made = id_time(event.event_id)
        assert made is not None
        assert abs(made.replace(tzinfo=UTC).timestamp() * 1e6 - event.start_time_us) < 1000
        assert event.start_time_us <= NOW_US
        if event.duration_ms is not None:
            assert event.start_time_us + event.duration_ms * 1000 <= NOW_US + 1000


def test_load_follows_day_and_week(batches: list[Batch]):
    starts = [
        datetime.fromtimestamp(event.start_time_us / 1e6, UTC)
        for batch in batches
        for event in batch.events
        if isinstance(event, SpanEvent) and event.kind == "run"
    ]
    by_hour = Counter(start.hour for start in starts)
    assert by_hour[10] > 4 * by_hour[3]
    weekdays = Counter(start.weekday() for start in starts)
    assert weekdays[1] > 2 * weekdays[6]


def test_there_is_something_of_everything(store: Store):
    answer = totals(store, everything(), "provider", "cost_state")
    states = {(row.keys["provider"], row.keys["cost_state"]) for row in answer.rows}
    assert {("openai", "unpriced"), ("openai", "priced"), ("anthropic", "priced"), ("azure_openai", "priced")} <= states
    assert answer.total.spend.estimated_calls > 0
    assert 0 < answer.total.spend.unpriced_calls < answer.total.spend.calls / 50
    assert answer.total.time_to_first_token_p50_ms is not None
    customers = totals(store, everything(), "customer").rows
    assert len(customers) >= 40
    agents = {row.keys["agent"] for row in totals(store, everything(), "agent").rows}
    assert {None, "support", "researcher", "coder", "analyst"} <= agents
    environments = {row.keys["environment"] for row in totals(store, everything(), "environment").rows}
    assert environments == {"production", "staging"}
    assert list_runs(store, everything(), parse("status:running")).runs
    assert list_runs(store, everything(), parse("status:error")).runs
    longest = list_runs(store, everything(), (), sort="-calls", limit=1).runs[0]
    assert longest.span_count > 300
    detail = get_run(store, everything(), longest.run_id)
    assert len(detail.nodes) == longest.span_count
    assert not any(node.synthetic for node in detail.nodes)


def test_the_incident_the_spike_and_the_migration_can_be_seen(store: Store):
    incident, spike = workday(INCIDENT.days_ago, NOW_US), workday(SPIKE.days_ago, NOW_US)
    overloaded = "error:OverloadedError"
    bad = totals(store, day(incident), q=overloaded).total.error_calls
    usual = totals(store, day(incident - 7), q=overloaded).total.error_calls
    assert bad > 10 * max(usual, 1)
    culprit = totals(store, day(spike), "customer").rows[0]
    assert culprit.keys["customer"] == SPIKE.customer
    day_before = totals(store, day(spike + 7)).total.spend.cost_usd
    assert culprit.spend.cost_usd > day_before
    before, after = (
        {row.keys["model"] for row in totals(store, day(days_ago), "model", q="agent:support").rows}
        for days_ago in (37, 1)
    )
    assert "gpt-4o-mini" in before
    assert after == {"claude-sonnet-5-5", "text-embedding-3-small"}


@pytest.mark.parametrize(("days", "scale"), [(0, 1), (4000, 1), (1, 0), (1, 1001)])
def test_refuses_sizes_out_of_range(days: int, scale: float):
    with pytest.raises(ValueError, match="days must be"):
        list(generate(days, scale, now_us=NOW_US))


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from llmobserve_server.cli.demo import main; main()", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLMOBSERVE_")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def test_command_fills_a_directory_once(tmp_path: Path):
    first = demo("--data-dir", str(tmp_path), "--days", "2", "--scale", "0.2")
    assert first.returncode == 0, first.stderr
    assert "records stored" in first.stdout
    again = demo("--data-dir", str(tmp_path), "--days", "2", "--scale", "0.2")
    assert again.returncode == 1
    assert "holds events already" in again.stderr
    assert demo("--data-dir", str(tmp_path), "--days", "1", "--scale", "0.1", "--add").returncode == 0


def test_command_says_when_nobody_listens():
    answer = demo("--url", "http://127.0.0.1:9", "--days", "1", "--scale", "0.2", "--add")
    assert answer.returncode == 1
    assert "cannot be reached" in answer.stderr
    assert "Traceback" not in answer.stderr
