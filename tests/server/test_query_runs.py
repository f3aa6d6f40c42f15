from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from server.event_rows import DAY, PROJECT, at, call, opened, scope, span

from llmobserve_server.errors import BadRequest, NotFound
from llmobserve_server.query import filters
from llmobserve_server.query.run_detail import get_run
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.window import Scope
from llmobserve_server.store.protocol import Store, WriteBatch

LATELY = datetime.now(UTC).replace(tzinfo=None)

# r1: 0.10 + 0.02 + unpriced, 5 s, ok although one call failed; its own span says so.
# r2: no span of its own, last call failed; 1 s + 0.5 s from its start. r3: running. r4: failed run span.
ROWS = [
    span("r1-run", at(1), "run", "answer", run_id="r1", run_name="answer", span_id="1a", duration_ms=5000.0,
         customer_id="acme", session_id="s1", user_id="u1", environment="production", service="bot", tags=["x"]),
    span("r1-agent", at(1), "agent", "triage", run_id="r1", run_name="answer", span_id="1b", parent_span_id="1a",
         section_path="agent:triage", duration_ms=4000.0, agent="triage"),
    call("r1-c1", at(1, seconds=1), cost="0.1", run_id="r1", run_name="answer", parent_span_id="1b", span_id="1c",
         section_path="agent:triage", agent="triage", input_tokens=100, output_tokens=20, tags=["x", "y"]),
    call("r1-c2", at(1, seconds=2), cost="0.02", run_id="r1", run_name="answer", parent_span_id="1b", span_id="1d",
         section_path="agent:triage", agent="triage", provider="anthropic", model="claude-haiku-4-5", input_tokens=5),
    call("r1-c3", at(1, seconds=3), run_id="r1", run_name="answer", parent_span_id="1b", span_id="1e",
         status="error", error_type="Timeout"),
    call("r1-dup", at(1, seconds=1), cost="0.1", run_id="r1", billable=False, merged_into="r1-c1", span_id="1f"),
    call("r2-c1", at(2), cost="0.3", run_id="r2", run_name="batch", duration_ms=100.0),
    call("r2-c2", at(2, seconds=1), run_id="r2", run_name="batch", duration_ms=500.0, status="error"),
    call("r3-c1", at(3, seconds=1), cost="0.01", run_id="r3", run_name="live", parent_span_id="3a", span_id="3b"),
    span("r4-run", at(4), "run", "broken", run_id="r4", run_name="broken", span_id="4a", duration_ms=10.0,
         status="error", error_type="ValueError"),
    call("other", at(1), cost="7", run_id="r1", project_id="p2"),
    call("loose", at(5), cost="0.5"),
]  # fmt: skip
STARTS = [
    span(
        "r3-run", at(3), "run", "live", run_id="r3", run_name="live", span_id="3a", status="running", received_at=LATELY
    ),
    span("r1-run", at(1), "run", "answer", run_id="r1", run_name="answer", span_id="1a", status="running"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    directory: Path = tmp_path_factory.mktemp("runs")
    with opened(directory) as store:
        store.write(WriteBatch(events=ROWS, span_starts=STARTS))
        yield store


def ids(store: Store, q: str = "", **options) -> str:
    return " ".join(run.run_id for run in list_runs(store, scope(), filters.parse(q), **options).runs)


def test_a_run_is_summed_up(store: Store):
    run = next(run for run in list_runs(store, scope(), ()).runs if run.run_id == "r1")
    assert run.name == "answer"
    assert run.status == "ok"
    assert run.duration_ms == 5000
    assert run.spend.cost_usd == Decimal("0.12")
    assert (run.spend.calls, run.spend.unpriced_calls) == (3, 1)
    assert (run.input_tokens, run.output_tokens) == (105, 20)
    assert (run.error_count, run.span_count) == (1, 5)
    assert run.models == ["gpt-5-nano", "claude-haiku-4-5"]
    assert run.providers == ["openai", "anthropic"]
    assert run.agents == ["triage"]
    assert run.tags == ["x", "y"]
    facts = (run.customers, run.session_id, run.user_id, run.environment, run.service)
    assert facts == (["acme"], "s1", "u1", "production", "bot")


def test_status_and_duration_follow_the_outermost_span(store: Store):
    runs = {run.run_id: run for run in list_runs(store, scope(), ()).runs}
    assert {name: run.status for name, run in runs.items()} == {
        "r1": "ok", "r2": "error", "r3": "running", "r4": "error",
    }  # fmt: skip
    assert {name: run.duration_ms for name, run in runs.items()} == {"r1": 5000, "r2": 1500, "r3": None, "r4": 10}
    assert runs["r3"].start_time.replace(tzinfo=None) == at(3)


def test_a_run_of_which_only_the_announcement_arrived_is_listed(tmp_path: Path):
    with opened(tmp_path) as store:
        store.write(WriteBatch(span_starts=STARTS[:1]))
        (run,) = list_runs(store, scope(), ()).runs
        assert (run.run_id, run.status, run.name, run.spend.calls) == ("r3", "running", "live", 0)
        assert [node.event_id for node in get_run(store, scope(), "r3").nodes] == ["r3-run"]


def test_a_run_without_an_end_is_abandoned_after_six_silent_hours(tmp_path: Path):
    long_ago = LATELY - timedelta(hours=6, minutes=1)
    start = span("run", at(3), "run", "job", run_id="r", span_id="a", status="running", received_at=long_ago)
    step = span("step", at(3), "step", "wait", run_id="r", span_id="b", parent_span_id="a", received_at=long_ago)
    with opened(tmp_path) as store:
        store.write(WriteBatch(span_starts=[start, step | {"status": "running"}]))
        for status in ("abandoned", "running", "ok"):
            (run,) = list_runs(store, scope(), filters.parse(f"status:{status}")).runs
            assert (run.status, run.duration_ms) == (status, 1000 if status == "ok" else None)
            detail = get_run(store, scope(), "r")
            # The step's own end never comes.
            nodes = {"run": status, "step": "abandoned" if status == "ok" else status}
            assert {node.event_id: node.status for node in detail.nodes if node.type == "span"} == nodes
            if status == "abandoned":
                store.write(WriteBatch(events=[call("late", at(3), run_id="r", span_id="c", received_at=LATELY)]))
            if status == "running":
                store.write(WriteBatch(events=[start | {"status": "ok", "duration_ms": 1000.0}]))


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-start", "r4 r3 r2 r1"),
        ("start", "r1 r2 r3 r4"),
        ("-cost", "r2 r1 r3 r4"),
        ("cost", "r3 r1 r2 r4"),
        ("-duration", "r1 r2 r4 r3"),
        ("duration", "r4 r2 r1 r3"),
        ("-calls", "r1 r2 r3 r4"),
    ],
)
def test_every_order_is_complete_however_the_pages_are_cut(store: Store, sort: str, order: str):
    for limit in (1, 2, 3, 4):
        seen: list[str] = []
        cursor = None
        while True:
            page = list_runs(store, scope(), (), sort=sort, limit=limit, cursor=cursor)
            seen += [run.run_id for run in page.runs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert " ".join(seen) == order


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("status:running", "r3"),
        ("status:error", "r4 r2"),
        ("-status:error", "r3 r1"),
        ("cost:>0.1", "r2 r1"),
        ("cost:0.12", "r1"),
        ("duration:>=1.5s", "r2 r1"),
        ("tokens:125", "r1"),
        ("provider:openai provider:anthropic", "r1"),
        ("-provider:anthropic", "r4 r3 r2"),
        ("error:Timeout", "r1"),
        ("tag:y", "r1"),
        ("run_name:b*", "r4 r2"),
        ("agent:triage model:claude*", "r1"),
        ("triage", "r1"),
        ("kind:run", "r4 r3 r1"),
    ],
)
def test_filters_speak_of_the_whole_run(store: Store, q: str, expected: str):
    assert ids(store, q) == expected


