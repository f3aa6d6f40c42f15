"""Hooks for aiohttp: one exchange for each call of a session, its redirects included.

`ClientSession._request` sees the call. The body is seen where every way to read it comes by,
`StreamReader._read_nowait_chunk`; a reader has slots and no weak references, so that its exchange is found by its id.
"""

import functools
import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from llmobserve.capture.aiohttp_request import AiohttpRequest
from llmobserve.capture.exchange import Exchange
from llmobserve.capture.headers import HeaderView
from llmobserve.capture.patching import PatchHealth, positional_names
from llmobserve.capture.payload import HOLD_BYTES
from llmobserve.capture.sending import SENDING
from llmobserve.capture.transport_hooks import TransportHooks
from llmobserve.guard import guarded

__all__ = ["AiohttpHooks"]

_BEGIN = guarded("capture.begin")
_ATTACH = guarded("capture.attach")
_END = guarded("capture.end")
_ONWARD = guarded("capture.onward")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SWITCHING_PROTOCOLS = 101
_DECODED_BY_AIOHTTP = frozenset({"gzip", "deflate", "br", "zstd"})
"""Other encodings, and several of them, reach the reader as they are (aiohttp 3.14, `HttpParser`)."""


class _Tee:
    """Shows what is read from one reader to its exchange. Does not hold the reader, which would then live for ever."""

    __slots__ = ("_hold", "_look_at", "_seen", "exchange", "watch")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.watch: weakref.ref[Any] | None = None
        self._hold = exchange.hold
        self._seen = 0
        self._look_at = HOLD_BYTES

    def take(self, chunk: bytes) -> None:
        """A piece that the application is about to get."""
        seen = self._seen = self._seen + len(chunk)
        if self._hold is None or seen > self._look_at:
            self.exchange.feed(chunk)
            self._hold = self.exchange.hold
            self._look_at = seen + HOLD_BYTES
        else:
            self._hold(chunk)

    def arrived(self, reader: Any) -> None:
        """The end of the body came in. It is over when the application has read all that came before."""
        if self._seen >= reader.total_bytes:
            self.exchange.exhausted()


