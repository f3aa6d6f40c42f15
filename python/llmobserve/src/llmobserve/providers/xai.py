"""xAI: OpenAI's shape, where a chat's reasoning is outside its completion, and the charge is stated in ticks.

xai-sdk goes over gRPC: its messages are read in their REST form.

https://docs.x.ai/docs/api-reference, read 2026-11-21. A tick is a ten-billionth of a dollar.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from llmobserve.providers import xai_messages
from llmobserve.providers.anthropic_shape import messages_endpoint
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, ProviderRequest, ReaderFactory, Reading
from llmobserve.providers.message_fields import MessageFields
from llmobserve.providers.openai_shape import (
    ChatReader,
    EmbeddingReader,
    ImageReader,
    ResponsesReader,
    ResponsesRetrieveReader,
    shape_endpoints,
    token_usage,
)
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of, with_units
from llmobserve.providers.sockets import LazyReader, SocketEndpoint
from llmobserve.providers.xai_messages import in_json, spoken
from llmobserve.wire import CallKind, Quantity, Usage

__all__ = ["PROVIDER"]

_PREFIX = r"(?:/(?!chat/)[^/]+)*"
_TOOLS = {
    "web_search_calls": "web_search_calls",
    "x_search_calls": "x_search_calls",
    "code_interpreter_calls": "code_execution_calls",
    "document_search_calls": "attachment_search_calls",
    "collections_search_calls": "collection_search_calls",
    "file_search_calls": "file_search_calls",
}


def _tool_calls(raw: Any) -> dict[str, Quantity]:
    """Calls of the tools that run at xAI, which are billed each."""
    stated = as_mapping(as_mapping(raw).get("server_side_tool_usage_details"))
    counters = Counters()
    return {unit: counters.whole(stated, key) or 0 for key, unit in _TOOLS.items()}


class _Cost(ShapeReader):
    """`cost_in_usd_ticks` of the usage object."""

    def reported_cost(self) -> Decimal | None:
        """What the answer says the call cost, tools included."""
        ticks = Counters().whole(as_mapping(self.usage_raw), "cost_in_usd_ticks")
        return None if ticks is None else Decimal(ticks).scaleb(-10)


class _Chat(_Cost, ChatReader):
    """A chat: the total says whether the reasoning is part of the completion; without a total it is not."""

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it."""
        raw = as_mapping(self.usage_raw)
        counters = Counters()
        keys = ("prompt_tokens", "completion_tokens", "total_tokens")
        prompt, answer, total = (counters.whole(raw, key) for key in keys)
        reasoning = counters.whole(as_mapping(raw.get("completion_tokens_details")), "reasoning_tokens") or 0
        inside = total is not None and total == (prompt or 0) + (answer or 0)
        if not reasoning or answer is None or inside:
            usage = token_usage(self.usage_raw)
        else:
            whole = token_usage({**raw, "completion_tokens": answer + reasoning})
            usage = whole and usage_of(
                dict(whole.units), self.usage_raw, details=dict(whole.details), flags=whole.flags
            )
        return usage and with_units(usage, _tool_calls(raw))

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far; a deferred chat is charged where it is fetched."""
        out = super().reading(ended_early=ended_early)
        out.pending = self.asked.get("deferred") is True and not self.failed
        return out


class _Responses(_Cost, ResponsesReader):
    """A response: reasoning is part of the output."""


class _Retrieved(_Cost, ResponsesRetrieveReader):
    """A later look at a response."""


class _Embedding(_Cost, EmbeddingReader):
    """Embeddings with their cost."""


class _Image(_Cost, ImageReader):
    """Images with their cost."""


class _Deferred(_Chat):
    """A chat that is fetched later: its start is pending, and so is a look that finds nothing yet."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = super().reading(ended_early=ended_early)
        out.remote_id = self.match.groupdict().get("job")
        out.pending = self._body is None or not self._body.get("choices")
        return out


class _Ordered(ShapeReader):
    """The order of a video, which is charged where it is fetched."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        out.pending = not self.failed
        return out


class _Video(_Cost):
    """A look at a video: its seconds and its charge once it is done."""

    _object: Mapping[str, Any] = {}

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the job."""
        self.take_identity(body)
        self._object = body

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        state = self._object.get("status")
        out.remote_id = self.match.groupdict().get("video")
        video = as_mapping(self._object.get("video"))
        seconds = Counters().fraction(video, "duration")
        out.pending = not video and state not in ("failed", "expired")
        if state in ("failed", "expired"):
            out.error_type = str(state)
            seconds = Decimal(0) if seconds is None else seconds
        out.usage = usage_of({} if seconds is None else {"output_seconds": as_quantity(seconds)}, self.usage_raw)
        if out.reported_cost_usd is None and seconds:
            # A second has the price of its resolution, which only the order says.
            out.usage = replace(out.usage, source="estimated")
        return out


