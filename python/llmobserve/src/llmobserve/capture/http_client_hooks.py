"""Hooks for `http.client`, and so for `urllib.request` and whatever else sits on it.

`HTTPConnection.endheaders` is where a request is whole: its line, its headers, and its body where that is in memory.
`getresponse` takes what became of it. A library above that knows more of a request (urllib3) begins the exchange
itself and hands it over on the connection.
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

__all__ = ["HttpClientHooks", "hand_over", "in_memory", "split_target", "take_back"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_EXPECTED = "_llmobserve_exchange"
_METHODS = ("endheaders", "getresponse")


def hand_over(connection: Any, exchange: Exchange) -> None:
    """Have the next answer on the connection go to `exchange`."""
    connection.__dict__[_EXPECTED] = exchange


def take_back(connection: Any) -> Exchange | None:
    """The exchange that waits for an answer on the connection, once."""
    return getattr(connection, "__dict__", {}).pop(_EXPECTED, None)


def split_target(target: str, host: str, port: int | None, usual_port: int | None) -> tuple[str, int | None, str, str]:
    """Host, port, path and query that a request is for; the port is `None` where it is the usual one.

    Requests through a proxy name the whole URL, and are for the host in it.
    """
    if target[:1] != "/" and "://" in target:
        parts = urlsplit(target)
        host = parts.hostname or ""
        port, usual_port = parts.port, 443 if parts.scheme == "https" else 80
        target = parts.path + ("?" + parts.query if parts.query else "")
    path, _, query = target.partition("#")[0].partition("?")
    return host.lower(), None if port == usual_port else port, unquote(path) if "%" in path else path, query


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
            exchange = self._begin(connection, args, kwargs)
            if exchange is None:
                return original(connection, *args, **kwargs)
            try:
                result = original(connection, *args, **kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            with _ATTACH:
                before = take_back(connection)
                if before is not None:
                    before.closed()
                exchange.watch(connection)
                hand_over(connection, exchange)
            return result

        return endheaders

    def _begin(self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
        engine = self.engine
        if engine is None or SENDING.get():
            return None
        with _BEGIN:
            lines: list[bytes] = connection._buffer
            method, target = lines[0].decode("latin-1").split(" ", 2)[:2]
            tunnelled = connection._tunnel_host
            host, port, path, query = split_target(
                target,
                tunnelled or connection.host,
                connection._tunnel_port if tunnelled else connection.port,
                connection.default_port,
            )
            if engine.registry.provider_for(host, port) is None:
                return None
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


def _wrap_getresponse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getresponse(connection: Any, *args: Any, **kwargs: Any) -> Any:
        # urllib3 1 first tries an argument that only Python 2 knew.
        exchange = None if args or kwargs else take_back(connection)
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
