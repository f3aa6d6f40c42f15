"""What a backend is given: every record as one row with all columns, priced, and nothing that a store cannot hold."""

import decimal
import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from backends.records import AT_US, CALL_USD, batch, call, content, fact, rows, score, span
from llmobserve.backends.columns import COLUMNS, reference_page
from llmobserve.backends.rows import rows_of
from llmobserve.wire import Context, ErrorInfo, Usage, new_event_id

NAMES = [column.name for column in COLUMNS]


def one(record: Any) -> dict[str, Any]:
    (row,) = rows(record)
    return row


def test_a_call_has_all_columns() -> None:
    row = one(call("e1", revision=3, stream=True, time_to_first_token_ms=4.5, dimensions={"service_tier": "default"}))
    assert list(row) == NAMES
    told = {
        "event_id": "e1",
        "type": "call",
        "revision": 3,
        "kind": "llm",
        "name": "chat.completions",
        "status": "ok",
        "start_time": datetime(2026, 7, 1, tzinfo=timezone.utc),
        "duration_ms": 12.5,
        "time_to_first_token_ms": 4.5,
        "model": "gpt-4o-mini",
        "cost_usd": CALL_USD,
        "cost_state": "priced",
        "cost_reason": None,
        "input_tokens": 120,
        "cache_read_tokens": 64,
        "cache_write_tokens": None,
        "output_tokens": 30,
        "reasoning_tokens": 10,
        "usage": '{"input_text_tokens":56,"cache_read_text_tokens":64,"output_text_tokens":30}',
        "usage_source": "response",
        "usage_flags": (),
        "dimensions": '{"service_tier":"default"}',
        "stream": True,
        "http_status": 200,
        "customer_id": "acme",
        "agent": "writer",
        "section_path": "agent:writer/tool:search",
        "tags": ("nightly",),
        "input": None,
        "service": "shop",
        "process_host": "web-1",
        "sequence": 0,
        "target_id": None,
    }
    assert {name: row[name] for name in told} == told
    # 56 x 0.15 + 64 x 0.075 + 30 x 0.60, each in millionths of a dollar.
    lines = [(line["unit"], line["quantity"], line["usd"]) for line in json.loads(row["cost_lines"])]
    assert [(unit, quantity, Decimal(usd)) for unit, quantity, usd in lines] == [
        ("input_text_tokens", 56, Decimal("0.0000084")),
        ("cache_read_text_tokens", 64, Decimal("0.0000048")),
        ("output_text_tokens", 30, Decimal("0.000018")),
    ]


@pytest.mark.parametrize(
    ("fields", "state", "usd"),
    [
        ({"response_model": "gpt-9-mini"}, "unpriced", None),
        ({"usage": Usage()}, "unpriced", None),
        ({"reported_cost_usd": Decimal("0.0000000000005")}, "provider_reported", Decimal(0)),
        ({"reported_cost_usd": Decimal("0.25")}, "provider_reported", Decimal("0.25")),
        ({"reported_cost_usd": Decimal("2000000")}, "unpriced", None),
        ({"dimensions": {"cache": "local_hit"}}, "free", Decimal(0)),
        ({"http_status": 429, "usage": Usage(), "status": "error"}, "free", Decimal(0)),
    ],
)
def test_an_unknown_cost_is_null(fields: dict[str, Any], state: str, usd: Decimal | None) -> None:
    row = one(call("e1", **fields))
    assert (row["cost_state"], row["cost_usd"]) == (state, usd)
    assert row["cost_reason"] or state == "provider_reported"


def test_the_decimal_context_of_the_application_changes_nothing() -> None:
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact, decimal.Rounded])):
        row = one(call("e1", reported_cost_usd=Decimal("1234.567890123456")))
        scored = one(score("s1", value=Decimal("123456.789")))
    assert row["cost_usd"] == Decimal("1234.567890123456")
    assert scored["score_value"] == Decimal("123456.789")


def test_fractions_stay_exact() -> None:
    row = one(call("e1", usage=Usage(units={"input_seconds": Decimal("0.30")}, source="response")))
    assert row["usage"] == '{"input_seconds":0.30}'
    assert (row["input_tokens"], row["output_tokens"]) == (None, None)


def test_what_was_said_is_in_the_row_of_its_call() -> None:
    (row,) = rows(call("e1"), content("e1", input=[{"text": "hé"}], output=None, truncated=True, redactions=2))
    assert (row["input"], row["output"]) == ('[{"text":"hé"}]', None)
    assert (row["content_truncated"], row["content_redactions"]) == (True, 2)


