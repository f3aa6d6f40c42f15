"""What OTLP requests may look like, and what is answered to those that are not in order (C04, C14)."""

import gzip
import json
import socket
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
import zstandard
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from server.live_server import LiveServer, get, running
from server.otlp_bodies import (
    CALL,
    CALL_USD,
    JSON,
    PROTOBUF,
    delimited,
    json_pairs,
    json_request,
    json_span,
    request,
    span,
    wrapped,
)

from llmobserve_server.api import limits
from llmobserve_server.api.otlp_paths import OTLP_PATHS


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("requests")) as server:
        yield server


@pytest.fixture(scope="module")
def sender(live: LiveServer) -> Iterator[httpx.Client]:
    with live.client() as client:
        yield client


@pytest.fixture(scope="module")
def api(live: LiveServer) -> Iterator[httpx.Client]:
    with live.api() as client:
        yield client


def run_of(api: httpx.Client, trace_id: str | bytes) -> dict[str, Any]:
    return get(api, f"runs/{trace_id if isinstance(trace_id, str) else trace_id.hex()}")


def cost_of(api: httpx.Client, trace_id: str | bytes) -> str:
    return run_of(api, trace_id)["run"]["spend"]["cost_usd"]


def refused_by(answer: httpx.Response, status: int, code: int) -> str:
    """The message of a refusal in protobuf."""
    assert answer.status_code == status, answer.content
    assert answer.headers["content-type"] == "application/x-protobuf"
    said = Status.FromString(answer.content)
    assert said.code == code
    return said.message


def partly(answer: httpx.Response) -> tuple[int, str]:
    """Spans that were refused of a request that was taken, and why."""
    assert answer.status_code == 200
    part = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return part.rejected_spans, part.error_message


