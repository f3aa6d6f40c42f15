"""Puts the security headers on every answer, errors included, and refuses names that are not this server's."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmobserve_server.api.errors import problem_response
from llmobserve_server.auth.deployment import Deployment
from llmobserve_server.auth.key_headers import presented_key

__all__ = ["SECURITY_HEADERS", "HostCheck", "SecurityHeaders"]

SECURITY_HEADERS: dict[str, str] = {
    # base-uri is 'self' because the page carries a <base href> with the path prefix.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityHeaders:
    """Adds `SECURITY_HEADERS`, and forbids storing where the route has not said otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, add)


class HostCheck:
    """Answers 421 to a `Host` that is not ours, so that a page whose name was rebound to us learns nothing.

    A request with a key needs no such protection, because no page has one: containers reach the collector under
    names that nobody has configured.
    """

    def __init__(self, app: ASGIApp, deployment: Deployment) -> None:
        self._app = app
        self._deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) == 1 and (presented_key(headers) is not None or self._deployment.serves_host(hosts[0])):
            await self._app(scope, receive, send)
            return
        message = "This server is not known under this name. Add the name to LLMOBSERVE_ALLOWED_HOSTS if it should be."
        await problem_response(scope, 421, "unknown_host", message, field="Host")(scope, receive, send)