def test_what_was_said_elsewhere_is_a_row_of_its_own() -> None:
    name = new_event_id(AT_US)
    row = one(content(name))
    assert (row["type"], row["event_id"], row["input"], row["cost_usd"]) == ("content", name, '"hello"', None)
    assert row["start_time"] == datetime(2026, 7, 1, tzinfo=timezone.utc)


def test_the_end_of_a_span_is_a_later_revision() -> None:
    begun, ended = rows(span("s1", status="running"), span("s1", duration_ms=2.0, attributes={"words": 7}))
    assert (begun["revision"], begun["status"], begun["duration_ms"]) == (0, "running", None)
    assert (ended["revision"], ended["status"], ended["attributes"]) == (1, "ok", '{"words":7}')
    assert (ended["cost_usd"], ended["cost_state"], ended["tags"]) == (None, None, ())


def test_scores_and_facts_name_their_target() -> None:
    numeric, word, told = rows(
        score("s1", value=Decimal("0.75"), comment="good", source="user"),
        score("s2", data_type="categorical", label="polite", target_type="event"),
        fact("f1", context=Context(run_id="r7")),
    )
    assert (numeric["target_type"], numeric["target_id"], numeric["kind"], numeric["name"]) == (
        "run",
        "r1",
        "numeric",
        "helpful",
    )
    assert (numeric["score_value"], numeric["score_label"]) == (Decimal("0.75"), None)
    assert json.loads(numeric["attributes"]) == {"comment": "good", "source": "user"}
    assert (word["target_type"], word["score_value"], word["score_label"]) == ("event", None, "polite")
    assert (told["type"], told["kind"], told["target_id"], told["attributes"]) == (
        "fact",
        "cache",
        "e1",
        '{"hit":true}',
    )
    assert told["run_id"] == "r7"


def test_what_no_store_can_hold_is_replaced() -> None:
    lone, nul = "\ud800", "\x00"
    (row,) = rows(
        call(
            "e1",
            context=Context(run_name=f"a{lone}{nul}b", customer_id="c" * 600),
            error=ErrorInfo(type="E", message=nul),
        ),
        content("e1", input={f"k{nul}": [f"{lone}x", 1]}, output="\\u0000"),
    )
    assert (row["run_name"], row["error_message"]) == ("a\ufffd\ufffdb", "\ufffd")
    assert (row["customer_id"], json.loads(row["input"])) == ("c" * 512, {"k\ufffd": ["\ufffdx", 1]})
    assert json.loads(row["output"]) == "\\u0000"  # six letters, which are no NUL
    assert all("\x00" not in str(value) for value in row.values())


def test_numbers_beyond_a_column_are_unknown() -> None:
    row = one(call("e1", usage=Usage(units={"input_text_tokens": 2**70}, source="response"), http_status=2**40))
    assert (row["input_tokens"], row["http_status"], row["cost_state"]) == (None, None, "unpriced")
    assert row["usage"] == f'{{"input_text_tokens":{2**70}}}'


@pytest.mark.parametrize(
    "damaged",
    [
        {"type": "call", "event_id": "e9"},
        {"type": "surprise", "event_id": "e9"},
        {"event_id": "e9"},
        {"type": "span", "event_id": "", "kind": "step", "name": "x", "start_time_us": AT_US},
        {"type": "span", "event_id": "e9", "kind": "step", "name": "x", "start_time_us": -1},
        {"type": "span", "event_id": "e9", "kind": "step", "name": 7, "start_time_us": AT_US},
    ],
)
def test_a_damaged_record_is_refused_and_its_neighbours_are_not(damaged: dict[str, Any]) -> None:
    made, refused = rows_of(batch(call("e1"), damaged, call("e2")))
    assert [(position, row["event_id"]) for position, row in made] == [(0, "e1"), (2, "e2")]
    assert [position for position, _ in refused] == [1]


def test_fields_of_a_later_version_are_passed_over() -> None:
    later = {**batch(call("e1"))["events"][0], "colour": "blue"}
    made, refused = rows_of(batch(later))
    assert (len(made), refused) == (1, [])


def test_the_reference_names_every_column() -> None:
    page = reference_page()
    assert all(f"| `{name}` |" in page for name in NAMES)
    assert len(NAMES) == len(set(NAMES))
