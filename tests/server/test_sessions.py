"""The list of sessions: each as a whole, found by what is in it, page by page."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from server.event_rows import PROJECT, at, call, opened, scope, span

from llmobserve_server.errors import BadRequest
from llmobserve_server.query.filters import parse
from llmobserve_server.query.sessions import SESSION_SORTS, list_sessions
from llmobserve_server.query.window import Scope, Window
from llmobserve_server.store.protocol import Store, WriteBatch


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    rows = [
        call("a", at(1), cost="0.5", session_id="chat", run_id="r1", user_id="ann", customer_id="acme",
             input_tokens=10, output_tokens=4, tags=["beta"]),
        call("b", at(2), cost="0.25", session_id="chat", run_id="r2", user_id="ann", model="gpt-5-mini", agent="triage",
             cost_state="estimated"),
        call("b2", at(2), cost="0.25", session_id="chat", run_id="r2", billable=False, merged_into="b", status="error"),
        call("early", at(days=-3), cost="1", session_id="chat", run_id="r0", user_id="bob"),
        call("c", at(3), session_id="mail", run_id="r3", status="error", customer_id="globex"),
        span("d", at(4), session_id="quiet", run_id="r4"),
        call("e", at(5), cost="9"),
        call("f", at(5), cost="9", session_id=""),
        {**call("g", at(5), cost="9", session_id="foreign"), "project_id": "other"},
    ]  # fmt: skip
    with opened(tmp_path_factory.mktemp("sessions")) as store:
        store.write(WriteBatch(events=rows))
        yield store


def ids(store: Store, text: str = "", **options: Any) -> list[str]:
    return [each.session_id for each in list_sessions(store, scope(), parse(text), **options).sessions]


def test_a_session_is_described_as_a_whole(store: Store):
    (found,) = list_sessions(store, scope(), parse("session:chat")).sessions
    # 0.5 + 0.25 + 1 of before the window; the merged record counts nowhere.
    assert (found.spend.cost_usd, found.spend.calls) == (Decimal("1.75"), 3)
    assert (found.spend.estimated_usd, found.error_count, found.run_count) == (Decimal("0.25"), 0, 3)
    assert (found.input_tokens, found.output_tokens) == (10, 4)
    assert (found.users, found.customers, found.agents, found.tags) == (["ann", "bob"], ["acme"], ["triage"], ["beta"])
    assert found.models == ["gpt-5-nano", "gpt-5-mini"]
    assert found.last_time - found.first_time == timedelta(days=3, hours=2)


def test_unknown_cost_and_failure_are_said(store: Store):
    mail, quiet = list_sessions(store, scope(), parse("session:mail,quiet"), sort="last").sessions
    assert (mail.spend.unpriced_calls, mail.error_count) == (1, 1)
    assert (quiet.spend.calls, quiet.input_tokens) == (0, None)


def test_order(store: Store):
    assert ids(store) == ["quiet", "mail", "chat"]
    assert ids(store, sort="last") == ["chat", "mail", "quiet"]
    assert ids(store, sort="-cost") == ["chat", "quiet", "mail"]
    assert ids(store, sort="-calls") == ["chat", "mail", "quiet"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("customer:acme", ["chat"]),
        ("-customer:acme", ["quiet", "mail"]),
        ("status:error -model:gpt-5-mini", ["mail"]),
        ("cost:>0.7", ["chat"]),
        ("tokens:>13", ["chat"]),
        ("type:span", ["quiet"]),
        ("user:bob", []),  # was there before the window only
    ],
)
def test_filters(store: Store, text: str, found: list[str]):
    assert ids(store, text) == found


@pytest.mark.parametrize("sort", SESSION_SORTS)
def test_pages_repeat_and_lose_nothing(tmp_path: Path, sort: str):
    rows = [
        call(f"e{n}", at(n // 10), cost=None if n % 5 == 0 else f"0.0{n % 7}", session_id=f"s{n % 41}")
        for n in range(200)
    ]
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=rows))
        seen: list[str] = []
        cursor = None
        while True:
            page = list_sessions(store, scope(), (), sort=sort, cursor=cursor, limit=7)
            seen += [each.session_id for each in page.sessions]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert sorted(seen) == sorted(f"s{n}" for n in range(41))


@pytest.mark.parametrize("wrong", [{"sort": "name"}, {"limit": 0}, {"limit": 201}, {"cursor": "x"}])
def test_refuses(store: Store, wrong: dict[str, Any]):
    with pytest.raises(BadRequest):
        list_sessions(store, scope(), (), **wrong)


def test_nothing_outside_of_the_project_and_time(store: Store):
    assert ids(store, "session:foreign") == []
    assert list_sessions(store, Scope(PROJECT, Window(at(days=-9), at(days=-8))), ()).sessions == []
