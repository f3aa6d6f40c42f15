"""ASGI: names by route, endings, what is passed on untouched, and what costs nothing on the wire."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route

import llmobserve
from llmobserve import guard
from llmobserve.context import current, is_outside
from llmobserve.middleware.asgi import LLMObserveMiddleware
from llmobserve.settings import SettingError
from web.asked import Asked

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


def send(app: Any, *requests: tuple[str, str], headers: dict[str, str] | None = None) -> list[httpx2.Response]:
    """The answers of an application to these requests, one after the other. Its exceptions come out."""

    async def main() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://app.test") as client:
            answers = [await client.request(method, path, headers=headers) for method, path in requests]
        assert is_outside(current())
        return answers

    return asyncio.run(main())


def nested_application(asked: Asked) -> Starlette:
    """Applications and routers in each other, with parameters at every level."""
    router = APIRouter(prefix="/v{version}")

    @router.get("/items/{item_id}")
    async def item(item_id: int) -> str:
        await asked.ask_async()
        return "ok"

    inner = FastAPI()
    inner.include_router(router, prefix="/shop")
    inner.add_middleware(LLMObserveMiddleware, customer=lambda scope: "of the inner one")
    inner.add_route("/plain/{name}", plain(asked))

    def deepest(request: Request) -> Response:
        asked.ask()
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/direct/{name:str}", deepest),
            Mount("/t/{tenant}", routes=[Route("/a/{b:path}", deepest), Mount("/api", app=inner)]),
            Host("{sub}.host.test", app=Starlette(routes=[Route("/by-host/{x}", deepest)])),
            Mount("/other", app=other),
        ],
        middleware=[Middleware(LLMObserveMiddleware, customer=lambda scope: "acme")],
    )


def plain(asked: Asked) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        asked.ask()
        return PlainTextResponse("ok")

    return endpoint


async def other(scope: Any, receive: Any, send: Any) -> None:
    """An application that is not Starlette's."""
    with llmobserve.section("tool:other"):
        await PlainTextResponse("ok")(scope, receive, send)


def test_names_of_nested_applications(asked: Asked) -> None:
    answers = send(
        nested_application(asked),
        ("GET", "/direct/ann"),
        ("GET", "/t/acme/a/b/c?x=secret"),
        ("GET", "/t/a/api/shop/v2/items/7"),
        ("GET", "/t/t/api/plain/ann"),
        ("GET", "http://any.host.test/by-host/1"),
        ("GET", "/other/1/2"),
    )
    assert {answer.status_code for answer in answers} == {200}
    assert asked.names == [
        "GET /direct/{name}",
        "GET /t/{tenant}/a/{b}",
        "GET /t/{tenant}/api/shop/v{version}/items/{item_id}",
        "GET /t/{tenant}/api/plain/{name}",
        "GET /by-host/{x}",
        "GET /other/{path}",
    ]
    assert {call.context.customer_id for call in asked.captured.calls} == {"acme"}
    assert {span.context.customer_id for span in asked.captured.spans} == {"acme"}


@pytest.mark.parametrize("kind", ["copies", "routes later"])
def test_other_middlewares_do_not_hide_the_route(kind: str, asked: Asked) -> None:
    class Copies:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope}, receive, send)

    async def asks_first(request: Request, call_next: Any) -> Response:
        await asked.ask_async()  # before there is a route
        return await call_next(request)

    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> None:
        await asked.ask_async()

    if kind == "copies":
        app.add_middleware(Copies)
    else:
        app.add_middleware(BaseHTTPMiddleware, dispatch=asks_first)
    app.add_middleware(LLMObserveMiddleware)
    send(app, ("GET", "/items/1"))
    assert asked.run.name == "GET /items/{item_id}"
    assert {call.context.run_name for call in asked.captured.calls} == {"GET /items/{item_id}"}


