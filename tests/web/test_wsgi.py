"""WSGI and Flask: names by rule, endings, and what the server gets as it is."""

import json
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from flask import Blueprint, Flask, Response, abort, g, request
from flask import session as flask_session

import llmobserve
from llmobserve import guard
from llmobserve.context import current, is_outside
from llmobserve.middleware.flask import init_app
from llmobserve.middleware.wsgi import LLMObserveMiddleware
from web.asked import Asked


def environ_of(path: str = "/x", method: str = "GET", **more: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "REQUEST_METHOD": method, **more}
    setup_testing_defaults(environ)
    return environ


class Started:
    """A server's `start_response`."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any) -> Any:
        self.given.append(arguments)
        return self.write

    def write(self, data: bytes) -> None:
        self.given.append((data,))


def serve(app: Any, environ: dict[str, Any], *, most: int | None = None) -> list[bytes]:
    """What a server does: take the body, or as much as the client waits for, and close it."""
    body = app(environ, Started())
    pieces: list[bytes] = []
    try:
        for piece in body:
            assert is_outside(current())
            pieces.append(piece)
            if len(pieces) == most:
                break
    finally:
        if hasattr(body, "close"):
            body.close()
    assert is_outside(current())
    return pieces


def flask_application(asked: Asked) -> Flask:
    app = Flask(__name__)
    app.secret_key = "test"
    shop = Blueprint("shop", __name__, url_prefix="/shop/<tenant>")

    @shop.route("/items/<int:number>", methods=["GET", "POST"])
    def item(tenant: str, number: int) -> str:
        asked.ask()
        return "ok"

    @app.route("/stream")
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield "a"
            asked.ask()
            yield "b"

        return Response(body())

    @app.route("/fails")
    def fails() -> str:
        asked.ask()
        raise ValueError("a secret of the application")

    @app.route("/busy")
    def busy() -> str:
        asked.ask()
        abort(503)

    @app.route("/unchanged")
    def unchanged() -> Response:
        asked.ask()
        return Response(status=304)

    @app.route("/silent")
    def silent() -> str:
        return "ok"

    app.register_blueprint(shop)
    return app


def test_names_of_flask(asked: Asked) -> None:
    app = flask_application(asked)
    app.wsgi_app = LLMObserveMiddleware(app.wsgi_app, customer=lambda environ: environ["HTTP_X_CUSTOMER"])
    client = app.test_client()
    headers = {"x-customer": "acme"}
    answers = [
        client.get("/shop/planted/items/7?planted=1", headers=headers, buffered=True),
        client.post("/shop/planted/items/7", headers=headers, buffered=True),
        client.head("/shop/planted/items/7", headers=headers, buffered=True),
        client.get("/stream", headers=headers, buffered=True),
        client.get("/unchanged", headers=headers, buffered=True),
        client.get("/silent", headers=headers, buffered=True),
        client.get("/none", headers=headers, buffered=True),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 304, 200, 404]
    assert answers[3].text == "ab"
    assert asked.names == [
        "GET /shop/<tenant>/items/<int:number>",
        "POST /shop/<tenant>/items/<int:number>",
        "HEAD /shop/<tenant>/items/<int:number>",
        "GET /stream",
        "GET /unchanged",
    ]
    assert {span.status for span in asked.captured.spans} == {"ok"}
    assert {record["context"]["customer_id"] for record in asked.records} == {"acme"}
    assert asked.captured.spans[-1].attributes == {
        "http.request.method": "GET",
        "http.route": "/unchanged",
        "http.response.status_code": 304,
    }
    assert "planted" not in json.dumps(asked.records)


def test_errors_of_flask(asked: Asked) -> None:
    app = flask_application(asked)
    init_app(app)
    client = app.test_client()
    assert client.get("/fails", buffered=True).status_code == 500
    assert client.get("/busy", buffered=True).status_code == 503
    app.testing = True
    with pytest.raises(ValueError):
        client.get("/fails", buffered=True)
    spans = asked.captured.spans
    assert [(span.name, span.status, span.error and span.error.type) for span in spans] == [
        ("GET /fails", "error", "http_500"),
        ("GET /busy", "error", "http_503"),
        ("GET /fails", "error", "ValueError"),
    ]
    assert "secret" not in json.dumps(asked.records)


def test_init_app_asks_where_flask_knows(asked: Asked) -> None:
    app = flask_application(asked)

    @app.before_request
    def log_in() -> None:
        g.tenant = request.headers["x-tenant"]

    init_app(
        app,
        customer=lambda request: g.tenant,
        user=lambda request: request.view_args["number"],
        session=lambda request: flask_session.get("id"),
        excluded_paths="/silent",
    )
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["id"] = "visit-1"
    client.get("/shop/t/items/7", headers={"x-tenant": "acme"}, buffered=True)
    client.get("/silent", headers={"x-tenant": "acme"})
    call = asked.captured.call.context
    assert (call.customer_id, call.user_id, call.session_id) == ("acme", "7", "visit-1")
    run = asked.run.context
    assert (run.customer_id, run.user_id, run.session_id) == ("acme", "7", "visit-1")


def test_a_coroutine_function_is_not_asked_in_wsgi(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")

    async def customer(environ: Any) -> str:
        return "acme"

    app = flask_application(asked)
    app.wsgi_app = LLMObserveMiddleware(app.wsgi_app, customer=customer)
    assert app.test_client().get("/stream", buffered=True).text == "ab"
    assert asked.captured.call.context.customer_id is None
    assert guard.swallowed()["middleware.label"][0] == 1


def test_the_protocol_is_kept_on_both_sides(asked: Asked) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [("content-type", "text/plain")])
        write(b"written")
        asked.ask()
        yield b"a"
        asked.ask()
        yield b"b"

    checked: Any = validator(LLMObserveMiddleware(validator(app)))  # type: ignore[arg-type]
    assert serve(checked, environ_of(QUERY_STRING="")) == [b"a", b"b"]
    run = asked.run
    assert (run.name, run.status, run.attributes["http.response.status_code"]) == ("GET", "ok", 200)
    assert {call.context.run_id for call in asked.captured.calls} == {run.context.run_id}


@pytest.mark.parametrize("whole", [[b"a"], (b"a", b"b"), FileWrapper(open("/dev/null", "rb"))])  # noqa: SIM115
def test_whole_bodies_are_the_applications_own(whole: Any, asked: Asked) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        asked.ask()
        start_response("200 OK", [], None)
        return whole

    started = Started()
    environ = environ_of() | {"wsgi.file_wrapper": FileWrapper}
    assert LLMObserveMiddleware(app)(environ, started) is whole
    assert started.given == [("200 OK", [], None)]
    assert asked.run.status == "ok"


def test_bodies_keep_their_length_and_their_close() -> None:
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

        def close(self) -> None:
            closed.append(llmobserve.get_run_id())

    class SizedBody(Body):
        def __len__(self) -> int:
            return 1

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return SizedBody() if environ["PATH_INFO"] == "/sized" else Body()

    middleware = LLMObserveMiddleware(app)
    outside = llmobserve.get_run_id()
    sized: Any = middleware(environ_of("/sized"), Started())
    assert len(sized) == 1
    sized.close()
    assert not hasattr(middleware(environ_of(), Started()), "__len__")
    assert serve(middleware, environ_of()) == [b"a"]
    assert len(closed) == 2
    assert outside not in closed


@pytest.mark.parametrize(
    ("ends", "status", "error"), [("raises", "error", "OSError"), ("left", "cancelled", None), ("whole", "ok", None)]
)
def test_how_a_body_ends(ends: str, status: str, error: str | None, asked: Asked) -> None:
    failure = OSError("body")

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        asked.ask()
        yield b"a"
        if ends == "raises":
            raise failure
        yield b"b"

    middleware = LLMObserveMiddleware(app, customer=lambda environ: "acme")
    if ends == "raises":
        with pytest.raises(OSError) as raised:
            serve(middleware, environ_of())
        assert raised.value is failure
    else:
        serve(middleware, environ_of(), most=1 if ends == "left" else None)
    run = asked.run
    assert (run.status, run.error and run.error.type, run.context.customer_id) == (status, error, "acme")


def test_bodies_that_are_taken_in_turns_have_their_own_runs(asked: Asked) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(2):
            asked.ask()
            yield b"a"

    middleware = LLMObserveMiddleware(app, customer=lambda environ: environ["PATH_INFO"][1:])
    bodies: list[Any] = [middleware(environ_of(f"/{name}"), Started()) for name in ("ann", "bob")]
    for _ in range(2):
        for body in bodies:
            next(body)
    for body in bodies:
        body.close()
    calls = [call.context for call in asked.captured.calls]
    assert [call.customer_id for call in calls] == ["ann", "bob", "ann", "bob"]
    assert len({call.run_id for call in calls}) == 2


def test_applications_in_each_other_are_one_run(asked: Asked) -> None:
    inner = flask_application(asked)
    init_app(inner, customer=lambda request: "inner")
    outer = LLMObserveMiddleware(inner.wsgi_app, customer=lambda environ: "outer")
    serve(outer, environ_of("/shop/t/items/1"))
    # The inner one knows more: what it tells holds.
    assert asked.run.name == "GET /shop/<tenant>/items/<int:number>"
    assert asked.captured.call.context.customer_id == "inner"


def test_the_trace_is_continued(asked: Asked) -> None:
    with llmobserve.run("job", customer_id="acme"):
        sent = llmobserve.trace_headers()
    headers = {f"HTTP_{name.upper()}": value for name, value in sent.items()}
    for baggage in (False, True):
        app = flask_application(asked)
        init_app(app, baggage=baggage)
        serve(app, environ_of("/shop/t/items/1", **headers))
    strange, own = (call.context for call in asked.captured.calls)
    trace_id = sent["traceparent"].split("-")[1]
    assert (strange.trace_id, strange.customer_id) == (trace_id, None)
    assert (own.trace_id, own.customer_id, own.run_name) == (trace_id, "acme", "job")


def test_a_silent_request_leaves_no_cycle(asked: Asked) -> None:
    """What a framework has of a request is freed with it, and not by the garbage collector some day."""
    import gc
    import weakref

    class Body(list[bytes]):
        pass

    kept: list[weakref.ref[Any]] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        body = Body([b"a"])
        environ["mine"] = body
        kept.append(weakref.ref(body))
        return [b"a"]

    gc.disable()
    try:
        serve(LLMObserveMiddleware(app), environ_of())
        assert kept[0]() is None
    finally:
        gc.enable()
