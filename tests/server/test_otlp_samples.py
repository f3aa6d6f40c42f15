"""Every span of the recorded requests read alone: what it says of its call is what the recording is known to mean."""

import gzip
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmobserve.wire import CallEvent, input_tokens, output_tokens
from llmobserve_server.ingest.otlp import protobuf
from llmobserve_server.ingest.otlp.entrance import log_records, point_records, span_records
from llmobserve_server.ingest.otlp.messages import OtlpSpan

FOLDER = Path(os.environ.get("LLMOBSERVE_TEST_DATA", "")) / "otlp"
RECORDED = sorted(FOLDER.glob("*.json")) if "LLMOBSERVE_TEST_DATA" in os.environ else []
pytestmark = pytest.mark.skipif(not RECORDED, reason="LLMOBSERVE_TEST_DATA names no recordings")
OURS = {"google": "google_gemini"}
"""Providers under the names of the recordings, and under ours."""


def told(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


TRACES = [path for path in RECORDED if told(path).get("signal") == "traces"]
CASES = [(path, call) for path in TRACES for call in told(path)["expected"]["calls"]]


def body_of(path: Path) -> bytes:
    """The request as it arrives at the decoder."""
    body = path.with_suffix(".bin").read_bytes()
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def spans_of(path: Path) -> dict[str, OtlpSpan]:
    found = [item for item in protobuf.spans_of(body_of(path)) if isinstance(item, OtlpSpan)]
    return {span.span_id: span for span in found}


def calls_of(path: Path, expected: Mapping[str, Any]) -> list[CallEvent]:
    """The records of all spans that tell of one call."""
    spans = spans_of(path)
    records = [record for span_id in expected["span_ids"] for record in span_records(spans[span_id])]
    return [record for record in records if isinstance(record, CallEvent) and "aggregate" not in record.usage.flags]


def facts(call: CallEvent) -> dict[str, Any]:
    """What one record says, in the words of the recordings."""
    units = call.usage.units
    known = {
        "model_requested": call.request_model,
        "model_served": call.response_model,
        "provider": call.provider,
        "response_id": call.response_id,
        "session_id": call.context.session_id,
        "user_id": call.context.user_id,
        "customer_id": call.context.customer_id,
        "http_status": call.http_status,
        "input_tokens_total": input_tokens(units),
        "output_tokens": output_tokens(units),
        "cache_read_tokens": sum(int(n) for unit, n in units.items() if unit.startswith("cache_read_")) or None,
        "cache_write_tokens": sum(int(n) for unit, n in units.items() if unit.startswith("cache_write_")) or None,
        "reasoning_tokens": call.usage.details.get("reasoning_tokens"),
        "ttft_s": None if call.time_to_first_token_ms is None else round(call.time_to_first_token_ms / 1000, 6),
        "cost_supplied_usd": call.reported_cost_usd,
    }
    return {name: value for name, value in known.items() if value is not None}


@pytest.mark.parametrize(
    ("path", "expected"), CASES or [(FOLDER, {})], ids=lambda given: given.stem if isinstance(given, Path) else ""
)
def test_each_call_is_told_by_its_spans(path: Path, expected: Mapping[str, Any]) -> None:
    calls = calls_of(path, expected)
    assert calls
    said: dict[str, set[Any]] = {}
    for call in calls:
        for name, value in facts(call).items():
            said.setdefault(name, set()).add(value)
    wanted = dict(expected)
    if "provider" in expected:
        wanted["provider"] = OURS.get(expected["provider"], expected["provider"])
    if expected["error"]:
        wanted.pop("model_served", None)  # who failed has served nothing, whatever was noted
    for name in (
        *("model_requested", "model_served", "provider", "response_id", "session_id", "user_id", "http_status"),
        *("input_tokens_total", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    ):
        # A zero is no unit of ours; what is not said by any of the spans is nobody's guess.
        if wanted.get(name):
            assert wanted[name] in said.get(name, set()), name
        elif name.endswith("_tokens"):
            assert not any(said.get(name, ())), name
    if "cost_supplied_usd" in expected:
        assert Decimal(str(expected["cost_supplied_usd"])) in said["cost_supplied_usd"]
    assert all((call.status == "error") is expected["error"] for call in calls if call.response_id or len(calls) == 1)


@pytest.mark.parametrize("path", TRACES or [FOLDER], ids=lambda path: path.stem)
def test_no_other_span_is_a_call(path: Path) -> None:
    expected = told(path)["expected"]["calls"]
    of_calls = {span_id for call in expected for span_id in call["span_ids"]}
    for span_id, span in spans_of(path).items():
        records = span_records(span)
        if span_id not in of_calls:
            sums = [record.usage.flags for record in records if isinstance(record, CallEvent)]
            assert all("aggregate" in flags for flags in sums), span.name


def test_logs_and_metrics_are_read() -> None:
    for path in RECORDED:
        body = body_of(path)
        if told(path).get("signal") == "logs":
            logs = [record for item in protobuf.logs_of(body) for record in log_records(item)]  # type: ignore[arg-type]
            assert logs, path.name
        elif told(path).get("signal") == "metrics":
            points = [point for item in protobuf.metrics_of(body) for point in item]  # type: ignore[union-attr]
            assert points, path.name
            assert not any(point_records(point) for point in points)  # type: ignore[arg-type]
