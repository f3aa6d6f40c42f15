from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from server.event_rows import DAY, PROJECT, at, call, opened, scope, span

from llmobserve_server.errors import BadRequest
from llmobserve_server.query import filters
from llmobserve_server.query.totals import Question, get_totals
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.protocol import Store, WriteBatch

UTC = ZoneInfo("UTC")

# Calls of Monday and Tuesday:
#   openai    a 0.10 + b 0.20 + c (unpriced)            = 0.30, 3 calls, 1 unpriced
#   anthropic d 0.000000000001 + e 0.5 (estimated)      = 0.500000000001, 2 calls, 1 estimated
#   not counted: f (merged into a), a span, another project, a call before and one at the end of the window
ROWS = [
    call("a", at(1), cost="0.1", input_tokens=100, output_tokens=10, cache_read_tokens=60, duration_ms=100.0,
         tags=["x", "y"], metadata={"plan": "team"}, time_to_first_token_ms=20.0, customer_id="acme"),
    call("b", at(23.5), cost="0.2", input_tokens=200, duration_ms=300.0, tags=["x"], metadata={"plan": "free"}),
    call("c", at(24.5), status="error", duration_ms=500.0),
    call("d", at(25), cost="0.000000000001", provider="anthropic", model="claude-haiku-4-5", duration_ms=700.0),
    call("e", at(26), cost="0.5", cost_state="estimated", provider="anthropic", model="claude-opus-5-5"),
    call("f", at(1), cost="0.1", billable=False, merged_into="a", input_tokens=100),
    span("s", at(1), status="error"),
    call("g", at(1), cost="9", project_id="p2"),
    call("h", at(-1), cost="4", input_tokens=7),
    call("i", at(48), cost="8"),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    directory: Path = tmp_path_factory.mktemp("totals")
    with opened(directory) as store:
        store.write(WriteBatch(events=ROWS))
        yield store


def totals(store: Store, *group_by: str, q: str = "", tz: ZoneInfo = UTC, **question):
    asked = Question(group_by=group_by, terms=filters.parse(q), tz=tz, **question)
    return get_totals(store, scope(days=2), asked)


def keyed(answer) -> dict[tuple[str | None, ...], str]:
    return {tuple(row.keys.values()): f"{row.spend.cost_usd.normalize():f}" for row in answer.rows}


def test_total_counts_charged_calls_of_the_window_once(store: Store):
    total = totals(store).total
    assert total.spend.cost_usd == Decimal("0.800000000001")
    assert total.spend.estimated_usd == Decimal("0.5")
    assert (total.spend.calls, total.spend.estimated_calls, total.spend.unpriced_calls) == (5, 1, 1)
    assert total.error_calls == 1
    assert (total.input_tokens, total.output_tokens, total.cache_read_tokens) == (300, 10, 60)
    # Durations 100, 300, 500, 700: the median lies half-way between 300 and 500, and the 95th percentile at
    # position 0.95 x 3 = 2.85, that is 500 + 0.85 x 200.
    assert total.duration_p50_ms == pytest.approx(400)
    assert total.duration_p95_ms == pytest.approx(670)
    assert total.time_to_first_token_p50_ms == pytest.approx(20)


def test_money_is_exact_far_beyond_floats(tmp_path: Path):
    rows = [call(f"n{i}", at(1), cost="0.000000000001") for i in range(1000)]
    rows.append(call("big", at(2), cost="999999.999999999999"))
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=rows))
        cost = totals(store).total.spend.cost_usd
    # 999999.999999999999 + 1000 x 0.000000000001
    assert cost == Decimal("1000000.000000000999")


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        (("provider",), {("anthropic",): "0.500000000001", ("openai",): "0.3"}),
        (("day",), {("2026-11-02T00:00:00Z",): "0.3", ("2026-11-03T00:00:00Z",): "0.500000000001"}),
        (("hour", "provider"), {
            ("2026-11-02T01:00:00Z", "openai"): "0.1",
            ("2026-11-02T23:00:00Z", "openai"): "0.2",
            ("2026-11-03T00:00:00Z", "openai"): "0",
            ("2026-11-03T01:00:00Z", "anthropic"): "0.000000000001",
            ("2026-11-03T02:00:00Z", "anthropic"): "0.5",
        }),
        (("week",), {("2026-11-02T00:00:00Z",): "0.800000000001"}),
        (("month",), {("2026-11-01T00:00:00Z",): "0.800000000001"}),
        (("customer",), {("acme",): "0.1", (None,): "0.700000000001"}),
        (("tag",), {("x",): "0.3", ("y",): "0.1", (None,): "0.500000000001"}),
        (("metadata.plan",), {("team",): "0.1", ("free",): "0.2", (None,): "0.500000000001"}),
        (("cost_state",), {("priced",): "0.300000000001", ("estimated",): "0.5", ("unpriced",): "0"}),
        (("status", "model"), {
            ("ok", "gpt-5-nano"): "0.3",
            ("error", "gpt-5-nano"): "0",
            ("ok", "claude-haiku-4-5"): "0.000000000001",
            ("ok", "claude-opus-5-5"): "0.5",
        }),
    ],
)  # fmt: skip
def test_groups(store: Store, group_by: tuple[str, ...], expected: dict[tuple[str | None, ...], str]):
    assert keyed(totals(store, *group_by)) == expected


