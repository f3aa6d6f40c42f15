"""Which records tell of one provider call, shape by shape, and what each gets from the others (decision 13)."""

from itertools import permutations
from typing import Any

import pytest
from server.merging_rows import Table, native_call, otlp_call, otlp_span

Rows = list[dict[str, Any]]
_NO_USAGE: dict[str, Any] = {"units": None, "input_tokens": None, "usage_source": "unknown"}


def charged(rows: Rows) -> dict[str, str | None]:
    """Of each call who is charged in its place, the same in every order, and for all at once and one by one."""
    orders = [rows, rows[::-1], *permutations(rows)] if len(rows) <= 4 else [rows, rows[::-1], rows[1:] + rows[:1]]
    found: list[dict[str, str | None]] = []
    for order in orders:
        for size in (1, 2, len(rows)):
            table = Table()
            for at in range(0, len(order), size):
                table.write(order[at : at + size], is_request=True)
            table.write(rows)
            found.append(table.charged())
    assert all(each == found[0] for each in found)
    return found[0]


def stored(rows: Rows) -> Table:
    table = Table()
    for row in rows:
        table.write([row], is_request=True)
    return table


def one_call(rows: Rows) -> str:
    """The record that is charged of rows that are all one call."""
    by_id = charged(rows)
    (winner,) = [event_id for event_id, into in by_id.items() if into is None]
    assert set(by_id.values()) == {None, winner}
    return winner


def test_a_provider_sdks_own_span_inside_the_span_of_an_instrumentation() -> None:
    outer = otlp_call("oi", "openinference.instrumentation.anthropic", 0, 100)
    inner = otlp_call("sdk", "com.anthropic.sdk.python", 1, 98, parent_span_id="oi", response_id="msg_1")
    assert one_call([outer, inner]) == "sdk"


def test_any_spans_may_be_between_them() -> None:
    rows = [
        otlp_call("outer", "framework", 0, 100),
        otlp_span("http", at_ms=1, parent_span_id="outer"),
        otlp_span("more", at_ms=2, parent_span_id="http"),
        otlp_call("inner", "instrumentation", 3, 50, parent_span_id="more"),
    ]
    assert one_call(rows) == "inner"


def test_an_embedding_whose_span_comes_twice_from_one_scope() -> None:
    facts: dict[str, Any] = {"kind": "embedding", "operation": "embeddings"}
    outer = otlp_call("outer", "gen_ai", 0, 20, **facts, **_NO_USAGE)
    inner = otlp_call("inner", "gen_ai", 0, 19, parent_span_id="outer", **facts)
    assert one_call([outer, inner]) == "inner"


def test_calls_of_one_scope_inside_each_other_with_other_models_are_two() -> None:
    outer = otlp_call("outer", "gen_ai", 0, 100)
    inner = otlp_call("inner", "gen_ai", 5, 50, parent_span_id="outer", request_model="gpt-5.6")
    assert charged([outer, inner]) == {"outer": None, "inner": None}


def test_a_call_of_a_tool_inside_a_call_is_another_one() -> None:
    rows = [
        otlp_call("outer", "framework", 0, 100, response_id="r1"),
        otlp_span("tool", at_ms=1, parent_span_id="outer", kind="tool"),
        otlp_call("inner", "instrumentation", 3, 50, parent_span_id="tool", response_id="r2"),
    ]
    assert charged(rows) == {"outer": None, "inner": None}


def test_a_call_around_several_is_one_of_them() -> None:
    """A framework that asks again: the failed attempt is a call of its own, and so is an earlier answer."""
    rows = [
        otlp_call("outer", "framework", 0, 300),
        otlp_call("first", "sdk", 1, 50, parent_span_id="outer", status="error"),
        otlp_call("second", "sdk", 60, 50, parent_span_id="outer", response_id="r1"),
        otlp_call("third", "sdk", 120, 50, parent_span_id="outer", response_id="r2"),
    ]
    assert charged(rows) == {"outer": "third", "first": None, "second": None, "third": None}
    sums = [{**rows[0], "units": {"input_text_tokens": 240, "output_text_tokens": 1}}, *rows[1:]]
    assert charged(sums)["outer"] == "third"


def test_one_answer_in_two_traces_is_charged_where_the_work_was() -> None:
    """LangChain and the OpenAI library instrumented beside each other: the second knows nothing of the chain."""
    rows = [
        otlp_span("chain", at_ms=0, ms=100, trace_id="t1", run_name="weather", session_id="s-1"),
        otlp_call("chat", "oi.langchain", 5, 60, trace_id="t1", parent_span_id="chain", response_id="r1"),
        otlp_call("alone", "oi.openai", 9, 40, trace_id="t2", response_id="r1", units={"a": 1, "b": 2}),
    ]
    assert charged(rows) == {"chat": "alone", "alone": None}
    row = stored(rows).row("alone")
    assert (row["run_id"], row["run_name"], row["session_id"]) == ("t1", "weather", "s-1")
    assert row["borrowed"] == ["run_id=t2", "run_name", "session_id"]


