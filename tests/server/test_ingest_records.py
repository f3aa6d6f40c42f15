"""Every record of a batch gets its own verdict, whatever its neighbours are (C04, C06-C09)."""

import json
import re
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from server.batches import PROJECT, Collector, batch, call, collector, content, head, span

from llmobserve.wire import WIRE_VERSION, batch_to_json, now_us, record_to_json
from llmobserve.wire.event import CallEvent, ContentRecord, Context, ErrorInfo, SpanEvent
from llmobserve.wire.usage import Usage
from llmobserve_server.errors import BadRequest
from llmobserve_server.query.runs import list_runs
from llmobserve_server.query.window import Scope, parse_window
from llmobserve_server.store.tables import contents, dead_letters, events, span_starts

HOUR_US = 3600 * 1_000_000


@pytest.fixture
def server(tmp_path: Path) -> Generator[Collector]:
    with collector(tmp_path) as running:
        yield running


def stored(server: Collector, record: dict[str, Any] | bytes) -> dict[str, Any]:
    """The only row after posting `record`."""
    answer = server.post(batch(record))
    assert (answer.accepted, answer.rejected, answer.duplicates) == (1, 0, 0), answer.verdicts
    (row,) = server.rows(events)
    return dict(row)


def refusal(server: Collector, record: dict[str, Any] | bytes) -> str:
    """The message of a refused record, which its good neighbours survive and the dead letters keep."""
    before = len(server.rows(events))
    answer = server.post(batch(call(), record, call()))
    assert (answer.accepted, answer.rejected) == (2, 1)
    (verdict,) = answer.verdicts
    assert (verdict.index, verdict.status) == (1, "rejected")
    assert len(server.rows(events)) == before + 2
    letter = server.rows(dead_letters)[-1]
    assert letter["reason"] == verdict.message
    assert (letter["position"], letter["batch_id"]) == (1, "b-1")
    assert verdict.message is not None
    return verdict.message


def test_what_the_sender_knows_of_a_call_is_in_its_row(server: Collector) -> None:
    start = now_us() - 5_000_000
    event = CallEvent(
        event_id="call-1",
        sequence=7,
        kind="llm",
        provider="openai",
        operation="chat.completions",
        request_model="gpt-4o-mini",
        response_model="gpt-4o-mini-2024-07-18",
        start_time_us=start,
        duration_ms=812.5,
        time_to_first_token_ms=120.25,
        status="error",
        error=ErrorInfo(type="Timeout", message="too slow"),
        http_status=200,
        stream=True,
        attempt=1,
        logical_call_id="l-1",
        response_id="chatcmpl-1",
        request_id="req-1",
        usage=Usage(
            units={
                "input_text_tokens": 1000,
                "cache_read_text_tokens": 200,
                "cache_write_5m_tokens": 30,
                "output_text_tokens": 100,
            },
            details={"reasoning_tokens": 64},
            source="response",
            flags=("partial",),
            raw={"prompt_tokens": 1230, "nested": {"a": [1]}},
        ),
        dimensions={"service_tier": "default"},
        host="api.openai.com",
        transport="httpx2",
        context=Context(
            run_id="r-1",
            run_name="answer",
            session_id="s-1",
            user_id="u-1",
            customer_id="acme",
            trace_id="a" * 32,
            span_id="b" * 16,
            parent_span_id="c" * 16,
            section_path="agent:boss/step:plan/agent:researcher/tool:search",
            tags=("x", "y"),
            metadata={"region": "eu"},
        ),
    )
    source = {"process_id": "p-9", "service": "bot", "environment": "prod", "sdk": "s", "sdk_version": "1.2.3"}
    sent = head(version=WIRE_VERSION, source=source, sent_at_us=now_us() - 90_000_000)
    assert server.post_gzip(batch_to_json(sent, [record_to_json(event)])).accepted == 1
    (row,) = server.rows(events)
    expected = {
        "event_id": "call-1",
        "type": "call",
        "kind": "llm",
        "name": "chat.completions",
        "operation": "chat.completions",
        "status": "error",
        "error_type": "Timeout",
        "error_message": "too slow",
        "run_id": "r-1",
        "run_name": "answer",
        "session_id": "s-1",
        "user_id": "u-1",
        "customer_id": "acme",
        "environment": "prod",
        "service": "bot",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "parent_span_id": "c" * 16,
        "section_path": "agent:boss/step:plan/agent:researcher/tool:search",
        "agent": "researcher",
        "tags": ["x", "y"],
        "metadata": {"region": "eu"},
        "process_id": "p-9",
        "sequence": 7,
        "duration_ms": 812.5,
        "time_to_first_token_ms": 120.25,
        "provider": "openai",
        "request_model": "gpt-4o-mini",
        "response_model": "gpt-4o-mini-2024-07-18",
        "http_status": 200,
        "stream": True,
        "attempt": 1,
        "logical_call_id": "l-1",
        "response_id": "chatcmpl-1",
        "request_id": "req-1",
        "call_key": "openai:chatcmpl-1",
        "billable": True,
        "input_tokens": 1230,
        "output_tokens": 100,
        "cache_read_tokens": 200,
        "cache_write_tokens": 30,
        "reasoning_tokens": 64,
        "usage_source": "response",
        "usage_flags": ["partial"],
        "usage_raw": {"prompt_tokens": 1230, "nested": {"a": [1]}},
        "usage_details": {"reasoning_tokens": 64},
        "dimensions": {"service_tier": "default"},
        "host": "api.openai.com",
        "transport": "httpx2",
        "sdk": "s",
        "sdk_version": "1.2.3",
        "revision": 0,
        "notes": [],
    }
    assert {name: row[name] for name in expected} == expected
    assert row["start_time"] == datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(microseconds=start)
    assert 90_000 <= row["clock_skew_ms"] < 120_000


