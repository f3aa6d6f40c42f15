"""JSON form of records: exact, compact, and ready for whatever text a model produces."""

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from llmobserve.transport.batches import halves, parcels
from llmobserve.wire import (
    CallEvent,
    ContentRecord,
    Context,
    ErrorInfo,
    FactRecord,
    ScoreRecord,
    SpanEvent,
    Usage,
    batch_to_json,
    input_tokens,
    output_tokens,
    record_to_json,
)
from llmobserve.wire.codec import to_builtins
from llmobserve.wire.ids import event_id_for_remote, new_event_id, now_us


def call(**more: object) -> CallEvent:
    fixed = {"event_id": "e", "kind": "llm", "provider": "openai", "operation": "x", "start_time_us": 1}
    return CallEvent(**{**fixed, **more})  # type: ignore[arg-type]


def test_defaults_are_left_out() -> None:
    assert json.loads(record_to_json(call())) == {
        "type": "call",
        "event_id": "e",
        "kind": "llm",
        "provider": "openai",
        "operation": "x",
        "start_time_us": 1,
    }


def test_zero_is_not_left_out_where_it_is_said() -> None:
    sent = json.loads(record_to_json(call(usage=Usage(units={"requests": 0}), duration_ms=0.0, sequence=0)))
    assert sent["usage"]["units"] == {"requests": 0}
    assert sent["duration_ms"] == 0.0
    assert sent["sequence"] == 0


def test_decimals_are_plain_strings() -> None:
    sent = json.loads(
        record_to_json(call(reported_cost_usd=Decimal("1E-9"), usage=Usage(units={"u": Decimal("2.50")})))
    )
    assert sent["reported_cost_usd"] == "0.000000001"
    assert sent["usage"]["units"]["u"] == "2.50"


@pytest.mark.parametrize("text", ["Grüße 🙂", "\ud83d", "\x00\x1f\u2028", '"\\', ""])
def test_any_text_survives(text: str) -> None:
    data = record_to_json(ContentRecord(event_id="e", output=[text, {text: 1}]))
    assert data.isascii()
    assert json.loads(data)["output"] == [text, {text: 1}]


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        record_to_json(call(duration_ms=float("nan")))


def test_objects_without_a_json_form_are_refused() -> None:
    with pytest.raises(TypeError, match="set has no JSON form"):
        record_to_json(ContentRecord(event_id="e", input={1, 2}))


def test_batch_is_joined_without_parsing() -> None:
    assert batch_to_json({"version": 1}, [b'{"a":1}', b'{"b":2}']) == b'{"version":1,"events":[{"a":1},{"b":2}]}'
    assert batch_to_json({}, []) == b'{"events":[]}'


def test_parcels_cover_every_record_once() -> None:
    records = [b"%d" % n * 400_000 for n in range(7)]
    made = list(parcels("s", {}, records, {"x": 1}))
    assert [record for parcel in made for record in parcel.records] == records
    assert [parcel.batch_id for parcel in made] == [f"s.{n}" for n in range(len(made))]
    assert [dict(parcel.dropped) for parcel in made] == [{"x": 1}] + [{}] * (len(made) - 1)
    first, second = halves(made[0])
    assert [*first.records, *second.records] == list(made[0].records)
    assert list(parcels("s", {}, [], {})) == []
    assert [list(parcel.records) for parcel in parcels("s", {}, [], {"x": 1})] == [[]]


def test_token_sums() -> None:
    units = {
        "input_text_tokens": 300,
        "cache_read_text_tokens": 81,
        "cache_write_5m_tokens": 9,
        "output_text_tokens": 5,
    }
    assert input_tokens(units) == 390
    assert output_tokens(units | {"output_text_tokens": 5}) == 5
    assert (input_tokens({"requests": 1}), output_tokens({})) == (None, None)


def test_event_ids_are_version_7_and_sort_by_time() -> None:
    early, late = new_event_id(1_000_000_000_000), new_event_id(2_000_000_000_000)
    assert early < late
    assert early.startswith("00003b9a-ca00-7")  # 1,000,000,000 ms = 0x3B9ACA00
    assert early[19] in "89ab"
    assert len({new_event_id(now_us()) for _ in range(1000)}) == 1000