def test_an_answer_id_of_another_provider_is_another_call() -> None:
    rows = [
        otlp_call("a", "one", trace_id="t1", response_id="1"),
        otlp_call("b", "two", trace_id="t2", response_id="1", provider="mistral"),
    ]
    assert charged(rows) == {"a": None, "b": None}


def test_our_record_of_the_call_is_charged_before_all_spans_of_it() -> None:
    rows = [
        otlp_call("framework", "langchain", 0, 100, trace_id="t1"),
        otlp_call("sdk", "com.anthropic.sdk.python", 2, 90, trace_id="t1", parent_span_id="framework", response_id="m"),
        native_call("ours", 3, 80, response_id="m", http_status=200),
        native_call("gateway", 4, 70, response_id="m", transport="gateway", is_exchange=False),
    ]
    assert one_call(rows) == "ours"


def test_a_span_with_usage_is_charged_where_ours_knows_none() -> None:
    rows = [otlp_call("span", "oi", 0, 100, response_id="r"), native_call("ours", 1, 90, response_id="r", **_NO_USAGE)]
    assert one_call(rows) == "span"


@pytest.mark.parametrize("with_id", [True, False])
def test_attempts_of_our_sdk_inside_one_span(with_id: bool) -> None:
    """The SDK of the provider tries again: two exchanges of ours, one span, which is the one that was answered."""
    span = otlp_call("span", "traceloop", 0, 900, trace_id="t", response_id="r" if with_id else None)
    parent = {"trace_id": "t", "parent_span_id": "span"}
    rows = [
        span,
        native_call("try", 1, 100, status="error", http_status=429, **parent),
        native_call("again", 600, 290, response_id="r", attempt=1, **parent),
    ]
    assert charged(rows) == {"span": "again", "try": None, "again": None}


def test_failed_calls_are_joined_by_time_and_it_is_said() -> None:
    rows = [
        otlp_call("outer", "oi.langchain", 0, 100, trace_id="t1", status="error", error_message="refused"),
        otlp_call("inner", "oi.openai", 5, 90, trace_id="t2", status="error", service="app", http_status=404),
    ]
    assert one_call(rows) == "inner" or one_call(rows) == "outer"
    table = stored(rows)
    (loser,) = [row for row in table.rows.values() if row["merged_into"]]
    assert loser["usage_flags"] == ["matched_by_time"]
    winner = table.row(loser["merged_into"])
    assert (winner["error_message"], winner["http_status"], winner["usage_flags"] or []) == ("refused", 404, [])


APART: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one after the other": ({}, {"at_ms": 101}),
    "overlapping": ({}, {"at_ms": 50, "ms": 100}),
    "another model": ({}, {"request_model": "claude-sonnet-5"}),
    "another provider": ({}, {"provider": "azure_openai"}),
    "another service": ({"service": "a"}, {"service": "b"}),
    "another kind": ({}, {"kind": "embedding"}),
    "another outcome": ({}, {"status": "error"}),
    "other usage": ({}, {"input_tokens": 4000}),
    "both have an id": ({"response_id": "r1"}, {"response_id": "r2"}),
    "one scope": ({}, {"scope": "one"}),
    "told by hand": ({}, {"transport": "manual"}),
}