@pytest.mark.parametrize("encoding", [None, "gzip", "zstd"])
@pytest.mark.parametrize("path", sorted(path for path, signal in OTLP_PATHS.items() if signal == "traces"))
def test_spans_are_taken_at_every_path(
    api: httpx.Client, sender: httpx.Client, path: str, encoding: str | None
) -> None:
    sent = span()
    body = request(sent).SerializeToString()
    compress = {None: bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[encoding]
    headers = {**PROTOBUF, **({"Content-Encoding": encoding} if encoding else {})}
    answer = sender.post(path, content=compress(body), headers=headers)
    # Success is without a partial success.
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert cost_of(api, sent.trace_id) == CALL_USD


def test_json_is_answered_in_json(api: httpx.Client, sender: httpx.Client) -> None:
    sent = json_span()
    answer = sender.post("/v1/traces", content=json.dumps(json_request(sent)), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    assert cost_of(api, sent["traceId"]) == CALL_USD


def test_a_body_in_chunks_without_length_is_taken(api: httpx.Client, sender: httpx.Client) -> None:
    sent = json_span()
    body = json.dumps(json_request(sent)).encode()
    # As the JavaScript exporters send.
    pieces = (body[at : at + 100] for at in range(0, len(body), 100))
    assert sender.post("/v1/traces", content=pieces, headers=JSON).status_code == 200
    assert cost_of(api, sent["traceId"]) == CALL_USD


@pytest.mark.parametrize("path", OTLP_PATHS)
@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_an_empty_request_is_a_success(sender: httpx.Client, path: str, headers: Mapping[str, str]) -> None:
    assert sender.post(path, content=b"", headers=headers).status_code == 200
    if headers is JSON:
        for body in ("{}", '{"resourceSpans":[]}', '{"resourceSpans":null}'):
            answer = sender.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.json()) == (200, {})


VARIANTS: Mapping[str, dict[str, Any]] = {
    "no enumerations": {"kind": None, "status": None},
    "names of enumerations": {"kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_OK"}},
    "no parent": {"parentSpanId": ""},
    "null parent": {"parentSpanId": None},
    "zero parent": {"parentSpanId": "0000000000000000"},
    "upper case": {"spanId": "ABCDEF0123456789"},
    "unknown fields": {"flags": 769, "futureField": {"a": [1, {"b": None}]}, "events": [{"name": "e", "later": True}]},
    "null lists": {"events": None, "links": None},
    "counts as text": {
        "attributes": [
            *json_pairs({key: value for key, value in CALL.items() if isinstance(value, str)}),
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "100"}},
        ]
    },
    "every kind of value": {
        "attributes": [
            *json_pairs(CALL),
            {"key": "a", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"intValue": 1}, {}]}}},
            {"key": "b", "value": {"kvlistValue": {"values": [{"key": "c", "value": {"boolValue": False}}]}}},
            {"key": "d", "value": {"bytesValue": "AP8="}},
            {"key": "e", "value": {"doubleValue": "NaN"}},
            {"key": "f", "value": {"doubleValue": 0.5}},
            {"key": "g", "value": {}},
            {"key": "h"},
            {"key": "i", "value": {"stringValue": "nul \u0000, lone \ud800"}},
        ]
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_json_are_the_same_call(api: httpx.Client, sender: httpx.Client, variant: str) -> None:
    sent = json_span(**VARIANTS[variant])
    answer = sender.post("/v1/traces", content=json.dumps(json_request(sent)), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    page = run_of(api, sent["traceId"])
    assert page["run"]["spend"]["cost_usd"] == CALL_USD
    assert [(node["span_id"], node["parent_span_id"]) for node in page["nodes"]] == [(sent["spanId"].lower(), None)]


def test_times_as_numbers_are_times(api: httpx.Client, sender: httpx.Client) -> None:
    sent = json_span()
    sent |= {name: int(sent[name]) for name in ("startTimeUnixNano", "endTimeUnixNano")}
    assert sender.post("/v1/traces", content=json.dumps(json_request(sent)), headers=JSON).json() == {}
    assert run_of(api, sent["traceId"])["run"]["duration_ms"] == 500


def test_protobuf_of_a_later_version_is_taken(api: httpx.Client, sender: httpx.Client) -> None:
    sent = span()
    # A kind of 17, a status of 9, and field 900, a text: no version has them.
    later = sent.SerializeToString() + b"\x30\x11" + delimited(15, b"\x18\x09") + b"\xa2\x38\x03new"
    body = wrapped(later)
    assert sender.post("/v1/traces", content=body, headers=PROTOBUF).content == b""
    assert cost_of(api, sent.trace_id) == CALL_USD


def nested(levels: int) -> bytes:
    """A span with an attribute of lists in lists."""
    value = delimited(1, b"deep")
    for _ in range(levels):
        value = delimited(5, delimited(1, value))
    return span().SerializeToString() + delimited(9, delimited(1, b"a") + delimited(2, value))


BAD_SPANS: Mapping[str, tuple[bytes, str]] = {
    "short trace id": (span(trace_id=b"short").SerializeToString(), "trace_id must have 32"),
    "zero trace id": (span(trace_id=bytes(16)).SerializeToString(), "trace_id must have 32"),
    "long span id": (span(span_id=bytes(range(9))).SerializeToString(), "span_id must have 16"),
    "no ids": (span(trace_id=b"", span_id=b"").SerializeToString(), "belong to /v1/logs"),
    "cut": (span().SerializeToString()[:-3], "it is not a span"),
    "no protobuf": (b"\x07\xff\xff", "it is not a span"),
    "deep": (nested(40), "nested deeper than 32"),
    "deeper": (nested(200), "it is not a span"),
    "far future": (span(start_time_unix_nano=2**63, end_time_unix_nano=2**63).SerializeToString(), "start_time"),
    "many attributes": (span().SerializeToString() + b"\x4a\x00" * 20_000, "at most 16384"),
}


@pytest.mark.parametrize("name", BAD_SPANS)
def test_a_bad_span_is_refused_alone_and_kept(api: httpx.Client, sender: httpx.Client, name: str) -> None:
    bad, reason = BAD_SPANS[name]
    good = span()
    answer = sender.post(
        "/v1/traces", content=wrapped(good.SerializeToString(), bad, span().SerializeToString()), headers=PROTOBUF
    )
    count, message = partly(answer)
    assert count == 1
    assert reason in message
    assert cost_of(api, good.trace_id) == CALL_USD
    letters = get(api, "health/dead-letters")["letters"]
    assert any(reason in letter["reason"] for letter in letters)


@pytest.mark.parametrize(
    "bad",
    [
        {"traceId": "xyz"},
        {"traceId": "q83vASNFZ4mrze8BI0VniQ=="},
        {"spanId": None},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": str(2**70)},
        {"attributes": {"a": "b"}},
        {"attributes": [{"key": "a", "value": {"intValue": "1.5"}}]},
        {"attributes": [{"key": "a", "value": {"bytesValue": "*"}}]},
        {"name": 5},
    ],
)
def test_a_bad_span_in_json_is_refused_alone(api: httpx.Client, sender: httpx.Client, bad: dict[str, Any]) -> None:
    good = json_span()
    answer = sender.post("/v1/traces", content=json.dumps(json_request(json_span(**bad), good)), headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert cost_of(api, good["traceId"]) == CALL_USD


def test_what_was_refused_is_kept_as_a_request_that_can_be_sent_again(api: httpx.Client, sender: httpx.Client) -> None:
    sent = span(start_time_unix_nano=1_000_000_000, end_time_unix_nano=2_000_000_000)
    assert partly(sender.post("/v1/traces", content=request(sent).SerializeToString(), headers=PROTOBUF))[0] == 1
    letter = get(api, "health/dead-letters")["letters"][0]
    kept = json.loads(letter["body"])
    again = kept["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert again["traceId"] == sent.trace_id.hex()
    mended = json_span()
    again |= {name: mended[name] for name in ("startTimeUnixNano", "endTimeUnixNano")}
    assert sender.post("/v1/traces", content=json.dumps(kept), headers=JSON).json() == {}
    page = run_of(api, sent.trace_id)
    assert (page["run"]["spend"]["cost_usd"], page["run"]["service"]) == (CALL_USD, "shop")


def test_texts_that_are_no_utf_8_are_mended(api: httpx.Client, sender: httpx.Client) -> None:
    sent = span()
    good, bad = b"\x12\x07\x0a\x05valid", b"\x12\x07\x0a\x05va\xff\x00d"
    sent.attributes.append(KeyValue(key="k", value=AnyValue(string_value="valid")))
    body = wrapped(sent.SerializeToString().replace(good, bad))
    assert bad in body
    assert sender.post("/v1/traces", content=body, headers=PROTOBUF).content == b""
    assert cost_of(api, sent.trace_id) == CALL_USD


def test_logs_at_the_path_of_traces_are_recognised(sender: httpx.Client) -> None:
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    record.time_unix_nano = 1_800_000_000_000_000_000
    record.body.string_value = "said"
    count, message = partly(sender.post("/v1/traces", content=logs.SerializeToString(), headers=PROTOBUF))
    assert count == 1
    assert "/v1/logs" in message
    answer = sender.post("/v1/traces", content='{"resourceLogs":[{"scopeLogs":[]}]}', headers=JSON)
    assert answer.status_code == 400
    assert "/v1/logs" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\x0a\x05zz", PROTOBUF),
        (b"\xff" * 30, PROTOBUF),
        (b'{"resourceSpans":[]}', PROTOBUF),
        (request(span()).SerializeToString()[:-1], PROTOBUF),
        (gzip.compress(request(span()).SerializeToString())[:-9], {**PROTOBUF, "Content-Encoding": "gzip"}),
        (zstandard.compress(request(span()).SerializeToString())[:-2], {**PROTOBUF, "Content-Encoding": "zstd"}),
        (request(span()).SerializeToString(), {**PROTOBUF, "Content-Encoding": "br"}),
    ],
)
def test_a_damaged_body_is_a_bad_request(sender: httpx.Client, body: bytes, headers: dict[str, str]) -> None:
    # 3 is INVALID_ARGUMENT of google.rpc.Code.
    assert refused_by(sender.post("/v1/traces", content=body, headers=headers), 400, 3)


@pytest.mark.parametrize("body", ["{", "[]", "1", '{"resourceSpans":5}', '{"resourceSpans":[{"scopeSpans":"x"}]}'])
def test_a_damaged_body_in_json_is_a_bad_request_in_json(sender: httpx.Client, body: str) -> None:
    answer = sender.post("/v1/traces", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, 3)


def test_json_nested_without_end_does_no_harm(api: httpx.Client, sender: httpx.Client) -> None:
    good = json_span()
    text = json.dumps(json_request(json_span(deep=None), good)).replace('"deep": null', '"deep": ' + "[" * 100_000)
    assert sender.post("/v1/traces", content=text, headers=JSON).status_code == 400
    closed = text.replace("[" * 100_000, "[" * 50_000 + "]" * 50_000)
    assert sender.post("/v1/traces", content=closed, headers=JSON).status_code == 200
    assert cost_of(api, good["traceId"]) == CALL_USD


def test_other_content_is_not_taken(live: LiveServer, sender: httpx.Client) -> None:
    # Without a key a page could send this; with one it is just not OTLP.
    assert refused_by(sender.post("/v1/traces", content=b"", headers={"Content-Type": "text/plain"}), 403, 7)
    with live.client(live.new_key("ingest")) as keyed:
        said = refused_by(keyed.post("/v1/traces", content=b"", headers={"Content-Type": "text/plain"}), 415, 3)
    assert "application/x-protobuf" in said


BOMBS: Mapping[str, tuple[bytes, dict[str, str]]] = {
    "gzip": (gzip.compress(bytes(100 * 1024 * 1024)), {**PROTOBUF, "Content-Encoding": "gzip"}),
    "zstd": (zstandard.compress(bytes(100 * 1024 * 1024)), {**PROTOBUF, "Content-Encoding": "zstd"}),
    "plain": (bytes(11 * 1024 * 1024), dict(PROTOBUF)),
    "empty spans": (wrapped(*[b""] * 60_000), dict(PROTOBUF)),
    "empty spans in JSON": (b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 3_000_000 + b"{}]}]}]}", JSON),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_before_they_fill_the_memory(sender: httpx.Client, bomb: str) -> None:
    body, headers = BOMBS[bomb]
    tracemalloc.start()
    try:
        answer = sender.post("/v1/traces", content=body, headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 413
    said = answer.json() if headers is JSON else Status.FromString(answer.content)
    assert (said["code"] if isinstance(said, dict) else said.code) == 3
    assert peak < 150 * 1024 * 1024


def test_a_request_of_the_largest_size_is_taken(api: httpx.Client, sender: httpx.Client) -> None:
    spans = [span() for _ in range(2000)]
    body = request(*spans).SerializeToString()
    assert sender.post("/v1/traces", content=body, headers=PROTOBUF).content == b""
    assert cost_of(api, spans[-1].trace_id) == CALL_USD


def test_overload_is_503_with_a_second_to_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Nothing may wait: whatever comes is too much.
    with running(tmp_path_factory.mktemp("full"), ingest_queue_batches=0) as full, full.client() as client:
        answer = client.post("/v1/traces", content=request(span()).SerializeToString(), headers=PROTOBUF)
        # 14 is UNAVAILABLE.
        assert refused_by(answer, 503, 14)
        assert answer.headers["retry-after"] == "1"
        details = Status.FromString(answer.content).details
        assert [detail.type_url for detail in details] == ["type.googleapis.com/google.rpc.RetryInfo"]
        said = client.post("/v1/logs", content="{}", headers=JSON)
        assert (said.status_code, said.headers["retry-after"], said.json()["code"]) == (503, "1", 14)


def test_a_body_that_comes_too_slowly_may_come_again(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_DEADLINE_S", 0.3)
    head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as peer:
        peer.sendall(head + b"Content-Length: 99\r\n\r\n\x0a")
        while part := peer.recv(65536):
            answer += part
    # 408 would be the end of the spans: exporters send again after 503.
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer.lower()


def test_wrong_methods_and_paths_are_answered(sender: httpx.Client) -> None:
    assert sender.get("/v1/traces").status_code in (404, 405)
    assert sender.post("/v1/profiles", content=b"", headers=PROTOBUF).status_code in (404, 405)


def test_the_request_of_a_span_is_what_opentelemetry_calls_it() -> None:
    """The helper of these tests says what the published messages say."""
    message: Message = ExportTraceServiceRequest.FromString(wrapped(span(name="x").SerializeToString()))
    assert isinstance(message, ExportTraceServiceRequest)
    assert message.resource_spans[0].scope_spans[0].spans[0].name == "x"
