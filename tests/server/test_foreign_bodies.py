"""Bodies of Langfuse's older SDKs and of LiteLLM's callback, in every layout, and scores of Langfuse."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from server.live_server import LiveServer, get
from server.otlp_bodies import CALL_USD, PROTOBUF, request, span

from llmobserve_server.ingest.foreign.parts import trace_id_of

BEGAN = datetime.now(UTC) - timedelta(minutes=5)
TRACE = "7a3f0c1e-0000-4000-8000-000000000001"
RUN = TRACE.replace("-", "")


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def envelope(kind: str, body: dict[str, Any], own_id: str) -> dict[str, Any]:
    return {"id": own_id, "type": kind, "timestamp": at(0), "body": body}


ENVELOPES = [
    envelope(
        "trace-create",
        {"id": TRACE, "name": "answer", "userId": "user-1", "sessionId": "session-1", "tags": ["blue"]},
        "e1",
    ),
    envelope("span-create", {"id": "s1", "traceId": TRACE, "name": "search", "startTime": at(0)}, "e2"),
    envelope(
        "generation-create",
        {
            "id": "g1",
            "traceId": TRACE,
            "parentObservationId": "s1",
            "name": "OpenAI-generation",
            "startTime": at(1),
            "model": "gpt-5",
            "input": [{"role": "user", "content": "hello"}],
        },
        "e3",
    ),
    envelope(
        "generation-update",
        {
            "id": "g1",
            "traceId": TRACE,
            "endTime": at(3),
            "output": {"role": "assistant", "content": "Good day."},
            "usage": {"promptTokens": 1000, "completionTokens": 100, "totalTokens": 1100},
        },
        "e4",
    ),
    envelope("span-update", {"id": "s1", "traceId": TRACE, "endTime": at(4)}, "e5"),
    envelope("score-create", {"id": "q1", "traceId": TRACE, "name": "quality", "value": 0.5}, "e6"),
    envelope("sdk-log", {"log": "something"}, "e7"),
]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "an envelope a batch"])
def test_a_batch_of_langfuse_is_a_run(server: LiveServer, api: httpx.Client, together: bool) -> None:
    with server.client() as sender:
        for part in [ENVELOPES] if together else [[each] for each in ENVELOPES]:
            answer = sender.post("/api/public/ingestion", json={"batch": part, "metadata": {}})
            assert answer.status_code == 207
            assert answer.json() == {"successes": [{"id": each["id"], "status": 201} for each in part], "errors": []}
    page = get(api, f"runs/{RUN}")
    # gpt-5: 1000 × $1.25 / 10^6 + 100 × $10 / 10^6.
    assert page["run"]["spend"]["cost_usd"] == CALL_USD
    assert (page["run"]["name"], page["run"]["session_id"], page["run"]["user_id"]) == ("answer", "session-1", "user-1")
    nodes = {node["name"]: node for node in page["nodes"]}
    call = next(node for node in page["nodes"] if node["type"] == "call")
    assert call["parent_span_id"] == nodes["search"]["span_id"]
    assert nodes["search"]["parent_span_id"] == nodes["answer"]["span_id"]
    assert (call["start_offset_ms"], call["duration_ms"], nodes["search"]["duration_ms"]) == (1000, 2000, 4000)
    content = get(api, f"events/{call['event_id']}")["content"]
    assert content["input"] == {"messages": [{"role": "user", "content": "hello"}]}
    assert content["output"] == {"role": "assistant", "content": "Good day."}
    assert [(score["name"], Decimal(score["value"])) for score in page["scores"]] == [("quality", Decimal("0.5"))]


def test_a_batch_of_langfuse_again_changes_nothing(server: LiveServer, api: httpx.Client) -> None:
    with server.client() as sender:
        for _ in range(2):
            assert sender.post("/api/public/ingestion", json={"batch": ENVELOPES}).json()["errors"] == []
    page = get(api, f"runs/{RUN}")
    assert (page["run"]["spend"]["cost_usd"], len(page["nodes"]), len(page["scores"])) == (CALL_USD, 3, 1)


def test_bad_envelopes_are_refused_alone(server: LiveServer, api: httpx.Client) -> None:
    bad = [
        envelope("dataset-create", {"id": "d"}, "b1"),
        envelope("span-create", {"name": "without an id"}, "b2"),
        envelope("score-create", {"traceId": TRACE, "value": 1}, "b3"),
        envelope("span-create", {"id": "s9", "traceId": TRACE, "startTime": "yesterday"}, "b4"),
        {"id": "b5"},
        "b6",
    ]
    with server.client() as sender:
        told = sender.post("/api/public/ingestion", json={"batch": [*bad, *ENVELOPES]}).json()
        assert [error["id"] for error in told["errors"]] == ["b1", "b2", "b3", "b4", "b5", ""]
        assert len(told["successes"]) == len(ENVELOPES)
        for body in ("{}", "[]", "{", '{"batch": 5}'):
            assert sender.post("/api/public/ingestion", content=body, headers=JSON).status_code == 400
    assert get(api, f"runs/{RUN}")["run"]["spend"]["cost_usd"] == CALL_USD


JSON = {"Content-Type": "application/json"}


def test_scores_of_langfuse_find_their_span_whatever_comes_first(server: LiveServer, api: httpx.Client) -> None:
    sent = span()
    trace_id, span_id = sent.trace_id.hex(), sent.span_id.hex()
    scores: list[dict[str, Any]] = [
        {"id": "q1", "traceId": trace_id, "observationId": span_id, "name": "quality", "value": 0.9, "comment": "ok"},
        {"id": "q2", "traceId": trace_id, "name": "tone", "value": "kind", "dataType": "CATEGORICAL"},
        {"id": "q3", "sessionId": "session-1", "name": "solved", "value": 1, "dataType": "BOOLEAN"},
    ]
    with server.client() as sender:
        assert sender.post("/api/public/scores", json=scores).json()["errors"] == []
        assert sender.post("/v1/traces", content=request(sent).SerializeToString(), headers=PROTOBUF).is_success
        assert sender.post("/api/public/scores", json=scores[0]).json() == {"id": "q1"}
        some_bad = sender.post("/api/public/scores", json=[scores[1], {"name": "of nothing", "value": 1}])
        assert (some_bad.status_code, len(some_bad.json()["errors"])) == (207, 1)
        assert sender.post("/api/public/scores", json={"traceId": trace_id, "value": 1}).status_code == 400
    page = get(api, f"runs/{trace_id}")
    assert [(score["name"], score["label"]) for score in page["scores"]] == [("tone", "kind")]
    (judged,) = get(api, f"events/{page['nodes'][0]['event_id']}")["scores"]
    assert (judged["name"], Decimal(judged["value"]), judged["comment"]) == ("quality", Decimal("0.9"), "ok")
    kept = get(api, "scores")["scores"]
    assert {(score["name"], score["target_type"]) for score in kept} == {
        ("quality", "event"),
        ("tone", "run"),
        ("solved", "session"),
    }


def payload(own_id: str, **fields: Any) -> dict[str, Any]:
    """A payload of LiteLLM, by https://docs.litellm.ai/docs/proxy/logging_spec."""
    began = BEGAN.timestamp()
    return {
        "id": own_id,
        "trace_id": f"trace-{own_id}",
        "session_id": "",
        "call_type": "acompletion",
        "cache_hit": None,
        "stream": False,
        "status": "success",
        "custom_llm_provider": "openai",
        "model": "gpt-5",
        "model_group": "smart",
        "api_base": "https://api.openai.com",
        "startTime": began,
        "endTime": began + 2,
        "completionStartTime": began + 0.5,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "response_cost": 0.00225,
        "end_user": "user-1",
        "request_tags": ["blue"],
        "metadata": {
            "user_api_key_alias": "team key",
            "requester_metadata": {"session_id": "session-1", "customer_id": "acme"},
        },
        "messages": [{"role": "user", "content": "hello"}],
        "response": {
            "id": own_id,
            "model": "gpt-5-2025-08-07",
            "choices": [{"message": {"role": "assistant", "content": "Good day."}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        },
    } | fields


PAYLOADS = [payload(f"chatcmpl-{number}") for number in range(3)]
LAYOUTS: dict[str, list[bytes]] = {
    "list": [json.dumps(PAYLOADS).encode()],
    "lines": ["\n".join(json.dumps(each) for each in PAYLOADS).encode()],
    "single": [json.dumps(each).encode() for each in PAYLOADS],
    "single, over several lines": [json.dumps(each, indent=2).encode() for each in PAYLOADS],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_payloads_of_litellm_in_every_layout(server: LiveServer, api: httpx.Client, layout: str) -> None:
    kind = "application/x-ndjson" if layout == "lines" else "application/json"
    with server.client() as sender:
        for body in LAYOUTS[layout]:
            answer = sender.post("/v1/litellm", content=body, headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()) == (200, {"rejected": []})
    runs = get(api, "runs")["runs"]
    assert [run["spend"]["cost_usd"] for run in runs] == [CALL_USD] * 3
    assert {(run["session_id"], run["user_id"], *run["customers"], *run["tags"]) for run in runs} == {
        ("session-1", "user-1", "acme", "blue")
    }
    (node,) = get(api, f"runs/{runs[0]['run_id']}")["nodes"]
    event = get(api, f"events/{node['event_id']}")
    assert (node["type"], node["provider"], event["response_model"]) == ("call", "openai", "gpt-5-2025-08-07")
    assert event["content"]["input"] == {"messages": [{"role": "user", "content": "hello"}]}
    assert event["metadata"]["user_api_key_alias"] == "team key"


def test_failures_and_answers_from_a_cache_cost_nothing(server: LiveServer, api: httpx.Client) -> None:
    failed = payload(
        "1b6f",
        status="failure",
        response=None,
        error_str="litellm.RateLimitError: slow down",
        error_information={"error_code": "429", "error_class": "RateLimitError", "error_message": "slow down"},
    )
    cached = payload("chatcmpl-9", cache_hit=True, response_cost=0.0)
    with server.client() as sender:
        assert sender.post("/v1/litellm", json=[failed, cached]).json() == {"rejected": []}
    (node,) = get(api, f"runs/{trace_id_of('trace-1b6f')}")["nodes"]
    assert node["error_type"] == "RateLimitError"
    cached_run = get(api, f"runs/{trace_id_of('trace-chatcmpl-9')}")
    assert [node["type"] for node in cached_run["nodes"]] == ["span"]
    assert cached_run["run"]["spend"]["cost_usd"] == "0"


def test_bad_payloads_are_refused_alone(server: LiveServer, api: httpx.Client) -> None:
    bad: list[Any] = [{}, "text", {"id": "x", "startTime": "soon"}, payload("y", startTime=1.0)]
    with server.client() as sender:
        told = sender.post("/v1/litellm", json=[*bad, PAYLOADS[0]]).json()
        assert [each["position"] for each in told["rejected"]] == [0, 1, 2, 3]
        lines = b"\n".join([json.dumps(PAYLOADS[1]).encode(), b'{"id":', json.dumps(PAYLOADS[2]).encode()])
        told = sender.post("/v1/litellm", content=lines, headers={"Content-Type": "application/x-ndjson"}).json()
        assert [each["position"] for each in told["rejected"]] == [1]
        assert sender.post("/v1/litellm", content=b"{", headers=JSON).status_code == 400
    assert len(get(api, "runs")["runs"]) == 3
