"""Hooks for httpx and httpx2: one patcher for both, told which module it works on.

`Client._send_single_request` sees every leg of a client, with any transport; `HTTPTransport.handle_request` sees
callers that use a transport without a client (Pinecone 10 does). The outer hook of the two owns the exchange.
"""

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any, cast

from llmobserve.capture.exchange import Exchange
from llmobserve.capture.headers import HeaderView
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.payload import HOLD_BYTES
from llmobserve.capture.request_body import decode_request_body
from llmobserve.capture.sending import SENDING
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["HttpxFamily"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_ONWARD = guarded("capture.onward")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SWITCHING_PROTOCOLS = 101

# Class, private method with its expected parameters, public method to fall back to, whether it is a coroutine.
_CLIENT_HOOKS = (
    ("Client", "_send_single_request", "send", False),
    ("AsyncClient", "_send_single_request", "send", True),
    ("HTTPTransport", "handle_request", None, False),
    ("AsyncHTTPTransport", "handle_async_request", None, True),
)


class _Request:
    """A request of either module, read without consuming it."""

    __slots__ = ("_request",)

    def __init__(self, request: Any) -> None:
        self._request = request

    def headers(self) -> HeaderView:
        return HeaderView(self._request.headers.raw)

    def query(self) -> str:
        return self._request.url.query.decode("ascii", "replace")

    def content(self) -> bytes | None:
        return getattr(self._request, "_content", None)

    def body(self, content_type: str) -> Any:
        content = self.content()
        if content is not None:
            return decode_request_body(content, content_type)
        # A multipart body is a generator over fields that stay in memory: reading their values consumes nothing.
        fields: dict[str, str] = {}
        for field in getattr(self._request.stream, "fields", None) or ():
            value = getattr(field, "value", None)
            if isinstance(value, (str, bytes)):
                fields[field.name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return fields or None


class HttpxFamily(TransportHooks):
    """Hooks httpx and httpx2."""

    def hook(self, module: ModuleType) -> None:
        """Hook the clients and transports of one of the two."""
        name = module.__name__
        tees = (_make_sync_tee(module), _make_async_tee(module))
        version = getattr(module, "__version__", None)
        for class_name, private, public, is_async in _CLIENT_HOOKS:
            owner = getattr(module, class_name, None)
            wrap = self._wrap_async if is_async else self._wrap_sync
            tee = tees[is_async]
            target, state, detail = private, "active", None
            if not _is_as_expected(owner, private):
                state = "degraded" if public is not None and public in getattr(owner, "__dict__", {}) else "missing"
                detail = f"{private} is not as expected"
                target = public or private
            if state != "missing":
                self.replace(cast("type", owner), target, functools.partial(wrap, name, tee))
            health = PatchHealth(
                library=name, version=version, target=f"{class_name}.{target}", state=state, detail=detail
            )
            self.report(name, health)

    def _begin(self, request: Any, transport: str) -> Exchange | None:
        engine = self.engine
        if engine is None or SENDING.get():
            return None
        with _BEGIN:
            url = request.url
            return engine.begin(
                _Request(request),
                method=request.method,
                # Unlike `host` it is not decoded from its international form, which can raise.
                host=url.raw_host.decode("ascii"),
                port=url.port,
                path=url.path,
                transport=transport,
            )
        return None

    def _add_onward(self, request: Any) -> Any:
        """Hand the trace on in a request to a host that the user names; gives the headers to put back afterwards.

        They are put back because a redirect takes over the headers of its request, wherever it leads.
        """
        engine = self.engine
        if engine is None or engine.onward is None or SENDING.get():
            return None
        with _ONWARD:
            url, headers = request.url, request.headers
            host = url.raw_host.decode("ascii")
            said = engine.onward.additions(request.method, host, url.port, url.path, headers.get)
            if said:
                request.headers = headers.copy()
                request.headers.update(said)
                return headers
        return None

    def _wrap_sync(self, transport: str, tee: Any, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(request, transport)
            if exchange is None:
                bare = self._add_onward(request)
                try:
                    return original(client, request, *args, **kwargs)
                finally:
                    if bare is not None:
                        request.headers = bare
            SENDING.set(True)
            try:
                response = original(client, request, *args, **kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            finally:
                SENDING.set(False)
            _attach(exchange, response, tee)
            return response

        return send

    def _wrap_async(self, transport: str, tee: Any, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def send(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = self._begin(request, transport)
            if exchange is None:
                bare = self._add_onward(request)
                try:
                    return await original(client, request, *args, **kwargs)
                finally:
                    if bare is not None:
                        request.headers = bare
            SENDING.set(True)
            try:
                response = await original(client, request, *args, **kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            finally:
                SENDING.set(False)
            _attach(exchange, response, tee)
            return response

        return send


def _is_as_expected(owner: Any, name: str) -> bool:
    function = getattr(owner, "__dict__", {}).get(name)
    if not callable(function):
        return False
    names = positional_names(function)
    return names is None or names[:2] == ("self", "request")


def _attach(exchange: Exchange, response: Any, tee: Any) -> None:
    """Follow the response's body; where that is not possible, record the call without it."""
    with _ATTACH:
        _follow(exchange, response, tee)
        return
    exchange.abandoned()


def _follow(exchange: Exchange, response: Any, tee: Any) -> None:
    """Follow the response's body, or take it at once where it is in memory already."""
    status: int = response.status_code
    if status == _SWITCHING_PROTOCOLS or (status in _REDIRECTS and response.has_redirect_location):
        exchange.discard()
        return
    exchange.answered(status, HeaderView(response.headers.raw))
    content = getattr(response, "_content", None)
    if content is not None:
        exchange.feed_whole(content)
        exchange.exhausted()
        return
    exchange.watch(response)
    response.stream = tee(response.stream, exchange)


def _from_inner(tee: Any, name: str) -> Any:
    """An attribute of the wrapped stream (httpx2 keeps `elapsed` there)."""
    inner = tee.__dict__.get("_inner")
    if inner is None:
        raise AttributeError(name)
    return getattr(inner, name)


def _make_sync_tee(module: Any) -> type:
    """A stream wrapper whose base is that of the module: its responses check for it."""

    class SyncTee(module.SyncByteStream):
        """Passes a body on and shows it to the exchange."""

        def __init__(self, inner: Any, exchange: Exchange) -> None:
            self._inner = inner
            self._exchange = exchange
            self._is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            exchange = self._exchange
            hold, held = exchange.hold, 0  # not `None` when it is iterated again, to drain it (openai does)
            try:
                for chunk in self._inner:
                    held += len(chunk)
                    if hold is None or held > HOLD_BYTES:
                        exchange.feed(chunk)
                        hold, held = exchange.hold, 0
                    else:
                        hold(chunk)
                    yield chunk
            except BaseException as error:
                exchange.failed(error)
                raise
            exchange.exhausted()

        def close(self) -> None:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                self._inner.close()
            finally:
                self._exchange.closed()

        def __getattr__(self, name: str) -> Any:
            return _from_inner(self, name)

    return SyncTee


def _make_async_tee(module: Any) -> type:
    """The same for asynchronous bodies."""

    class AsyncTee(module.AsyncByteStream):
        """Passes a body on and shows it to the exchange."""

        def __init__(self, inner: Any, exchange: Exchange) -> None:
            self._inner = inner
            self._exchange = exchange
            self._is_closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            exchange = self._exchange
            hold, held = exchange.hold, 0  # not `None` when it is iterated again, to drain it (openai does)
            stream = self._inner.__aiter__()
            try:
                async for chunk in stream:
                    held += len(chunk)
                    if hold is None or held > HOLD_BYTES:
                        exchange.feed(chunk)
                        hold, held = exchange.hold, 0
                    else:
                        hold(chunk)
                    yield chunk
            except BaseException as error:
                exchange.failed(error)
                raise
            finally:
                if isinstance(stream, AsyncGenerator):
                    await cast("AsyncGenerator[bytes]", stream).aclose()
            exchange.exhausted()

        async def aclose(self) -> None:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                await self._inner.aclose()
            finally:
                self._exchange.closed()

        def __getattr__(self, name: str) -> Any:
            return _from_inner(self, name)

    return AsyncTee
