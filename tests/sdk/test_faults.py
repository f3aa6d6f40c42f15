"""A fault at any stage inside the SDK, always or once: the application gets its answers, and the fault is counted."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from loopback.openai_bodies import CHAT_USAGE, chat_chunks, chat_completion
from loopback.server import Answer, Loopback, Received, event_stream, json_answer

import llmobserve
from llmobserve import context, recorder, testing
from llmobserve.capture import engine, exchange, httpx_family, payload, redaction
from llmobserve.providers.openai_shape import ChatReader
from llmobserve.providers.registry import Registry
from llmobserve.spool import writer
from llmobserve.transport import MemoryTransport, batches, sender

PROMPT: Any = [{"role": "user", "content": "Hello"}]
CALLS = 3
"""Of each kind: plain and streamed, synchronous and asynchronous."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One place where something of ours may fail."""

    owner: Any
    name: str
    error: Exception | None = None
    """`None` = a defect of ours."""
    loses_calls: bool = True
    """The calls that it hits are not recorded; else they are, perhaps with less in them."""
    nth: int = 2
    """Which use fails, where only one does."""
    heals: bool = False
    """After a single fault everything is as without it, and nothing remains to be told."""


STAGES = {
    "context": Stage(owner=engine, name="current"),
    "wire context": Stage(owner=exchange, name="wire_context"),
    "recognise the host": Stage(owner=Registry, name="provider_for"),
    "recognise the path": Stage(owner=Registry, name="endpoint_for"),
    "begin": Stage(owner=engine, name="Exchange"),
    "attempt": Stage(owner=engine, name="next_attempt"),
    "follow the body": Stage(owner=httpx_family, name="_follow", loses_calls=False),
    "tee": Stage(owner=payload.Payload, name="feed", loses_calls=False),
    "end of the body": Stage(owner=payload.Payload, name="finish", loses_calls=False),
    "read": Stage(owner=ChatReader, name="reading", loses_calls=False),
    "redact": Stage(owner=redaction, name="redact", loses_calls=False),
    "make the event": Stage(owner=exchange, name="CallEvent"),
    "announce": Stage(owner=recorder.Recorder, name="_announcements", loses_calls=False),
    "serialise": Stage(owner=recorder, name="record_to_json"),
    "enqueue": Stage(owner=writer.Spool, name="write"),
    "frame": Stage(owner=writer, name="frame"),
    "spool": Stage(owner=os, name="write", error=OSError(errno.ENOSPC, "full"), loses_calls=False, heals=True),
    "open the spool": Stage(
        owner=writer.Spool, name="_create", error=OSError(errno.EACCES, "no"), loses_calls=False, nth=1, heals=True
    ),
    "record of a span": Stage(owner=recorder.Recorder, name="_span_record", loses_calls=False),
    "end a span": Stage(owner=context, name="_fail", loses_calls=False),
}
SENDING = {
    "read the spool": Stage(owner=sender, name="read_segment", nth=1),
    "make batches": Stage(owner=sender, name="parcels", nth=1),
    "encode a batch": Stage(owner=batches, name="batch_to_json", nth=1),
    "post": Stage(owner=MemoryTransport, name="post", nth=1),
    "judge the answer": Stage(owner=sender, name="judge", nth=1),
}


def fail(monkeypatch: pytest.MonkeyPatch, stage: Stage, *, once: bool) -> list[int]:
    """Have the stage raise, always or at one use; returns the list of its uses that failed."""
    original: Callable[..., Any] = getattr(stage.owner, stage.name)
    failed: list[int] = []
    uses = iter(range(1, 1_000_000))

    def faulty(*args: Any, **kwargs: Any) -> Any:
        use = next(uses)
        if not once or use == stage.nth:
            failed.append(use)
            raise stage.error or RuntimeError("a defect")
        return original(*args, **kwargs)

    is_static = isinstance(vars(stage.owner).get(stage.name), staticmethod)
    monkeypatch.setattr(stage.owner, stage.name, staticmethod(faulty) if is_static else faulty)
    return failed


def answer(request: Received) -> Answer:
    if request.json.get("stream"):
        return event_stream(chat_chunks("Hello ", "there", usage=CHAT_USAGE))
    return json_answer(chat_completion())


def plain(client: openai.OpenAI, *, stream: bool) -> list[Any]:
    found: Any = client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=stream)
    return [item.to_dict() for item in found] if stream else [found.to_dict()]


async def awaited(client: openai.AsyncOpenAI, *, stream: bool) -> list[Any]:
    found: Any = await client.chat.completions.create(model="gpt-4o-mini", messages=PROMPT, stream=stream)
    return [item.to_dict() async for item in found] if stream else [found.to_dict()]


def application(url: str) -> list[list[Any]]:
    """What the application gets from all its calls, and from an error of its own inside a section."""

    async def all_awaited() -> list[list[Any]]:
        async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
            return [await awaited(client, stream=stream) for stream in (False, True) for _ in range(CALLS)]

    with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as client:
        got: list[list[Any]] = []
        for stream in (False, True):
            for number in range(CALLS):
                with llmobserve.run(f"run {number}"), llmobserve.section("agent:a"):
                    got.append(plain(client, stream=stream))
    for mine in (KeyError("the application's own"), OSError("and another")):
        with pytest.raises(type(mine)) as caught, llmobserve.section("tool:t"):
            raise mine
        assert caught.value is mine
    return got + asyncio.run(all_awaited())


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback(answer) as running:
        yield running


@pytest.fixture(scope="module")
def unobserved(server: Loopback) -> list[list[Any]]:
    return application(f"{server.url}/v1")


@pytest.fixture(autouse=True)
def as_in_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")


def troubles() -> int:
    """Everything that is counted and shown where something did not work."""
    status = llmobserve.status()
    assert status is not None
    counts = [*status["internal_errors"].values(), *status["lost"].values(), *status["dead_letters"].values()]
    return sum(counts) + bool(status["unwritable"]) + bool(status["reason"]) + status["in_memory"]


@pytest.mark.parametrize("once", [False, True], ids=["always", "once"])
@pytest.mark.parametrize("stage", STAGES.values(), ids=list(STAGES))
def test_recording(
    stage: Stage, once: bool, server: Loopback, unobserved: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with testing.captured(hosts={server.netloc: "openai"}, capture_content=True) as recorded:
        before = troubles()
        with monkeypatch.context() as patch:
            failed = fail(patch, stage, once=once)
            assert application(f"{server.url}/v1") == unobserved
            after = troubles()
        assert failed
        assert after > before or (once and stage.heals)
        calls = len(recorded.calls)
    if not stage.loses_calls:
        assert calls == 4 * CALLS
    elif once:
        assert 4 * CALLS - 1 <= calls <= 4 * CALLS  # that use may have been for a span
    else:
        assert calls == 0


@pytest.mark.parametrize("once", [False, True], ids=["always", "once"])
@pytest.mark.parametrize("stage", SENDING.values(), ids=list(SENDING))
def test_sending(
    stage: Stage, once: bool, server: Loopback, unobserved: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be sent waits: when the fault is gone, everything arrives."""
    with testing.captured(hosts={server.netloc: "openai"}) as recorded:
        before = troubles()
        with monkeypatch.context() as patch:
            failed = fail(patch, stage, once=once)
            assert application(f"{server.url}/v1") == unobserved
            arrived = llmobserve.flush(1.0)
            assert once or not arrived
            assert failed
            assert troubles() > before
        assert llmobserve.flush()
        # A batch whose answer was not understood is sent again; the collector knows its records by their ids.
        assert len({call.event_id for call in recorded.calls}) == 4 * CALLS