def test_a_call_is_priced_when_it_arrives(server: Collector) -> None:
    # gpt-4o-mini: $0.15 for a million input tokens, $0.60 output (openai.com/api/pricing, 2026-11-20).
    # 1,000 x 0.15 / 1e6 + 100 x 0.60 / 1e6 = 0.00015 + 0.00006 = 0.00021
    row = stored(server, call())
    assert row["cost_usd"] == Decimal("0.00021")
    assert (row["cost_state"], row["model"], row["priced_model"]) == ("priced", "gpt-4o-mini", "gpt-4o-mini")
    assert row["price_book"]
    lines = {line["unit"]: line for line in row["cost_lines"]}
    first = lines["input_text_tokens"]
    assert (first["quantity"], first["rate_usd"], first["per"]) == (1000, "0.15", 1_000_000)
    assert sum(Decimal(line["usd"]) for line in lines.values()) == Decimal("0.00021")
    assert all(isinstance(line["usd"], str) and "E" not in line["usd"] for line in lines.values())
    assert first["price_id"] and first["rule"] and first["source"].startswith("https://")


def test_a_call_without_a_known_price_has_no_amount(server: Collector) -> None:
    row = stored(server, call(response_model="made-up-1", request_model="made-up-1"))
    assert (row["cost_usd"], row["cost_state"], row["model"]) == (None, "unpriced", "made-up-1")
    assert "made-up-1" in row["cost_reason"]


def test_a_provider_s_own_figure_is_kept_exactly(server: Collector) -> None:
    row = stored(server, call(reported_cost_usd="1e-9"))
    assert row["reported_cost_usd"] == Decimal("0.000000001")
    assert (row["cost_usd"], row["cost_state"]) == (Decimal("0.000000001"), "provider_reported")
    assert row["table_usd"] == Decimal("0.00021")


