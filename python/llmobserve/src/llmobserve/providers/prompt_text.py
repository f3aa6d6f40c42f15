"""What a request makes a model read, as far as its text shows it, and the size from which its tokens are estimated."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["BYTES_PER_MESSAGE", "PromptText", "is_measured", "prompt_text", "utf8_bytes"]

BYTES_PER_MESSAGE = 16
"""Counted for the frame of a message. OpenAI's models have four tokens for its role and its ends
(https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken_for_chat_completions, read 2026-11-21)."""

_SCHEMA_PARTS = (3, 4)
"""Definitions are sent as JSON Schema and read in a shorter notation: three quarters of the JSON count."""
_DEPTH = 20
_DEFINITIONS = frozenset(
    {"functions", "output_config", "output_format", "response_format", "text", "toolConfig", "tools"}
)
_JSON = frozenset({"args", "arguments", "input", "json", "parameters"})
"""Keys of free-form JSON inside messages, of which a model also reads keys and punctuation."""
_MEDIA = frozenset(
    {
        *("audio", "file", "fileData", "file_data", "file_id", "file_uri", "file_url", "image", "image_url", "images"),
        *("inlineData", "inline_data", "input_audio", "source", "video", "video_url"),
    }
)
_KEPT_BY_PROVIDER = ("previous_response_id", "conversation", "cachedContent", "cached_content")
_NOT_TEXT = frozenset(
    {
        *(
            "cache_control",
            "call_id",
            "data",
            "encrypted_content",
            "finish_reason",
            "id",
            "role",
            "signature",
            "status",
        ),
        *("thoughtSignature", "thought_signature", "tool_call_id", "tool_use_id", "toolUseId", "type", "url"),
    }
)
_MEASURED_ENDS = frozenset("05AKUfpz")


def utf8_bytes(text: str) -> int:
    """Size of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class PromptText:
    """The texts of a prompt, in their order."""

    __slots__ = ("definitions", "has_unseen", "messages", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.definitions: list[str] = []
        """Tools and answer formats as compact JSON."""
        self.messages = 0
        self.has_unseen = False
        """True with images, sounds, videos, files, or an earlier conversation that the provider has kept: they cost
        tokens that no size here tells."""

    @property
    def size_bytes(self) -> int:
        """UTF-8 size of everything, with the frames of messages and three quarters of definitions."""
        of_definitions = sum(map(utf8_bytes, self.definitions)) * _SCHEMA_PARTS[0] // _SCHEMA_PARTS[1]
        return sum(map(utf8_bytes, self.texts)) + self.messages * BYTES_PER_MESSAGE + of_definitions

    def add(self, value: Any, depth: int = 0) -> None:
        """Take messages, blocks or a plain text."""
        if isinstance(value, str):
            self.texts.append(value)
        elif depth > _DEPTH:
            return
        elif isinstance(value, list):
            for item in cast("list[Any]", value):
                self.add(item, depth + 1)
        elif isinstance(value, dict):
            self._add_fields(cast("dict[str, Any]", value), depth)

    def _add_fields(self, fields: dict[str, Any], depth: int) -> None:
        if "role" in fields:
            self.messages += 1
        for key, item in fields.items():
            if key in _NOT_TEXT:
                continue
            if key in _MEDIA:
                self.has_unseen = self.has_unseen or bool(item)
            elif key in _JSON and isinstance(item, dict):
                self.texts.append(_compact(item))
            else:
                self.add(item, depth + 1)

    def add_definitions(self, value: Any) -> None:
        """Take tools or an answer format."""
        if isinstance(value, (dict, list)) and value:
            self.definitions.append(_compact(value))


def prompt_text(asked: Mapping[str, Any], keys: Iterable[str]) -> PromptText:
    """The texts under `keys` of a request's body."""
    prompt = PromptText()
    prompt.has_unseen = any(asked.get(key) for key in _KEPT_BY_PROVIDER)
    for key in keys:
        value = asked.get(key)
        if value is None:
            continue
        if key in _DEFINITIONS and not isinstance(value, str):
            prompt.add_definitions(value)
        else:
            prompt.add(value)
    return prompt


def is_measured(response_id: str | None) -> bool:
    """True for about one answer in eight, by the last character of its id.

    The sizes of these texts go with their usage, so that the collector learns how many bytes a token has. Measuring
    each would be felt by the caller.
    """
    return response_id is not None and response_id[-1:] in _MEASURED_ENDS


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
