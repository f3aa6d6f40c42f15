"""Requests of today's exporters, as they were recorded: all are taken, and nothing in them is refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from server.live_server import LiveServer, get
from sqlalchemy import select

from llmobserve_server.store.tables import events

FOLDER = Path(os.environ.get("LLMOBSERVE_TEST_DATA", "")) / "otlp"
RECORDED = sorted(FOLDER.glob("*.json")) if "LLMOBSERVE_TEST_DATA" in os.environ else []


@pytest.mark.skipif(not RECORDED, reason="LLMOBSERVE_TEST_DATA names no recordings")
def test_recorded_requests_are_taken_as_they_were_sent(server: LiveServer) -> None:
    spans: set[str] = set()
    with server.client() as client:
        for path in RECORDED:
            told: dict[str, Any] = json.loads(path.read_text())
            body = path.with_suffix(".bin").read_bytes()
            answer = client.post(told["path"], content=body, headers=told["headers"])
            assert answer.status_code == 200, (path.name, answer.text)
            if told.get("signal") in {"traces", "logs", "metrics"}:
                assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success"), path.name
                for call in told["expected"].get("calls", []):
                    spans |= set(call["span_ids"])
    with server.api() as api:
        assert get(api, "health/dead-letters")["letters"] == []
    stored = server.app.state.store.fetch(select(events.c.span_id))
    assert spans
    assert spans <= {row["span_id"] for row in stored}
