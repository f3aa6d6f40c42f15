"""Objects and defects that raise anywhere: the application sees nothing of it, and the call is still recorded."""

import os
from collections.abc import Iterator
from typing import Any, NoReturn

import openai
import pytest
from loopback.openai_bodies import chat_completion
from loopback.server import Loopback, json_answer

import llmobserve
from llmobserve import capture
from llmobserve.capture import redaction
from llmobserve.capture.exchange import Exchange
from llmobserve.guard import guarded, swallowed
from llmobserve.providers.openai_shape import ChatReader
from llmobserve.settings import load
from llmobserve.transport import MemoryTransport

PROMPT: Any = [{"role": "user", "content": "Hello"}]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def fail(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("a defect")


@pytest.fixture
def defects_are_swallowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in applications."""
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    yield
    assert os.environ.get("LLMOBSERVE_RAISE_INTERNAL") is None


def ask(server: Loopback) -> str:
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
        return client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT).id


def test_values_without_text() -> None:
    transport = MemoryTransport()
    llmobserve.observe(transport=transport)
    attributes = {"bad": Hostile(), "big": 2**70, "nan": float("nan"), "lone": "\ud800", "good": 1}
    with llmobserve.run("r", metadata={"who": Hostile()}), llmobserve.metadata(more=Hostile()):
        llmobserve.set_run_id(None, Hostile())  # type: ignore[arg-type]
        with llmobserve.tags(Hostile()), llmobserve.section("agent:a", attributes=attributes):  # type: ignore[arg-type]
            pass
    llmobserve.shutdown()
    (agent,) = [event for event in transport.events if event.get("kind") == "agent"]
    assert agent["attributes"] == {"bad": "[Hostile]", "big": str(2**70), "nan": "nan", "lone": "?", "good": 1}
    assert agent["context"]["metadata"] == {"who": "[Hostile]", "more": "[Hostile]"}
    assert agent["context"]["tags"] == ["[Hostile]"]


@pytest.mark.usefixtures("defects_are_swallowed")
def test_an_error_without_text_does_not_get_out_of_the_guard() -> None:
    with guarded("test.hostile"):
        raise HostileError
    assert swallowed()["test.hostile"] == (1, "HostileError")


@pytest.mark.usefixtures("defects_are_swallowed")
@pytest.mark.parametrize(
    ("owner", "name"),
    [(ChatReader, "reading"), (ChatReader, "read_body"), (Exchange, "answered"), (redaction, "redact")],
)
def test_a_call_that_cannot_be_read_is_still_a_call(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(owner, name, fail)
    with Loopback(json_answer(chat_completion())) as server:
        settings = load({"hosts": {server.netloc: "openai"}, "capture_content": True}, {})
        capture.install(sink=lambda call, content, snapshot: calls.append(call), settings=settings)
        try:
            assert ask(server) == chat_completion()["id"]
            assert len(calls) == 1
        finally:
            capture.uninstall()
    (call,) = calls
    assert (call.provider, call.operation) == ("openai", "chat.completions")
    if name == "redact":
        assert call.usage.source == "response"
    else:
        assert (call.usage.source, call.usage.units) == ("unknown", {})
    if name == "answered":
        return
    assert (call.status, call.http_status) == ("ok", 200)


@pytest.mark.usefixtures("defects_are_swallowed")
def test_a_call_that_cannot_be_written_is_counted_as_lost() -> None:
    transport = MemoryTransport()
    with Loopback(json_answer(chat_completion())) as server:
        llmobserve.observe(transport=transport, hosts={server.netloc: "openai"})
        ask(server)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("llmobserve.recorder.record_to_json", fail)
            assert ask(server) == chat_completion()["id"]
        status = llmobserve.status()
        assert status is not None
        llmobserve.shutdown()
    assert status["lost"] == {"not_encodable": 1}
    assert len([event for event in transport.events if event["type"] == "call"]) == 1
