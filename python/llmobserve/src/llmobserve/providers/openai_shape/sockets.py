"""The WebSocket sessions of OpenAI's shape; their readers are loaded with the first session."""

from collections.abc import Collection

from llmobserve.providers.base import LazyPattern
from llmobserve.providers.sockets import LazyReader, SocketEndpoint

__all__ = ["shape_sockets"]

_PACKAGE = "llmobserve.providers.openai_shape"
_LIVE = LazyReader(f"{_PACKAGE}.response_socket:LiveReader")


def shape_sockets(prefix: str, *, only: Collection[str] | None = None) -> tuple[SocketEndpoint, ...]:
    """The sessions below `prefix`, a regular expression. `only` names the operations that a provider has."""
    endpoints = (
        SocketEndpoint(
            operation="realtime",
            kind="llm",
            path=LazyPattern(prefix + r"/realtime"),
            reader=LazyReader(f"{_PACKAGE}.realtime:RealtimeReader"),
        ),
        SocketEndpoint(
            operation="realtime.translations",
            kind="audio",
            path=LazyPattern(prefix + r"/realtime/translations"),
            reader=LazyReader(f"{_PACKAGE}.realtime:TranslationReader"),
        ),
        SocketEndpoint(
            operation="responses",
            kind="llm",
            path=LazyPattern(prefix + r"/responses"),
            reader=LazyReader(f"{_PACKAGE}.response_socket:ResponseSocketReader"),
        ),
        SocketEndpoint(
            operation="live.sessions",
            kind="llm",
            path=LazyPattern(prefix + r"/live/sessions(?:/(?P<session>[^/]+)/(?:attach|fork))?"),
            reader=_LIVE,
        ),
    )
    return tuple(one for one in endpoints if only is None or one.operation in only)