def test_spans_have_structure_and_no_money(server: Collector) -> None:
    event = SpanEvent(
        event_id="s-1",
        kind="agent",
        name="researcher",
        start_time_us=now_us(),
        duration_ms=20.0,
        attributes={"query": "x", "top": {"k": 5}},
        context=Context(section_path="agent:boss", span_id="1" * 16),
    )
    row = stored(server, record_to_json(event))
    assert (row["type"], row["kind"], row["name"], row["agent"]) == ("span", "agent", "researcher", "boss")
    assert row["attributes"] == {"query": "x", "top": {"k": 5}}
    assert (row["cost_usd"], row["cost_state"], row["provider"], row["input_tokens"]) == (None,) * 4


def test_a_running_span_is_announced_and_its_end_is_not_its_duplicate(server: Collector) -> None:
    running = span(event_id="s-1", status="running", duration_ms=None)
    assert server.post(batch(running)).accepted == 1
    assert server.rows(events) == []
    (start,) = server.rows(span_starts)
    assert (start["event_id"], start["status"], start["name"]) == ("s-1", "running", "search")
    answer = server.post(batch(running, span(event_id="s-1", status="ok")))
    assert (answer.accepted, answer.duplicates) == (1, 1)
    assert [row["status"] for row in server.rows(events)] == ["ok"]


def test_an_end_may_come_before_its_start(server: Collector) -> None:
    answer = server.post(batch(span(event_id="s-1"), span(event_id="s-1", status="running")))
    assert answer.accepted == 2
    assert len(server.rows(events)) == len(server.rows(span_starts)) == 1


def test_content_is_kept_as_readable_text_apart_from_the_call(server: Collector) -> None:
    record = ContentRecord(
        event_id="c-1", input=[{"role": "user", "content": "Grüße 🎈"}], truncated=True, redactions=2
    )
    assert server.post(batch(record_to_json(record))).accepted == 1
    (row,) = server.rows(contents)
    assert row["input"] == '[{"role":"user","content":"Grüße 🎈"}]'
    assert (row["output"], row["truncated"], row["redactions"]) == (None, True, 2)
    assert server.post(batch(record_to_json(record))).duplicates == 1


def test_unknown_fields_are_ignored(server: Collector) -> None:
    row = stored(server, call(invented=1, context={"run_id": "r", "later": [1, {"x": None}]}, usage={"extra": {}}))
    assert row["run_id"] == "r"


