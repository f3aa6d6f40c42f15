"""Stock exporters of OpenTelemetry against the collector, by HTTP and by gRPC (C14): what they send can be seen."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import requests
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from server.live_server import LiveServer, get, running
from server.otlp_bodies import CALL, CALL_USD, request, span


@pytest.fixture(scope="module")
def grpc_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, grpc_port: int) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("exporters"), otlp_grpc_port=grpc_port) as server:
        yield server


def spans_of_a_run(name: str) -> list[ReadableSpan]:
    """An agent that calls a model, made by the SDK itself."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span(name), tracer.start_as_current_span("chat gpt-5") as call:
        call.set_attributes(CALL)
        call.set_attribute("session.id", name)
    provider.shutdown()
    return list(kept.get_finished_spans())


def assert_shown(live: LiveServer, spans: list[ReadableSpan], name: str) -> None:
    context = spans[0].get_span_context()
    assert context is not None
    with live.api() as api:
        page = get(api, f"runs/{context.trace_id:032x}")
    assert page["run"]["spend"]["cost_usd"] == CALL_USD
    assert (page["run"]["name"], page["run"]["service"], page["run"]["session_id"]) == (name, "shop", name)
    assert {(node["name"], node["parent_span_id"] is None) for node in page["nodes"]} == {
        (name, True),
        ("chat.completions", False),
    }


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_by_http_are_on_the_page_of_their_run(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch, compression: Compression
) -> None:
    name = f"by http {compression.value}"
    # The one variable that users of other collectors change.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", live.url)
    spans = spans_of_a_run(name)
    send(OTLPSpanExporter(compression=compression), spans)
    assert_shown(live, spans, name)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_by_grpc_are_on_the_page_of_their_run(
    live: LiveServer, grpc_port: int, compression: grpc.Compression
) -> None:
    name = f"by grpc {compression.name}"
    spans = spans_of_a_run(name)
    exporter = GrpcSpanExporter(endpoint=f"http://127.0.0.1:{grpc_port}", insecure=True, compression=compression)
    send(exporter, spans)
    assert_shown(live, spans, name)


def send(exporter: SpanExporter, spans: list[ReadableSpan]) -> None:
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()


def test_the_same_spans_again_change_nothing(live: LiveServer) -> None:
    spans = spans_of_a_run("twice")
    for _ in range(2):
        send(OTLPSpanExporter(endpoint=f"{live.url}/v1/traces"), spans)
    assert_shown(live, spans, "twice")


def test_logs_and_metrics_are_taken(live: LiveServer) -> None:
    answers: list[tuple[str, int]] = []

    def note(response: Any, *_: Any, **__: Any) -> None:
        answers.append((response.request.path_url, response.status_code))

    session = requests.Session()
    session.hooks["response"].append(note)
    logs = LoggerProvider()
    logs.add_log_record_processor(
        SimpleLogRecordProcessor(OTLPLogExporter(endpoint=f"{live.url}/v1/logs", session=session))
    )
    logs.get_logger("tests").emit(severity_number=SeverityNumber.INFO, body="said", event_name="app.event")
    logs.shutdown()
    exporter = OTLPMetricExporter(endpoint=f"{live.url}/v1/metrics", session=session)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    meters = MeterProvider(metric_readers=[reader])
    meters.get_meter("tests").create_counter("things").add(3)
    meters.get_meter("tests").create_histogram("sizes").record(2.5)
    assert reader.force_flush()
    meters.shutdown()
    assert set(answers) == {("/v1/logs", 200), ("/v1/metrics", 200)}


def test_grpc_says_why_it_refuses(live: LiveServer, grpc_port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        assert export(b"") == b""
        with pytest.raises(grpc.RpcError) as refused:
            export(b"\x0a\x05zz")
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as refused:
            export(b"", metadata=(("authorization", "Bearer llmo_ingest_cut"),))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        # Compressed 1000 to 1, and beyond what is taken afterwards.
        with pytest.raises(grpc.RpcError) as refused:
            export(bytes(30 * 1024 * 1024), compression=grpc.Compression.Gzip)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_overload_by_grpc_is_unavailable_with_a_time_to_wait(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Nothing may wait: whatever comes is too much.
    full = running(tmp_path, otlp_grpc_port=port, ingest_queue_batches=0)
    with full, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            export(request(span()).SerializeToString())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    trailers = refused.value.trailing_metadata() or ()
    (told,) = [each.value for each in trailers if each.key == "grpc-status-details-bin"]
    (detail,) = Status.FromString(told).details
    wait = RetryInfo()
    assert detail.Unpack(wait)
    assert wait.retry_delay.seconds == 1


def test_a_taken_grpc_port_is_no_reason_not_to_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(tmp_path, otlp_grpc_port=port) as live:
            assert httpx.get(f"{live.url}/health").status_code == 200
            assert live.app.state.otlp_grpc.port is None
    assert "LLMOBSERVE_OTLP_GRPC_PORT" in caplog.text
