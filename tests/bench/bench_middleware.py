"""What the middlewares add to a request that makes no call: the application with and without, in turns in one process.

Run: `./dev bench middleware [rounds]`, on a machine that does nothing else. No server and no socket: the applications
are called as a server calls them. Figures are CPU time of the calling thread, the lower quartile of all requests of a
kind.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import llmobserve
from llmobserve.middleware.asgi import LLMObserveMiddleware
from llmobserve.middleware.flask import init_app
from llmobserve.transport.memory import MemoryTransport

Case = Callable[[], None]
REQUESTS = 200
HEADERS = [(b"host", b"app.test"), (b"accept", b"*/*"), (b"user-agent", b"bench"), (b"x-customer", b"acme")]

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="bench", MIDDLEWARE=[])
django.setup()
urlpatterns = [path("items/<int:number>/", lambda request, number: HttpResponse(b"ok"))]


def _asgi(loop: asyncio.AbstractEventLoop, app: Any) -> Case:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        return None

    def request() -> None:
        scope = {"type": "http", "method": "GET", "path": "/items/7", "headers": HEADERS, "query_string": b""}
        loop.run_until_complete(app({**scope, "asgi": {"spec_version": "2.4"}}, receive, send))

    return request


def _wsgi(app: Any) -> Case:
    def request() -> None:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/items/7/",
            "QUERY_STRING": "",
            "SERVER_NAME": "app.test",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "HTTP_X_CUSTOMER": "acme",
            "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr,
        }
        body = app(environ, lambda status, headers, exc_info=None: None)
        for _ in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()

    return request


def _starlette() -> Starlette:
    async def item(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/items/{number}", item)])


def _fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}")
    async def item(number: int) -> str:
        return "ok"

    return app


def _flask() -> Flask:
    app = Flask(__name__)

    @app.route("/items/<int:number>/")
    def item(number: int) -> str:
        return "ok"

    return app


def _pairs(loop: asyncio.AbstractEventLoop) -> dict[str, tuple[Case, Case]]:
    """Of each kind the application without and with the middleware, which asks for the customer."""

    def customer(scope: Any) -> str:
        return next(value.decode() for name, value in scope["headers"] if name == b"x-customer")

    pairs: dict[str, tuple[Case, Case]] = {}
    for name, make in (("Starlette", _starlette), ("FastAPI", _fastapi)):
        with_middleware = make()
        with_middleware.add_middleware(LLMObserveMiddleware, customer=customer)
        pairs[name] = _asgi(loop, make()), _asgi(loop, with_middleware)
    flask_with_middleware = _flask()
    init_app(flask_with_middleware, customer=lambda request: request.headers["x-customer"])
    pairs["Flask"] = _wsgi(_flask()), _wsgi(flask_with_middleware)
    bare = get_wsgi_application()
    options = {"customer": lambda request: request.headers["x-customer"]}
    with override_settings(MIDDLEWARE=["llmobserve.middleware.django.Middleware"], LLMOBSERVE=options):
        pairs["Django, WSGI"] = _wsgi(bare), _wsgi(get_wsgi_application())
    return pairs


def _times_us(case: Case) -> list[float]:
    gc.collect()
    gc.disable()
    times: list[float] = []
    for _ in range(REQUESTS):
        before = time.thread_time_ns()
        case()
        times.append((time.thread_time_ns() - before) / 1000)
    gc.enable()
    return times


def main() -> None:
    """Print one line a framework."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    loop = asyncio.new_event_loop()
    transport = MemoryTransport()
    with tempfile.TemporaryDirectory() as folder:
        llmobserve.observe(transport=transport, spool_dir=folder, flush_interval_ms=60_000)
        print(f"{'a request without a call':<30}{'bare µs':>10}{'added µs':>10}{'ratio':>8}")
        for name, (bare, observed) in _pairs(loop).items():
            for case in (bare, observed):
                _times_us(case)
            without, within = list[float](), list[float]()
            for _ in range(rounds):
                without += _times_us(bare)
                within += _times_us(observed)
            base, more = (sorted(times)[len(times) // 4] for times in (without, within))
            print(f"{name:<30}{base:>10.1f}{more - base:>10.1f}{more / base:>8.3f}", flush=True)
        llmobserve.shutdown(5)
    print(f"{'records on the wire':<30}{len(transport.events):>10}")
    loop.close()


if __name__ == "__main__":
    main()
