"""FastAPI: what a route sets holds for its streamed body and its background tasks, whichever kind each of them is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
import pytest
import starlette.background
import starlette.responses
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from loopback.openai_bodies import CHAT_USAGE, chat_chunks
from loopback.rig import observed
from loopback.server import Loopback, event_stream

import llmobserve

PROMPT: Any = [{"role": "user", "content": "Hello"}]


def application(base_url: str) -> FastAPI:
    app = FastAPI()

    def sync_call() -> Iterator[str]:
        with openai.OpenAI(api_key="k", base_url=base_url) as client:
            for chunk in client.chat.completions.create(model="m", messages=PROMPT, stream=True):
                yield chunk.id

    async def async_call() -> AsyncIterator[str]:
        async with openai.AsyncOpenAI(api_key="k", base_url=base_url) as client:
            async for chunk in await client.chat.completions.create(model="m", messages=PROMPT, stream=True):
                yield chunk.id

    def sync_task() -> None:
        list(sync_call())

    async def async_task() -> None:
        async for _ in async_call():
            pass

    bodies: dict[str, Any] = {"sync": sync_call, "async": async_call}
    tasks: dict[str, Any] = {"sync": sync_task, "async": async_task}

    @app.get("/async-route/body/{kind}/{customer}")
    async def async_body(kind: str, customer: str) -> StreamingResponse:
        llmobserve.set_customer_id(customer)
        return StreamingResponse(bodies[kind]())

    @app.get("/def-route/body/{kind}/{customer}")
    def def_body(kind: str, customer: str) -> StreamingResponse:
        llmobserve.set_customer_id(customer)
        return StreamingResponse(bodies[kind]())

    @app.get("/async-route/task/{kind}/{customer}")
    async def async_with_task(kind: str, customer: str, background: BackgroundTasks) -> str:
        llmobserve.set_customer_id(customer)
        background.add_task(tasks[kind])
        return "later"

    @app.get("/def-route/task/{kind}/{customer}")
    def def_with_task(kind: str, customer: str, background: BackgroundTasks) -> str:
        llmobserve.set_customer_id(customer)
        background.add_task(tasks[kind])
        return "later"

    return app


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("what", ["body", "task"])
@pytest.mark.parametrize("route", ["async-route", "def-route"])
def test_the_customer_stays(route: str, what: str, kind: str) -> None:
    async def ask(url: str) -> None:
        transport = httpx2.ASGITransport(app=application(f"{url}/v1"))
        async with httpx2.AsyncClient(transport=transport, base_url="http://app.test") as client:
            answers = await asyncio.gather(
                *(client.get(f"/{route}/{what}/{kind}/{customer}") for customer in ("ann", "bob", "cid"))
            )
            assert {answer.status_code for answer in answers} == {200}
        assert llmobserve.get_customer_id() is None

    with Loopback(event_stream(chat_chunks("a", "b", usage=CHAT_USAGE))) as server, observed(server) as recorded:
        asyncio.run(ask(server.url))
        assert sorted(str(call.context.customer_id) for call in recorded.calls) == ["ann", "bob", "cid"]
        assert {call.status for call in recorded.calls} == {"ok"}


def test_hooks_are_taken_back() -> None:
    targets = [
        (starlette.responses.StreamingResponse, "__init__"),
        (starlette.responses.StreamingResponse, "stream_response"),
        (starlette.background.BackgroundTask, "__init__"),
        (starlette.background.BackgroundTask, "__call__"),
    ]
    bare = [owner.__dict__[name] for owner, name in targets]
    with Loopback() as server, observed(server):
        assert all(owner.__dict__[name] is not old for (owner, name), old in zip(targets, bare, strict=True))
        with llmobserve.customer("acme"):
            kept = starlette.background.BackgroundTask(llmobserve.get_customer_id)
    assert [owner.__dict__[name] for owner, name in targets] == bare
    asyncio.run(kept())