class AiohttpHooks(TransportHooks):
    """Hooks the sessions, responses and readers of aiohttp."""

    def __init__(self) -> None:
        super().__init__()
        self._tees: dict[int, _Tee] = {}

    def unpatch(self) -> None:
        """As for every library; bodies under way are not followed any more."""
        super().unpatch()
        self._tees.clear()

    def hook(self, module: ModuleType) -> None:
        """Hook the classes of aiohttp."""
        # What is below the request comes first: without it a call could not be followed.
        for class_name, name, parameters, wrap in (
            ("StreamReader", "_read_nowait_chunk", ("self", "n"), self._wrap_read),
            ("StreamReader", "set_exception", ("self", "exc"), self._wrap_set_exception),
            ("ClientResponse", "release", ("self",), self._wrap_let_go),
            ("ClientResponse", "close", ("self",), self._wrap_let_go),
            ("ClientSession", "_request", ("self", "method", "str_or_url"), self._wrap_request),
        ):
            owner = getattr(module, class_name, None)
            as_expected = isinstance(owner, type) and _takes(owner, name, parameters)
            if isinstance(owner, type) and as_expected:
                self.replace(owner, name, wrap)
            health = PatchHealth(
                library="aiohttp",
                version=getattr(module, "__version__", None),
                target=f"{class_name}.{name}",
                state="active" if as_expected else "missing",
                detail=None if as_expected else f"{name} is not as expected",
            )
            self.report("aiohttp", health)
        if self.engine is not None and self.engine.onward is not None:
            self._hook_onward(module)

    def _hook_onward(self, module: ModuleType) -> None:
        """Hook the requests that a call of a session consists of: each redirect is one, with headers of its own."""
        owner = getattr(module, "ClientRequest", None)
        as_expected = isinstance(owner, type) and _takes(owner, "send", ("self", "conn"))
        if isinstance(owner, type) and as_expected:
            self.replace(owner, "send", self._wrap_send)
        health = PatchHealth(
            library="aiohttp",
            version=getattr(module, "__version__", None),
            target="ClientRequest.send",
            state="active" if as_expected else "missing",
            detail=None if as_expected else "send is not as expected; the trace is not handed on",
        )
        self.report("aiohttp", health)

    def _wrap_send(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def send(request: Any, *args: Any, **kwargs: Any) -> Any:
            before: dict[str, str | None] = {}
            engine = self.engine
            if engine is not None and engine.onward is not None and not SENDING.get():
                with _ONWARD:
                    url, headers = request.url, request.headers
                    host, port = _place_of(url)
                    said = engine.onward.additions(request.method, host, port, url.path, headers.get)
                    before = {name: headers.get(name) for name in said}
                    headers.update(said)
            try:
                return await original(request, *args, **kwargs)
            finally:
                # The application sees the headers of its requests, and they are as it gave them.
                for name, value in before.items():
                    del request.headers[name]
                    if value is not None:
                        request.headers[name] = value

        return send

    def _begin(self, session: Any, method: str, target: Any, options: Mapping[str, Any]) -> Exchange | None:
        engine = self.engine
        if engine is None or SENDING.get():
            return None
        with _BEGIN:
            url = _url(session, target)
            if url is None or url.raw_host is None:
                return None
            host, port = _place_of(url)
            # Most requests are none of ours: they cost no more than this look-up.
            if engine.registry.provider_for(host, port) is None or _opens_websocket(options):
                return None
            return engine.begin(
                AiohttpRequest(session, url, options),
                method=method.upper(),
                host=host,
                port=port,
                path=url.path,
                transport="aiohttp",
            )
        return None

    def _wrap_request(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def request(session: Any, method: Any, str_or_url: Any, **options: Any) -> Any:
            exchange = self._begin(session, method, str_or_url, options)
            if exchange is None:
                return await original(session, method, str_or_url, **options)
            # No hook is below this one, and what middlewares and generated bodies call is the application's.
            try:
                response = await original(session, method, str_or_url, **options)
            except BaseException as error:
                _failed(exchange, error)
                raise
            self._attach(exchange, response, options.get("auto_decompress"), session)
            return response

        return request

    def _attach(self, exchange: Exchange, response: Any, decodes: bool | None, session: Any) -> None:
        """Follow the body of a response; where that is not possible, record the call without it."""
        with _ATTACH:
            status: int = response.status
            if status == _SWITCHING_PROTOCOLS or (status in _REDIRECTS and "location" in response.headers):
                exchange.discard()
                return
            exchange.answered(status, HeaderView(response.raw_headers))
            encoding = response.headers.get("content-encoding", "").lower()
            if encoding in _DECODED_BY_AIOHTTP and (session.auto_decompress if decodes is None else decodes):
                exchange.decoded()
            self._follow(exchange, response)
            return
        exchange.abandoned()

    def _follow(self, exchange: Exchange, response: Any) -> None:
        # A tracer or middleware of the application may have read it already.
        body, reader = response._body, response.content
        if body is not None:
            exchange.feed(body)
        if body is not None or reader.at_eof():
            exchange.exhausted()
            return
        tees, key = self._tees, id(reader)
        tee = tees[key] = _Tee(exchange)
        # The buffer lives as long as its reader, and the response does not: stripe keeps only the reader.
        buffer = reader._buffer
        tee.watch = weakref.ref(buffer, lambda _: tees.pop(key, None))
        exchange.watch(buffer)
        reader.on_eof(functools.partial(tee.arrived, reader))

    def _wrap_read(self, original: Callable[..., Any]) -> Callable[..., Any]:
        tees = self._tees

        @functools.wraps(original)
        def read_nowait_chunk(reader: Any, n: int) -> bytes:
            chunk: bytes = original(reader, n)
            if tees:
                tee = tees.get(id(reader))
                if tee is not None:
                    tee.take(chunk)
                    if reader.at_eof():
                        tees.pop(id(reader), None)
                        tee.exchange.exhausted()
            return chunk

        return read_nowait_chunk

    def _wrap_set_exception(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def set_exception(reader: Any, exc: BaseException, *args: Any, **kwargs: Any) -> Any:
            # From now on every read raises, whatever is in the buffer.
            tee = self._tees.pop(id(reader), None)
            if tee is not None:
                tee.exchange.failed(exc)
            return original(reader, exc, *args, **kwargs)

        return set_exception

    def _wrap_let_go(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def let_go(response: Any, *args: Any, **kwargs: Any) -> Any:
            # Before the original, which leaves an exception on the reader of any response.
            tee = self._tees.pop(id(response.content), None) if self._tees else None
            if tee is not None:
                with _END:
                    # After the time limit of the whole call only its timer tells why the body was not read.
                    if getattr(getattr(response, "_timer", None), "_cancelled", False):
                        tee.exchange.failed(TimeoutError())
                    else:
                        tee.exchange.closed()
            return original(response, *args, **kwargs)

        return let_go


def _takes(owner: type, name: str, parameters: tuple[str, ...]) -> bool:
    function = owner.__dict__.get(name)
    if not callable(function):
        return False
    names = positional_names(function)
    return names is None or names[: len(parameters)] == parameters


def _place_of(url: Any) -> tuple[str, int | None]:
    """Host in lower case and port; `None` where it is the usual one."""
    port = url.explicit_port
    return url.raw_host.lower(), None if port is not None and url.is_default_port() else port


def _url(session: Any, target: Any) -> Any:
    """The URL of a call; `None` for one that aiohttp is about to refuse."""
    try:
        return session._build_url(target)
    except (AssertionError, TypeError, ValueError):
        return None


def _opens_websocket(options: Mapping[str, Any]) -> bool:
    """True for the request that `ws_connect` makes: no call, but the opening of a session."""
    headers = options.get("headers")
    return options.get("read_until_eof") is False and headers is not None and "upgrade" in headers


def _failed(exchange: Exchange, error: BaseException) -> None:
    """Sending raised; a session that raises for error statuses has had an answer."""
    with _ATTACH:
        status = getattr(error, "status", None)
        if isinstance(status, int) and status >= 400 and hasattr(error, "request_info"):
            headers: Mapping[str, str] = getattr(error, "headers", None) or {}
            exchange.answered(status, HeaderView([(k.encode(), v.encode()) for k, v in headers.items()]))
    exchange.failed(error)
