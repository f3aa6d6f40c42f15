"""Hooks for websockets 13 and later: the protocol object that its asyncio and its threading client both drive.

The protocol sees every message once, whichever way the application reads it or even if it never does, and knows how the
connection ended. Servers have the same class below theirs; a connection without a session passes straight through.
"""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.session import Session
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["ATTRIBUTE", "WatchedConnection", "WebsocketsHooks", "end", "show_received", "version"]

_BEGIN = guarded("capture.begin")
_OBSERVE = guarded("capture.observe")
ATTRIBUTE = "_llmobserve_session"
"""Where the protocol object holds its `WatchedConnection`."""
_TEXT, _BINARY, _CONTINUED = 1, 2, 0
_ABNORMAL = 1006
_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_DEFAULT_PORTS = {True: 443, False: 80}

# Class, method, its parameters as expected.
_HOOKS = (
    ("ClientProtocol", "send_request", ("self", "request")),
    ("Protocol", "send_text", ("self", "data")),
    ("Protocol", "send_binary", ("self", "data")),
    ("Protocol", "send_continuation", ("self", "data", "fin")),
    ("Protocol", "events_received", ("self",)),
    ("Protocol", "receive_eof", ("self",)),
)


class WatchedConnection:
    """What is known of one observed connection beside its session."""

    __slots__ = ("is_receiving_text", "is_sending_text", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_sending_text = False
        self.is_receiving_text = False


class WebsocketsHooks(TransportHooks):
    """Hooks websockets."""

    def hook(self, module: ModuleType) -> None:
        """Hook the protocol classes, given the module `websockets.client`."""
        client: Any = getattr(module, "ClientProtocol", None)
        owners: dict[str, Any] = {"ClientProtocol": client, "Protocol": getattr(client, "__base__", None)}
        wrappers = {
            "send_request": self._wrap_request,
            "send_text": functools.partial(_wrap_send, _TEXT),
            "send_binary": functools.partial(_wrap_send, _BINARY),
            "send_continuation": functools.partial(_wrap_send, _CONTINUED),
            "events_received": _wrap_events,
            "receive_eof": _wrap_eof,
        }
        found = [_is_as_expected(owners[owner], name, names) for owner, name, names in _HOOKS]
        for (owner, name, _), is_there in zip(_HOOKS, found, strict=True):
            # Half of the hooks would give half of the truth.
            if all(found):
                self.replace(owners[owner], name, wrappers[name])
            self.report(
                module.__name__,
                PatchHealth(
                    library="websockets",
                    version=version(),
                    target=f"{owner}.{name}",
                    state="active" if all(found) else "missing",
                    detail=None if is_there else f"{name} is not as expected",
                ),
            )

    def _wrap_request(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def send_request(protocol: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            engine = self.engine
            if engine is not None:
                with _BEGIN:
                    uri = getattr(protocol, "uri", None) or protocol.wsuri  # its name in websockets 13
                    path, _, query = request.path.partition("?")
                    session = engine.begin_session(
                        host=uri.host.lower(),
                        port=None if uri.port == _DEFAULT_PORTS[uri.secure] else uri.port,
                        path=path,
                        query=query,
                        transport="websockets",
                    )
                    if session is not None:
                        session.watch(protocol)
                        setattr(protocol, ATTRIBUTE, WatchedConnection(session))
            return original(protocol, request, *args, **kwargs)

        return send_request


def version() -> str | None:
    """Version of websockets, once it is imported."""
    found: str | None = getattr(sys.modules.get("websockets.version"), "version", None)
    return found


def _is_as_expected(owner: Any, name: str, expected: tuple[str, ...]) -> bool:
    function = getattr(owner, "__dict__", {}).get(name)
    if not callable(function):
        return False
    names = positional_names(function)
    return names is None or names[: len(expected)] == expected


def _wrap_send(kind: int, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(protocol: Any, data: Any, fin: bool = True, *args: Any, **kwargs: Any) -> Any:
        result = original(protocol, data, fin, *args, **kwargs)
        connection: WatchedConnection | None = getattr(protocol, ATTRIBUTE, None)
        if connection is not None:
            with _OBSERVE:
                if kind != _CONTINUED:
                    connection.is_sending_text = kind == _TEXT
                connection.session.sent(data, is_text=connection.is_sending_text, is_last=fin)
        return result

    return send


def _wrap_events(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def events_received(protocol: Any, *args: Any, **kwargs: Any) -> Any:
        events = original(protocol, *args, **kwargs)
        connection: WatchedConnection | None = getattr(protocol, ATTRIBUTE, None)
        if connection is not None:
            with _OBSERVE:
                for event in events:
                    _take(protocol, connection, event)
        return events

    return events_received


def _take(protocol: Any, connection: WatchedConnection, event: Any) -> None:
    """Show a received frame, or the answer to the handshake, to the session."""
    kind = getattr(event, "opcode", None)
    if kind is None:
        if protocol.handshake_exc is None:
            headers = {name.lower(): value for name, value in event.headers.raw_items()}
            connection.session.opened(event.status_code, headers)
        elif event.status_code in _REDIRECTS and "Location" in event.headers:
            connection.session.discard()
        else:
            connection.session.refused(protocol.handshake_exc, event.status_code)
        return
    show_received(connection, event)


def show_received(connection: WatchedConnection, frame: Any) -> None:
    """Show a frame to the session, unless it is one of control."""
    if frame.opcode in (_TEXT, _BINARY):
        connection.is_receiving_text = frame.opcode == _TEXT
    elif frame.opcode != _CONTINUED:
        return
    connection.session.received(frame.data, is_text=connection.is_receiving_text, is_last=frame.fin)


def _wrap_eof(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def receive_eof(protocol: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(protocol, *args, **kwargs)
        connection: WatchedConnection | None = getattr(protocol, ATTRIBUTE, None)
        if connection is not None:
            with _OBSERVE:
                end(protocol, connection.session)
        return result

    return receive_eof


def end(protocol: Any, session: Session) -> None:
    """Take the end of a connection, by the close frames that its protocol has seen."""
    received, sent = protocol.close_rcvd, protocol.close_sent
    if getattr(protocol, "handshake_exc", None) is not None:
        session.refused(protocol.handshake_exc)
    elif received is not None and (sent is None or protocol.close_rcvd_then_sent):
        session.ended("there", int(received.code), received.reason)
    elif sent is not None and (received is not None or int(sent.code) != _ABNORMAL):
        session.ended("here", int(sent.code), sent.reason)
    else:
        session.ended("lost")
