"""Observes calls of libraries whose bytes no transport in Python moves: native code, other processes, own protocols.

Their hooks say what was asked and answered in the form that the provider's reader knows from its REST interface.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar

from llmobserve.capture.engine import Engine
from llmobserve.capture.exchange import Exchange
from llmobserve.guard import guarded
from llmobserve.providers.base import OWN_PROTOCOL, Reader

__all__ = ["answered", "begin", "refused", "run", "run_async", "started_before", "told_so_far"]

_BEGIN = guarded("capture.begin")
_END = guarded("capture.end")
_SUCCESS = 200
_T = TypeVar("_T")


class _Sent:
    """Is equal for calls that ask the same. Looked at only after a call has failed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __hash__(self) -> int:
        return hash(repr(self._make()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sent) and hash(self) == hash(other)


class _Asked:
    """What was asked, put together when the call has ended."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def headers(self) -> Mapping[str, str]:
        return {}

    def query(self) -> str:
        return ""

    def content(self) -> _Sent:
        return _Sent(self._make)

    def body(self, content_type: str) -> Any:
        return self._make()


class _Answer:
    """An answer, as a provider would send it in JSON."""

    __slots__ = ("_body", "_complete", "_exchange", "_reader", "_status", "first_content_ns", "mode", "problem")

    def __init__(self, exchange: Exchange, body: Any, status: int, *, complete: bool) -> None:
        self._complete = complete
        self._exchange = exchange
        self._body = body
        self._status = status
        self._reader: Reader | None = None
        self.mode: Literal["json", "stream", "binary"] = "json"
        self.first_content_ns: int | None = None
        self.problem: str | None = None

    @property
    def reader(self) -> Reader:
        """The provider's reader, opened on first use."""
        if self._reader is None:
            self._reader = self._exchange.open_reader()
        return self._reader

    def finish(self) -> bool:
        """Give the answer to the reader; True when it is complete."""
        self.reader.read_body(self._body, self._status, {})
        return self._complete

    def take_unreadable(self) -> None:
        """Never called: there is always a body."""


def begin(
    engine: Engine | None,
    path: str,
    asked: Callable[[], Any],
    *,
    library: str,
    host: str,
    port: int | None = None,
    provider: str | None = None,
    method: str = OWN_PROTOCOL,
) -> Exchange | None:
    """Start to observe a call; `None` when it is not to be.

    `asked` makes the request's body in the form of the REST interface, when the call has ended. `port` is `None` if it
    is the usual one. `provider` is `None` where the host tells.
    """
    if engine is None:
        return None
    with _BEGIN:
        return engine.begin(
            _Asked(asked), method=method, host=host, port=port, path=path, transport=library, provider_name=provider
        )
    return None


def answered(exchange: Exchange, body: Any, *, http_status: int | None = None, cut: bool = False) -> None:
    """End a call by its answer, as JSON of the REST interface.

    `http_status`: where the library knows one. `cut`: the application did not wait for all of it.
    """
    with _END:
        exchange.http_status = http_status
        exchange.answered_by(_Answer(exchange, body, http_status or _SUCCESS, complete=not cut))
        if cut:
            exchange.closed()
        else:
            exchange.exhausted()


def told_so_far(exchange: Exchange, body: Any) -> None:
    """Say what counts if nobody ends the call. `body` as for `answered`."""
    exchange.answered_by(_Answer(exchange, body, _SUCCESS, complete=False))


def refused(exchange: Exchange, kind: str, message: str | None, *, http_status: int | None) -> None:
    """End a call that failed. `http_status`: the one that says the same, `None` when none does."""
    with _END:
        exchange.http_status = http_status
        exchange.answered_by(None)
        exchange.refused(kind, message)


def run(exchange: Exchange | None, call: Callable[[], _T], body_of: Callable[[_T], Any]) -> _T:
    """The result of `call`, or its exception. `body_of` turns the result into the answer of the REST interface."""
    try:
        result = call()
    except BaseException as error:
        if exchange is not None:
            exchange.failed(error)
        raise
    if exchange is not None:
        with _END:
            answered(exchange, body_of(result))
    return result


async def run_async(exchange: Exchange | None, call: Callable[[], Awaitable[_T]], body_of: Callable[[_T], Any]) -> _T:
    """As `run`, for a call that is awaited."""
    try:
        result = await call()
    except BaseException as error:
        if exchange is not None:
            exchange.failed(error)
        raise
    if exchange is not None:
        with _END:
            answered(exchange, body_of(result))
    return result


def started_before(exchange: Exchange, duration_ms: float) -> None:
    """Say that the call began that long ago: it became known when it was over."""
    exchange.started_at(
        time.time_ns() // 1000 - int(duration_ms * 1000), time.perf_counter_ns() - int(duration_ms * 1e6)
    )
