"""Hooks for the older client of websockets, `websockets.legacy`, which some libraries still open (deepgram-sdk 7)."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import PatchHealth
from llmobserve.capture.session import Session
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.capture.websockets_hooks import ATTRIBUTE, WatchedConnection, end, show_received, version
from llmobserve.guard import guarded

__all__ = ["LegacyWebsocketsHooks"]

_BEGIN = guarded("capture.begin")
_OBSERVE = guarded("capture.observe")
_TEXT, _BINARY, _CONTINUED = 1, 2, 0
_METHODS = ("write_frame_sync", "read_frame", "close_connection")
_SWITCHING_PROTOCOLS = 101
_DEFAULT_PORTS = {True: 443, False: 80}


class LegacyWebsocketsHooks(TransportHooks):
    """Hooks `websockets.legacy`."""

    def hook(self, module: ModuleType) -> None:
        """Hook the client's protocol and the one it shares with servers, given `websockets.legacy.client`."""
        client: Any = getattr(module, "WebSocketClientProtocol", None)
        base: Any = getattr(client, "__base__", None)
        is_there = callable(getattr(client, "__dict__", {}).get("handshake")) and all(
            callable(getattr(base, "__dict__", {}).get(name)) for name in _METHODS
        )
        if is_there:
            self.replace(client, "handshake", self._wrap_handshake)
            self.replace(base, "write_frame_sync", _wrap_write)
            self.replace(base, "read_frame", _wrap_read)
            self.replace(base, "close_connection", _wrap_close)
        self.report(
            module.__name__,
            PatchHealth(
                library="websockets",
                version=version(),
                target="WebSocketClientProtocol",
                state="active" if is_there else "missing",
                detail=None if is_there else "a method of the class is not as expected",
            ),
        )

    def _begin(self, uri: Any) -> Session | None:
        engine = self.engine
        if engine is None:
            return None
        with _BEGIN:
            path, _, query = uri.resource_name.partition("?")
            return engine.begin_session(
                host=uri.host.lower(),
                port=None if uri.port == _DEFAULT_PORTS[uri.secure] else uri.port,
                path=path,
                query=query,
                transport="websockets",
            )
        return None

    def _wrap_handshake(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def handshake(protocol: Any, wsuri: Any, *args: Any, **kwargs: Any) -> Any:
            session = self._begin(wsuri)
            if session is None:
                return await original(protocol, wsuri, *args, **kwargs)
            try:
                result = await original(protocol, wsuri, *args, **kwargs)
            except BaseException as error:
                with _OBSERVE:
                    _refused(session, error)
                raise
            with _OBSERVE:
                headers = {name.lower(): value for name, value in protocol.response_headers.raw_items()}
                session.opened(_SWITCHING_PROTOCOLS, headers)
                session.watch(protocol)
                setattr(protocol, ATTRIBUTE, WatchedConnection(session))
            return result

        return handshake


def _refused(session: Session, error: BaseException) -> None:
    status = getattr(error, "status_code", None)
    if type(error).__name__ == "RedirectHandshake":
        session.discard()
    else:
        session.refused(error, status if isinstance(status, int) else None)


def _wrap_write(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def write_frame_sync(protocol: Any, fin: bool, opcode: int, data: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(protocol, fin, opcode, data, *args, **kwargs)
        watched: WatchedConnection | None = getattr(protocol, ATTRIBUTE, None)
        if watched is not None and opcode in (_TEXT, _BINARY, _CONTINUED):
            with _OBSERVE:
                if opcode != _CONTINUED:
                    watched.is_sending_text = opcode == _TEXT
                watched.session.sent(data, is_text=watched.is_sending_text, is_last=fin)
        return result

    return write_frame_sync


def _wrap_read(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def read_frame(protocol: Any, *args: Any, **kwargs: Any) -> Any:
        frame = await original(protocol, *args, **kwargs)
        watched: WatchedConnection | None = getattr(protocol, ATTRIBUTE, None)
        if watched is not None:
            with _OBSERVE:
                show_received(watched, frame)
        return frame

    return read_frame


def _wrap_close(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def close_connection(protocol: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(protocol, *args, **kwargs)
        finally:
            watched: WatchedConnection | None = getattr(protocol, ATTRIBUTE, None)
            if watched is not None:
                with _OBSERVE:
                    end(protocol, watched.session)

    return close_connection
