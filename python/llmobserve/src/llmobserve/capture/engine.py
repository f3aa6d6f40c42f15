"""Decides which requests are observed and keeps the exchanges that are under way."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from llmobserve.capture.attempts import next_attempt
from llmobserve.capture.exchange import Exchange, SentRequest
from llmobserve.capture.wrapped import WRAPPED
from llmobserve.context import Snapshot, current, suppressed
from llmobserve.guard import guarded
from llmobserve.providers.registry import Registry, load_provider
from llmobserve.settings import Settings
from llmobserve.wire import CallEvent, ContentRecord

if TYPE_CHECKING:
    from llmobserve.capture.onward import Onward
    from llmobserve.capture.session import Session

__all__ = ["Engine", "Sink"]

Sink = Callable[[CallEvent, ContentRecord | None, Snapshot], None]

_BEGIN = guarded("capture.begin")


def _onward(places: tuple[str, ...], registry: Registry) -> "Onward":
    from llmobserve.capture.onward import Onward  # few applications name any

    return Onward(places, registry)


class UnderWay(Protocol):
    """What an engine owns until it has ended: an exchange or a session."""

    def abandoned(self) -> None:
        """Make the events of what nobody will end any more."""
        ...


class Engine:
    """Recognises requests and owns their exchanges and sessions until each has become an event."""

    def __init__(
        self,
        sink: Sink,
        settings: Settings,
        remind: Callable[[], None] | None = None,
        *,
        only_wrapped: bool = False,
    ) -> None:
        """`remind` is called, perhaps by the garbage collector, when there is something to `sweep`.

        `only_wrapped`: only calls of wrapped clients are observed.

        Raises ValueError when `settings.hosts` names an unknown provider.
        """
        self.sink = sink
        self.only_wrapped = only_wrapped
        self.capture_content = settings.capture_content
        self.registry = Registry(settings.hosts)
        self.onward = _onward(settings.propagate_to, self.registry) if settings.propagate_to else None
        """What hands the trace on to other services; `None` where the user names none."""
        self._open: dict[int, UnderWay] = {}
        self._remind = remind
        self._left_behind: deque[UnderWay] = deque()

    def begin(
        self,
        request: SentRequest,
        *,
        method: str,
        host: str,
        port: int | None,
        path: str,
        transport: str,
        provider_name: str | None = None,
    ) -> Exchange | None:
        """Start to observe a request that is about to be sent; `None` when it is not for a priced endpoint.

        `provider_name` is given by libraries that speak to one provider only, wherever it answers.
        """
        provider = self.registry.provider_for(host, port) if provider_name is None else load_provider(provider_name)
        if provider is None or (self.only_wrapped and not WRAPPED.get()):
            return None
        with _BEGIN:
            found = self.registry.endpoint_for(provider, method, path)
            if found is None:
                return None
            snapshot = current()
            if snapshot.facts.suppressed:
                return None
            if self._left_behind:
                self.sweep()
            headers = request.headers()
            exchange = Exchange(
                self,
                (provider, *found),
                request,
                method=method,
                host=host if port is None else f"{host}:{port}",
                path=path,
                transport=transport,
                snapshot=snapshot,
                attempt=next_attempt(headers, host, path, request.content()),
                request_headers=headers,
            )
            self._open[id(exchange)] = exchange
            return exchange
        return None

    def begin_session(self, *, host: str, port: int | None, path: str, query: str, transport: str) -> "Session | None":
        """Start to observe a WebSocket connection; `None` when it is not a priced one.

        `port` is `None` if it is that of the scheme.
        """
        provider = self.registry.provider_for(host, port)
        if provider is None or not provider.sockets or (self.only_wrapped and not WRAPPED.get()):
            return None
        with _BEGIN:
            found = self.registry.socket_for(provider, path)
            if found is None or suppressed():
                return None
            from llmobserve.capture.session import Session  # few applications open one

            if self._left_behind:
                self.sweep()
            session = Session(
                self,
                (provider, *found),
                host=host if port is None else f"{host}:{port}",
                path=path,
                query=query,
                transport=transport,
                snapshot=current(),
            )
            self._open[id(session)] = session
            return session
        return None

    def holds(self, session: UnderWay) -> bool:
        """True until it has ended or is the business of another process."""
        return id(session) in self._open

    def forget(self, exchange: UnderWay) -> bool:
        """Take the exchange out; True for the one caller that may conclude it."""
        return self._open.pop(id(exchange), None) is not None

    def leave_behind(self, exchange: UnderWay) -> None:
        """Keep an exchange whose response was collected, for the next `sweep`. Takes no lock."""
        self._left_behind.append(exchange)
        if self._remind is not None:
            self._remind()

    def sweep(self) -> None:
        """Make the events of responses that were dropped without being closed."""
        while self._left_behind:
            try:
                exchange = self._left_behind.popleft()
            except IndexError:
                return
            exchange.abandoned()

    def abandon_all(self) -> None:
        """Make an event of everything that is still under way: the process or the observation ends."""
        self.sweep()
        for exchange in list(self._open.values()):
            exchange.abandoned()

    def forget_all(self) -> None:
        """Drop everything under way without a trace: in a forked child it is the parent's."""
        self._open.clear()
        self._left_behind.clear()

    @property
    def under_way(self) -> int:
        """Number of exchanges that have not ended."""
        return len(self._open)