def test_a_newer_batch_version_is_taken_if_it_can_be_read(server: Collector) -> None:
    assert server.post(batch(call(), version=99, new_field={"a": 1})).accepted == 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"kind": "llms"}, r"'llms'.*\$\.kind.*llm, embedding, rerank"),
        ({"status": "fine"}, r"\$\.status.*ok, error, cancelled"),
        ({"usage": {"source": "guess"}}, r"\$\.usage\.source.*response, header, request"),
        ({"start_time_us": "now"}, r"Expected `int`, got `str` - at `\$\.start_time_us`"),
        ({"start_time_us": 1.5}, r"\$\.start_time_us"),
        ({"context": {"tags": "x"}}, r"\$\.context\.tags"),
        ({"context": {"metadata": {"a": 1}}}, r"\$\.context\.metadata"),
        ({"usage": {"units": {"input_text_tokens": True}}}, r"\$\.usage\.units"),
        ({"usage": {"units": {"input_text_tokens": "many"}}}, r"\$\.usage\.units"),
        ({"provider": None}, r"\$\.provider"),
        ({"event_id": ""}, "event_id must have 1 to 128"),
        ({"event_id": "x" * 129}, "event_id must have 1 to 128"),
        ({"event_id": 5}, r"\$\.event_id"),
        ({"type": "calls"}, "type must be one of call, span, content"),
        ({"type": None}, "type must be one of"),
        ({"usage": {"units": {"input_text_tokens": -1}}}, "usage.units.input_text_tokens must be.*not -1"),
        ({"usage": {"units": {"input_text_tokens": 2**53 + 1}}}, r"within 0\.\.2\^53"),
        ({"usage": {"units": {"input_text_tokens": 2**63}}}, r"within 0\.\.2\^53"),
        ({"usage": {"units": {"input_text_tokens": 10**400}}}, r"input_text_tokens"),
        ({"usage": {"units": {"input_seconds": "NaN"}}}, "usage.units.input_seconds"),
        ({"usage": {"units": {"input_seconds": "Infinity"}}}, "usage.units.input_seconds"),
        ({"usage": {"units": {"input_seconds": "1E-300"}}}, "at most 18 decimals"),
        ({"usage": {"units": {f"u{n}": 1 for n in range(65)}}}, "65 entries; at most 64"),
        ({"usage": {"details": {"reasoning_tokens": -1}}}, "usage.details.reasoning_tokens"),
        ({"reported_cost_usd": "-0.01"}, "reported_cost_usd must be"),
        ({"reported_cost_usd": "NaN"}, "reported_cost_usd must be"),
        ({"reported_cost_usd": "1000000"}, "reported_cost_usd must be"),
        ({"revision": -1}, "revision must be within"),
        ({"revision": 2**31}, "revision must be within"),
        ({"sequence": 2**70}, "sequence must be within"),
        ({"http_status": -5}, "http_status must be within"),
        ({"attempt": 2**40}, "attempt must be within"),
        ({"start_time_us": 0}, "before 2015"),
        ({"start_time_us": -1}, "before 2015"),
        ({"start_time_us": now_us() // 1000}, "if it were milliseconds"),
        ({"start_time_us": now_us() // 1_000_000}, "if it were seconds"),
        ({"start_time_us": now_us() * 1000}, "if it were nanoseconds"),
        ({"start_time_us": 253_402_300_799_000_000}, "ahead of the collector's clock"),
        ({"start_time_us": 10**30}, "ahead of the collector's clock"),
        ({"start_time_us": now_us() + 25 * HOUR_US}, "more than 24 hours ahead"),
    ],
)
def test_a_record_that_cannot_be_is_refused_alone_with_the_reason(
    server: Collector, facts: dict[str, Any], words: str
) -> None:
    message = refusal(server, call(**facts))
    assert re.search(words, message), message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1",
        b"null",
        b"[]",
        b"[[[]]]",
        b"{}",
        b'"text"',
        b"nonsense",
        b'{"type":"call"}',
        b'{"type":"call","event_id":"n","duration_ms":NaN}',
        b'{"type":"call","event_id":"n","duration_ms":-Infinity}',
        b'{"type":"span","event_id":"n","duration_ms":1e999}',
        b'{"type":"content","event_id":"d","input":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"type":"content","event_id":"d","input":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type":"span","event_id":"d","attributes":' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
        b'{"type":"content","event_id":"c","input":"' + b"x" * (2 * 1024 * 1024) + b'"}',
        b'{"type":"call","event_id":"\t"}',
        b'{"type":"call" "event_id":"x"}',
    ],
)
def test_a_record_that_is_not_json_or_no_record_is_refused_alone(server: Collector, raw: bytes) -> None:
    assert refusal(server, raw)
    (letter,) = server.rows(dead_letters)
    assert letter["body"] == raw[: 64 * 1024].decode()


def test_depth_of_64_is_taken(server: Collector) -> None:
    nested = b"[" * 63 + b"]" * 63
    assert server.post(batch(b'{"type":"content","event_id":"d","input":' + nested + b"}")).accepted == 1


def test_brackets_inside_texts_are_not_depth(server: Collector) -> None:
    record = content("c", input="[{" * 200, output='\\"[[' * 100)
    assert server.post(batch(record)).accepted == 1
    (row,) = server.rows(contents)
    assert json.loads(row["input"]) == "[{" * 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a\\ud800b", "a\ufffdb"),
        (b"a\\udc00b", "a\ufffdb"),
        (b"\\ud83d\\ud83c\\udf88", "\ufffd\U0001f388"),
        (b"\\u0041\\udc00", "A\ufffd"),
        (b"a\\u0000b", "ab"),
        (b"a\xffb", "a\ufffdb"),
        (b"a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"),
    ],
)
def test_characters_no_store_can_hold_are_replaced_with_a_note(server: Collector, text: bytes, expected: str) -> None:
    for raw, where in ((text, "customer_id"), (text, "metadata")):
        record = json.dumps(
            call(event_id=where, context={where: "@" if where == "customer_id" else {"k": "@"}})
        ).encode()
        assert server.post(batch(record.replace(b"@", raw))).accepted == 1
    by_name, by_key = server.rows(events)
    assert by_name["customer_id"] == expected
    assert by_key["metadata"] == {"k": expected}
    assert by_name["notes"] == by_key["notes"] == ["Characters that cannot be stored were replaced."]


