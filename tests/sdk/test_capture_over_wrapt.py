"""Hooks over wrappers made by wrapt, as OpenTelemetry's instrumentors make them before we come."""

import asyncio
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
import wrapt
from loopback.openai_bodies import chat_completion
from loopback.rig import observed
from loopback.server import Loopback, json_answer

ASKED: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
TARGETS = (
    "Client._send_single_request",
    "AsyncClient._send_single_request",
    "HTTPTransport.handle_request",
    "AsyncHTTPTransport.handle_async_request",
)


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_they_know_the_object(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[tuple[str, int]] = []

    def pass_on(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        known.append((type(instance).__name__, len(args) + len(kwargs)))
        return wrapped(*args, **kwargs)

    for target in TARGETS:
        owner_name, _, name = target.partition(".")
        owner = getattr(module, owner_name)
        monkeypatch.setattr(owner, name, owner.__dict__[name])  # to be as it was
        wrapt.wrap_function_wrapper(owner, name, pass_on)
    with Loopback(json_answer(chat_completion())) as server, observed(server) as recorded:
        url = f"{server.url}/v1/chat/completions"
        with module.Client() as client:
            assert client.post(url, json=ASKED).status_code == 200

        async def ask() -> int:
            async with module.AsyncClient() as client:
                return (await client.post(url, json=ASKED)).status_code

        assert asyncio.run(ask()) == 200
    assert len(recorded.calls) == 2
    assert known == [("Client", 1), ("HTTPTransport", 1), ("AsyncClient", 1), ("AsyncHTTPTransport", 1)]
