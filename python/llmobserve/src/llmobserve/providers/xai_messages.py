"""xAI's gRPC messages: the fields that are wanted, and their translation into the form of its REST interface.

Schema: https://github.com/xai-org/xai-proto and xai-sdk 1.21 (`xai_api`), read 2026-11-21. The usage counts cached and
image tokens in the prompt, and reasoning beside the completion.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from llmobserve.providers.call_reader import as_items
from llmobserve.providers.message_fields import Fields, MessageFields, Take
from llmobserve.providers.quantities import as_mapping

__all__ = ["CHAT", "COMPACTION", "DEFERRED", "EMBEDDING", "IMAGE", "VIDEO", "VIDEO_JOB", "in_json", "spoken"]

_VALUE = Take.VALUE
_CALL: Fields = {"id": _VALUE, "function": {"name": _VALUE, "arguments": _VALUE}}
_MESSAGE: Fields = {
    "role": _VALUE,
    "content": {"text": _VALUE, "image_url": {"detail": _VALUE}, "file": {"filename": _VALUE}},
    "reasoning_content": _VALUE,
    "tool_calls": _CALL,
}
_USAGE: Fields = dict.fromkeys(
    (
        *("completion_tokens", "reasoning_tokens", "prompt_tokens", "total_tokens", "cached_prompt_text_tokens"),
        *("prompt_image_tokens", "server_side_tools_used", "cost_in_usd_ticks"),
    ),
    _VALUE,
)
_WRITTEN: Fields = {"content": _VALUE, "reasoning_content": _VALUE, "tool_calls": _CALL}
_COMPLETION: Fields = {
    "id": _VALUE,
    "model": _VALUE,
    "service_tier": _VALUE,
    "usage": _USAGE,
    "outputs": {"index": _VALUE, "finish_reason": _VALUE, "message": _WRITTEN, "delta": _WRITTEN},
}

CHAT = MessageFields(
    request={
        "model": _VALUE,
        "messages": _MESSAGE,
        "tools": {"function": {"name": _VALUE, "description": _VALUE, "parameters": _VALUE}},
        "previous_response_id": _VALUE,
    },
    answer=_COMPLETION,
)
"""A chat, whole, streamed, or started to be fetched later."""
DEFERRED = MessageFields(request={"request_id": _VALUE}, answer={"status": _VALUE, "response": _COMPLETION})
"""The look at a chat that was started before."""
COMPACTION = MessageFields(
    request={"model": _VALUE, "input": _MESSAGE}, answer={"id": _VALUE, "usage": _USAGE, "model": _VALUE}
)
EMBEDDING = MessageFields(
    request={"model": _VALUE, "input": {"string": _VALUE}},
    answer={"id": _VALUE, "model": _VALUE, "embeddings": {"index": _VALUE}},
)
IMAGE = MessageFields(
    request={"model": _VALUE, "prompt": _VALUE, "quality": _VALUE},
    answer={"model": _VALUE, "usage": _USAGE, "images": {"respect_moderation": _VALUE}},
)
VIDEO = MessageFields(request={"model": _VALUE, "prompt": _VALUE}, answer={"request_id": _VALUE})
VIDEO_JOB = MessageFields(
    request={"request_id": _VALUE},
    answer={
        "status": _VALUE,
        "response": {
            "model": _VALUE,
            "usage": _USAGE,
            "video": {"duration": _VALUE},
            "error": {"code": _VALUE, "message": _VALUE},
        },
    },
)

_TOOLS = {
    "WEB_SEARCH": "web_search_calls",
    "X_SEARCH": "x_search_calls",
    "CODE_EXECUTION": "code_interpreter_calls",
    "COLLECTIONS_SEARCH": "collections_search_calls",
    "ATTACHMENT_SEARCH": "document_search_calls",
    "DOCUMENT_SEARCH": "document_search_calls",
}


def spoken(name: Any, prefix: str) -> str | None:
    """An enumeration's value as REST writes it (`ROLE_USER` → `user`); `None` when it says nothing."""
    if not isinstance(name, str):
        return None
    word = name.removeprefix(prefix).lower()
    return None if word in ("invalid", "unspecified") else word


def in_json(message: Any) -> dict[str, Any]:
    """A request or an answer in the form that REST has for it."""
    found = dict(as_mapping(message))
    tier = spoken(found.pop("service_tier", None), "SERVICE_TIER_")
    if tier is not None:
        found["service_tier"] = tier
    if "usage" in found:
        found["usage"] = _usage(as_mapping(found["usage"]))
    if "outputs" in found:
        found["choices"] = [_choice(as_mapping(item)) for item in as_items(found.pop("outputs"))]
    for key in ("messages", "input"):
        if key in found:
            found[key] = [_message(as_mapping(item)) for item in as_items(found[key])]
    for key in ("embeddings", "images"):
        if key in found:
            found["data"] = found.pop(key)
    quality = spoken(found.pop("quality", None), "IMG_QUALITY_")
    if quality is not None:
        found["quality"] = quality
    return found


def _message(message: Mapping[str, Any]) -> Any:
    if "string" in message:
        return message["string"]
    return {**message, "role": spoken(message.get("role"), "ROLE_")}


def _choice(output: Mapping[str, Any]) -> dict[str, Any]:
    """A finished or growing answer; what is empty in it was not sent."""
    choice: dict[str, Any] = {"index": output.get("index")}
    reason = spoken(output.get("finish_reason"), "REASON_")
    if reason is not None:
        choice["finish_reason"] = reason
    for key in ("message", "delta"):
        if key in output:
            choice[key] = {name: value for name, value in as_mapping(output[key]).items() if value}
    return choice


def _usage(stated: Mapping[str, Any]) -> dict[str, Any]:
    usage = {key: stated[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens") if key in stated}
    if not any(usage.values()):
        usage = {}  # images and videos have a charge and no tokens
    else:
        usage["prompt_tokens_details"] = {
            "cached_tokens": stated.get("cached_prompt_text_tokens"),
            "image_tokens": stated.get("prompt_image_tokens"),
        }
        usage["completion_tokens_details"] = {"reasoning_tokens": stated.get("reasoning_tokens")}
    if "cost_in_usd_ticks" in stated:
        usage["cost_in_usd_ticks"] = stated["cost_in_usd_ticks"]
    used = Counter(
        str(tool).removeprefix("SERVER_SIDE_TOOL_") for tool in as_items(stated.get("server_side_tools_used"))
    )
    calls: Counter[str] = Counter()
    for tool, number in used.items():
        if tool in _TOOLS:
            calls[_TOOLS[tool]] += number
    if calls:
        usage["server_side_tool_usage_details"] = dict(calls)
    return usage