def test_escaped_text_that_only_looks_like_a_bad_character_is_left_alone(server: Collector) -> None:
    row = stored(server, call(context={"customer_id": "a\\u0000 \\ud800 🎈"}))
    assert row["customer_id"] == "a\\u0000 \\ud800 🎈"
    assert row["notes"] == []


def test_content_with_damaged_characters_is_repaired_too(server: Collector) -> None:
    assert server.post(batch(b'{"type":"content","event_id":"c","input":"a\xff\\ud800\\u0000b"}')).accepted == 1
    assert server.rows(contents)[0]["input"] == '"a\ufffd\ufffdb"'


def test_quantities_that_are_large_or_fractional_are_stored_exactly(server: Collector) -> None:
    units = {"input_text_tokens": 2**53, "input_seconds": "1.500000000000000001", "images": 2**31}
    row = stored(server, call(usage={"units": units}))
    assert row["units"] == units
    assert row["input_tokens"] == 2**53
    assert row["cost_usd"] is None or row["cost_usd"] >= 0


def test_an_amount_beyond_belief_is_unknown_and_overflows_nothing(server: Collector) -> None:
    # 2^53 output tokens x $0.60 / 1e6 = 5.4e9 dollars, more than the column of one call holds.
    row = stored(server, call(usage={"units": {"output_text_tokens": 2**53}}))
    assert (row["cost_usd"], row["cost_state"]) == (None, "unpriced")
    assert "beyond what one call can cost" in row["cost_reason"]


def test_a_start_somewhat_ahead_is_kept_as_sent_with_a_note(server: Collector) -> None:
    ahead = now_us() + HOUR_US
    row = stored(server, call(start_time_us=ahead))
    assert row["start_time"] == datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(microseconds=ahead)
    assert row["received_at"] < row["start_time"]
    (note,) = row["notes"]
    assert "ahead of the collector's clock" in note


def test_a_negative_duration_is_unknown(server: Collector) -> None:
    row = stored(server, call(duration_ms=-5, time_to_first_token_ms=-0.1))
    assert (row["duration_ms"], row["time_to_first_token_ms"]) == (None, None)
    assert len(row["notes"]) == 2


@pytest.mark.parametrize("duration_ms", [1e12, 1e300])
def test_a_duration_that_no_clock_can_give_is_unknown(server: Collector, duration_ms: float) -> None:
    context = {"run_id": "r-1", "run_name": "long"}
    row = stored(server, call(duration_ms=duration_ms, time_to_first_token_ms=duration_ms, context=context))
    assert (row["duration_ms"], row["time_to_first_token_ms"]) == (None, None)
    assert row["notes"] == [
        "duration_ms was above ten years and is left out.",
        "time_to_first_token_ms was above ten years and is left out.",
    ]
    window = parse_window(None, None, datetime.now(UTC))
    assert [run.run_id for run in list_runs(server.store, Scope(PROJECT, window), ()).runs] == ["r-1"]


