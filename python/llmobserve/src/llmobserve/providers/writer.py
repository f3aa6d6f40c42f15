"""Writer: chat in OpenAI's shape at a path of its own; completions, vision, translation and applications.

Paths: client `writer-sdk` 3.0, read 2026-11-21. Only a chat states its usage.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.openai_shape import ChatReader
from llmobserve.providers.own_shape import OwnReader
from llmobserve.providers.quantities import text_bytes
from llmobserve.wire import CallKind

__all__ = ["PROVIDER"]


class _Completion(ChatReader):
    """A completion, whose stream has bare pieces of text."""

    def take_event(self, name: str | None, event: Mapping[str, Any]) -> None:
        """Take one piece."""
        size = text_bytes(event.get("value"))
        self._output_bytes += size
        if size:
            self._has_content = True
        super().take_event(name, event)


class _Unstated(OwnReader):
    """Work whose answer says nothing of its usage: it stays unknown."""

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Nothing is known."""


def _endpoint(operation: str, path: str, reader: Any, kind: CallKind = "llm") -> Endpoint:
    # A stream of pieces just ends; that of a chat asked for without usage as well.
    return Endpoint(
        operation=operation, kind=kind, methods=("POST",), path=LazyPattern(path), reader=reader, unmarked_end=True
    )


PROVIDER = Provider(
    name="writer",
    endpoints=(
        _endpoint("chat", r"/v1/chat(?:/completions)?", ChatReader),
        _endpoint("completions", r"/v1/completions", _Completion),
        _endpoint("applications", r"/v1/applications/[^/]+", _Unstated),
        _endpoint("vision", r"/v1/vision", _Unstated),
        _endpoint("translation", r"/v1/translation", _Unstated),
        _endpoint("graphs.question", r"/v1/graphs/question", _Unstated),
        _endpoint("tools.web_search", r"/v1/tools/web-search", _Unstated, "search"),
    ),
    request_id_headers=("x-request-id",),
)
