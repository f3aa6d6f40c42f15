"""Hooks for `http.client`, and so for `urllib.request` and whatever else sits on it.

`HTTPConnection.endheaders` is where a request is whole: its line, its headers, and its body where that is in memory.
`getresponse` takes what became of it. A library above that knows more of a request (urllib3) decides itself, marks the
connection as its own, and leaves the exchange there for the answer.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.headers import HeaderView
from llmobserve.capture.http_client_body import follow_body
from llmobserve.capture.patching import PatchHealth
from llmobserve.capture.request_body import decode_request_body
from llmobserve.capture.sending import SENDING
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["DECIDED", "EXPECTED", "USUAL_PORTS", "HttpClientHooks", "in_memory", "split_target", "take"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_ONWARD = guarded("capture.onward")
EXPECTED = "_llmobserve_exchange"
"""Attribute of a connection: the exchange that its next answer belongs to."""
DECIDED = "_llmobserve_decided"
"""Attribute of a connection whose present request a hook further up has seen."""
USUAL_PORTS = {"http": 80, "https": 443}
_METHODS = ("endheaders", "getresponse")


def take(connection: Any, name: str) -> Any:
    """One of these attributes, which the connection then no longer has; `None` when it had not."""
    # Not by `__dict__`: asking for it makes all attributes of an object slower (CPython 3.11 and later).
    value = getattr(connection, name, None)
    if value is not None:
        delattr(connection, name)
    return value


def split_target(target: str, host: str, port: int | None) -> tuple[str, int | None, str, str]:
    """Host, port, path and query that a request is for, given the host of the connection in lower case.

    The port is `None` where it is the usual one. Requests through a proxy name the whole URL, and are for its host.
    """
    if target[:1] != "/" and "://" in target:
        parts = urlsplit(target)
        host, port = parts.hostname or "", parts.port
        if port == USUAL_PORTS.get(parts.scheme):
            port = None
        target = parts.path + ("?" + parts.query if parts.query else "")
    path, _, query = target.partition("#")[0].partition("?")
    return host, port, unquote(path) if "%" in path else path, query


def in_memory(body: Any) -> bytes | None:
    """The bytes of a body that sending does not consume; `None` for files, iterables and no body."""
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return bytes(body) if isinstance(body, (bytes, bytearray)) else None


class _Request:
    """A request whose head waits in the buffer of its connection."""

    __slots__ = ("_content", "_lines", "_query")

    def __init__(self, lines: list[bytes], query: str, body: Any) -> None:
        self._lines = lines
        self._query = query
        self._content = in_memory(body)

    def headers(self) -> HeaderView:
        pairs = (line.partition(b":") for line in self._lines)
        return HeaderView([(name, value.strip()) for name, _, value in pairs])

    def query(self) -> str:
        return self._query

    def content(self) -> bytes | None:
        return self._content

    def body(self, content_type: str) -> Any:
        return decode_request_body(self._content, content_type, self.headers().get("content-encoding"))


class HttpClientHooks(TransportHooks):
    """Hooks `http.client`."""

    def hook(self, module: ModuleType) -> None:
        """Hook the connection class; that for HTTPS inherits from it."""
        owner: Any = module.__dict__.get("HTTPConnection")
        found = all(callable(getattr(owner, "__dict__", {}).get(name)) for name in _METHODS)
        if found:
            self.replace(owner, "endheaders", self._wrap_endheaders)
            self.replace(owner, "getresponse", _wrap_getresponse)
        for name in _METHODS:
            health = PatchHealth(
                library=module.__name__,
                version=None,
                target=f"HTTPConnection.{name}",
                state="active" if found else "missing",
                detail=None if found else "not as expected",
            )
            self.report(module.__name__, health)

    def _wrap_endheaders(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def endheaders(connection: Any, *args: Any, **kwargs: Any) -> Any:
            is_decided = getattr(connection, DECIDED, False)
            exchange = None if is_decided else self._begin(connection, args, kwargs)
            if exchange is None:
                if not is_decided:
                    self._add_onward(connection)
                return original(connection, *args, **kwargs)
            try:
                result = original(connection, *args, **kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            with _ATTACH:
                before: Exchange | None = take(connection, EXPECTED)
                if before is not None:
                    before.closed()
                exchange.watch(connection)
                setattr(connection, EXPECTED, exchange)
            return result

        return endheaders

    def _begin(self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
        engine = self.engine
        if engine is None or SENDING.get():
            return None
        with _BEGIN:
            lines: list[bytes] = connection._buffer
            host, port = _place_of(connection)
            # Without a proxy the target is a path, and the host known: most requests go elsewhere and need no more.
            if b" /" in lines[0] and engine.registry.provider_for(host, port) is None:
                return None
            method, target = lines[0].decode("latin-1").split(" ", 2)[:2]
            host, port, path, query = split_target(target, host, port)
            body = args[0] if args else kwargs.get("message_body")
            return engine.begin(
                _Request(lines[1:], query, body),
                method=method,
                host=host,
                port=port,
                path=path,
                transport="http.client",
            )
        return None

    def _add_onward(self, connection: Any) -> None:
        """Hand the trace on in a request to a host that the user names."""
        engine = self.engine
        if engine is None or engine.onward is None or SENDING.get():
            return
        with _ONWARD:
            lines: list[bytes] = connection._buffer
            method, target = lines[0].decode("latin-1").split(" ", 2)[:2]
            host, port, path, _ = split_target(target, *_place_of(connection))
            present = _Request(lines[1:], "", None).headers()
            for name, value in engine.onward.additions(method, host, port, path, present.get).items():
                head = f"{name}:".encode()
                lines[1:] = [line for line in lines[1:] if not line.lower().startswith(head)]
                connection.putheader(name, value)


def _place_of(connection: Any) -> tuple[str, int | None]:
    """Host in lower case and port, through any tunnel; `None` where the port is the usual one."""
    tunnelled = connection._tunnel_host
    port = connection._tunnel_port if tunnelled else connection.port
    return (tunnelled or connection.host).lower(), None if port == connection.default_port else port


def _wrap_getresponse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getresponse(connection: Any, *args: Any, **kwargs: Any) -> Any:
        # urllib3 1 first tries an argument that only Python 2 knew.
        exchange: Exchange | None = None if args or kwargs else take(connection, EXPECTED)
        if exchange is None:
            return original(connection, *args, **kwargs)
        try:
            response = original(connection)
        except BaseException as error:
            exchange.failed(error)
            raise
        follow_body(exchange, response, _headers_of(response))
        return response

    return getresponse


def _headers_of(response: Any) -> HeaderView:
    pairs: list[tuple[bytes, bytes]] = []
    with _ATTACH:
        pairs = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in response.headers.raw_items()
        ]
    return HeaderView(pairs)
