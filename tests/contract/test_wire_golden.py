"""Batches of every released wire version stay readable for ever, and the committed schema says the truth about them.

A file of `golden/` is never changed; a new version of the wire adds one.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from llmobserve.transport.batches import Parcel
from llmobserve.wire import (
    WIRE_VERSION,
    Batch,
    CallEvent,
    ContentRecord,
    Context,
    ErrorInfo,
    FactRecord,
    ScoreRecord,
    Source,
    SpanEvent,
    Usage,
    record_to_json,
)
from llmobserve.wire.codec import to_builtins

HERE = Path(__file__).resolve().parent
GOLDEN = sorted((HERE / "golden").glob("v*.json"))
SCHEMA = json.loads((HERE.parents[1] / "schemas" / "event.schema.json").read_text())

RUN = Context(
    run_id="019a3f4c-0000-7000-8000-000000000001",
    run_name="answer customer",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    span_id="00f067aa0ba902b7",
)
CALL = CallEvent(
    event_id="019a3f4c-0001-7000-8000-000000000002",
    sequence=1,
    kind="llm",
    provider="openai",
    operation="chat.completions",
    request_model="gpt-5-mini",
    response_model="gpt-5-mini-2025-08-07",
    start_time_us=1793577600100000,
    duration_ms=350.25,
    time_to_first_token_ms=120.5,
    http_status=200,
    stream=True,
    attempt=1,
    logical_call_id="logical-1",
    response_id="chatcmpl-1",
    request_id="req_1",
    usage=Usage(
        units={
            "input_text_tokens": 300,
            "cache_read_text_tokens": 81,
            "output_text_tokens": 89,
            "usd_volume": Decimal("12.50"),
        },
        details={"reasoning_tokens": 40},
        source="response",
        flags=("partial",),
        raw={"prompt_tokens": 381, "completion_tokens": 89},
    ),
    dimensions={"service_tier": "flex"},
    reported_cost_usd=Decimal("0.000123456789"),
    host="api.openai.com",
    transport="httpx",
    context=Context(
        run_id=RUN.run_id,
        run_name=RUN.run_name,
        session_id="s1",
        user_id="u1",
        customer_id="acme",
        trace_id=RUN.trace_id,
        span_id="b7ad6b7169203331",
        parent_span_id="00f067aa0ba902b7",
        section_path="agent:researcher/tool:search",
        tags=("beta",),
        metadata={"plan": "pro"},
    ),
)
RECORDS = (
    SpanEvent(
        event_id="019a3f4c-0000-7000-8000-000000000001",
        sequence=0,
        kind="run",
        name="answer customer",
        start_time_us=1793577600000000,
        status="running",
        context=RUN,
    ),
    CALL,
    ContentRecord(
        event_id="019a3f4c-0001-7000-8000-000000000002",
        input=[{"role": "user", "content": "Where is my parcel?"}],
        output="On its way.",
        truncated=True,
        redactions=1,
    ),
    SpanEvent(
        event_id="019a3f4c-0000-7000-8000-000000000001",
        sequence=2,
        kind="run",
        name="answer customer",
        start_time_us=1793577600000000,
        duration_ms=480.0,
        status="error",
        error=ErrorInfo(type="ValueError", message="no such parcel"),
        attributes={"steps": 3},
        context=RUN,
    ),
)
TOLD = CallEvent(
    event_id="019a3f4c-0002-7000-8000-000000000003",
    sequence=3,
    kind="llm",
    provider="openai",
    operation="chat.completions",
    request_model="gpt-4o-mini",
    start_time_us=1793577600600000,
    duration_ms=410.0,
    response_id="chatcmpl-2",
    usage=Usage(units={"input_text_tokens": 56, "output_text_tokens": 30}, source="application"),
    transport="manual",
    context=RUN,
)
ATTACHED = (
    TOLD,
    FactRecord(
        event_id="019a3f4c-0003-7000-8000-000000000004",
        sequence=4,
        target_event_id=TOLD.event_id,
        kind="routing",
        data={
            "chosen_model": "gpt-4o-mini",
            "alternatives": ["gpt-5"],
            "confidence": "0.9",
            "estimated_saving_usd": "0.0012",
        },
        at_us=1793577601000000,
        context=RUN,
    ),
    FactRecord(
        event_id="019a3f4c-0004-7000-8000-000000000005",
        sequence=5,
        target_event_id=TOLD.event_id,
        kind="quality",
        data={"judge_model": "claude-sonnet-5", "hallucination": False},
        at_us=1793577601000001,
    ),
    ScoreRecord(
        event_id="019a3f4c-0005-7000-8000-000000000006",
        sequence=6,
        target_type="event",
        target_id=TOLD.event_id,
        name="faithfulness",
        data_type="numeric",
        value=Decimal("0.875"),
        source="evaluator",
        evaluation_id="019a3f4c-0004-7000-8000-000000000005",
        at_us=1793577601000002,
        context=RUN,
    ),
    ScoreRecord(
        event_id="019a3f4c-0006-7000-8000-000000000007",
        sequence=7,
        target_type="run",
        target_id="019a3f4c-0000-7000-8000-000000000001",
        name="outcome",
        data_type="categorical",
        label="resolved",
        comment="The customer said thanks.",
        source="user",
        at_us=1793577601000003,
    ),
    ScoreRecord(
        event_id="019a3f4c-0007-7000-8000-000000000008",
        sequence=8,
        target_type="session",
        target_id="s1",
        name="helpful",
        data_type="boolean",
        value=Decimal(1),
        at_us=1793577601000004,
    ),
)
SOURCE = Source(
    process_id="0af7651916cd43dd8448eb211c80319c",
    sdk_version="1.0.0",
    language="python 3.11.7",
    service="shop",
    environment="production",
    host="web-1",
)


def decoded(data: dict[str, Any]) -> tuple[Any, ...]:
    kinds: dict[str, Any] = {
        "call": CallEvent,
        "span": SpanEvent,
        "content": ContentRecord,
        "score": ScoreRecord,
        "fact": FactRecord,
    }
    return tuple(msgspec.convert(event, kinds[event["type"]], strict=False) for event in data["events"])


def test_there_is_a_golden_batch_of_the_current_version() -> None:
    assert [path.stem for path in GOLDEN] == [f"v{version}" for version in range(1, WIRE_VERSION + 1)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_schema_accepts_it(path: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(path.read_text()))


def test_the_schema_refuses_what_is_wrong() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for change in ({"events": [{"type": "call"}]}, {"version": "one"}, {"source": {}}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**json.loads(GOLDEN[0].read_text()), **change})


def test_v1_decodes_to_these_records() -> None:
    data = json.loads((HERE / "golden" / "v1.json").read_text())
    assert decoded(data) == RECORDS
    assert msgspec.convert(data["source"], Source) == SOURCE
    assert {name: data[name] for name in ("version", "batch_id", "sent_at_us", "dropped")} == {
        "version": 1,
        "batch_id": "4711-123456-000000.seg.0",
        "sent_at_us": 1793577600500000,
        "dropped": {"spans_full": 2},
    }
    assert set(data) <= set(Batch.__dataclass_fields__)


def test_v2_decodes_to_these_records() -> None:
    data = json.loads((HERE / "golden" / "v2.json").read_text())
    assert decoded(data) == ATTACHED
    assert (data["version"], msgspec.convert(data["source"], Source)) == (2, SOURCE)


def test_we_write_what_the_golden_batches_say() -> None:
    for name, batch_id, records, dropped in (
        ("v1", "4711-123456-000000.seg.0", RECORDS, {"spans_full": 2}),
        ("v2", "4711-123456-000000.seg.1", ATTACHED, {}),
    ):
        parcel = Parcel(
            batch_id=batch_id,
            source=to_builtins(SOURCE),
            records=[record_to_json(record) for record in records],
            dropped=dropped,
        )
        written = json.loads(parcel.body())
        golden = json.loads((HERE / "golden" / f"{name}.json").read_text())
        assert written.pop("version") == WIRE_VERSION
        assert {**written, "sent_at_us": golden["sent_at_us"], "version": golden["version"]} == golden
