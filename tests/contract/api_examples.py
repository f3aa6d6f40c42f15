"""Records the examples of the API's description: asks a collector with a handful of records each question.

`PYTHONPATH=tests python -m contract.api_examples` after an answer has changed; a test holds the examples to the schema.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
from server.live_server import LiveServer, running

from llmobserve_server import api

EXAMPLES = Path(api.__file__).with_name("examples.json")
MOMENT_US = 1_795_168_800_000_000  # 2026-11-20T10:00:00Z
RUN, CALL, TOOL = (
    "019aa0f2-0000-7000-8000-000000000001",
    "019aa0f2-0000-7000-8000-000000000002",
    "019aa0f2-0000-7000-8000-000000000003",
)
CONTEXT = {"run_id": RUN, "run_name": "answer ticket", "customer_id": "acme", "session_id": "s-17", "tags": ["beta"]}
WINDOW = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
SECRET = "llmo_rk_…"


def records() -> list[dict[str, Any]]:
    """A run of an agent that called a model and a tool."""
    base = {"context": {**CONTEXT, "trace_id": "0af7651916cd43dd8448eb211c80319c"}}
    root = {**base["context"], "span_id": "b7ad6b7169203331"}
    inner = {**base["context"], "parent_span_id": "b7ad6b7169203331", "section_path": "agent:triage"}
    return [
        {"type": "span", "event_id": RUN, "kind": "run", "name": "answer ticket", "start_time_us": MOMENT_US,
         "duration_ms": 2300.0, "context": root},
        {"type": "call", "event_id": CALL, "kind": "llm", "provider": "openai", "operation": "chat.completions",
         "request_model": "gpt-4o-mini", "response_model": "gpt-4o-mini-2024-07-18", "response_id": "chatcmpl-9f2",
         "request_id": "req_71c", "start_time_us": MOMENT_US + 100_000, "duration_ms": 840.5, "http_status": 200,
         "time_to_first_token_ms": 212.0, "stream": True, "host": "api.openai.com", "transport": "httpx2",
         "usage": {"units": {"input_text_tokens": 36, "cache_read_text_tokens": 64, "output_text_tokens": 30},
                   "source": "response"},
         "context": {**inner, "span_id": "00f067aa0ba902b7", "metadata": {"region": "eu"}}},
        {"type": "span", "event_id": TOOL, "kind": "tool", "name": "search", "start_time_us": MOMENT_US + 1_000_000,
         "duration_ms": 310.0, "context": {**inner, "span_id": "53995c3f42cd8ad8"}},
        {"type": "content", "event_id": CALL, "input": [{"role": "user", "content": "Where is my invoice?"}],
         "output": [{"role": "assistant", "content": "I will look."}]},
    ]  # fmt: skip


def batch() -> dict[str, Any]:
    return {
        "version": 1,
        "batch_id": "019aa0f2-0000-7000-8000-0000000000ff",
        "sent_at_us": MOMENT_US + 3_000_000,
        "source": {"process_id": "0123456789abcdef", "service": "support", "environment": "production"},
        "events": [*records(), {"type": "call", "event_id": "refused"}],
    }


QUESTIONS: dict[str, dict[str, Any]] = {
    "/api/v1/totals": {"group_by": "provider,model", "compare": "previous", **WINDOW},
    "/api/v1/prices": {"provider": "openai", "q": "gpt-4o-mini", "limit": 2},
    "/api/v1/prices/history": {"provider": "openai", "model": "gpt-4o-mini"},
    "/api/v1/health/data": {},
    "/api/v1/health/dead-letters": {},
    "/api/v1/scores": {"from": "2026-11-01T00:00:00Z", "to": "2036-01-01T00:00:00Z"},
}
"""Parameters by path; all others are asked with the window."""
PLACES = {"run_id": RUN, "event_id": CALL}
RULE = {"kind": "discount", "provider": "openai", "percent": "10", "note": "contract of 2026"}


def record(live: LiveServer) -> dict[str, Any]:
    """Examples by method and path."""
    found: dict[str, Any] = {}
    with live.client() as sender:
        sender.post("/v1/events", json=batch()).raise_for_status()
        score = {"run_id": RUN, "name": "helpful", "value": True, "source": "user", "score_id": "score-1"}
        found["POST /api/v1/scores"] = _json(sender.post("/api/v1/scores", json=score))
    with live.api() as client:
        _record_changes(client, found)
        for path, methods in client.get("openapi.json").json()["paths"].items():
            if "get" in methods and _is_json(methods["get"]) and "/export/" not in path:
                asked = client.get(path.removeprefix("/api/v1/").format(**PLACES), params=QUESTIONS.get(path, WINDOW))
                found[f"GET {path}"] = _short(_json(asked))
    return found


def _record_changes(client: httpx.Client, found: dict[str, Any]) -> None:
    key = _json(client.post("keys", json={"name": "laptop", "scope": "read"}))
    found["POST /api/v1/keys"] = {**key, "secret": SECRET}
    found["POST /api/v1/projects"] = _json(client.post("projects", json={"name": "Shop"}))
    found["PATCH /api/v1/projects/{project_id}"] = _json(client.patch("projects/shop", json={"name": "Webshop"}))
    found["POST /api/v1/price-rules/preview"] = _short(_json(client.post("price-rules/preview", json=RULE)))
    rule = found["POST /api/v1/price-rules"] = _json(client.post("price-rules", json=RULE))
    signed = {"note": "contract of 2026, signed"}
    rule = found["PATCH /api/v1/price-rules/{rule_id}"] = _json(client.patch(f"price-rules/{rule['id']}", json=signed))
    found["POST /api/v1/price-rules/{rule_id}/end"] = _json(client.post(f"price-rules/{rule['id']}/end", json={}))
    found["POST /api/v1/health/dead-letters/replay"] = _json(client.post("health/dead-letters/replay"))
    job = found["POST /api/v1/reprice"] = _json(client.post("reprice", json={"dry_run": True}))
    PLACES["job_id"] = job["id"]
    found["DELETE /api/v1/reprice/{job_id}"] = _json(client.delete("reprice/" + job["id"]))


def _json(answer: httpx.Response) -> Any:
    assert answer.is_success, (answer.url, answer.text)
    return answer.json()


def _is_json(operation: dict[str, Any]) -> bool:
    return "application/json" in operation["responses"]["200"].get("content", {})


def _short(value: Any, most: int = 3) -> Any:
    """The same with the first entries of every list only."""
    if isinstance(value, list):
        return [_short(item, most) for item in value[:most]]
    if isinstance(value, dict):
        return {key: _short(item, most) for key, item in value.items()}
    return value


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as live:
        EXAMPLES.write_text(json.dumps(record(live), indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
