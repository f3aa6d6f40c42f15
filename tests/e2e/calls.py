"""Calls that were never made, posted to a collector as an SDK would."""

import json
from typing import Any

from e2e.collector import Collector
from llmobserve.wire import new_event_id, now_us

__all__ = ["post_calls"]


def post_calls(collector: Collector, number: int, *, provider: str, model: str, **facts: Any) -> list[str]:
    """Calls of 1,000 input and 100 output tokens each; gives their ids."""
    calls = [
        {
            "type": "call",
            "event_id": new_event_id(),
            "kind": "llm",
            "provider": provider,
            "operation": "chat.completions",
            "request_model": model,
            "start_time_us": now_us(),
            "duration_ms": 800,
            "http_status": 200,
            "usage": {"units": {"input_text_tokens": 1000, "output_text_tokens": 100}, "source": "response"},
            **facts,
        }
        for _ in range(number)
    ]
    head = {"version": 1, "batch_id": new_event_id(), "sent_at_us": now_us(), "source": {"process_id": "p-1"}}
    body = json.dumps({**head, "events": calls}).encode()
    status, answer = collector.request("POST", "/v1/events", body, {"content-type": "application/json"})
    assert (status, json.loads(answer)["accepted"]) == (200, number)
    return [str(call["event_id"]) for call in calls]
