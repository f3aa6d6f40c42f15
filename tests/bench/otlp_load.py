"""OTLP batches as busy applications send them: traces of one agent with three chats, 2 kB asked and 2 kB answered each.

A batch is built once; for each request only its ids and times are written anew, so that the sender takes little of the
processor that the receiver runs on.
"""

import json
import random
import struct
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

__all__ = ["Batch", "Sent", "send_for"]

_STARTS, _ENDS = 0x1122334455667788, 0x1122334455667799
_SPANS_A_TRACE = 4
_WORDS = ("latency", "budget", "refund", "customer", "token", "gateway", "the", "of", "policy", "answer", "ticket")


class Batch:
    """A template of `spans` spans; `fresh` makes a batch of it that nobody has seen."""

    def __init__(self, spans: int) -> None:
        self.spans = spans
        dice = random.Random(3)
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        _put(resource.resource.attributes, {"service.name": "bench", "openinference.project.name": "default"})
        scope = resource.scope_spans.add()
        scope.scope.name = "bench"
        ids: list[bytes] = []
        trace_id = root_id = b""
        for number in range(spans):
            if number % _SPANS_A_TRACE == 0:
                trace_id, root_id = dice.randbytes(16), dice.randbytes(8)
                ids += [trace_id, root_id]
                span = scope.spans.add(
                    name="agent support", trace_id=trace_id, span_id=root_id, kind=Span.SPAN_KIND_INTERNAL
                )
                _put(span.attributes, _agent(dice))
            else:
                span_id = dice.randbytes(8)
                ids.append(span_id)
                span = scope.spans.add(
                    name="chat gpt-4o-mini",
                    trace_id=trace_id,
                    span_id=span_id,
                    parent_span_id=root_id,
                    kind=Span.SPAN_KIND_CLIENT,
                )
                _put(span.attributes, _chat(dice))
            span.start_time_unix_nano, span.end_time_unix_nano = _STARTS, _ENDS
            span.status.code = Status.STATUS_CODE_OK
        self._text = request.SerializeToString()
        self._ids = [(len(one), _places(self._text, one)) for one in ids]
        self._starts = _places(self._text, struct.pack("<Q", _STARTS))
        self._ends = _places(self._text, struct.pack("<Q", _ENDS))

    def __len__(self) -> int:
        """Size of a batch in bytes."""
        return len(self._text)

    def fresh(self, dice: random.Random) -> bytes:
        text = bytearray(self._text)
        for length, places in self._ids:
            new = dice.randbytes(length)
            for place in places:
                text[place : place + length] = new
        now_ns = time.time_ns()
        for start, end in zip(self._starts, self._ends, strict=True):
            began_ns = now_ns - dice.randrange(10**9)
            text[start : start + 8] = struct.pack("<Q", began_ns)
            text[end : end + 8] = struct.pack("<Q", began_ns + 1_500_000_000)
        return bytes(text)


def _places(text: bytes, part: bytes) -> list[int]:
    found: list[int] = []
    place = text.find(part)
    while place >= 0:
        found.append(place)
        place = text.find(part, place + 1)
    return found


def _said(dice: random.Random, length: int) -> str:
    return " ".join(
        dice.choice(_WORDS) + (str(dice.randrange(999)) if dice.random() < 0.2 else "") for _ in range(length // 7)
    )[:length]


def _agent(dice: random.Random) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "support",
        "openinference.span.kind": "AGENT",
        "session.id": f"s{dice.randrange(500)}",
    }


def _chat(dice: random.Random) -> dict[str, object]:
    asked = [{"role": "user", "parts": [{"type": "text", "content": _said(dice, 2000)}]}]
    answered = [
        {"role": "assistant", "parts": [{"type": "text", "content": _said(dice, 2000)}], "finish_reason": "stop"}
    ]
    prompt, answer = dice.randrange(200, 2000), dice.randrange(10, 900)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": answer,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(answered),
        # For those who read this dialect only.
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": prompt,
        "llm.token_count.completion": answer,
        "session.id": f"s{dice.randrange(500)}",
        "user.id": f"u{dice.randrange(200)}",
    }


def _put(attributes: object, values: dict[str, object]) -> None:
    for key, value in values.items():
        place = attributes.add(key=key).value  # type: ignore[attr-defined]
        if isinstance(value, str):
            place.string_value = value
        elif isinstance(value, float):
            place.double_value = value
        else:
            place.int_value = value


@dataclass
class Sent:
    """What became of a load."""

    spans: int = 0
    """In batches that were answered with 200."""
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter[str])
    waits_ms: list[float] = field(default_factory=list[float])
    """Of each answer."""


def send_for(
    url: str, batch: Batch, seconds: float, *, senders: int = 4, headers: dict[str, str] | None = None
) -> Sent:
    """Post fresh batches to `url` from several threads for so long; who is refused waits as long as it is told to."""
    sent = Sent()
    lock = threading.Lock()
    begun = time.perf_counter()
    workers = [
        threading.Thread(target=_work, args=(url, batch, begun + seconds, headers or {}, sent, lock, number))
        for number in range(senders)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sent.seconds = time.perf_counter() - begun
    return sent


def _work(
    url: str, batch: Batch, until: float, headers: dict[str, str], sent: Sent, lock: threading.Lock, number: int
) -> None:
    dice = random.Random(time.time_ns() + number)
    open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    while time.perf_counter() < until:
        request = urllib.request.Request(
            url, batch.fresh(dice), {"Content-Type": "application/x-protobuf", **headers}, method="POST"
        )
        begun = time.perf_counter()
        wait_s = 0.0
        try:
            with open_url(request, timeout=120) as answer:
                answer.read()
                outcome = str(answer.status)
        except urllib.error.HTTPError as error:
            outcome = str(error.code)
            wait_s = float(error.headers.get("Retry-After") or 0.2)
        except OSError as error:
            outcome, wait_s = type(error).__name__, 0.2
        waited_ms = (time.perf_counter() - begun) * 1000
        with lock:
            sent.answers[outcome] += 1
            sent.waits_ms.append(waited_ms)
            sent.spans += batch.spans if outcome == "200" else 0
        time.sleep(wait_s)
