import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server.event_rows import PROJECT, at, call, opened, scope

from llmobserve_server.errors import BadRequest
from llmobserve_server.query import filters
from llmobserve_server.query.conditions import where
from llmobserve_server.query.events import list_events
from llmobserve_server.query.filter_fields import FIELDS
from llmobserve_server.query.runs import list_runs
from llmobserve_server.store.protocol import Store, WriteBatch


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    directory: Path = tmp_path_factory.mktemp("filters")
    rows = [
        call("a", at(1), cost="0.005", model="gpt-5-nano", tags=["beta", "eu team"], metadata={"region": "eu"},
             agent="triage", section_path="agent:triage", duration_ms=120.0, input_tokens=900, output_tokens=100,
             run_id="r1", run_name="answer ticket", environment="production", stream=True),
        call("b", at(2), cost="0.050", model="gpt-5-mini", metadata={"region": "us"}, duration_ms=2500.0, run_id="r1",
             section_path="agent:triage/tool:search", agent="triage", input_tokens=10, environment="staging"),
        call("c", at(3), model="claude-haiku-4-5", provider="anthropic", status="error", http_status=529, run_id="r2",
             error_type="OverloadedError", error_message="100% busy_now", duration_ms=90000.0, tags=["o'neil"]),
        call("d", at(4), cost="0", model='we"ird', customer_id="a,b", duration_ms=None, run_id="r3", attempt=2,
             response_id="chatcmpl-9", attributes={"http.route": "/ask", "depth": 3}, cache_read_tokens=64,
             billable=False, transport="httpx2", trace_id="0af7651916cd43dd8448eb211c80319c"),
    ]  # fmt: skip
    spoken = [
        said("a", at(1), "Where is invoice 100%?", "In the attic."),
        said("b", at(2), "Wo ist die Übersicht?", "Unter\\Berichte"),
        {**said("b", at(2), "invoice", "invoice"), "project_id": "p2"},
    ]
    with opened(directory) as store:
        store.write(WriteBatch(events=rows, contents=spoken))
        yield store


def said(event_id: str, when: datetime, prompt: str, answer: str) -> dict[str, Any]:
    return {
        "project_id": PROJECT,
        "event_id": event_id,
        "received_at": when,
        "input": json.dumps([{"role": "user", "content": prompt}], ensure_ascii=False),
        "output": json.dumps(answer, ensure_ascii=False),
    }


def found(store: Store, text: str) -> str:
    page = list_events(store, scope(), filters.parse(text), sort="start")
    return "".join(event.event_id for event in page.events)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abcd"),
        ("provider:openai", "abd"),
        ("-provider:openai", "c"),
        ("provider:openai,anthropic", "abcd"),
        ("model:gpt-5*", "ab"),
        ("-model:GPT-5*", "cd"),
        ("model:*haiku*", "c"),
        ('model:"gpt-5*"', ""),
        ('model:"we\\"ird"', "d"),
        ('customer:"a,b"', "d"),
        ("customer:*", "d"),
        ("-customer:*", "abc"),
        ('agent:""', "cd"),
        ("section:agent:triage", "ab"),
        ("section:agent:triage/tool:search", "b"),
        ("section:agent:tri", ""),
        ("section:*search", "b"),
        ("cost:>0.005", "b"),
        ("cost:>=0.005", "ab"),
        ("cost:<0.01", "ad"),
        ("cost:0", "d"),
        ("cost:$0.05", "b"),
        ('cost:""', "c"),
        ("-cost:>0.005", "acd"),
        ("duration:>2s", "bc"),
        ("duration:>=1.5m", "c"),
        ("duration:120,2500", "ab"),
        ("tokens:>=1000", "a"),
        ("input_tokens:10", "b"),
        ("status:error", "c"),
        ("http_status:>=500", "c"),
        ("stream:true", "a"),
        ("-stream:true", "bcd"),
        ("tag:beta", "a"),
        ('tag:"eu team"', "a"),
        ('tag:"o\'neil"', "c"),
        ("-tag:beta", "bcd"),
        ("meta.region:eu", "a"),
        ("meta.region:*", "ab"),
        ("-meta.region:eu", "bcd"),
        ("meta.other:eu", ""),
        ("env:production run_name:answer*", "a"),
        ("overloaded", "c"),
        ("100%", "c"),
        ("busy_now", "c"),
        ("busyXnow", ""),
        ('"answer ticket"', "a"),
        ("-haiku", "abd"),
        ("content:invoice", "a"),
        ("content:INVOICE", "a"),
        ("-content:invoice", "bcd"),
        ('content:"100%"', "a"),
        ('content:"100_"', ""),
        ("content:where*attic", ""),
        ("content:where*100", "a"),
        ("input:attic", ""),
        ("output:attic", "a"),
        ("content:übersicht", "b"),
        ("output:attic,berichte", "ab"),
        ("attr.http.route:/ask", "d"),
        ("attr.http.route:/a*", "d"),
        ("attr.depth:3", "d"),
        ("-attr.depth:*", "abc"),
        ("response_id:chatcmpl-9", "d"),
        ("trace:0af7*", "d"),
        ("id:a,c", "ac"),
        ("transport:httpx2", "d"),
        ("cached_tokens:>0", "d"),
        ("attempt:>=1", "d"),
        ("charged:false", "d"),
        ("cost_state:unpriced", "c"),
        ("kind:llm type:call", "abcd"),
    ],
)
def test_finds(store: Store, text: str, ids: str):
    assert found(store, text) == ids


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("nosuch:1", 0, 'no field "nosuch"'),
        ("provider:openai -nosuch:1", 17, "no field"),
        ("http://x", 0, "quotes"),
        ("model:", 6, "missing"),
        ("model:a,", 8, "missing"),
        ("model:>a", 7, "cannot be compared"),
        ('model:"a', 6, "not closed"),
        ('model:"a"b', 9, "space"),
        ('mod"el', 3, "quotes"),
        (":x", 0, "field name"),
        ("a - b", 2, "directly before"),
        ("cost:abc", 5, "number"),
        ("cost:>1,2", 8, "one value"),
        ("cost:2s", 5, "number"),
        ("cost:1e5", 5, "number"),
        ("cost:nan", 5, "number"),
        ("cost:٣", 5, "number"),
        ("cost:>1000000", 6, "up to 999999"),
        ("stream:maybe", 7, "true or false"),
        ("status:broken", 7, "none of ok, error"),
        ("tag:a*", 4, "without *"),
        ("meta.:x", 0, "name the key"),
        ("attr.:x", 0, "name the key"),
        ("content:*", 8, "text to look for"),
        ("content:>a", 9, "cannot be compared"),
        ("meta.*:x", 0, "name the key"),
        ("a\0b", 1, "character"),
        ("a\ud800", 1, "character"),
        ("x" * 2001, 2000, "2000 characters"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, position: int, words: str):
    with pytest.raises(BadRequest) as caught:
        where(filters.parse(text))
    assert caught.value.position == position
    assert words in caught.value.message
    assert caught.value.code == "bad_filter"