class _InMessages(ShapeReader):
    """Reads the same over gRPC."""

    def __init__(self, request: ProviderRequest, match: "re.Match[str]", *, want_content: bool) -> None:
        super().__init__(replace(request, body=in_json(request.body)), match, want_content=want_content)

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take a whole answer."""
        super().read_body(body if status >= 400 else in_json(body), status, headers)

    def read_event(self, name: str | None, data: Any) -> None:
        """Take one message of a stream."""
        super().read_event(name, None if data is None else in_json(data))


class _ChatMessages(_InMessages, _Chat):
    """A chat, or the compaction of one."""


class _EmbeddingMessages(_InMessages, _Embedding):
    """Embeddings, whose usage counts vectors: the tokens are estimated."""


class _ImageMessages(_InMessages, _Image):
    """Images."""


class _Order(_InMessages):
    """The order of work that is fetched later and charged then."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        out.pending = not self.failed
        return out


class _Fetched(_InMessages):
    """A look at such work: nothing while it is pending, and an error when it is lost."""

    _state: str | None = None

    def read_body(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        """Take the state, and the answer where there is one."""
        fields = as_mapping(body)
        self._state = spoken(fields.get("status"), "")
        super().read_body(body if status >= 400 else fields.get("response"), status, headers)

    def of_job(self, out: Reading) -> Reading:
        """The reading of the answer as that of the job."""
        job = self.asked.get("request_id")
        out.remote_id = job if isinstance(job, str) and job and not self.failed else None
        out.pending = self._state == "pending"
        if self._state in ("expired", "failed"):
            out.error_type = out.error_type or self._state
            out.usage = Usage()
        return out


class _FetchedChat(_Fetched, _Chat):
    """A chat that was started before."""

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        return self.of_job(super().reading(ended_early=ended_early))


class _FetchedVideo(_Fetched, _Cost):
    """A video that was ordered before: its seconds, and its charge."""

    _object: Mapping[str, Any] = {}

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the finished job."""
        self.take_identity(body)
        self._object = body
        self.take_error(body.get("error"))

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        seconds = Counters().whole(as_mapping(self._object.get("video")), "duration")
        out.usage = usage_of({} if seconds is None else {"output_seconds": seconds}, self.usage_raw)
        if out.reported_cost_usd is None and out.usage.units:
            # A second has the price of its resolution, which only the order says.
            out.usage = replace(out.usage, source="estimated")
        return self.of_job(out)


def _method(
    name: str, operation: str, reader: ReaderFactory, messages: MessageFields, kind: CallKind = "llm"
) -> Endpoint:
    path = LazyPattern("/xai_api" + re.escape(f".{name}"))
    return Endpoint(operation=operation, kind=kind, methods=("POST",), path=path, reader=reader, messages=messages)


_METHODS = (
    _method("Chat/GetCompletion", "chat.completions", _ChatMessages, xai_messages.CHAT),
    _method("Chat/GetCompletionChunk", "chat.completions", _ChatMessages, xai_messages.CHAT),
    _method("Chat/StartDeferredCompletion", "chat.completions", _Order, xai_messages.CHAT),
    _method("Chat/GetDeferredCompletion", "chat.completions", _FetchedChat, xai_messages.DEFERRED),
    _method("Chat/CompactContext", "chat.compact", _ChatMessages, xai_messages.COMPACTION),
    _method("Embedder/Embed", "embeddings", _EmbeddingMessages, xai_messages.EMBEDDING, "embedding"),
    _method("Image/GenerateImage", "images", _ImageMessages, xai_messages.IMAGE, "image"),
    _method("Video/GenerateVideo", "videos", _Order, xai_messages.VIDEO, "video"),
    _method("Video/ExtendVideo", "videos", _Order, xai_messages.VIDEO, "video"),
    _method("Video/GetDeferredVideo", "videos", _FetchedVideo, xai_messages.VIDEO_JOB, "video"),
)


PROVIDER = Provider(
    name="xai",
    endpoints=(
        Endpoint(
            operation="chat.completions",
            kind="llm",
            methods=("GET",),
            path=LazyPattern(r"(?:/[^/]+)*/chat/deferred-completion/(?P<job>[^/]+)"),
            reader=_Deferred,
        ),
        Endpoint(
            operation="videos",
            kind="video",
            methods=("POST",),
            path=LazyPattern(r"/v1/videos/(?:generations|edits|extensions)"),
            reader=_Ordered,
        ),
        Endpoint(
            operation="videos",
            kind="video",
            methods=("GET",),
            path=LazyPattern(r"/v1/videos/(?P<video>[^/]+)"),
            reader=_Video,
        ),
        *shape_endpoints(
            _PREFIX,
            only=("chat.completions", "completions", "responses", "embeddings", "images"),
            readers={
                ChatReader: _Chat,
                ResponsesReader: _Responses,
                ResponsesRetrieveReader: _Retrieved,
                EmbeddingReader: _Embedding,
                ImageReader: _Image,
            },
        ),
        messages_endpoint(_PREFIX),
        *_METHODS,
    ),
    sockets=(
        SocketEndpoint(
            operation="realtime",
            kind="audio",
            path=LazyPattern(r"/v1/realtime"),
            reader=LazyReader("llmobserve.providers.xai_session:VoiceSession"),
        ),
    ),
    request_id_headers=("x-request-id",),
)
