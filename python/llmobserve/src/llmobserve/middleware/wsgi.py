"""WSGI: `app.wsgi_app = LLMObserveMiddleware(app.wsgi_app)` in Flask, `LLMObserveMiddleware(app)` elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from llmobserve.context import put
from llmobserve.guard import guarded
from llmobserve.middleware.options import Ask, Options
from llmobserve.middleware.request_run import RequestRun, begin
from llmobserve.middleware.streamed_body import StreamedBody

__all__ = ["CALLER", "TAKEN", "LLMObserveMiddleware"]

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

CALLER = (("HTTP_TRACEPARENT", "traceparent"), ("HTTP_BAGGAGE", "baggage"))
"""Keys of an environ that tell of the caller, with the names of their headers."""
TAKEN = "llmobserve.run"
"""Key of an environ whose request is a run already."""
_WHOLE, _STATUS = guarded("middleware.body"), guarded("middleware.status")


class LLMObserveMiddleware:
    """Each request is a run, until the server closes the response."""

    def __init__(
        self,
        app: Application,
        *,
        customer: Ask | None = None,
        user: Ask | None = None,
        session: Ask | None = None,
        route: Ask | None = None,
        excluded_paths: Iterable[str] = (),
        baggage: bool | Ask = False,
    ) -> None:
        """Functions get the environ. `customer`, `user`, `session`: the id, or `None`.

        `route`: the template of the route, for frameworks without Werkzeug. `excluded_paths`: such as "/health" or
        "/static/*". `baggage`: whether the caller is a service of your own, or what tells it.

        Raises:
            SettingError: an option cannot be used.
        """
        self.app = app
        self._options = Options(
            customer=customer, user=user, session=session, route=route, excluded_paths=excluded_paths, baggage=baggage
        )

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request."""
        options = self._options
        if TAKEN in environ or options.excludes(environ.get("PATH_INFO", "")):
            return self.app(environ, start_response)
        environ[TAKEN] = True
        request = begin(
            options,
            environ,
            method=environ["REQUEST_METHOD"],
            caller=[(name, environ[key]) for key, name in CALLER if key in environ],
            route=lambda: _template_of(environ),
            labels=options.labels(environ) if options.askers else {},
        )
        if request is None:
            return self.app(environ, start_response)

        def started(status: str, *rest: Any, **more: Any) -> Any:
            with _STATUS:
                request.status = int(status[:3])
                request.settle()  # Flask lets go of its request before a streamed body begins
            return start_response(status, *rest, **more)

        try:
            body = self.app(environ, started)
        except BaseException as error:
            request.end(error)
            raise
        return _kept_in(request, body, environ)


def _template_of(environ: Environ) -> str | None:
    """The rule that Werkzeug has found: such as `/items/<int:id>`."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return None if rule is None else rule.rule


def _kept_in(request: RequestRun, body: Iterable[bytes], environ: Environ) -> Iterable[bytes]:
    """The body, each piece of which is made in the context of the request."""
    is_whole = type(body) in {list, tuple}
    with _WHOLE:
        wrapper = environ.get("wsgi.file_wrapper")
        # The server sends files itself, if it finds its own wrapper.
        is_whole = is_whole or (isinstance(wrapper, type) and isinstance(body, wrapper))
    if is_whole:
        request.end(None)
        return body
    return (_SizedBody if hasattr(type(body), "__len__") else _Body)(request, body)


class _Body(StreamedBody):
    """An iterable body whose steps, and whose end, happen in the context of the request."""

    __slots__ = ("_iterable", "_iterator")

    def __init__(self, run: RequestRun, iterable: Iterable[bytes]) -> None:
        super().__init__(run)
        self._iterable = iterable
        self._iterator: Iterator[bytes] | None = None

    def take(self) -> bytes:
        """The next piece of the application's own body, whose making begins with the first."""
        if self._iterator is None:
            self._iterator = iter(self._iterable)
        return next(self._iterator)

    def close(self) -> None:
        """End the request, as the application's own `close` does."""
        before = put(self._inside)
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._error = self._error or error
            raise
        finally:
            self._inside = put(before)
            super().close()


class _SizedBody(_Body):
    """The same of a body that tells how many pieces it has: servers derive its length from that."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._iterable)  # pyright: ignore[reportArgumentType]
