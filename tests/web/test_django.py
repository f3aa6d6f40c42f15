"""Django: names by route, endings, and views of both kinds; the settings of the middleware."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import include, path, re_path

import llmobserve
from llmobserve import guard
from llmobserve.context import current, is_outside
from llmobserve.middleware.django import Middleware
from llmobserve.settings import SettingError
from web.asked import Asked

MIDDLEWARE = ["web.test_django.log_in", "llmobserve.middleware.django.Middleware"]
if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="test", USE_TZ=True)
    django.setup()

at: list[Asked] = []
"""Where the views call, in the test that runs."""


def log_in(get_response: Any) -> Any:
    """What AuthenticationMiddleware does, without a database."""

    def handle(request: HttpRequest) -> Any:
        request.user = f"user-{request.headers.get('x-user')}"  # type: ignore[assignment]
        return get_response(request)

    return handle


def user_of(request: Any) -> str:
    return request.user


async def later_user_of(request: Any) -> str:
    await asyncio.sleep(0)
    return f"{request.user}-later"


def item(request: Any, number: int) -> HttpResponse:
    at[0].ask()
    return HttpResponse(b"ok")


async def async_item(request: Any, tenant: str, number: int) -> HttpResponse:
    await at[0].ask_async()
    return HttpResponse(b"ok")


def stream(request: Any) -> StreamingHttpResponse:
    def body() -> Iterator[str]:
        yield "a"
        at[0].ask()
        if "fail" in request.GET:
            raise ValueError("a secret of the application")
        yield "b"

    return StreamingHttpResponse(body())


async def async_stream(request: Any) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[str]:
        yield "a"
        await at[0].ask_async()
        if "fail" in request.GET:
            raise ValueError("a secret of the application")
        yield "b"

    return StreamingHttpResponse(body())


def fail(request: Any, how: str) -> HttpResponse:
    at[0].ask()
    if how == "missing":
        raise Http404
    if how == "busy":
        return HttpResponse(status=503)
    raise ValueError("a secret of the application")


def file(request: Any) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


def outside(request: Any) -> HttpResponse:
    return HttpResponse(str(is_outside(current())).encode())


urlpatterns = [
    path("items/<int:number>/", item),
    path("nested/", include([path("<slug:tenant>/", include([path("async/<int:number>/", async_item)]))])),
    re_path(r"^old/(?P<number>[0-9]+)/$", item),
    path("stream/", stream),
    path("async-stream/", async_stream),
    path("fail/<how>/", fail),
    path("file/", file),
    path("health/", outside),
]


@pytest.fixture
def views(asked: Asked) -> Iterator[Asked]:
    at[:] = [asked]
    with override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__, LLMOBSERVE={"user": user_of}):
        yield asked
    at.clear()


def get(kind: str, url: str, **headers: str) -> Any:
    """The answer with its body read, under WSGI or ASGI. Exceptions are answered as in production."""
    if kind == "wsgi":
        answer: Any = Client(raise_request_exception=False).get(url, headers=headers)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        answer.close()
        return answer.status_code, body

    async def main() -> Any:
        answer: Any = await AsyncClient(raise_request_exception=False).get(url, headers=headers)
        body = b"".join([part async for part in answer.streaming_content]) if answer.streaming else answer.content
        answer.close()
        return answer.status_code, body

    return asyncio.run(main())


KINDS = pytest.mark.parametrize("kind", ["wsgi", "asgi"])


@KINDS
def test_names(kind: str, views: Asked) -> None:
    assert get(kind, "/items/7/?planted=1", **{"x-user": "ann", "x-planted": "1"}) == (200, b"ok")
    assert get(kind, "/nested/acme/async/7/", **{"x-user": "bob"}) == (200, b"ok")
    assert get(kind, "/old/7/", **{"x-user": "cid"}) == (200, b"ok")
    assert views.names == ["GET /items/<int:number>/", "GET /nested/<slug:tenant>/async/<int:number>/", OLD]
    assert [call.context.user_id for call in views.captured.calls] == ["user-ann", "user-bob", "user-cid"]
    assert [span.context.user_id for span in views.captured.spans] == ["user-ann", "user-bob", "user-cid"]
    assert views.captured.spans[0].attributes == {
        "http.request.method": "GET",
        "http.route": "/items/<int:number>/",
        "http.response.status_code": 200,
    }
    assert "planted" not in json.dumps(views.records)


OLD = r"GET ^old/(?P<number>[0-9]+)/$"


@KINDS
def test_streams(kind: str, views: Asked) -> None:
    url = "/stream/" if kind == "wsgi" else "/async-stream/"
    assert get(kind, url, **{"x-user": "ann"}) == (200, b"ab")
    with pytest.raises(ValueError):
        get(kind, f"{url}?fail")
    whole, broken = (span for span in views.captured.spans if span.kind == "run")
    assert [call.context.run_id for call in views.captured.calls] == [whole.context.run_id, broken.context.run_id]
    assert (whole.status, whole.context.user_id) == ("ok", "user-ann")
    assert is_outside(current())


def test_a_stream_that_the_client_leaves(views: Asked) -> None:
    answer: Any = Client().get("/stream/")
    pieces = iter(answer.streaming_content)
    assert [next(pieces), next(pieces)] == [b"a", b"b"]
    answer.close()
    assert views.run.status == "cancelled"


@KINDS
@pytest.mark.parametrize(
    ("how", "code", "status", "error"),
    [("missing", 404, "ok", None), ("busy", 503, "error", "http_503"), ("raises", 500, "error", "ValueError")],
)
def test_errors(how: str, code: int, status: str, error: str | None, kind: str, views: Asked) -> None:
    assert get(kind, f"/fail/{how}/")[0] == code
    run = views.run
    assert (run.name, run.status, run.error and run.error.type) == ("GET /fail/<how>/", status, error)
    assert run.attributes["http.response.status_code"] == code
    assert "secret" not in json.dumps(views.records)


@KINDS
def test_silent_requests_send_nothing(kind: str, views: Asked) -> None:
    assert get(kind, "/none/")[0] == 404
    if kind == "wsgi":
        assert get(kind, "/file/")[1].startswith(b'"""Django')
    with override_settings(LLMOBSERVE={"excluded_paths": ["/health/"]}):
        assert get(kind, "/health/") == (200, b"True")
    assert get(kind, "/health/") == (200, b"False")
    assert views.records == []


