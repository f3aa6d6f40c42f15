"""Values that raise, loop, are huge or have no JSON, as labels and in bodies: the call is as it was and recorded."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pydantic
import pytest
from loopback.openai_bodies import chat_completion
from loopback.server import Answer, Loopback
from server.live_server import running

import llmobserve
from llmobserve.guard import text_of
from llmobserve.transport import MemoryTransport
from llmobserve.transport.http import HttpTransport


def fail(*_: Any) -> NoReturn:
    raise RuntimeError("no")


class Hostile:
    __repr__ = __str__ = __bool__ = __eq__ = __hash__ = __len__ = __iter__ = __format__ = fail  # type: ignore[assignment]


class HostileText(str):
    __hash__ = __eq__ = __len__ = __bool__ = fail  # type: ignore[assignment]

    def __str__(self) -> str:
        return self


class HostileMapping(dict[str, Any]):
    items = keys = values = __iter__ = fail  # type: ignore[assignment]


class HostileFloat(float):
    __eq__ = __abs__ = __lt__ = fail  # type: ignore[assignment]
    __hash__ = float.__hash__


class Scalar:
    """As numpy has them: a number that is none of Python's."""

    def item(self) -> float:
        return 2.5

    def __repr__(self) -> str:
        return "2.5"


class Model(pydantic.BaseModel):
    name: str = "ann"
    born: datetime = datetime(2000, 1, 1, tzinfo=timezone.utc)


def loop() -> Any:
    found: dict[str, Any] = {}
    found["self"] = [found]
    return found


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


def endless() -> Iterator[int]:
    while True:
        yield 1


VALUES: dict[str, Callable[[], Any]] = {
    "hostile": Hostile,
    "hostile text": lambda: HostileText("text"),
    "hostile mapping": lambda: HostileMapping(a=1),
    "hostile float": lambda: HostileFloat(1.5),
    "list of hostile": lambda: [Hostile()],
    "surrogate": lambda: "a\ud800b",
    "nul": lambda: "a\x00b",
    "nan": lambda: float("nan"),
    "infinite": lambda: float("-inf"),
    "big": lambda: 2**70,
    "huge number": lambda: 10**6000,
    "loop": loop,
    "deep": lambda: deep(200),
    "deeper": lambda: deep(100_000),
    "huge text": lambda: "é" * 5_000_000,
    "huge list": lambda: [[1.5] * 1000] * 100_000,
    "huge bytes": lambda: b"x" * 50_000_000,
    "generator": endless,
    "bytes": lambda: b"\xff\x00",
    "datetime": lambda: datetime(2026, 11, 21, tzinfo=timezone.utc),
    "decimal": lambda: Decimal("1.10"),
    "scalar": Scalar,
    "model": Model,
    "class": lambda: Hostile,
    "none": lambda: None,
}
each_value = pytest.mark.parametrize("make", VALUES.values(), ids=VALUES.keys())


ADDRESS: list[str] = []
BODY = json.dumps(chat_completion()).encode()


def use_everywhere(value: Any) -> None:
    """The value as every label that there is."""
    llm: Any = llmobserve
    with (
        llm.run(value, run_id=value, session_id=value, user_id=value, customer_id=value, metadata={"a": value}),
        llm.session(value),
        llm.user(value),
        llm.customer(value),
        llm.tags(value),
        llm.metadata(value=value),
        llm.section(value, attributes={"a": value, "b": 1}),
        llm.section(f"tool:{text_of(value)[:50]}"),
    ):
        llm.set_tenant_id(value)
        llm.set_session_id(value)
        llm.set_customer_id(value)
        httpx2.post(ADDRESS[0], json={"model": "gpt-4o-mini", "messages": []})
    with llm.run("tags", tags=value, metadata=value if type(value) is dict else {"a": value}):
        pass


