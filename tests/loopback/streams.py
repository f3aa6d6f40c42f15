"""Streamed answers of four APIs, asked for through their real clients, whole or cut after some words."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types

from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion, response_events, response_object
from loopback.server import Answer, event_stream, json_answer, sse

__all__ = ["APIS", "PROMPT", "WORDS", "Api"]

PROMPT: Any = "Write eight words."
WORDS = ("alpha ", "beta ")
_MESSAGES: Any = [{"role": "user", "content": PROMPT}]


@dataclass(frozen=True, kw_only=True)
class Api:
    """One streaming API and its client."""

    name: str
    provider: str
    whole: tuple[bytes, ...]
    """Events of a complete stream with usage."""
    cut: int
    """So many of them are words and what comes before."""
    plain: dict[str, Any]
    """The same answer, not streamed."""
    units: dict[str, int]
    """What the provider states in the complete stream."""
    open: Callable[[str, bool], Any]
    """The client for a server, synchronous or not."""
    call: Callable[[Any], Any]
    """The object with `create`, and perhaps `stream`, `with_raw_response`, `with_streaming_response`."""
    asked: dict[str, Any]
    is_lazy: bool = False
    """A stream that nobody reads sends no request."""
    states_input: bool = False
    """The provider states the input with the first event."""
    helper: dict[str, Any] | None = field(default=None)
    """Arguments of the `.stream()` helper; `None` = there is none."""

    def complete(self) -> Answer:
        return event_stream(self.whole)

    def held(self, hold: threading.Event, *, abort: bool = False) -> Answer:
        """The words, and then nothing until `hold` is set."""
        return event_stream(self.whole[: self.cut], hold=None if abort else hold, abort=abort)

    def answer(self) -> Answer:
        return json_answer(self.plain)


def _openai(url: str, is_async: bool) -> Any:
    make = openai.AsyncOpenAI if is_async else openai.OpenAI
    return make(api_key="k", base_url=f"{url}/v1", max_retries=0, timeout=5)


def _anthropic(url: str, is_async: bool) -> Any:
    make = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
    return make(api_key="k", base_url=url, max_retries=0, timeout=5)


class _Genai:
    """The client of google-genai, opened and called as the others are."""

    def __init__(self, url: str, is_async: bool) -> None:
        self._client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
        self._models: Any = self._client.aio.models if is_async else self._client.models

    def create(self, *, stream: bool, **asked: Any) -> Any:
        return (self._models.generate_content_stream if stream else self._models.generate_content)(**asked)

    def __enter__(self) -> "_Genai":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    async def __aenter__(self) -> "_Genai":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aio.aclose()
        self._client.close()


_CLAUDE_USAGE = {"input_tokens": 200, "cache_read_input_tokens": 50, "cache_creation_input_tokens": 0}


def _claude_message(**fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5-20260901",
        "content": [{"type": "text", "text": "".join(WORDS)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {**_CLAUDE_USAGE, "output_tokens": 7},
        **fields,
    }


def _claude_events() -> tuple[bytes, ...]:
    started = _claude_message(content=[], stop_reason=None, usage={**_CLAUDE_USAGE, "output_tokens": 1})
    deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}} for w in WORDS]
    return sse(
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
        name_key="type",
    )


_GEMINI_USAGE = {"promptTokenCount": 12, "candidatesTokenCount": 6, "totalTokenCount": 18}


def _gemini(text: str, finish: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    usage: dict[str, Any] = {"promptTokenCount": 12, "totalTokenCount": 12}
    if finish is not None:
        candidate["finishReason"], usage = finish, _GEMINI_USAGE
    return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r-1", "usageMetadata": usage}


_CHAT_UNITS = {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}

APIS = {
    "chat": Api(
        name="chat",
        provider="openai",
        whole=chat_chunks(*WORDS, usage=CHAT_USAGE),
        cut=3,
        plain=chat_completion("".join(WORDS)),
        units=_CHAT_UNITS,
        open=_openai,
        call=lambda client: client.chat.completions,
        asked={"model": "gpt-4o-mini", "messages": _MESSAGES},
        helper={"model": "gpt-4o-mini", "messages": _MESSAGES},
    ),
    "responses": Api(
        name="responses",
        provider="openai",
        whole=response_events(*WORDS, final=response_object()),
        cut=3,
        plain=response_object(),
        units={"input_text_tokens": 2000, "cache_read_text_tokens": 3000, "output_text_tokens": 400},
        open=_openai,
        call=lambda client: client.responses,
        asked={"model": "gpt-5.6", "input": PROMPT},
    ),
    "messages": Api(
        name="messages",
        provider="anthropic",
        whole=_claude_events(),
        cut=4,
        plain=_claude_message(),
        units={"input_text_tokens": 200, "cache_read_text_tokens": 50, "output_text_tokens": 7},
        open=_anthropic,
        call=lambda client: client.messages,
        asked={"model": "claude-opus-5-5", "max_tokens": 100, "messages": _MESSAGES},
        states_input=True,
        helper={"model": "claude-opus-5-5", "max_tokens": 100, "messages": _MESSAGES},
    ),
    "gemini": Api(
        name="gemini",
        provider="google_gemini",
        whole=sse(*(_gemini(word) for word in WORDS), _gemini("", "STOP")),
        cut=2,
        plain={**_gemini("".join(WORDS), "STOP")},
        units={"input_text_tokens": 12, "output_text_tokens": 6},
        open=_Genai,
        call=lambda client: client,
        asked={"model": "gemini-2.5-flash", "contents": PROMPT},
        is_lazy=True,
        states_input=True,
    ),
}