def test_a_route_told_by_the_application(asked: Asked) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asked.ask_async()
        await PlainTextResponse("ok")(scope, receive, send)

    send(LLMObserveMiddleware(app, route=lambda scope: "/told/{x}"), ("POST", "/told/1"))
    send(LLMObserveMiddleware(app), ("BREW", "/pot/1"))
    assert asked.names == ["POST /told/{x}", "HTTP"]
    assert [span.attributes for span in asked.captured.spans] == [
        {"http.request.method": "POST", "http.route": "/told/{x}", "http.response.status_code": 200},
        {"http.request.method": "HTTP", "http.response.status_code": 200},
    ]


def failing_application(asked: Asked, error: Exception, *, handled: bool) -> Starlette:
    async def fail(request: Request) -> Response:
        await asked.ask_async()
        raise error

    async def handle(request: Request, exc: Exception) -> Response:
        return JSONResponse({"sorry": True}, 500)

    handlers: Any = {Exception: handle} if handled else {}
    middleware = [Middleware(LLMObserveMiddleware)]
    return Starlette(routes=[Route("/fail", fail)], exception_handlers=handlers, middleware=middleware)


@pytest.mark.parametrize("handled", [False, True])
def test_exceptions_pass_as_they_are(handled: bool, asked: Asked) -> None:
    error = ValueError("a secret of the application")
    with pytest.raises(ValueError) as raised:
        send(failing_application(asked, error, handled=handled), ("GET", "/fail"))
    assert raised.value is error
    assert raised.value.__cause__ is None
    run = asked.run
    # The answer of the handler for all exceptions is made outside of the middlewares: only the exception is seen here.
    assert (run.name, run.status, run.error and run.error.type) == ("GET /fail", "error", "ValueError")
    assert "secret" not in json.dumps(asked.records)


@pytest.mark.parametrize(("status", "ends", "error"), [(404, "ok", None), (503, "error", "http_503")])
def test_statuses(status: int, ends: str, error: str | None, asked: Asked) -> None:
    send(failing_application(asked, HTTPException(status), handled=False), ("GET", "/fail"))
    run = asked.run
    assert (run.status, run.error and run.error.type) == (ends, error)
    assert run.attributes["http.response.status_code"] == status


def test_a_request_without_a_call_sends_nothing(asked: Asked) -> None:
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware, customer=lambda scope: "acme")

    @app.get("/page/{number}")
    def page(number: int) -> str:
        return llmobserve.get_run_id()

    @app.api_route("/unchanged", methods=["GET", "HEAD"])
    def unchanged() -> Response:
        return Response(status_code=304)

    answers = send(app, ("GET", "/page/1"), ("GET", "/none"), ("HEAD", "/unchanged"), ("GET", "/unchanged"))
    assert [answer.status_code for answer in answers] == [200, 404, 304, 304]
    assert asked.records == []


def test_a_section_without_a_call_has_its_run(asked: Asked) -> None:
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware)

    @app.get("/work")
    async def work() -> None:
        with llmobserve.section("tool:search"):
            pass

    @app.get("/nested-run")
    async def nested_run() -> None:
        with llmobserve.run("job"):
            await asked.ask_async()

    send(app, ("GET", "/work"), ("GET", "/nested-run"))
    spans = {span.name: span for span in asked.captured.spans}
    assert set(spans) == {"search", "GET /work", "job", "GET /nested-run"}
    assert spans["search"].context.parent_span_id == spans["GET /work"].context.span_id
    assert spans["search"].context.run_name == "GET /work"
    assert spans["job"].context.parent_span_id == spans["GET /nested-run"].context.span_id


def test_a_score_without_a_call_has_its_run(asked: Asked) -> None:
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware)

    @app.get("/feedback")
    async def feedback() -> None:
        llmobserve.score("helpful", True)

    send(app, ("GET", "/feedback"))
    assert asked.run.name == "GET /feedback"
    assert [record["type"] for record in asked.records] == ["score", "span"]


