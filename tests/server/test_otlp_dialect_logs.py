"""Log records: calls of coding agents, repeated calls, messages around their span, scores; and ordinary logs."""

import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from server.live_server import LiveServer, get, running
from server.otlp_bodies import CALL_USD, PROTOBUF, request, span
from server.otlp_spans import usd

from llmobserve_server.ingest.otlp.entrance import log_records, point_records
from llmobserve_server.ingest.otlp.messages import OtlpLog, OtlpPoint, Sender

AT_NS = 1_794_312_000_000_000_000  # 2026-11-10T12:00:00Z
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def log(name: str, attributes: Mapping[str, Any], body: Any = None, *, trace: bool = True, scope: str = "t") -> OtlpLog:
    place = (TRACE, SPAN) if trace else (None, None)
    return OtlpLog(AT_NS, name, 9, body, attributes, *place, Sender({}, scope))


def records_of(sent: OtlpLog) -> list[Any]:
    return list(log_records(sent))


def only(sent: OtlpLog) -> Any:
    (record,) = records_of(sent)
    return record


REQUEST = {
    "event.name": "api_request",
    "session.id": "s1",
    "prompt.id": "p1",
    "user.account_uuid": "u1",
    "user.email": "a@b.example",
    "model": "claude-sonnet-4-5-20250929",
    "cost_usd": 0.5,
    "duration_ms": "1500",
    "input_tokens": "40",
    "output_tokens": 45,
    "cache_read_tokens": 80,
    "cache_creation_tokens": 30,
    "request_id": "req_1",
}


def test_claude_code_request() -> None:
    call = only(log("claude_code.api_request", REQUEST, trace=False))
    assert (call.kind, call.provider, call.operation) == ("llm", "anthropic", "messages")
    assert call.usage.units == {
        "input_text_tokens": 40,
        "cache_read_text_tokens": 80,
        "cache_write_tokens": 30,
        "output_text_tokens": 45,
    }
    # claude-sonnet-4-5 (claude.com/pricing, 2026-11): 40 x 3 + 80 x 0.30 + 30 x 3.75 + 45 x 15 = 931.5 millionths;
    # its own figure stands beside it.
    assert (usd(call), call.reported_cost_usd) == (Decimal("0.0009315"), Decimal("0.5"))
    assert (call.request_id, call.response_id, call.duration_ms) == ("req_1", None, 1500)
    assert call.start_time_us == AT_NS // 1000 - 1_500_000
    context = call.context
    assert (context.session_id, context.user_id, context.run_id, context.run_name) == ("s1", "u1", "p1", "Claude Code")
    assert context.section_path == "agent:claude-code"


def test_requests_logged_in_one_span_are_different_calls() -> None:
    first = only(log("api_request", REQUEST, scope="com.anthropic.claude_code.events"))
    second = only(log("api_request", {**REQUEST, "request_id": "req_2"}, scope="com.anthropic.claude_code.events"))
    assert first.context.trace_id == second.context.trace_id == TRACE
    assert first.context.run_id == TRACE
    assert first.context.parent_span_id == second.context.parent_span_id == SPAN
    assert len({SPAN, first.context.span_id, second.context.span_id}) == 3
    assert first.event_id != second.event_id


def test_the_same_log_record_again_has_the_same_id() -> None:
    assert (
        only(log("claude_code.api_request", REQUEST)).event_id
        == only(log("claude_code.api_request", dict(reversed(REQUEST.items())))).event_id
    )


def test_claude_code_error_tool_and_prompt() -> None:
    failed = only(
        log("claude_code.api_error", {"model": "claude-sonnet-4-5", "error": "Overloaded", "status_code": "529"})
    )
    assert (failed.status, failed.http_status, failed.error.message, usd(failed)) == ("error", 529, "Overloaded", 0)
    tool, said = records_of(
        log("claude_code.tool_result", {"tool_name": "Bash", "success": "false", "tool_parameters": '{"c": "ls"}'})
    )
    assert (tool.kind, tool.name, tool.status, tool.context.parent_span_id) == ("tool", "Bash", "error", SPAN)
    assert msgspec.json.decode(said.input) == {"c": "ls"}
    prompt, text = records_of(log("claude_code.user_prompt", {"prompt": "Fix it", "prompt_length": 6}))
    assert (prompt.kind, prompt.name, msgspec.json.decode(text.input)) == ("step", "prompt", "Fix it")
    assert records_of(log("claude_code.internal_error", {})) == []


