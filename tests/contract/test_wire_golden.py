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
SOURCE = Source(
    process_id="0af7651916cd43dd8448eb211c80319c",
    sdk_version="1.0.0",
    language="python 3.11.7",
    service="shop",
    environment="production",
    host="web-1",
)


def decoded(data: dict[str, Any]) -> tuple[Any, ...]:
    kinds: dict[str, Any] = {"call": CallEvent, "span": SpanEvent, "content": ContentRecord}
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


def test_we_write_what_the_golden_batch_says() -> None:
    parcel = Parcel(
        batch_id="4711-123456-000000.seg.0",
        source=to_builtins(SOURCE),
        records=[record_to_json(record) for record in RECORDS],
        dropped={"spans_full": 2},
    )
    written = json.loads(parcel.body())
    golden = json.loads((HERE / "golden" / "v1.json").read_text())
    written["sent_at_us"] = golden["sent_at_us"]
    assert written == golden