@pytest.mark.parametrize("text", ["a " * 41, "provider:" + ",".join("a" * 101)])
def test_bounds_the_number_of_conditions(text: str):
    with pytest.raises(BadRequest, match="at most"):
        filters.parse(text)


@pytest.mark.parametrize(
    "evil",
    [
        "' OR 1=1 --",
        "'; DROP TABLE events; --",
        '" OR ""="',
        "x') UNION SELECT * FROM contents --",
        "$1",
        "%(project_id)s",
        ":project_id",
        "{project}",
        "\\",
        "%",
        "_",
    ],
)
def test_an_injection_is_a_value_like_any_other(store: Store, evil: str):
    quoted = '"' + evil.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for text in (f"model:{quoted}", f"tag:{quoted}", f"meta.region:{quoted}", f"section:{quoted}", f"run:{quoted}"):
        assert found(store, text) == ""
    assert found(store, quoted) in {"", "c"}  # a bare % and _ are in one error message
    assert found(store, "") == "abcd"


@pytest.mark.parametrize("key", ["a'b", 'a"b'[:1], "$.region", "region'--", "a.b.c", "[0]", "%s"])
def test_a_metadata_key_is_a_value_too(store: Store, key: str):
    assert found(store, f"meta.{key}:eu") == ""


_WORDS = st.sampled_from(
    [*FIELDS, "meta.region", ":", ",", '"', "-", ">", ">=", "<", "*", " ", "\\", "1", "0.5", "2s", "true", "error", "é"]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=12).map("".join)))
def test_any_text_is_a_filter_or_a_bad_request(text: str):
    try:
        terms = filters.parse(text)
        where(terms)
    except BadRequest as problem:
        assert problem.position is not None
        assert 0 <= problem.position <= len(text)


@settings(max_examples=120, deadline=None)
@given(st.lists(_WORDS, max_size=10).map("".join))
def test_whatever_is_accepted_can_be_run(store: Store, text: str):
    try:
        list_events(store, scope(), filters.parse(text), limit=1)
        list_runs(store, scope(), filters.parse(text), limit=1)
    except BadRequest:
        pass


def test_cost_is_compared_as_a_decimal(store: Store):
    terms = filters.parse("cost:0.005")
    page = list_events(store, scope(), terms)
    assert [event.cost_usd for event in page.events] == [Decimal("0.005000000000")]


def test_finds_the_newest_of_a_text_page_by_page(tmp_path: Path):
    rows = [call(f"e{n:03}", at(days=n % 60, hours=n / 100)) for n in range(300)]
    spoken = [said(f"e{n:03}", at(), "needle" if n % 7 == 0 else "hay", "") for n in range(300)]
    wanted = [row["event_id"] for row in sorted(rows, key=lambda row: row["start_time"], reverse=True)
              if int(row["event_id"][1:]) % 7 == 0]  # fmt: skip
    with opened(tmp_path) as store:
        store.write(WriteBatch(events=rows, contents=spoken))
        seen: list[str] = []
        cursor = None
        while True:
            page = list_events(store, scope(days=90), filters.parse("content:needle"), cursor=cursor, limit=10)
            seen += [event.event_id for event in page.events]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == wanted