@pytest.mark.parametrize("difference", APART.values(), ids=APART)
def test_what_is_not_joined_by_time(difference: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, other = difference
    first: dict[str, Any] = {"at_ms": 0, "ms": 100, "trace_id": "t1", "scope": "one", **one}
    second: dict[str, Any] = {"at_ms": 5, "ms": 90, "trace_id": "t2", "scope": "two", **other}
    rows = [otlp_call("a", first.pop("scope"), **first), otlp_call("b", second.pop("scope"), **second)]
    assert charged(rows) == {"a": None, "b": None}


def test_two_calls_at_the_same_time_are_paired_with_the_nearest() -> None:
    rows = [
        otlp_call("a1", "one", 0, 100, trace_id="t1"),
        otlp_call("b1", "one", 20, 100, trace_id="t2"),
        otlp_call("a2", "two", 2, 90, trace_id="t3"),
        otlp_call("b2", "two", 23, 60, trace_id="t4"),
    ]
    by_id = charged(rows)
    assert {frozenset({event_id, into}) for event_id, into in by_id.items() if into} == {
        frozenset({"a1", "a2"}),
        frozenset({"b1", "b2"}),
    }


def test_a_guess_is_taken_back_when_an_id_says_otherwise() -> None:
    """First only the time joins the two; then our record of the one call arrives, and the other stands alone."""
    outer = otlp_call("outer", "one", 0, 100, trace_id="t1", input_tokens=120)
    inner = otlp_call("inner", "two", 5, 80, trace_id="t2", request_id="q-2")
    table = Table()
    table.write([outer])
    assert table.write([inner])
    (merged,) = [event_id for event_id, into in table.charged().items() if into]
    same_scope = otlp_call("sure", "one", 6, 70, trace_id="t2", parent_span_id="inner")
    changed = table.write([same_scope])
    assert changed["default", merged] is None or table.charged()["outer"] is None
    assert table.charged()["outer"] is None
    assert charged([outer, inner, same_scope]) == table.charged()


def test_usage_of_a_stream_on_a_later_span() -> None:
    """Logfire: the request's span ends when the stream begins; what it consumed comes after it."""
    scope: dict[str, Any] = {"scope": "logfire.anthropic"}
    rows = [
        otlp_call("request", **scope, at_ms=0, ms=6, trace_id="t1", **_NO_USAGE),
        otlp_call("after", **scope, at_ms=6, ms=95, trace_id="t2", usage_flags=["carrier"]),
        otlp_call("sdk", "com.anthropic.sdk.python", 1, 100, trace_id="t1", parent_span_id="request", response_id="m"),
    ]
    assert one_call(rows) == "sdk"
    assert one_call(rows[:2]) == "after"
    # Two streams at a time: each has the one that began when its request's span ended.
    other = [
        otlp_call("request-2", **scope, at_ms=30, ms=4, trace_id="t3", **_NO_USAGE),
        otlp_call("after-2", **scope, at_ms=34, ms=20, trace_id="t4", usage_flags=["carrier"]),
    ]
    assert charged([*rows[:2], *other]) == {"request": "after", "after": None, "request-2": "after-2", "after-2": None}
    # With no length the nearest one, of its own trace before all others.
    bare = [
        otlp_call("request", **scope, at_ms=0, ms=6, trace_id="t1", parent_span_id="run", **_NO_USAGE),
        otlp_call("request-2", **scope, at_ms=30, ms=4, trace_id="t2", **_NO_USAGE),
        otlp_call("after", **scope, at_ms=50, ms=0, trace_id="t1", parent_span_id="run", usage_flags=["carrier"]),
    ]
    assert charged(bare) == {"request": "after", "request-2": None, "after": None}


def summed(event_id: str, of: str, **facts: Any) -> dict[str, Any]:
    return otlp_call(event_id, "framework", parent_span_id=of, usage_flags=["aggregate"], **facts)


def test_a_sum_is_charged_only_where_nothing_below_it_is_known() -> None:
    agent = otlp_span("agent", ms=500, kind="agent")
    step = otlp_span("step", at_ms=1, parent_span_id="agent")
    leaf = otlp_call("leaf", "framework", 2, 50, parent_span_id="step", response_id="r1")
    total = summed("sum", "agent")
    assert charged([agent, total, step]) == {"sum": None}
    assert charged([agent, total, step, leaf]) == {"sum": "leaf", "leaf": None}
    # What failed states nothing that could be in the sum.
    failed = {**leaf, "status": "error", "response_id": None, "call_key": None, **_NO_USAGE}
    assert charged([agent, total, step, failed]) == {"sum": None, "leaf": None}
    # Without the span between them the leaf is below what was going on.
    assert charged([agent, total, leaf]) == {"sum": "leaf", "leaf": None}


def test_of_sums_inside_each_other_the_outer_one_is_charged() -> None:
    spans = [otlp_span("agent", ms=500), otlp_span("loop", at_ms=1, parent_span_id="agent", ms=400)]
    sums = [summed("all", "agent"), summed("part", "loop")]
    assert charged([*spans, *sums]) == {"all": None, "part": "all"}
    leaf = otlp_call("leaf", "framework", 2, 50, parent_span_id="loop", response_id="r1")
    assert charged([*spans, *sums, leaf]) == {"all": "leaf", "part": "leaf", "leaf": None}


def test_a_log_record_of_a_span_is_the_same_call() -> None:
    rows = [
        otlp_call("span", "genai", 0, 50, span_id="s1"),
        otlp_call("log", "genai", 50, 0, span_id="s1", units={"a": 1}),
    ]
    assert one_call(rows) in {"span", "log"}


def test_an_id_of_the_request_joins_where_there_is_none_of_the_answer() -> None:
    """Claude Code calls the id of the request that of the answer, on the span only."""
    rows = [
        otlp_call("span", "claude", 0, 50, trace_id="t1", response_id="req_1", provider="anthropic"),
        otlp_call("log", "claude", 50, 0, trace_id="t2", request_id="req_1", provider="anthropic"),
    ]
    assert one_call(rows) == "span"
