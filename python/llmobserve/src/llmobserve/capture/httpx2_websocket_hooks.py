"""Hooks for the WebSocket sessions of httpx2: they begin with the answer 101; any other answer is an error call.

Messages are seen where the application sends and receives them; what it never reads is not.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import PatchHealth
from llmobserve.capture.session import Session
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["Httpx2WebsocketHooks"]

_BEGIN = guarded("capture.begin")
_OBSERVE = guarded("capture.observe")
_ATTRIBUTE = "_llmobserve_session"
_SWITCHING_PROTOCOLS = 101
_STREAM_ERROR = 1011
_METHODS = ("__init__", "send", "receive", "close")


class Httpx2WebsocketHooks(TransportHooks):
    """Hooks the sessions of httpx2."""

    def hook(self, module: ModuleType) -> None:
        """Hook both session classes and the error of a refused opening, given `httpx2.websockets._api`."""
        for name, is_async in (("WebSocketSession", False), ("AsyncWebSocketSession", True)):
            owner: Any = getattr(module, name, None)
            is_there = all(callable(getattr(owner, "__dict__", {}).get(method)) for method in _METHODS)
            if is_there:
                self.replace(owner, "__init__", self._wrap_init)
                self.replace(owner, "send", _wrap_async_send if is_async else _wrap_send)
                self.replace(owner, "receive", _wrap_async_receive if is_async else _wrap_receive)
                self.replace(owner, "close", _wrap_async_close if is_async else _wrap_close)
            self._say(module, name, is_there=is_there)
        refusal: Any = getattr(module, "WebSocketUpgradeError", None)
        is_there = callable(getattr(refusal, "__dict__", {}).get("__init__"))
        if is_there:
            self.replace(refusal, "__init__", self._wrap_refusal)
        self._say(module, "WebSocketUpgradeError", is_there=is_there)

    def _say(self, module: ModuleType, target: str, *, is_there: bool) -> None:
        state = "active" if is_there else "missing"
        detail = None if is_there else f"{target} is not as expected"
        health = PatchHealth(library="httpx2", version=None, target=target, state=state, detail=detail)
        self.report(module.__name__, health)

    def _begin(self, response: Any) -> Session | None:
        engine = self.engine
        if engine is None or response is None:
            return None
        with _BEGIN:
            url = response.request.url
            return engine.begin_session(
                host=url.raw_host.decode("ascii"),
                port=url.port,
                path=url.path,
                query=url.query.decode("ascii", "replace"),
                transport="httpx2",
            )
        return None

    def _wrap_init(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def init(connection: Any, *args: Any, **kwargs: Any) -> None:
            original(connection, *args, **kwargs)
            with _BEGIN:
                response = getattr(connection, "response", None)
                session = self._begin(response)
                if session is not None and response is not None:
                    session.opened(_SWITCHING_PROTOCOLS, _headers(response))
                    session.watch(connection)
                    setattr(connection, _ATTRIBUTE, session)

        return init

    def _wrap_refusal(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def init(error: Any, response: Any, *args: Any, **kwargs: Any) -> None:
            original(error, response, *args, **kwargs)
            with _BEGIN:
                session = self._begin(response)
                if session is not None:
                    session.answer_headers = _headers(response)
                    session.refused(None, response.status_code)

        return init


def _headers(response: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}


def _session_of(connection: Any) -> Session | None:
    found: Session | None = getattr(connection, _ATTRIBUTE, None)
    return found


def _show(connection: Any, event: Any, *, is_sent: bool) -> None:
    """Show an event of wsproto to the session, if it is a message."""
    session = _session_of(connection)
    if session is None:
        return
    with _OBSERVE:
        data: Any = getattr(event, "data", None)
        if data is not None:
            take = session.sent if is_sent else session.received
            take(data, is_text=isinstance(data, str), is_last=event.message_finished)


def _failed(connection: Any, error: BaseException) -> None:
    """Take what receiving raised: the provider has closed, or the connection is broken."""
    session = _session_of(connection)
    if session is None:
        return
    with _OBSERVE:
        kind = type(error).__name__
        if kind == "WebSocketDisconnect":
            code = getattr(error, "code", None)
            session.ended("there", code if isinstance(code, int) else None, getattr(error, "reason", None))
        elif kind == "WebSocketNetworkError":
            session.ended("lost")


def _closed(connection: Any, code: Any, reason: Any) -> None:
    """Take the end that the application or the library has made."""
    session = _session_of(connection)
    if session is None:
        return
    with _OBSERVE:
        state = getattr(getattr(connection.connection, "state", None), "name", None)
        if code == _STREAM_ERROR and reason in ("Stream error", "Stream write error", "Keepalive ping timeout"):
            session.ended("lost")
        elif state == "REMOTE_CLOSING":
            session.ended("there")
        else:
            session.ended("here", code if isinstance(code, int) else None, reason)


def _wrap_send(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(connection: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(connection, event, *args, **kwargs)
        _show(connection, event, is_sent=True)
        return result

    return send


def _wrap_async_send(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(connection: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(connection, event, *args, **kwargs)
        _show(connection, event, is_sent=True)
        return result

    return send


def _wrap_receive(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def receive(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            event = original(connection, *args, **kwargs)
        except Exception as error:
            _failed(connection, error)
            raise
        _show(connection, event, is_sent=False)
        return event

    return receive


def _wrap_async_receive(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def receive(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            event = await original(connection, *args, **kwargs)
        except Exception as error:
            _failed(connection, error)
            raise
        _show(connection, event, is_sent=False)
        return event

    return receive


def _wrap_close(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def close(connection: Any, code: int = 1000, reason: str | None = None, *args: Any, **kwargs: Any) -> Any:
        _closed(connection, code, reason)
        return original(connection, code, reason, *args, **kwargs)

    return close


def _wrap_async_close(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def close(connection: Any, code: int = 1000, reason: str | None = None, *args: Any, **kwargs: Any) -> Any:
        _closed(connection, code, reason)
        return await original(connection, code, reason, *args, **kwargs)

    return close
