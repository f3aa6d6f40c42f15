"""JSON form of records: exact, compact, and ready for whatever text a model produces."""

import json
from decimal import Decimal

import pytest

from llmobserve.transport.batches import halves, parcels
from llmobserve.wire import CallEvent, ContentRecord, Usage, batch_to_json, input_tokens, output_tokens, record_to_json
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