def test_days_begin_at_midnight_of_the_zone(store: Store):
    # In Vienna (UTC+1) b of 23:30 UTC and c of 0:30 UTC are both on Tuesday, which begins at 23:00 UTC.
    answer = totals(store, "day", tz=ZoneInfo("Europe/Vienna"))
    assert keyed(answer) == {("2026-11-01T23:00:00Z",): "0.1", ("2026-11-02T23:00:00Z",): "0.700000000001"}


def test_days_around_a_change_of_the_clock(tmp_path: Path):
    # Vienna left summer time on Sunday 2026-10-25 at 01:00 UTC: that day lasts from Saturday 22:00 to Sunday 23:00 UTC.
    start = DAY.replace(month=10, day=24)
    times = {"late": (21.9, "1"), "first": (22.0, "2"), "last": (46.9, "4"), "next": (47.0, "8")}
    rows = [call(name, at(hours, days=-9), cost=cost) for name, (hours, cost) in times.items()]
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=rows))
        window = Window(start, DAY)
        question = Question(group_by=("day",), tz=ZoneInfo("Europe/Vienna"))
        answer = get_totals(store, Scope(PROJECT, window), question)
    assert keyed(answer) == {
        ("2026-10-23T22:00:00Z",): "1",
        ("2026-10-24T22:00:00Z",): "6",
        ("2026-10-25T23:00:00Z",): "8",
    }


def test_filter_narrows_rows_and_total_alike(store: Store):
    answer = totals(store, "model", q="provider:anthropic -model:*haiku*")
    assert keyed(answer) == {("claude-opus-5-5",): "0.5"}
    assert answer.total.spend.cost_usd == Decimal("0.5")


def test_compares_with_the_same_length_of_time_before(store: Store):
    previous = totals(store, compare=True).previous_total
    assert previous is not None
    assert (previous.spend.cost_usd, previous.spend.calls, previous.input_tokens) == (Decimal(4), 1, 7)
    assert totals(store).previous_total is None


def test_sorts_and_tells_when_there_is_more(store: Store):
    first = totals(store, "model", limit=1)
    assert [row.keys["model"] for row in first.rows] == ["claude-opus-5-5"]
    assert first.truncated
    assert first.total.spend.calls == 5
    by_calls = totals(store, "model", sort="-calls")
    assert [row.spend.calls for row in by_calls.rows] == [3, 1, 1]
    assert not by_calls.truncated
    assert totals(store, "model", sort="key").rows[0].keys["model"] == "claude-haiku-4-5"


def test_nothing_found_is_zero_calls_and_unknown_tokens(store: Store):
    answer = totals(store, "provider", q="model:none")
    assert answer.rows == []
    assert (answer.total.spend.calls, answer.total.spend.cost_usd) == (0, Decimal(0))
    assert answer.total.input_tokens is None
    assert answer.total.duration_p50_ms is None


@pytest.mark.parametrize(
    ("group_by", "question", "field"),
    [
        (("colour",), {}, "group_by"),
        (("cost_usd; DROP TABLE events",), {}, "group_by"),
        (("metadata.",), {}, "group_by"),
        (("day", "day"), {}, "group_by"),
        (("day", "model", "agent"), {}, "group_by"),
        (("model",), {"limit": 0}, "limit"),
        (("model",), {"limit": 10_001}, "limit"),
        (("model",), {"sort": "colour"}, "sort"),
        (("model",), {"q": "type:span"}, "q"),
    ],
)
def test_refuses_what_it_does_not_understand(store: Store, group_by, question, field):
    with pytest.raises(BadRequest) as caught:
        totals(store, *group_by, **question)
    assert caught.value.field == field


def test_a_metadata_key_of_hostile_text_is_only_a_key(store: Store):
    assert keyed(totals(store, "metadata.plan' OR '1'='1")) == {(None,): "0.800000000001"}