def test_long_texts_and_many_keys_are_cut_with_notes(server: Collector) -> None:
    context = {
        "customer_id": "c" * 10_000,
        "section_path": "s" * 10_000,
        "tags": ["t" * 1000] * 100,
        "metadata": {f"k{n}": "v" * 9000 for n in range(100)},
    }
    record = call(context=context, error={"type": "E" * 600, "message": "m" * 9000}, usage={"raw": ["r" * 70_000]})
    row = stored(server, record)
    assert [len(row[name]) for name in ("customer_id", "section_path", "error_type", "error_message")] == [
        512,
        8192,
        512,
        8192,
    ]
    assert (len(row["tags"]), len(row["tags"][0])) == (64, 512)
    assert (len(row["metadata"]), len(row["metadata"]["k0"])) == (64, 8192)
    assert row["usage_raw"] is None
    assert any("usage.raw" in note for note in row["notes"])
    assert any("customer_id was cut" in note for note in row["notes"])


def test_attributes_above_their_size_are_left_out_in_order(server: Collector) -> None:
    many = {f"k{n}": n for n in range(500)}
    assert stored(server, span(attributes=many))["attributes"] == {f"k{n}": n for n in range(128)}


def test_the_same_id_in_two_projects_is_two_events(server: Collector) -> None:
    record = batch(call(event_id="same"))
    assert server.post(record, "p1").accepted == server.post(record, "p2").accepted == 1
    assert len(server.rows(events, "p1")) == len(server.rows(events, "p2")) == 1


def test_duplicates_are_told_within_a_batch_and_from_before(server: Collector) -> None:
    one, two = call(event_id="one"), call(event_id="two")
    answer = server.post(batch(one, one, two))
    assert (answer.accepted, answer.duplicates) == (2, 1)
    assert [(verdict.index, verdict.event_id, verdict.status) for verdict in answer.verdicts] == [
        (1, "one", "duplicate")
    ]
    again = server.post(batch(two, call(), one))
    assert (again.accepted, [verdict.index for verdict in again.verdicts]) == (1, [0, 2])


def test_a_revision_updates_cost_once(server: Collector) -> None:
    pending = call(event_id="job", usage={}, response_model=None)
    assert server.post(batch(pending)).accepted == 1
    (row,) = server.rows(events)
    assert row["cost_usd"] is None
    finished = call(event_id="job", revision=1)
    assert server.post(batch(finished)).accepted == 1
    assert server.post(batch(finished)).duplicates == 1
    assert server.post(batch(pending)).duplicates == 1
    (row,) = server.rows(events)
    assert (row["cost_usd"], row["response_model"]) == (Decimal("0.00021"), "gpt-4o-mini-2024-07-18")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"[]", "Not a batch.*object"),
        (b"{}", "Not a batch.*version"),
        (b'{"version":1}', "Not a batch.*batch_id"),
        (json.dumps(head()).encode(), "Not a batch.*events"),
        (json.dumps(head(version="1", events=[])).encode(), r"\$\.version"),
        (json.dumps(head(source={}, events=[])).encode(), "process_id"),
        (json.dumps(head(events={})).encode(), r"\$\.events"),
        (batch(call())[:-1], "not JSON"),
        (batch(call())[:-2], "not JSON"),
        (batch(call(), b"NaN")[:-20], "not JSON"),
        (b"[" * 100_000, "Not a batch.*object"),
        (b'{"version":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "."),
        (b"\xff\xfe", "not JSON"),
        (b'{"a":"' + b"\\" * 100_001, "not JSON"),
    ],
)
def test_a_body_that_is_no_batch_is_a_bad_request(server: Collector, body: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as caught:
        server.post(body)
    assert caught.value.status == 400
    assert server.rows(events) == []


def test_an_empty_batch_is_fine(server: Collector) -> None:
    assert server.post(batch()).accepted == 0


def test_strange_source_facts_do_not_stop_a_batch(server: Collector) -> None:
    source = {"process_id": "p\x00" + "x" * 900, "service": "a\x00b"}
    assert server.post(batch(call(), source=source, batch_id="\x00" * 9, sent_at_us=10**40)).accepted == 1
    (row,) = server.rows(events, PROJECT)
    assert (row["service"], row["clock_skew_ms"]) == ("ab", None)
    assert "\x00" not in row["process_id"]