def test_id_of_a_remote_object_is_always_the_same() -> None:
    assert event_id_for_remote("openai", "run_1") == event_id_for_remote("openai", "run_1")
    assert event_id_for_remote("openai", "run_1") != event_id_for_remote("openai", "run_2")
    assert event_id_for_remote("openai", "run_1")[14] == "8"


FULL_USAGE = Usage(
    units={"input_text_tokens": 3, "seconds": Decimal("1.50"), "requests": 0},
    details={"reasoning_tokens": 1},
    source="estimated",
    flags=("partial", "malformed"),
    raw={"n": 3, "text": "\ud83d", "none": None, "yes": True, "half": 0.5, "inner": {"list": [1, {"a": "b"}]}},
)
FULL_CONTEXT = Context(
    run_id="r",
    run_name='the "run"',
    session_id="s",
    user_id="ü",
    customer_id="c",
    trace_id="t",
    span_id="p",
    parent_span_id="q",
    section_path="agent:a/tool:b",
    tags=("x", "y"),
    metadata={"k": "v", "": "\u2028"},
)
FULL_CALL: dict[str, Any] = {
    "event_id": "0193",
    "revision": 2,
    "sequence": 7,
    "kind": "audio",
    "provider": "own",
    "operation": "op",
    "request_model": "asked\n",
    "response_model": "given",
    "start_time_us": 5,
    "duration_ms": 0.25,
    "time_to_first_token_ms": 1e-07,
    "status": "cancelled",
    "error": ErrorInfo(type="t", message="m"),
    "http_status": 500,
    "stream": True,
    "attempt": 1,
    "logical_call_id": "l",
    "response_id": "i",
    "request_id": "j",
    "usage": FULL_USAGE,
    "dimensions": {"service_tier": "flex"},
    "reported_cost_usd": Decimal("1E-9"),
    "host": "h:1",
    "transport": "t",
    "context": FULL_CONTEXT,
    "attributes": {"temperature": 0.2, "stop": ["a", 1]},
}


def test_a_call_is_written_as_by_the_general_form() -> None:
    assert {spec.name for spec in fields(CallEvent)} == {"type", *FULL_CALL}
    full = CallEvent(**FULL_CALL)
    variants = [call(), full, *(call(**{name: value}) for name, value in FULL_CALL.items())]
    variants += [call(usage=Usage(**{spec.name: getattr(FULL_USAGE, spec.name)})) for spec in fields(Usage)]
    variants += [call(context=Context(**{spec.name: getattr(FULL_CONTEXT, spec.name)})) for spec in fields(Context)]
    for event in variants:
        assert json.loads(record_to_json(event)) == to_builtins(event)


def test_content_is_written_as_by_the_general_form() -> None:
    said = {
        "input": {"messages": [{"role": "user"}], "n": None},
        "output": ["\ud83d", 0.5],
        "truncated": True,
        "redactions": 2,
    }
    assert {spec.name for spec in fields(ContentRecord)} == {"type", "event_id", *said}
    variants: list[dict[str, Any]] = [{}, said, *({name: value} for name, value in said.items())]
    for some in variants:
        record = ContentRecord(event_id='e"', **some)
        assert json.loads(record_to_json(record)) == to_builtins(record)


def test_the_running_number_is_put_in_beside_the_record() -> None:
    span = SpanEvent(event_id="e", kind="step", name="n", start_time_us=1)
    fact = FactRecord(event_id="f", target_event_id="e", kind="cache", data={"hit": True}, at_us=1)
    score = ScoreRecord(event_id="s", target_type="event", target_id="e", name="n", data_type="numeric", at_us=1)
    for record in (call(), call(sequence=3), span, fact, score):
        assert json.loads(record_to_json(record, 8)) == {**to_builtins(record), "sequence": 8}
    assert json.loads(record_to_json(call(sequence=3)))["sequence"] == 3
