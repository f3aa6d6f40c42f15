"""ASGI: `app.add_middleware(LLMObserveMiddleware)` in FastAPI and Starlette, `LLMObserveMiddleware(app)` elsewhere."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from llmobserve.middleware.options import Ask, Options
from llmobserve.middleware.request_run import begin
from llmobserve.middleware.starlette_routes import template_of

__all__ = ["LLMObserveMiddleware"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_CALLER = frozenset({b"traceparent", b"baggage"})
_TAKEN = "llmobserve"
"""Key of a scope whose request is a run already: an application mounted in it may have the middleware too."""


class LLMObserveMiddleware:
    """Each HTTP request is a run, to the end of its streamed body and its background tasks.

    Web sockets and the lifespan are passed on as they are.
    """

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
        """Functions get the scope. `customer`, `user`, `session`: the id, or `None`; they may be coroutines.

        `route`: the template of the route, for frameworks other than Starlette. `excluded_paths`: such as "/health"
        or "/static/*". `baggage`: whether the caller is a service of your own, or what tells it.

        Raises:
            SettingError: an option cannot be used.
        """
        self.app = app
        self._options = Options(
            customer=customer, user=user, session=session, route=route, excluded_paths=excluded_paths, baggage=baggage
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        options = self._options
        if scope["type"] != "http" or _TAKEN in scope or options.excludes(scope["path"]):
            await self.app(scope, receive, send)
            return
        scope[_TAKEN] = True
        outer_app, root_path = scope.get("app"), scope.get("root_path", "")
        request = begin(
            options,
            scope,
            method=scope["method"],
            caller=[pair for pair in scope.get("headers", ()) if pair[0] in _CALLER],
            route=lambda: template_of(scope, outer_app, root_path),
            labels=await options.labels_async(scope) if options.askers else {},
        )
        if request is None:
            await self.app(scope, receive, send)
            return
        is_gone = is_answered = False

        async def listened() -> Any:
            nonlocal is_gone
            message = await receive()
            if message["type"] == "http.disconnect" and not is_answered:
                is_gone = True
            return message

        async def watched(message: Any) -> None:
            nonlocal is_gone, is_answered
            kind = message["type"]
            if kind == "http.response.start":
                request.status = message["status"]
            elif kind == "http.response.body" and not message.get("more_body", False):
                is_answered = True
            try:
                await send(message)
            except OSError:  # what later versions of the specification have a server raise when the client is gone
                is_gone = True
                raise

        try:
            await self.app(scope, listened, watched)
        except BaseException as error:
            request.end(GeneratorExit() if is_gone else error)
            raise
        request.end(GeneratorExit() if is_gone else None)
