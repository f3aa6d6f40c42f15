"""Bodies in OpenAI's shape, written by hand for the tests."""

from typing import Any

from loopback.server import sse

__all__ = ["CHAT_USAGE", "chat_chunks", "chat_completion", "response_events", "response_object"]

CHAT_USAGE: dict[str, Any] = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 0},
}
"""64 of 120 input tokens cached: 56 fresh."""


def chat_completion(content: str = "Hello there", usage: Any = CHAT_USAGE, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": None}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1750000000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
        **fields,
    }
    if usage is None:
        del body["usage"]
    return body


def chat_chunks(*words: str, usage: Any = None, done: bool = True) -> tuple[bytes, ...]:
    """A streamed chat: role, the words, the finish reason, usage if given, `[DONE]`."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**_CHUNK, "choices": [choice], "usage": None}

    events: list[Any] = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": word}) for word in words]
    events.append(chunk({}, "stop"))
    if usage is not None:
        events.append({**_CHUNK, "choices": [], "usage": usage})
    return sse(*events, *(["[DONE]"] if done else []))


_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1750000000,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
}


def response_object(**fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1750000000,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "gpt-5.6-2026-05-01",
        "output": [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello there", "annotations": []}],
            }
        ],
        "parallel_tool_calls": True,
        "service_tier": "flex",
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 5000,
            "input_tokens_details": {"cached_tokens": 3000, "cache_write_tokens": 0},
            "output_tokens": 400,
            "output_tokens_details": {"reasoning_tokens": 250},
            "total_tokens": 5400,
        },
        **fields,
    }


def response_events(*words: str, final: dict[str, Any] | None = None) -> tuple[bytes, ...]:
    """A streamed response; without `final` it ends after the words."""
    started = response_object(status="in_progress", output=[], usage=None, service_tier="auto")
    events: list[Any] = [{"type": "response.created", "sequence_number": 0, "response": started}]
    for number, word in enumerate(words, 1):
        events.append(
            {
                "type": "response.output_text.delta",
                "sequence_number": number,
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "delta": word,
                "logprobs": [],
            }
        )
    if final is not None:
        kind = f"response.{final['status']}"
        events.append({"type": kind, "sequence_number": len(words) + 1, "response": final})
    return sse(*events, name_key="type")
