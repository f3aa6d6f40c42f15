"""MiniMax: OpenAI's and Anthropic's shapes, its own chat and speech; an error comes with status 200.

https://platform.minimax.io/docs/api-reference, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import ChatReader, shape_endpoints
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"


def _refusal(body: Any) -> tuple[str, str | None] | None:
    """Code and message of `base_resp`, `None` when it says success or is not there."""
    state = as_mapping(as_mapping(body).get("base_resp"))
    code = state.get("status_code")
    return (f"status_{code}", text_of(state.get("status_msg"))) if code else None


class _Chat(ChatReader):
    """A chat; a stream ends with a chunk that holds the whole message."""

    def take(self, body: Mapping[str, Any]) -> None:
        """Take a whole completion."""
        self._take_refusal(body)
        super().take(body)

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one chunk."""
        self._take_refusal(event)
        super().take_event(name, event)
        if event.get("object") == "chat.completion":
            self._terminal = True

    def _take_refusal(self, body: Mapping[str, Any]) -> None:
        refusal = _refusal(body)
        if refusal is not None:
            self.failed = not body.get("usage")
            self.error_type, self.error_message = refusal


class _Speech(OwnReader):
    """Speech, billed by the characters that the answer counts."""

    input_keys = ("text",)
    _extra: Any = None

    def is_error(self, body: Any) -> bool:
        """True for a refusal."""
        return _refusal(body) is not None

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer."""
        super().read_body(body, status, headers)
        self.error = _refusal(body) or self.error

    def take(self, body: Any) -> None:
        """Take the answer."""
        self._extra = as_mapping(body).get("extra_info") or self._extra

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one piece; the last one counts the characters."""
        if as_mapping(event.get("data")).get("audio"):
            self._has_content = True
        if event.get("extra_info"):
            self._terminal = True
            self.take(event)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The characters."""
        counters = Counters()
        number = counters.whole(as_mapping(self._extra), "usage_characters")
        if number is not None:
            out.usage = usage_of({"input_characters": number}, None)
        elif isinstance(self.asked.get("text"), str):
            out.usage = Usage(units={"input_characters": len(self.asked["text"])}, source="request")


PROVIDER = Provider(
    name="minimax",
    endpoints=(
        *shape_endpoints(_PREFIX, only=("chat.completions",), readers={ChatReader: _Chat}),
        Endpoint(
            operation="chat.completions",
            kind="llm",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/text/chatcompletion(?:_v2|_pro)?"),
            reader=_Chat,
        ),
        Endpoint(
            operation="audio.speech",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(_PREFIX + r"/t2a_v2"),
            reader=_Speech,
            bulk_keys=(b"audio",),
        ),
        messages_endpoint(_PREFIX),
    ),
    request_id_headers=("trace-id", "minimax-request-id", "x-request-id"),
)