def test_a_run_on_the_edge_of_the_window_is_described_as_a_whole(store: Store):
    window = Scope(PROJECT, scope().window).between(at(1, seconds=2.5), at(1, seconds=3.5))
    (run,) = list_runs(store, window, ()).runs
    assert (run.run_id, run.spend.calls, run.spend.cost_usd) == ("r1", 3, Decimal("0.12"))


def test_refuses_what_it_does_not_understand(store: Store):
    wrong: list[dict[str, Any]] = [{"sort": "colour"}, {"limit": 0}, {"limit": 201}, {"cursor": "abc"}, {"cursor": "é"}]
    for options in wrong:
        with pytest.raises(BadRequest):
            list_runs(store, scope(), (), **options)
    page = list_runs(store, scope(), (), sort="-cost", limit=1)
    with pytest.raises(BadRequest, match="another sort order"):
        list_runs(store, scope(), (), sort="cost", limit=1, cursor=page.next_cursor)


def test_another_project_has_no_part_in_it(store: Store):
    other = Scope("p2", scope().window)
    (run,) = list_runs(store, other, ()).runs
    assert run.spend.cost_usd == 7
    with pytest.raises(NotFound):
        get_run(store, other, "r2")
    with pytest.raises(NotFound):
        get_run(store, Scope("p3"), "r1")


def test_detail_needs_no_window_and_leaves_merged_records_out(store: Store):
    detail = get_run(store, Scope(PROJECT), "r1")
    assert [node.event_id for node in detail.nodes] == ["r1-run", "r1-agent", "r1-c1", "r1-c2", "r1-c3"]
    assert [node.start_offset_ms for node in detail.nodes] == [0, 0, 1000, 2000, 3000]
    assert [node.parent_span_id for node in detail.nodes] == [None, "1a", "1b", "1b", "1b"]
    assert detail.nodes[2].cost_usd == Decimal("0.1")
    assert detail.nodes[4].cost_usd is None
    assert detail.run.spend.cost_usd == Decimal("0.12")
    assert not detail.truncated


def test_detail_of_a_running_run_has_the_announced_spans(store: Store):
    nodes = {node.event_id: node for node in get_run(store, Scope(PROJECT), "r3").nodes}
    assert nodes["r3-run"].status == "running"
    assert nodes["r3-run"].duration_ms is None
    assert nodes["r3-c1"].parent_span_id == "3a"


def test_detail_is_found_where_the_id_carries_another_time(tmp_path: Path):
    imported = "01935a00-0000-7000-8000-000000000001"  # an id made in November 2024
    with opened(tmp_path) as store:
        for days in (0, -800):
            rows = [call(f"c{days}", at(1, days=days), cost="0.1", run_id=imported.replace("00001", f"0000{days % 7}"))]
            store.write(WriteBatch(events=rows))
            assert len(get_run(store, Scope(PROJECT), rows[0]["run_id"]).nodes) == 1


def test_too_many_nodes_are_cut_and_said_to_be(tmp_path: Path):
    rows = [call(f"c{i:04}", at(0, seconds=i), run_id="big", cost="0.001") for i in range(30)]
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=rows))
        detail = get_run(store, Scope(PROJECT), "big", max_nodes=20)
    assert len(detail.nodes) == 20
    assert detail.truncated
    assert detail.run.spend.cost_usd == Decimal("0.03")
    assert detail.nodes[0].event_id == "c0000"
    assert at(0) == DAY