def test_codex() -> None:
    done = {
        "event.kind": "response.completed",
        "conversation.id": "c1",
        "model": "gpt-4.1-mini",
        "input_token_count": 120,
        "output_token_count": 45,
        "cached_token_count": 80,
        "reasoning_token_count": 20,
    }
    call = only(log("codex.sse_event", done, trace=False))
    assert (call.provider, call.operation) == ("openai", "responses")
    # gpt-4.1-mini (openai.com/api/pricing, 2026-11): 40 x 0.40 + 80 x 0.10 + 45 x 1.60 = 96 millionths
    assert (usd(call), call.usage.details) == (Decimal("0.000096"), {"reasoning_tokens": 20})
    assert (call.context.session_id, call.context.run_id, call.context.run_name) == ("c1", "c1", "Codex")
    assert records_of(log("codex.sse_event", {**done, "event.kind": "response.output_item.done"})) == []
    assert records_of(log("codex.api_request", {"http.response.status_code": 200})) == []
    refused = only(log("codex.api_request", {"http.response.status_code": 429, "model": "gpt-5"}))
    assert (refused.status, refused.http_status, usd(refused)) == ("error", 429, 0)
    tool, _ = records_of(log("codex.tool_result", {"tool_name": "shell", "arguments": '{"c": 1}', "output": "ok"}))
    assert (tool.kind, tool.name) == ("tool", "shell")


DETAILS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1-mini",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 45,
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
}
NAME = "gen_ai.client.inference.operation.details"


def test_a_repeated_call_is_a_record_at_the_place_of_its_span() -> None:
    call, said = records_of(log(NAME, DETAILS))
    assert (call.context.trace_id, call.context.span_id, call.response_id) == (TRACE, SPAN, "chatcmpl-1")
    assert (call.context.run_name, call.duration_ms) == (None, None)
    assert said.event_id == call.event_id
    (loose, _) = records_of(log(NAME, DETAILS, trace=False))
    assert (loose.context.trace_id, loose.context.run_id, loose.response_id) == (None, None, "chatcmpl-1")


def test_what_could_not_be_joined_with_its_call_is_no_call() -> None:
    nowhere = {key: value for key, value in DETAILS.items() if key != "gen_ai.response.id"}
    assert records_of(log(NAME, nowhere, trace=False)) == []
    without_usage = {key: value for key, value in DETAILS.items() if "usage" not in key}
    assert [record.type for record in records_of(log(NAME, without_usage))] == ["content"]


def test_failed_calls_are_logged_too() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "exception.type": "openai.RateLimitError",
        "exception.message": "Error code: 429 - slow down",
    }
    call = only(log("gen_ai.client.operation.exception", attributes))
    assert (call.status, call.http_status, call.context.span_id) == ("error", 429, SPAN)


@pytest.mark.parametrize(
    ("attributes", "trace", "target"),
    [
        ({}, True, ("event", f"{TRACE}:{SPAN}")),
        ({"gen_ai.response.id": "chatcmpl-1"}, True, ("event", "answer:chatcmpl-1")),
        ({"gen_ai.response.id": "chatcmpl-1"}, False, ("event", "answer:chatcmpl-1")),
    ],
)
def test_scores(attributes: Mapping[str, str], target: tuple[str, str], *, trace: bool) -> None:
    judged = {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": -0.25,
        "gen_ai.evaluation.score.label": "poor",
        "gen_ai.evaluation.explanation": "off topic",
    }
    score = only(log("gen_ai.evaluation.result", {**judged, **attributes}, trace=trace))
    assert (score.target_type, score.target_id) == target
    assert (score.name, score.value, score.label, score.comment) == (
        "relevance",
        Decimal("-0.25"),
        "poor",
        "off topic",
    )
    del judged["gen_ai.evaluation.name"]
    assert records_of(log("gen_ai.evaluation.result", judged)) == []


