"""Answers in the shape of Anthropic's Messages API.

Shapes: https://docs.claude.com/en/api/messages and …/streaming, read in November 2026.
"""

import json
from collections.abc import Mapping
from typing import Any

from llmobserve.demo_provider.answer import Answer, Memory
from llmobserve.demo_provider.decision import Tool, items, mapping, next_tool, structured_text, text_of

__all__ = ["messages"]

Body = Mapping[str, Any]

# 120 tokens of input as with the other shape: 64 of them read from the cache.
_USAGE: dict[str, Any] = {
    "input_tokens": 56,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 64,
    "output_tokens": 30,
    "service_tier": "standard",
}


def messages(body: Body, memory: Memory) -> Answer:
    """`POST /v1/messages`."""
    tools = [mapping(tool) for tool in items(body.get("tools"))]
    own = [tool for tool in tools if "input_schema" in tool]  # others run at the provider
    offered = [Tool(text_of(tool.get("name")), mapping(tool["input_schema"])) for tool in own]
    choice = mapping(body.get("tool_choice"))
    tool = None
    if choice.get("type") != "none":
        wanted = text_of(choice.get("name")) or None
        tool = next_tool(offered, _called(body), forced=choice.get("type") == "any", wanted=wanted)
    asked = mapping(body.get("output_format")) or mapping(mapping(body.get("output_config")).get("format"))
    block: dict[str, Any] = {"type": "text", "text": structured_text(asked.get("schema")) or memory.text}
    if tool is not None:
        block = {
            "type": "tool_use",
            "id": memory.new_id("toolu"),
            "name": tool.name,
            "input": json.loads(tool.arguments),
        }
    whole = {
        "id": memory.new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [block],
        "stop_reason": "tool_use" if tool else "end_turn",
        "stop_sequence": None,
        "usage": _USAGE,
    }
    if not body.get("stream"):
        return Answer("messages", whole, usage=_USAGE, tool=tool and tool.name)
    return Answer("messages", events=_events(whole, block), named=True, usage=_USAGE, tool=tool and tool.name)


def _called(body: Body) -> set[str]:
    names: set[str] = set()
    for message in items(body.get("messages")):
        for block in items(mapping(message).get("content")):
            if mapping(block).get("type") == "tool_use":
                names.add(text_of(mapping(block).get("name")))
    return names


def _events(whole: Body, block: Body) -> list[Any]:
    started: dict[str, Any] = {**whole, "content": [], "stop_reason": None, "usage": {**_USAGE, "output_tokens": 1}}
    if block["type"] == "tool_use":
        empty: dict[str, Any] = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    else:
        empty = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": block["text"]}]
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    return [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": _USAGE},
        {"type": "message_stop"},
    ]
