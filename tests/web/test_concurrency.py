"""100 requests of three customers at the same time, under real servers: each call has its customer and its route."""

from pathlib import Path

import pytest

from web.rig import CUSTOMERS, serving

FASTAPI = """
import llmobserve, openai
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from llmobserve.middleware.asgi import LLMObserveMiddleware

llmobserve.observe()
app = FastAPI()

async def customer(scope):
    return Request(scope).headers.get("x-customer")

app.add_middleware(LLMObserveMiddleware, customer=customer)
sync_client, async_client = openai.OpenAI(), openai.AsyncOpenAI()

def ask(who, route, stream=False):
    prompt = [{"role": "user", "content": f"for:{who} in:{route}"}]
    return dict(model="gpt-4o-mini", messages=prompt, stream=stream)

def sync_body(who, route):
    for chunk in sync_client.chat.completions.create(**ask(who, route, stream=True)):
        yield chunk.id

async def async_body(who, route):
    async for chunk in await async_client.chat.completions.create(**ask(who, route, stream=True)):
        yield chunk.id

@app.get("/sync/{who}")
def sync_route(who: str):
    sync_client.chat.completions.create(**ask(who, "GET /sync/{who}"))

@app.post("/async/{who}")
async def async_route(who: str):
    await async_client.chat.completions.create(**ask(who, "POST /async/{who}"))

@app.get("/sync-stream/{who}")
def sync_stream(who: str):
    return StreamingResponse(sync_body(who, "GET /sync-stream/{who}"))

@app.get("/async-stream/{who}")
async def async_stream(who: str):
    return StreamingResponse(async_body(who, "GET /async-stream/{who}"))

@app.get("/tasks/{who}")
def tasks(who: str, background: BackgroundTasks):
    async def later():
        await async_client.chat.completions.create(**ask(who, "GET /tasks/{who}"))
    background.add_task(later)
    background.add_task(lambda: list(sync_body(who, "GET /tasks/{who}")))

@app.get("/health")
def health():
    return "ok"
"""

FLASK = """
import llmobserve, openai
from flask import Flask, Response, request, stream_with_context
from llmobserve.middleware.flask import init_app

llmobserve.observe()
app = Flask(__name__)
init_app(app, customer=lambda request: request.headers.get("x-customer"))
client = openai.OpenAI()

def ask(who, route, stream=False):
    prompt = [{"role": "user", "content": f"for:{who} in:{route}"}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=prompt, stream=stream)

@app.route("/plain/<who>")
def plain(who):
    ask(who, "GET /plain/<who>")
    return "ok"

@app.post("/items/<int:number>/<who>")
def item(number, who):
    ask(who, "POST /items/<int:number>/<who>")
    return "ok"

@app.route("/stream/<who>")
def stream(who):
    @stream_with_context
    def body():
        for chunk in ask(request.view_args["who"], "GET /stream/<who>", stream=True):
            yield chunk.id
        ask(who, "GET /stream/<who>")
    return Response(body())

@app.route("/health")
def health():
    return "ok"
"""

DJANGO = """
import django, llmobserve, openai
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path

llmobserve.observe()
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="test",
    USE_TZ=True,
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "llmobserve.middleware.django.Middleware",
        "app.other_middleware",
    ],
    LLMOBSERVE={"customer": "app.customer_of"},
)
django.setup()
sync_client, async_client = openai.OpenAI(), openai.AsyncOpenAI()

def customer_of(request):
    return request.headers.get("x-customer")

def other_middleware(get_response):
    return lambda request: get_response(request)

def ask(who, route, stream=False):
    prompt = [{"role": "user", "content": f"for:{who} in:{route}"}]
    return dict(model="gpt-4o-mini", messages=prompt, stream=stream)

def sync_body(who, route):
    for chunk in sync_client.chat.completions.create(**ask(who, route, stream=True)):
        yield chunk.id

async def async_body(who, route):
    async for chunk in await async_client.chat.completions.create(**ask(who, route, stream=True)):
        yield chunk.id

def sync_view(request, who):
    sync_client.chat.completions.create(**ask(who, "GET /sync/<str:who>/"))
    return HttpResponse("ok")

async def async_view(request, who):
    async with openai.AsyncOpenAI() as client:  # under WSGI each request has an event loop of its own
        await client.chat.completions.create(**ask(who, "GET /nested/async/<who>/"))
    return HttpResponse("ok")

def sync_stream(request, who):
    return StreamingHttpResponse(sync_body(who, "GET /sync-stream/<who>/"))

async def async_stream(request, who):
    return StreamingHttpResponse(async_body(who, "GET /async-stream/<who>/"))

urlpatterns = [
    path("sync/<str:who>/", sync_view),
    path("nested/", include([path("async/<who>/", async_view)])),
    path("sync-stream/<who>/", sync_stream),
    path("async-stream/<who>/", async_stream),
    path("health/", lambda request: HttpResponse("ok")),
]

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
asgi, wsgi = get_asgi_application(), get_wsgi_application()
"""