def test_ordinary_logs_and_metrics_are_no_records() -> None:
    assert records_of(log("", {"http.route": "/"}, "request done")) == []
    point = OtlpPoint("claude_code.cost.usage", "USD", "sum", 1, 0, AT_NS, 3.5, None, {}, Sender({}))
    assert point_records(point) == []


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("logs")) as server:
        yield server


@pytest.fixture(scope="module")
def api(live: LiveServer) -> Iterator[httpx.Client]:
    with live.api() as client:
        yield client


def value(said: Any) -> AnyValue:
    if isinstance(said, dict):
        pairs: dict[str, Any] = said
        return AnyValue(
            kvlist_value=KeyValueList(values=[KeyValue(key=key, value=value(item)) for key, item in pairs.items()])
        )
    if isinstance(said, list):
        items: list[Any] = said
        return AnyValue(array_value=ArrayValue(values=[value(item) for item in items]))
    return AnyValue(int_value=said) if isinstance(said, int) else AnyValue(string_value=said)


_ticks = count()


def post_log(live: LiveServer, trace_id: bytes, span_id: bytes, name: str, body: Any, **attributes: Any) -> None:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id, record.event_name = trace_id, span_id, name
    record.time_unix_nano = time.time_ns() + next(_ticks)
    if body is not None:
        record.body.CopyFrom(value(body))
    record.attributes.extend(KeyValue(key=key, value=value(item)) for key, item in attributes.items())
    with live.client() as sender:
        sender.post("/v1/logs", content=message.SerializeToString(), headers=PROTOBUF).raise_for_status()


def post_span(live: LiveServer, sent: Any) -> None:
    with live.client() as sender:
        body = request(sent).SerializeToString()
        sender.post("/v1/traces", content=body, headers=PROTOBUF).raise_for_status()


def the_call(api: httpx.Client, trace_id: bytes) -> Any:
    run = get(api, f"runs/{trace_id.hex()}")
    (found,) = [node for node in run["nodes"] if node["type"] == "call"]
    return get(api, f"events/{found['event_id']}")


@pytest.mark.parametrize("span_first", [True, False])
def test_messages_show_with_their_call_whenever_they_come(
    live: LiveServer, api: httpx.Client, *, span_first: bool
) -> None:
    sent = span()
    ids = (sent.trace_id, sent.span_id)
    if span_first:
        post_span(live, sent)
    post_log(live, *ids, "gen_ai.system.message", {"content": "terse"})
    post_log(live, *ids, "gen_ai.user.message", {"content": "hi"})
    post_log(live, *ids, "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "ho"}})
    if not span_first:
        post_span(live, sent)
    content = the_call(api, sent.trace_id)["content"]
    assert [(said["role"], said["content"]) for said in content["input"]] == [("system", "terse"), ("user", "hi")]
    assert content["output"] == [{"role": "assistant", "content": "ho", "finish_reason": "stop"}]


@pytest.mark.parametrize("span_first", [True, False])
def test_a_repeated_call_is_charged_once(live: LiveServer, api: httpx.Client, *, span_first: bool) -> None:
    sent = span()
    details = {key: item for key, item in DETAILS.items() if key != "gen_ai.response.id"}
    if span_first:
        post_span(live, sent)
    post_log(live, sent.trace_id, sent.span_id, NAME, None, **details)
    if not span_first:
        post_span(live, sent)
    run = get(api, f"runs/{sent.trace_id.hex()}")
    # Where both say what was consumed it is the span that counts.
    assert (run["run"]["spend"]["calls"], run["run"]["spend"]["cost_usd"]) == (1, CALL_USD)


def test_a_score_shows_with_the_call_it_names(live: LiveServer, api: httpx.Client) -> None:
    sent = span()
    name = "gen_ai.evaluation.result"
    told = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.score.value": 1}
    post_log(live, sent.trace_id, sent.span_id, name, None, **told)
    post_span(live, sent)
    assert [score["name"] for score in the_call(api, sent.trace_id)["scores"]] == ["tone"]


def test_a_trace_without_anything_of_ours_is_no_run(live: LiveServer, api: httpx.Client) -> None:
    plain = span(name="GET /")
    del plain.attributes[:]
    post_span(live, plain)
    post_span(live, span())
    runs = get(api, "runs")["runs"]
    assert plain.trace_id.hex() not in {run["run_id"] for run in runs}
    assert runs