def test_a_thread_that_calls_after_the_answer(asked: Asked) -> None:
    """Its run, which was not worth a record when it ended, is recorded then, whole."""
    answered, threads = threading.Event(), list[threading.Thread]()
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware, customer=lambda scope: "acme")

    def later() -> None:
        answered.wait(10)
        asked.ask()

    @app.get("/start/{what}")
    async def start(what: str) -> None:
        threads.append(threading.Thread(target=later))
        threads[0].start()

    send(app, ("GET", "/start/it"))
    assert asked.records == []
    answered.set()
    threads[0].join()
    run = asked.run
    assert (run.name, run.status, run.context.customer_id) == ("GET /start/{what}", "ok", "acme")
    assert run.duration_ms is not None
    call = asked.captured.call.context
    assert (call.run_name, call.parent_span_id) == ("GET /start/{what}", run.context.span_id)


def test_excluded_paths(asked: Asked) -> None:
    async def look(request: Request) -> Response:
        return PlainTextResponse(str(is_outside(current())))

    routes = [Route(path, look) for path in ("/health", "/healthy", "/static/{file}", "/")]
    excluded = Middleware(LLMObserveMiddleware, excluded_paths=["/health", "/static/*"])
    app = Starlette(routes=routes, middleware=[excluded])
    answers = send(app, ("GET", "/health"), ("GET", "/healthy"), ("GET", "/static/a"), ("GET", "/"))
    assert [answer.text for answer in answers] == ["True", "False", "True", "False"]


def test_the_trace_is_continued_and_the_baggage_only_of_own_callers(asked: Asked) -> None:
    with llmobserve.run("job", customer_id="acme", user_id="ann"), llmobserve.section("agent:a"):
        sent = llmobserve.trace_headers()
        job_id = llmobserve.get_run_id()

    app = FastAPI()

    @app.get("/x")
    async def x() -> None:
        await asked.ask_async()

    strange = LLMObserveMiddleware(app, customer=lambda scope: "bolt")
    own = LLMObserveMiddleware(app, baggage=lambda scope: (b"x-own", b"1") in scope["headers"])
    send(strange, ("GET", "/x"), headers=sent)
    send(own, ("GET", "/x"), headers=sent)
    send(own, ("GET", "/x"), headers={**sent, "x-own": "1"})
    calls = [call.context for call in asked.captured.calls]
    _, trace_id, span_id, _ = sent["traceparent"].split("-")
    assert {call.trace_id for call in calls} == {trace_id}
    assert [(call.customer_id, call.user_id) for call in calls] == [("bolt", None), (None, None), ("acme", "ann")]
    assert [call.run_name for call in calls] == ["GET /x", "GET /x", "job"]
    assert [call.run_id == job_id for call in calls] == [False, False, True]
    requests = [span for span in asked.captured.spans if span.name == "GET /x"]
    assert [span.kind for span in requests] == ["run", "run", "workflow"]
    assert {span.context.parent_span_id for span in requests} == {span_id}
    assert calls[2].section_path == "workflow:GET _x"


def test_below_the_span_that_fastapi_makes_for_opentelemetry(asked: Asked) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = FastAPI(telemetry={"tracer_provider": provider, "operation_spans": False})
    app.add_middleware(LLMObserveMiddleware)

    @app.get("/x")
    async def x() -> None:
        await asked.ask_async()

    send(app, ("GET", "/x"), headers={"traceparent": TRACEPARENT})
    server_span: Any = next(span for span in exporter.get_finished_spans() if span.name == "GET /x")
    run = asked.run.context
    assert (run.trace_id, run.parent_span_id) == (TRACE, f"{server_span.context.span_id:016x}")
    assert (asked.captured.call.context.trace_id, asked.captured.call.context.parent_span_id) == (TRACE, run.span_id)


def test_what_cannot_be_told_harms_nothing(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")

    def fails(scope: Any) -> Any:
        raise LookupError("no customer")

    async def fails_later(scope: Any) -> Any:
        raise LookupError("no user")

    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware, customer=fails, user=fails_later, session=lambda scope: 7, route=fails)

    @app.get("/x")
    async def x() -> None:
        await asked.ask_async()

    assert send(app, ("GET", "/x"))[0].status_code == 200
    context = asked.captured.call.context
    assert (context.customer_id, context.user_id, context.session_id) == (None, None, "7")
    assert asked.run.name == "GET /x"
    swallowed = guard.swallowed()
    assert swallowed["middleware.label"][0] == 2
    assert swallowed["middleware.route"][0] >= 1