@each_value
def test_labels(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")  # as in applications
    value = make()
    transport = MemoryTransport()
    with Loopback(Answer(headers={"content-type": "application/json"}, body=BODY)) as server:
        ADDRESS[:] = [f"{server.url}/v1/chat/completions"]
        llmobserve.observe(transport=transport, hosts={server.netloc: "openai"})
        use_everywhere(value)
        llmobserve.shutdown()
    (call,) = [event for event in transport.events if event["type"] == "call"]
    assert call["usage"]["units"] == {"input_text_tokens": 56, "cache_read_text_tokens": 64, "output_text_tokens": 30}
    spans = [event for event in transport.events if event["type"] == "span" and event.get("status") != "running"]
    assert {"run", "step", "tool"} <= {span["kind"] for span in spans}
    assert all(span["attributes"]["b"] == 1 for span in spans if span["kind"] == "step")
    assert len(json.dumps(transport.events)) < 2_000_000


def test_unreadable_attributes_leave_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    transport = MemoryTransport()
    llmobserve.observe(transport=transport)
    with llmobserve.section("agent:a", attributes=HostileMapping(a=1)):
        pass
    llmobserve.shutdown()
    (span,) = [event for event in transport.events if event.get("kind") == "agent"]
    assert span["attributes"] == {"llmobserve.note": "attributes cannot be read"}


def nested(levels: int) -> str:
    return '{"a":[' * levels + "1" + "]}" * levels


REQUESTS = {
    "deep": '{"model":"gpt-4o-mini","messages":[' + nested(200) + "]}",
    "deeper": '{"model":"gpt-4o-mini","messages":[' + nested(50_000) + "]}",
    "surrogate": '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\\ud800"}]}',
    "nan": '{"model":"gpt-4o-mini","temperature":NaN,"messages":[{"role":"user","content":Infinity}]}',
    "big": '{"model":"gpt-4o-mini","messages":[{"role":"user","content":1' + "0" * 400 + "}]}",
    "bigger": '{"model":"gpt-4o-mini","messages":[{"role":"user","content":1' + "0" * 6000 + "}]}",
    "no object": "[1, 2]",
    "no json": "{",
    "no utf-8": "\udcff",
    "wrong types": '{"model":{"a":1},"messages":{"role":5},"tools":"x","stream":"yes"}',
    "names": '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a","":1,"\\ud800":2,"\\u0000":3}]}',
    "many": '{"model":"gpt-4o-mini","messages":[' + ",".join(['{"role":"user","content":"x"}'] * 60_000) + "]}",
}
ANSWERS = {
    "plain": BODY,
    "deep": BODY[:-1] + b',"more":' + nested(200).encode() + b"}",
    "surrogate": BODY.replace(b"Hello there", b"\\ud800 \\u0000"),
    "nan": BODY.replace(b'"completion_tokens": 30', b'"completion_tokens": NaN'),
    "big": BODY.replace(b'"completion_tokens": 30', b'"completion_tokens": 1180591620717411303424'),
    "wrong types": b'{"id":5,"model":[],"choices":{"a":1},"usage":{"prompt_tokens":"x","completion_tokens":-1}}',
    "no json": b"{",
    "no utf-8": b'{"id":"\xff\xfe"}',
}


def test_bodies_arrive_at_the_collector(tmp_path: Path) -> None:
    """Each request with a plain answer, each answer to a plain request; all are stored by a real collector."""
    sent = [(text.encode("utf-8", "surrogateescape"), BODY) for text in REQUESTS.values()]
    sent += [(b'{"model":"gpt-4o-mini","messages":[]}', body) for body in ANSWERS.values()]
    answers = [Answer(headers={"content-type": "application/json"}, body=body) for _, body in sent]
    with running(tmp_path) as collector, Loopback(*answers) as server:
        bodies: list[bytes] = []

        class Wire:
            def __init__(self) -> None:
                self._real = HttpTransport(collector.url, None)
                self.close = self._real.close

            def post(self, body: bytes) -> Any:
                bodies.append(body)
                return self._real.post(body)

        llmobserve.observe(transport=Wire(), capture_content=True, hosts={server.netloc: "openai"})
        with llmobserve.run("lone \ud800 surrogate", metadata={"a\x00": "b\x00"}), httpx2.Client() as client:
            for given, answer in sent:
                headers = {"content-type": "application/json"}
                response = client.post(f"{server.url}/v1/chat/completions", content=given, headers=headers)
                assert response.content == answer
        assert llmobserve.flush(30)
        state = llmobserve.status() or {}
        llmobserve.shutdown()
    assert [received.body for received in server.ledger] == [given for given, _ in sent]
    assert state["calls"] == len(sent)
    assert (state["lost"], state["dead_letters"], state["internal_errors"].get("capture.redact", 0)) == ({}, {}, 0)
    contents = [e for body in bodies for e in json.loads(body)["events"] if e["type"] == "content"]
    assert sum(content.get("truncated", False) for content in contents) >= 2