def test_files_are_sent_by_the_server(views: Asked) -> None:
    response, request = file(None), RequestFactory().get("/file/")
    request.user = "ann"  # type: ignore[assignment]
    stream = response.file_to_stream
    assert Middleware(lambda request: response)(request) is response
    assert response.file_to_stream is stream is not None
    response.close()


@KINDS
def test_settings_by_dotted_path(kind: str, views: Asked) -> None:
    with override_settings(LLMOBSERVE={"customer": "web.test_django.user_of", "baggage": True}):
        with llmobserve.run("job", user_id="of the caller"):
            sent = llmobserve.trace_headers()
        get(kind, "/items/1/", **{"x-user": "ann"}, **sent)
    call = views.captured.call.context
    assert (call.customer_id, call.user_id, call.run_name) == ("user-ann", "of the caller", "job")
    assert call.trace_id == sent["traceparent"].split("-")[1]


def test_a_coroutine_function_where_it_can_be_waited_for(views: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(LLMOBSERVE={"user": later_user_of}):
        get("asgi", "/items/1/", **{"x-user": "ann"})
        monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
        assert get("wsgi", "/items/1/", **{"x-user": "bob"}) == (200, b"ok")
    assert [call.context.user_id for call in views.captured.calls] == ["user-ann-later", None]
    assert guard.swallowed()["middleware.label"][0] == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"custmer": user_of}, "has no 'custmer'. There are: customer"),
        ({"customer": "web.test_django.nothing"}, "cannot be imported"),
        ({"customer": "nothing"}, "cannot be imported"),
        ({"customer": 7}, "give a function"),
        (["customer"], "has to be a dict"),
    ],
)
def test_settings_that_cannot_be_used(wrong: Any, says: str) -> None:
    with override_settings(LLMOBSERVE=wrong), pytest.raises(SettingError, match=says):
        Middleware(lambda request: None)