@pytest.mark.parametrize("wrong", [{"customer": "acme"}, {"excluded_paths": ["health"]}, {"baggage": 1}])
def test_options_that_cannot_be_used(wrong: Any) -> None:
    with pytest.raises(SettingError):
        LLMObserveMiddleware(other, **wrong)


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_connections_are_passed_on_untouched(kind: str) -> None:
    seen: list[tuple[Any, ...]] = []

    async def app(*arguments: Any) -> None:
        seen.append((*arguments, is_outside(current())))

    async def receive() -> Any: ...
    async def send_message(message: Any) -> None: ...

    scope = {"type": kind, "path": "/x", "headers": []}
    asyncio.run(LLMObserveMiddleware(app)(scope, receive, send_message))
    assert seen == [(scope, receive, send_message, True)]
    assert seen[0][0] is scope
    assert scope == {"type": kind, "path": "/x", "headers": []}


def test_messages_pass_as_they_are_and_a_client_that_left_is_no_error(asked: Asked) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [], "trailers": True}
    body = {"type": "http.response.body", "body": b"x", "more_body": True}
    asked_for = {"type": "http.request", "body": b"", "more_body": False}
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() is asked_for
        await asked.ask_async()
        await send(start)
        await send(body)

    async def receive_request() -> Any:
        return asked_for

    async def send_until_gone(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            raise BrokenPipeError

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    with pytest.raises(BrokenPipeError):
        asyncio.run(LLMObserveMiddleware(app)(scope, receive_request, send_until_gone))
    assert sent[0] is start
    assert sent[1] is body
    assert (asked.run.status, asked.run.error) == ("cancelled", None)


@contextmanager
def served(app: Any) -> Generator[str]:
    """The address of an application under a real server."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_a_client_that_leaves_in_the_middle(asked: Asked) -> None:
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware, customer=lambda scope: "acme")
    left = threading.Event()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            await asked.ask_async()
            yield b"a"
            while not left.is_set():
                await asyncio.sleep(0.01)
            for _ in range(500):
                yield b"b"
                await asyncio.sleep(0.01)

        return StreamingResponse(body())

    with served(app) as url:
        with httpx2.Client() as client, client.stream("GET", f"{url}/stream") as answer:
            assert next(answer.iter_raw()) == b"a"
        left.set()
        with httpx2.Client() as client, client.stream("GET", f"{url}/stream") as answer:
            next(answer.iter_raw())
    spans = asked.captured.spans
    assert [(span.name, span.status, span.context.customer_id) for span in spans] == [
        ("GET /stream", "cancelled", "acme")
    ] * 2


def test_a_cancelled_request(asked: Asked) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asked.ask_async()
        await asyncio.sleep(60)

    async def main() -> None:
        scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        async with asyncio.timeout(0.5):
            await LLMObserveMiddleware(app)(scope, None, None)  # type: ignore[arg-type]

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert asked.run.status == "cancelled"


def test_what_a_route_says_later(asked: Asked) -> None:
    """As for every run: a customer that is set inside holds from there on, and for the run."""
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware, customer=lambda scope: "default")

    @app.get("/x")
    async def x() -> None:
        llmobserve.set_customer_id("known now")
        await asked.ask_async()

    send(app, ("GET", "/x"))
    assert asked.captured.call.context.customer_id == "known now"
    assert asked.run.context.customer_id == "known now"


def test_nothing_of_query_and_headers_is_recorded(asked: Asked) -> None:
    app = FastAPI()
    app.add_middleware(LLMObserveMiddleware)

    @app.post("/x/{name}")
    async def x(name: str) -> None:
        await asked.ask_async()

    send(app, ("POST", "/x/planted?planted=planted"), headers={"x-planted": "planted", "cookie": "planted"})
    assert "planted" not in json.dumps(asked.records)
    assert asked.run.attributes == {
        "http.request.method": "POST",
        "http.route": "/x/{name}",
        "http.response.status_code": 200,
    }
