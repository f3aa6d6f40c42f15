"""Hooks for urllib3 1.26 and 2, and so for requests and botocore.

Every attempt of a pool goes through `HTTPConnectionPool._make_request`, which knows the request whole; its connections
are those of `http.client`, whose hook follows the answer.
"""

import functools
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.headers import HeaderView
from llmobserve.capture.http_client_hooks import DECIDED, EXPECTED, USUAL_PORTS, in_memory, split_target, take
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.request_body import decode_request_body
from llmobserve.capture.sending import SENDING
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["Urllib3Hooks"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_ONWARD = guarded("capture.onward")
_TARGET = "_make_request"
_PARAMETERS = ("self", "conn", "method", "url")


class _Request:
    """What a pool is about to send."""

    __slots__ = ("_content", "_headers", "_query")

    def __init__(self, headers: Mapping[Any, Any] | None, query: str, body: Any) -> None:
        self._headers = headers or {}
        self._query = query
        self._content = in_memory(body)

    def headers(self) -> HeaderView:
        return HeaderView([(_bytes(name), _bytes(value)) for name, value in self._headers.items()])

    def query(self) -> str:
        return self._query

    def content(self) -> bytes | None:
        return self._content

    def body(self, content_type: str) -> Any:
        return decode_request_body(self._content, content_type, self.headers().get("content-encoding"))


class Urllib3Hooks(TransportHooks):
    """Hooks urllib3's pools; that for HTTPS inherits from the one for HTTP."""

    def hook(self, module: ModuleType) -> None:
        """Hook `urllib3.connectionpool`."""
        owner: Any = module.__dict__.get("HTTPConnectionPool")
        names = positional_names(getattr(owner, "__dict__", {}).get(_TARGET))
        found = names is not None and names[: len(_PARAMETERS)] == _PARAMETERS
        if found:
            self.replace(owner, _TARGET, self._wrap)
        health = PatchHealth(
            library="urllib3",
            version=getattr(sys.modules.get("urllib3"), "__version__", None),
            target=f"HTTPConnectionPool.{_TARGET}",
            state="active" if found else "degraded",
            detail=None if found else "not as expected; calls are seen by http.client, perhaps without their bodies",
        )
        self.report(module.__name__, health)

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def _make_request(pool: Any, conn: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(pool, conn, method, url, kwargs)
            if exchange is None:
                kwargs = self._with_onward(pool, method, url, kwargs)
                try:
                    return original(pool, conn, method, url, *args, **kwargs)
                finally:
                    take(conn, DECIDED)
            try:
                response = original(pool, conn, method, url, *args, **kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            finally:
                take(conn, DECIDED)
                unanswered = take(conn, EXPECTED) is not None
            _settle(exchange, response, unanswered=unanswered)
            return response

        return _make_request

    def _begin(self, pool: Any, conn: Any, method: Any, url: Any, options: Mapping[str, Any]) -> Exchange | None:
        engine = self.engine
        if engine is None or SENDING.get():
            return None
        with _BEGIN:
            # Not `SENDING`: a body that is written while it is sent may make calls of its own.
            setattr(conn, DECIDED, True)
            host, port = pool.host.lower(), _port_of(pool)
            # Without a proxy the target is a path, and the host known: most requests go elsewhere and need no more.
            if url[:1] == "/" and engine.registry.provider_for(host, port) is None:
                return None
            host, port, path, query = split_target(url, host, port)
            exchange = engine.begin(
                _Request(options.get("headers"), query, options.get("body")),
                method=method,
                host=host,
                port=port,
                path=path,
                transport="urllib3",
            )
            if exchange is not None:
                setattr(conn, EXPECTED, exchange)
            return exchange
        return None

    def _with_onward(self, pool: Any, method: str, url: str, options: dict[str, Any]) -> dict[str, Any]:
        """The options, with the trace handed on where the request goes to a host that the user names."""
        engine = self.engine
        if engine is None or engine.onward is None or SENDING.get():
            return options
        with _ONWARD:
            host, port, path, _ = split_target(url, pool.host.lower(), _port_of(pool))
            given: Mapping[Any, Any] = options.get("headers") or {}
            present = HeaderView([(_bytes(name), _bytes(value)) for name, value in given.items()])
            said = engine.onward.additions(method, host, port, path, present.get)
            if said:
                # The application's own object stays as it is: a redirect takes it over.
                copied: Any = getattr(given, "copy", None)
                headers: Any = dict(given) if copied is None else copied()
                for name in [name for name in given if str(name).lower() in said]:
                    del headers[name]
                for name, value in said.items():
                    headers[name] = value
                return {**options, "headers": headers}
        return options


def _settle(exchange: Exchange, response: Any, *, unanswered: bool) -> None:
    with _ATTACH:
        if not unanswered:
            # The application holds this object, and not the one below it that is followed (the same in urllib3 1).
            exchange.watch_instead(response)
            return
        # A connection of another make than `http.client`'s: only a body that was read already can be had.
        exchange.answered(response.status, HeaderView([(_bytes(k), _bytes(v)) for k, v in response.headers.items()]))
        body = getattr(response, "_body", None)
        if isinstance(body, bytes):
            exchange.feed_whole(body)
            exchange.exhausted()
            return
    exchange.abandoned()


def _port_of(pool: Any) -> int | None:
    """`None` where it is the usual one."""
    return None if pool.port == USUAL_PORTS.get(pool.scheme) else pool.port


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("latin-1", "replace")
