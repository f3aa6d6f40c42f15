"""OpenAI and Anthropic on this machine: answer by the case that a request names, with usage written by hand."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from loopback.openai_bodies import chat_chunks
from loopback.server import Answer, Loopback, Received, event_stream, json_answer, sse

__all__ = ["Providers", "providers"]

OPENAI_MODEL, CLAUDE_MODEL = "gpt-4o-mini-2024-07-18", "claude-haiku-4-5-20251001"


@dataclass(frozen=True)
class Providers:
    """The two servers and how often each case was asked for."""

    openai: Loopback
    anthropic: Loopback
    asked: Counter[str]


class _Answers:
    """Gives each answer an id of its own: the case and a running number."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> Answer:
        found = re.search(rb"case:(\w+)", request.body)
        assert found, request.body
        case = found[1].decode()
        with self._lock:
            self.asked[case] += 1
            response_id = f"{case}-{self.asked[case]}"
        return CASES[case](response_id)


def _chat(usage: dict[str, Any], delay_s: float = 0.0, **choice: Any) -> Callable[[str], Answer]:
    def answer(response_id: str) -> Answer:
        message = {"role": "assistant", "content": "Hello", "refusal": None, **choice.get("message", {})}
        finish = choice.get("finish_reason", "stop")
        body = {
            "id": response_id,
            "object": "chat.completion",
            "created": 1750000000,
            "model": OPENAI_MODEL,
            "service_tier": "default",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": usage,
        }
        return Answer(headers={"content-type": "application/json"}, body=json.dumps(body).encode(), delay_s=delay_s)

    return answer


def _usage(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
    }


def _with_id(chunks: tuple[bytes, ...], response_id: str) -> tuple[bytes, ...]:
    return tuple(chunk.replace(b'"chatcmpl-1"', json.dumps(response_id).encode()) for chunk in chunks)


def _draft(response_id: str) -> Answer:
    return event_stream(_with_id(chat_chunks("one ", "two ", usage=_usage(50, 10)), response_id))


_client_is_done = threading.Event()


def _leave(response_id: str) -> Answer:
    # Nothing after "beta " is sent, so that the client can have read no more: 11 bytes of output.
    return event_stream(_with_id(chat_chunks("alpha ", "beta ")[:3], response_id), hold=_client_is_done)


def _refuse(_: str) -> Answer:
    error = {"message": "Unknown parameter.", "type": "invalid_request_error", "param": None, "code": "bad"}
    return json_answer({"error": error}, status=400)


def _message(response_id: str, usage: dict[str, Any], text: str | None) -> dict[str, Any]:
    return {
        "id": response_id,
        "type": "message",
        "role": "assistant",
        "model": CLAUDE_MODEL,
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": "end_turn" if text else None,
        "stop_sequence": None,
        "usage": usage,
    }


def _review(response_id: str) -> Answer:
    usage = {
        "input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 2000,
        "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 50,
        "service_tier": "standard",
    }
    return json_answer(_message(response_id, usage, "Good."))


def _polish(response_id: str) -> Answer:
    started = _message(response_id, {"input_tokens": 25, "output_tokens": 1, "service_tier": "standard"}, None)
    events: list[Any] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "fine "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "words"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 15},
        },
        {"type": "message_stop"},
    ]
    return event_stream(sse(*events, name_key="type"))


def _embed(_: str) -> Answer:
    vector = {"object": "embedding", "index": 0, "embedding": "AAAAAA=="}
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return json_answer({"object": "list", "data": [vector], "model": "text-embedding-3-small", "usage": usage})


_TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
CASES: dict[str, Callable[[str], Answer]] = {
    "plan": _chat(_usage(120, 30, cached=64)),
    "search": _chat(_usage(200, 20), message={"content": None, "tool_calls": [_TOOL_CALL]}, finish_reason="tool_calls"),
    "refuse": _refuse,
    "draft": _draft,
    "leave": _leave,
    "polish": _polish,
    "review": _review,
    "embed": _embed,
    # Slow enough that the calls of the two customers overlap.
    "small": _chat(_usage(10, 5), delay_s=0.1),
    "large": _chat(_usage(1000, 500), delay_s=0.1),
}


@contextmanager
def providers() -> Generator[Providers]:
    """Both providers, until the end of the block."""
    answers = _Answers()
    _client_is_done.clear()
    with Loopback(answers) as openai, Loopback(answers) as anthropic:
        yield Providers(openai, anthropic, answers.asked)
        _client_is_done.set()
