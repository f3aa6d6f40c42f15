"""Hooks for aiohttp's WebSocket client: opening, sending, receiving and closing.

Messages are seen where the application receives them; what it never reads is not. The opening request passes through
the hook of aiohttp's requests as well, which finds no endpoint there.
"""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import PatchHealth
from llmobserve.capture.session import Session
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["AiohttpWebsocketHooks"]

_BEGIN = guarded("capture.begin")
_OBSERVE = guarded("capture.observe")
_ATTRIBUTE = "_llmobserve_session"
_METHODS = ("send_str", "send_bytes", "send_frame", "receive", "close")
_TEXT, _BINARY = 1, 2
_CLOSE, _CLOSED, _ERROR = 8, 257, 258
_SWITCHING_PROTOCOLS = 101


class _Connection:
    """What is known of one observed connection."""

    __slots__ = ("is_in_receive", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_in_receive = False


class AiohttpWebsocketHooks(TransportHooks):
    """Hooks aiohttp's WebSocket client."""

    def hook(self, module: ModuleType) -> None:
        """Hook the client session and its WebSocket class, given `aiohttp.client`."""
        client: Any = getattr(module, "ClientSession", None)
        owner: Any = getattr(module, "ClientWebSocketResponse", None)
        is_there = callable(getattr(client, "__dict__", {}).get("_ws_connect")) and all(
            callable(getattr(owner, "__dict__", {}).get(method)) for method in _METHODS if method != "send_frame"
        )
        if is_there:
            self.replace(client, "_ws_connect", self._wrap_connect)
            self.replace(owner, "send_str", functools.partial(_wrap_send, _TEXT))
            self.replace(owner, "send_bytes", functools.partial(_wrap_send, _BINARY))
            if "send_frame" in owner.__dict__:
                self.replace(owner, "send_frame", _wrap_send_frame)
            self.replace(owner, "receive", _wrap_receive)
            self.replace(owner, "close", _wrap_close)
        self.report(
            module.__name__,
            PatchHealth(
                library="aiohttp",
                version=getattr(sys.modules.get("aiohttp"), "__version__", None),
                target="ClientWebSocketResponse",
                state="active" if is_there else "missing",
                detail=None if is_there else "_ws_connect or a method of the class is not as expected",
            ),
        )

    def _begin(self, client: Any, address: Any) -> Session | None:
        engine = self.engine
        if engine is None:
            return None
        with _BEGIN:
            url = client._build_url(address)  # joins it to the base address of the client
            return engine.begin_session(
                host=(url.raw_host or "").lower(),
                port=None if url.is_default_port() else url.port,
                path=url.path,
                query=url.raw_query_string,
                transport="aiohttp",
            )
        return None

    def _wrap_connect(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def ws_connect(client: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
            session = self._begin(client, url)
            if session is None:
                return await original(client, url, *args, **kwargs)
            try:
                connection = await original(client, url, *args, **kwargs)
            except BaseException as error:
                with _OBSERVE:
                    _refused(session, error)
                raise
            with _OBSERVE:
                answer = connection._response
                session.query = answer.url.raw_query_string  # with the parameters that were given apart
                session.opened(_SWITCHING_PROTOCOLS, {name.lower(): value for name, value in answer.headers.items()})
                session.watch(connection)
                setattr(connection, _ATTRIBUTE, _Connection(session))
            return connection

        return ws_connect


def _refused(session: Session, error: BaseException) -> None:
    status = getattr(error, "status", None)
    info = getattr(error, "request_info", None)
    if info is not None:
        session.query = info.real_url.raw_query_string
    session.refused(error, status if isinstance(status, int) else None)


def _observed(connection: Any) -> _Connection | None:
    found: _Connection | None = getattr(connection, _ATTRIBUTE, None)
    return found


def _wrap_send(kind: int, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(connection: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(connection, data, *args, **kwargs)
        _show_sent(connection, data, is_text=kind == _TEXT)
        return result

    return send


def _wrap_send_frame(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send_frame(connection: Any, message: Any, opcode: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(connection, message, opcode, *args, **kwargs)
        if opcode in (_TEXT, _BINARY):
            _show_sent(connection, message, is_text=opcode == _TEXT)
        return result

    return send_frame


def _show_sent(connection: Any, data: Any, *, is_text: bool) -> None:
    observed = _observed(connection)
    if observed is not None:
        with _OBSERVE:
            observed.session.sent(data, is_text=is_text)


def _wrap_receive(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def receive(connection: Any, *args: Any, **kwargs: Any) -> Any:
        observed = _observed(connection)
        if observed is None:
            return await original(connection, *args, **kwargs)
        observed.is_in_receive = True
        try:
            message = await original(connection, *args, **kwargs)
        finally:
            observed.is_in_receive = False
        with _OBSERVE:
            _take(observed.session, message)
        return message

    return receive


def _take(session: Session, message: Any) -> None:
    """Show a received message to the session, or take it as the end."""
    kind = int(message.type)
    if kind in (_TEXT, _BINARY):
        session.received(message.data, is_text=kind == _TEXT)
    elif kind == _CLOSE:
        session.ended("there", message.data if isinstance(message.data, int) else None, message.extra)
    elif kind in (_CLOSED, _ERROR):
        session.ended("lost")  # had it been closed in order, it would have ended before


def _wrap_close(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def close(connection: Any, *args: Any, **kwargs: Any) -> Any:
        observed = _observed(connection)
        if observed is not None:
            with _OBSERVE:
                # Called by `receive` itself, it answers what was received, and `receive` says what that is.
                if not observed.is_in_receive or getattr(connection, "_waiting", False):
                    code = kwargs.get("code")
                    observed.session.ended("here", int(code) if code is not None else None)
        return await original(connection, *args, **kwargs)

    return close
