"""A span that a dialect could not read is kept, and read again after the dialect was mended."""

from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from server.live_server import LiveServer, get
from server.otlp_bodies import CALL_USD, PROTOBUF, request, span

from llmobserve_server.ingest.otlp import batch, entrance


def test_a_span_is_read_again_when_it_can_be(
    server: LiveServer, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = span(), span(name="chat unreadable")
    read = entrance.span_records

    def defective(told: Any) -> Any:
        if told.name == "chat unreadable":
            raise KeyError("usage")
        return read(told)

    with server.client() as sender:
        monkeypatch.setattr(batch, "span_records", defective)
        answer = sender.post("/v1/traces", content=request(good, bad).SerializeToString(), headers=PROTOBUF)
        part = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert (part.rejected_spans, "KeyError" in part.error_message) == (1, True)
        monkeypatch.undo()
    assert get(api, f"runs/{good.trace_id.hex()}")["run"]["spend"]["cost_usd"] == CALL_USD
    assert api.get(f"runs/{bad.trace_id.hex()}").status_code == 404
    for stored, duplicates in ((1, 0), (0, 1)):
        told = api.post("health/dead-letters/replay").json()
        assert (told["letters"], told["stored"], told["duplicates"]) == (1, stored, duplicates)
    page = get(api, f"runs/{bad.trace_id.hex()}")
    assert (page["run"]["spend"]["cost_usd"], page["run"]["service"]) == (CALL_USD, "shop")