UVICORN = ["uvicorn", "--host=127.0.0.1", "--port={port}", "--log-level=warning", "--lifespan=auto"]
GTHREAD = [
    *("gunicorn", "--worker-class=gthread", "--workers=1", "--threads=25", "--bind=127.0.0.1:{port}"),
    *("--no-control-socket", "--log-level=warning"),
]


def requests(paths: dict[str, str], number: int = 100) -> list[tuple[str, str, str]]:
    """So many requests, in turn to all paths (path → method) and of all customers."""
    kinds = list(paths.items())
    made: list[tuple[str, str, str]] = []
    for at in range(number):
        path, method = kinds[at % len(kinds)]
        customer = CUSTOMERS[at // len(kinds) % len(CUSTOMERS)]
        made.append((method, path.replace("WHO", customer), customer))
    return made


def check_names(runs: list[dict[str, object]], expected: dict[str, int]) -> None:
    names: dict[str, int] = {}
    for run in runs:
        assert run.get("status", "ok") == "ok", run
        names[str(run["name"])] = names.get(str(run["name"]), 0) + 1
    assert names == expected


def test_fastapi(tmp_path: Path) -> None:
    paths = {
        "/sync/WHO": "GET",
        "/async/WHO": "POST",
        "/sync-stream/WHO": "GET",
        "/async-stream/WHO": "GET",
        "/tasks/WHO": "GET",
        "/health": "GET",
    }
    with serving(tmp_path, FASTAPI, [*UVICORN, "app:app"]) as site:
        site.ask_all(requests(paths))
        # 100 over six: four of them 17 times, two 16 times; a request to /tasks calls twice, one to /health never.
        runs = site.check(17 + 17 + 17 + 17 + 2 * 16)
        expected = {"GET /sync/{who}": 17, "POST /async/{who}": 17, "GET /sync-stream/{who}": 17}
        check_names(runs, {**expected, "GET /async-stream/{who}": 17, "GET /tasks/{who}": 16})


def test_flask(tmp_path: Path) -> None:
    paths = {"/plain/WHO": "GET", "/items/42/WHO": "POST", "/stream/WHO": "GET", "/health": "GET"}
    with serving(tmp_path, FLASK, [*GTHREAD, "app:app"]) as site:
        site.ask_all(requests(paths))
        runs = site.check(25 + 25 + 2 * 25)
        check_names(runs, {"GET /plain/<who>": 25, "POST /items/<int:number>/<who>": 25, "GET /stream/<who>": 25})


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django(kind: str, tmp_path: Path) -> None:
    paths = {
        "/sync/WHO/": "GET",
        "/nested/async/WHO/": "GET",
        ("/sync-stream/WHO/" if kind == "wsgi" else "/async-stream/WHO/"): "GET",
        "/health/": "GET",
    }
    command = [*GTHREAD, "app:wsgi"] if kind == "wsgi" else [*UVICORN, "app:asgi"]
    with serving(tmp_path, DJANGO, command) as site:
        site.ask_all(requests(paths))
        runs = site.check(75)
        stream = "GET /sync-stream/<who>/" if kind == "wsgi" else "GET /async-stream/<who>/"
        check_names(runs, {"GET /sync/<str:who>/": 25, "GET /nested/async/<who>/": 25, stream: 25})
