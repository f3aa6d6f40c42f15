"""Answers in the shape of OpenAI's API: chat completions, responses and embeddings.

Shapes: https://platform.openai.com/docs/api-reference, read in November 2026.
"""

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

from llmobserve.demo_provider.answer import Answer, Memory
from llmobserve.demo_provider.decision import Tool, items, mapping, next_tool, structured_text, text_of

__all__ = ["chat", "embeddings", "models", "responses"]

Body = Mapping[str, Any]

_CHAT_USAGE: dict[str, Any] = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_RESPONSES_USAGE: dict[str, Any] = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 64},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 150,
}
_EMBEDDING_TOKENS = 8
_EMBEDDING_DIMENSIONS = 1536
_CREATED_S = 1_790_000_000


def chat(body: Body, memory: Memory) -> Answer:
    """`POST /v1/chat/completions`."""
    offered = [_tool(mapping(tool).get("function")) for tool in items(body.get("tools"))]
    called = {
        text_of(mapping(mapping(call).get("function")).get("name"))
        for message in items(body.get("messages"))
        for call in items(mapping(message).get("tool_calls"))
    } | memory.told_calls(json.dumps(body.get("messages")))
    choice = body.get("tool_choice")
    wanted = text_of(mapping(mapping(choice).get("function")).get("name")) or None
    tool = None
    if choice != "none":
        tool = next_tool(offered, called, forced=choice == "required", wanted=wanted)
    asked = mapping(body.get("response_format"))
    text = structured_text(mapping(asked.get("json_schema")).get("schema")) or memory.text
    message: dict[str, Any] = {"role": "assistant", "content": None if tool else text, "refusal": None}
    if tool is not None:
        function = {"name": tool.name, "arguments": tool.arguments}
        message["tool_calls"] = [{"id": memory.new_call(tool.name), "type": "function", "function": function}]
    head = {"id": memory.new_id("chatcmpl"), "created": _CREATED_S, "model": body["model"], "service_tier": "default"}
    finish = "tool_calls" if tool else "stop"
    if not body.get("stream"):
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        whole = {**head, "object": "chat.completion", "choices": choices, "usage": _CHAT_USAGE}
        return Answer("chat.completions", whole, usage=_CHAT_USAGE, tool=tool and tool.name)
    with_usage = bool(mapping(body.get("stream_options")).get("include_usage"))
    return Answer(
        "chat.completions",
        events=[*_chunks(head, message, finish, with_usage=with_usage), "[DONE]"],
        usage=_CHAT_USAGE,
        tool=tool and tool.name,
    )


def _chunks(head: Body, message: Body, finish: str, *, with_usage: bool) -> list[Any]:
    def chunk(delta: Body, finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**head, "object": "chat.completion.chunk", "choices": [choice], "usage": None}

    chunks = [chunk({"role": "assistant", "content": ""})]
    if "tool_calls" in message:
        chunks.append(chunk({"tool_calls": [{"index": 0, **message["tool_calls"][0]}]}))
    else:
        chunks += [chunk({"content": word}) for word in _words(message["content"])]
    chunks.append(chunk({}, finish))
    if with_usage:
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": _CHAT_USAGE})
    return chunks


def _words(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def _tool(function: object) -> Tool:
    facts = mapping(function)
    return Tool(text_of(facts.get("name")), mapping(facts.get("parameters")))


def responses(body: Body, memory: Memory) -> Answer:
    """`POST /v1/responses`."""
    offered = [_tool(tool) for tool in items(body.get("tools")) if mapping(tool).get("type") == "function"]
    called = {
        text_of(mapping(item).get("name"))
        for item in items(body.get("input"))
        if mapping(item).get("type") == "function_call"
    }
    called |= memory.called_before(text_of(body.get("previous_response_id")))
    choice = body.get("tool_choice")
    tool = None
    if choice != "none":
        wanted = text_of(mapping(choice).get("name")) or None
        tool = next_tool(offered, called, forced=choice == "required", wanted=wanted)
    response_id = memory.new_id("resp")
    memory.remember(response_id, called | ({tool.name} if tool else set()))
    asked = mapping(mapping(body.get("text")).get("format"))
    text = structured_text(asked.get("schema")) or memory.text
    item = _call_item(tool, memory) if tool else _message_item(text, memory)
    whole = _response(body, response_id, [item])
    if not body.get("stream"):
        return Answer("responses", whole, usage=_RESPONSES_USAGE, tool=tool and tool.name)
    events = _response_events(whole, item)
    return Answer("responses", events=events, named=True, usage=_RESPONSES_USAGE, tool=tool and tool.name)


def _response(body: Body, response_id: str, output: list[Any]) -> dict[str, Any]:
    return {
        "id": response_id,
        "object": "response",
        "created_at": _CREATED_S,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "service_tier": "default",
        "temperature": 1.0,
        "top_p": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "usage": _RESPONSES_USAGE,
    }


def _call_item(tool: Tool, memory: Memory) -> dict[str, Any]:
    return {
        "id": memory.new_id("fc"),
        "type": "function_call",
        "status": "completed",
        "call_id": memory.new_id("call"),
        "name": tool.name,
        "arguments": tool.arguments,
    }


def _message_item(text: str, memory: Memory) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": memory.new_id("msg"),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _response_events(whole: Body, item: Body) -> list[Any]:
    place = {"item_id": item["id"], "output_index": 0}
    started: dict[str, Any] = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": started}]
    if item["type"] == "function_call":
        empty: dict[str, Any] = {**item, "status": "in_progress", "arguments": ""}
        arguments = item["arguments"]
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": empty},
            {"type": "response.function_call_arguments.delta", **place, "delta": arguments},
            {"type": "response.function_call_arguments.done", **place, "name": item["name"], "arguments": arguments},
        ]
    else:
        part = item["content"][0]
        place |= {"content_index": 0}
        empty = {**item, "status": "in_progress", "content": []}
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": empty},
            {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        ]
        deltas = _words(part["text"])
        events += [{"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in deltas]
        events += [
            {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **place, "part": part},
        ]
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def embeddings(body: Body, _: Memory) -> Answer:
    """`POST /v1/embeddings`: the same vector for every text."""
    asked = items(body.get("input"))
    count = len(asked) if asked and not isinstance(asked[0], int) else 1  # a list of numbers is one text in tokens
    vector = [0.02] * int(body.get("dimensions") or _EMBEDDING_DIMENSIONS)
    shown: Any = vector
    if body.get("encoding_format") == "base64":
        shown = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    usage = {"prompt_tokens": _EMBEDDING_TOKENS * count, "total_tokens": _EMBEDDING_TOKENS * count}
    data = [{"object": "embedding", "index": number, "embedding": shown} for number in range(count)]
    whole = {"object": "list", "data": data, "model": body["model"], "usage": usage}
    return Answer("embeddings", whole, usage=usage)


def models() -> bytes:
    """`GET /v1/models`: a short list, for clients that look before they ask."""
    names = ("gpt-4o-mini", "text-embedding-3-small")
    data = [{"id": name, "object": "model", "created": _CREATED_S, "owned_by": "demo"} for name in names]
    return json.dumps({"object": "list", "data": data}).encode()
