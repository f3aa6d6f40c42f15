"""Groq: the counts of a stream, of its caches and of compound systems."""

import json
from typing import Any

from loopback.exchanges import recorded, units
from loopback.given import exchange, exchanges

URL = "https://api.groq.com/openai/v1/chat/completions"
TOTAL = {"prompt_tokens": 5000, "completion_tokens": 900, "total_tokens": 5900}
BREAKDOWN = {
    "models": [
        {
            "model": "openai/gpt-oss-120b",
            "usage": {"prompt_tokens": 4000, "completion_tokens": 500, "total_tokens": 4500},
        },
        {
            "model": "openai/gpt-oss-20b",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 400, "total_tokens": 1400},
        },
    ]
}


def compound(*tools: str, **fields: Any) -> dict[str, Any]:
    executed = [{"index": number, "type": kind, "arguments": "{}"} for number, kind in enumerate(tools)]
    message = {"role": "assistant", "content": "Hello", "executed_tools": executed or None}
    body = {"id": "c-1", "object": "chat.completion", "model": "groq/compound", "usage": TOTAL}
    return {**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **fields}


def test_where_cached_tokens_came_from_is_no_usage() -> None:
    body = compound(model="openai/gpt-oss-20b", x_groq={"id": "r", "usage": {"dram_cached_tokens": 5}})
    (seen,) = exchange(URL, {"model": "openai/gpt-oss-20b"}, body)
    # 5000 x 0.075 + 900 x 0.3 = 645 $/M
    assert (seen.cost.state, seen.usd) == ("priced", "0.000645")


def test_each_model_of_a_compound_system_is_a_charge() -> None:
    seen = exchanges(exchange(URL, {"model": "groq/compound"}, compound(usage_breakdown=BREAKDOWN)))
    first, second = seen
    # 4000 x 0.15 + 500 x 0.6 = 900 $/M; 1000 x 0.075 + 400 x 0.3 = 195 $/M
    assert (first.cost.state, first.usd) == ("priced", "0.0009")
    assert (second.cost.state, second.usd) == ("priced", "0.000195")
    assert (first.call.request_model, second.call.request_model) == ("groq/compound", "groq/compound")
    assert first.call.response_id != second.call.response_id


def test_tools_of_a_compound_system_are_counted_and_not_free() -> None:
    body = compound("search", "search", "python", "visit_website", usage_breakdown=BREAKDOWN)
    first = exchange(URL, {"model": "groq/compound"}, body)[0]
    assert first.units["web_search_calls"] == 2
    assert (first.units["code_execution_calls"], first.units["web_fetch_calls"]) == (1, 1)
    assert first.cost.state == "unpriced"


def test_a_streamed_compound_answer() -> None:
    head = {"id": "c-1", "object": "chat.completion.chunk", "model": "groq/compound"}
    started = {"index": 0, "type": "search", "arguments": "{}"}
    done = {**started, "output": "x"}
    events = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
        {**head, "choices": [{"index": 0, "delta": {"executed_tools": [started]}}]},
        {**head, "choices": [{"index": 0, "delta": {"executed_tools": [done]}}]},
        {**head, "choices": [{"index": 0, "delta": {"content": "Hello"}}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "x_groq": {"id": "r", "usage": TOTAL, "usage_breakdown": BREAKDOWN}},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    told = recorded(URL, request={"model": "groq/compound"}, body=body, content_type="text/event-stream")
    assert units(told) == {"input_text_tokens": 4000, "output_text_tokens": 500, "web_search_calls": 1}
    assert units({"recognised": True, **told["further"][0]}) == {"input_text_tokens": 1000, "output_text_tokens": 400}


def test_a_compound_answer_without_its_parts_stays_unpriced() -> None:
    (seen,) = exchange(URL, {"model": "groq/compound"}, compound())
    assert seen.cost.state == "unpriced"
