"""LangSmith's own client, which is told nothing but our address: its runs, and what is thought of them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from langsmith import Client
from langsmith.run_trees import RunTree
from server.live_server import LiveServer, get
from server.otlp_bodies import CALL_USD

ANSWER: dict[str, Any] = {
    "id": "chatcmpl-123",
    "model": "gpt-5-2025-08-07",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good day."}, "finish_reason": "stop"}],
    "usage_metadata": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
}


@pytest.fixture
def client(server: LiveServer) -> Iterator[Client]:
    client = Client(api_url=server.url, api_key="lsv2_pt_of_another_server")
    yield client
    client.cleanup()


@pytest.mark.filterwarnings("ignore:Creating feedback for a run without session_id")
@pytest.mark.parametrize("apart", [False, True], ids=["in one request", "in several"])
def test_a_run_is_a_run_with_its_call(server: LiveServer, api: httpx.Client, client: Client, apart: bool) -> None:
    root = RunTree(
        name="answer",
        run_type="chain",
        inputs={"question": "hello"},
        ls_client=client,
        project_name="shop",
        tags=["blue"],
        extra={"metadata": {"session_id": "session-1", "user_id": "user-1", "shelf": "upper"}},
    )
    root.post()
    call = root.create_child(
        name="ChatOpenAI",
        run_type="llm",
        inputs={"messages": [{"role": "user", "content": "hello"}]},
        extra={"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-5"}},
    )
    call.post()
    if apart:
        client.flush()
    call.end(outputs=ANSWER)
    call.patch()
    if apart:
        client.flush()
    root.end(outputs={"answer": "Good day."})
    root.patch()
    client.create_feedback(call.id, "helpful", score=0.9, trace_id=root.id, comment="kind")
    client.flush()
    run_id = root.id.hex
    page = get(api, f"runs/{run_id}")
    assert page["run"]["spend"]["cost_usd"] == CALL_USD
    assert (page["run"]["name"], page["run"]["session_id"], page["run"]["user_id"]) == ("answer", "session-1", "user-1")
    assert page["run"]["tags"] == ["blue"]
    assert page["run"]["status"] == "ok"
    (span,) = [node for node in page["nodes"] if node["type"] == "span"]
    (told,) = [node for node in page["nodes"] if node["type"] == "call"]
    assert (span["name"], span["kind"], span["parent_span_id"]) == ("answer", "chain", None)
    assert (told["provider"], told["input_tokens"], told["parent_span_id"]) == ("openai", 1000, span["span_id"])
    event = get(api, f"events/{told['event_id']}")
    # The inputs came with the beginning, the outputs with the end.
    assert event["content"]["input"] == {"messages": [{"role": "user", "content": "hello"}]}
    assert event["content"]["output"]["choices"] == ANSWER["choices"]
    assert event["response_id"] == "chatcmpl-123"
    (score,) = wait_for_scores(api, told["event_id"])
    assert (score["name"], score["value"], score["comment"]) == ("helpful", "0.9", "kind")
    assert get(api, "health/dead-letters")["letters"] == []


def wait_for_scores(api: httpx.Client, event_id: str) -> list[Any]:
    """The client sends feedback in a thread of its own that `flush` does not wait for."""
    for _ in range(200):
        scores = get(api, f"events/{event_id}")["scores"]
        if scores:
            return scores
        time.sleep(0.05)
    return []


def test_a_failed_call_has_its_error(server: LiveServer, api: httpx.Client, client: Client) -> None:
    run = RunTree(
        name="ChatOpenAI",
        run_type="llm",
        inputs={},
        ls_client=client,
        extra={"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-5"}},
    )
    run.post()
    run.end(error="RateLimitError('Error code: 429 - slow down')\n\nTraceback (most recent call last): …")
    run.patch()
    client.flush()
    (node,) = get(api, f"runs/{run.id.hex}")["nodes"]
    assert (node["type"], node["status"], node["error_type"]) == ("call", "error", "RateLimitError")


def test_single_runs_without_batches(server: LiveServer, api: httpx.Client) -> None:
    """As clients send that are told not to batch; a run that is large keeps its size."""
    began = datetime.now(UTC) - timedelta(seconds=2)
    run_id = "00000000-0000-4000-8000-00000000abcd"
    text = "x" * 200_000
    with server.client() as plain:
        posted = plain.post(
            "/runs",
            json={
                "id": run_id,
                "trace_id": run_id,
                "name": "ChatOpenAI",
                "run_type": "llm",
                "start_time": began.isoformat(),
                "inputs": {"messages": [{"role": "user", "content": text}]},
                "extra": {"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-5"}},
            },
        )
        assert posted.status_code == 202, posted.text
        # A call that has not ended costs nothing that is known.
        assert api.get(f"runs/{run_id.replace('-', '')}").status_code == 404
        ended = plain.patch(
            f"/runs/{run_id}",
            json={"end_time": datetime.now(UTC).isoformat(), "outputs": {**ANSWER, "note": text}},
        )
        assert ended.status_code == 202, ended.text
    page = get(api, f"runs/{run_id.replace('-', '')}")
    assert page["run"]["spend"]["cost_usd"] == CALL_USD
    assert get(api, f"events/{page['nodes'][0]['event_id']}")["content"]["input"]["messages"][0]["content"] == text


BAD_FORMS = (
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="post.1"\r\n\r\n{'),
    ("multipart/form-data; boundary=x", b"nothing of the kind"),
    ("multipart/form-data", b"--x--"),
    ("application/json", b"{}"),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="post.1"\r\n\r\nno json\r\n--x--\r\n',
    ),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="post.1"\r\n\r\n{"run_type":"llm"}\r\n--x--\r\n',
    ),
)


def test_forms_that_are_not_in_order_are_bad_requests(server: LiveServer) -> None:
    with server.client() as plain:
        for content_type, body in BAD_FORMS:
            answer = plain.post("/runs/multipart", content=body, headers={"Content-Type": content_type})
            assert answer.status_code == 400, body
