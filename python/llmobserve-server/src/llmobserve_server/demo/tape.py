"""One run being played: a clock, open sections, and the records that the SDK would have sent."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from llmobserve.wire import (
    CallEvent,
    CallKind,
    ContentRecord,
    Context,
    ErrorInfo,
    Record,
    SpanEvent,
    SpanKind,
    Status,
    Usage,
)
from llmobserve_server.demo.dice import Dice
from llmobserve_server.demo.texts import SYSTEM, exchange
from llmobserve_server.demo.world import App, Model

__all__ = ["Failure", "Fault", "RunFacts", "Talk", "Tape"]

_SLOWEST_MS = 180_000.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble that a provider has during a run: the share of calls that fail, and how."""

    provider: str
    share: float
    http_status: int
    error_type: str
    message: str


class Failure(Exception):
    """Something in the imagined application failed; sections that it passes through end as failed."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.info = ErrorInfo(type=error_type, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is the same for all records of a run."""

    app: App
    name: str
    start_us: int
    customer: str | None
    user: str | None
    session: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    faults: tuple[Fault, ...]
    stop_us: int
    """The present: nothing that ends later has been recorded yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Size of one exchange with a language model, in tokens."""

    fresh: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    stream: bool = False
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    extra_units: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(slots=True)
class _Open:
    event_id: str
    span_id: str
    parent: str | None
    kind: SpanKind
    name: str
    start_us: int
    path: str | None
    attributes: Mapping[str, Any]
    announced: bool = False


class Tape:
    """Plays one run forward in time and keeps its records."""

    def __init__(self, dice: Dice, facts: RunFacts) -> None:
        self.dice = dice
        self.facts = facts
        self.now_us = facts.start_us
        self.records: list[Record] = []
        self.run_id = dice.event_id(facts.start_us)
        self._trace_id = dice.digits(32)
        self._open: list[_Open] = []
        self._sequence = 0

    def wait(self, milliseconds: float) -> None:
        """Lets time pass in the application itself."""
        self.now_us += int(milliseconds * 1000)

    @contextmanager
    def section(self, kind: SpanKind, name: str, **attributes: Any) -> Generator[None]:
        """A span around what happens inside; a Failure ends it as failed and goes on outwards."""
        enclosing = self._open[-1] if self._open else None
        path = self._path()
        opened = _Open(
            event_id=self.run_id if kind == "run" else self.dice.event_id(self.now_us),
            span_id=self.dice.digits(16),
            parent=enclosing.span_id if enclosing else None,
            kind=kind,
            name=name,
            start_us=self.now_us,
            path=path if kind == "run" else "/".join([*([path] if path else []), f"{kind}:{name}"]),
            attributes=attributes,
        )
        self._open.append(opened)
        self.wait(self.dice.around(2.0))
        failure: ErrorInfo | None = None
        try:
            yield
        except Failure as problem:
            failure = problem.info
            raise
        finally:
            self.wait(self.dice.around(1.0))
            self._open.pop()
            self._end(opened, failure)

    def _path(self) -> str | None:
        return "/".join(f"{one.kind}:{one.name}" for one in self._open if one.kind != "run") or None

    def _end(self, opened: _Open, failure: ErrorInfo | None) -> None:
        running = self.now_us > self.facts.stop_us
        if opened.start_us > self.facts.stop_us:
            return
        span = SpanEvent(
            event_id=opened.event_id,
            kind=opened.kind,
            name=opened.name,
            start_time_us=opened.start_us,
            attributes=opened.attributes,
            context=self._context(opened.span_id, opened.parent, opened.path),
            status="running" if running else "error" if failure else "ok",
            duration_ms=None if running else (self.now_us - opened.start_us) / 1000,
            error=None if running else failure,
        )
        self._keep(span)

    def _context(self, span_id: str, parent: str | None, path: str | None) -> Context:
        facts = self.facts
        return Context(
            run_id=self.run_id,
            run_name=facts.name,
            session_id=facts.session,
            user_id=facts.user,
            customer_id=facts.customer,
            trace_id=self._trace_id,
            span_id=span_id,
            parent_span_id=parent,
            section_path=path,
            tags=facts.tags,
            metadata=facts.metadata,
        )

    def _keep(self, record: CallEvent | SpanEvent) -> None:
        self.records.append(replace(record, sequence=self._sequence))
        self._sequence += 1

    def talk(self, model: Model, operation: str, talk: Talk) -> None:
        """A call of a language model, tried again up to twice where the provider has trouble. Raises Failure."""
        fault = next((fault for fault in self.facts.faults if fault.provider == model.provider), None)
        logical = self.dice.digits(16)
        for attempt in range(3):
            if fault is None or not self.dice.chance(fault.share):
                self._answered(model, operation, talk, attempt, logical)
                return
            self._refused(model, operation, fault, attempt, logical)
            self.wait(self.dice.around(600 * 2**attempt))
        if fault is not None:
            raise Failure(fault.error_type, fault.message)

    def _answered(self, model: Model, operation: str, talk: Talk, attempt: int, logical: str) -> None:
        dice = self.dice
        ttft = min(dice.around(model.ttft_ms * (1 + talk.fresh / 60_000), 0.3), _SLOWEST_MS)
        full = ttft + min(talk.output / model.tokens_per_s * 1000 * dice.between(0.8, 1.3), _SLOWEST_MS)
        abandoned = talk.stream and dice.chance(0.012)
        part = dice.between(0.2, 0.8) if abandoned else 1.0
        duration = ttft + (full - ttft) * part
        call = self._call(
            model,
            operation,
            kind="llm",
            duration_ms=duration,
            usage=_usage(model, talk, int(talk.output * part), partial=abandoned),
            status="abandoned" if abandoned else "ok",
            time_to_first_token_ms=ttft if talk.stream else None,
            stream=talk.stream,
            attempt=attempt,
            logical_call_id=logical,
            dimensions=talk.dimensions,
        )
        if call is not None and self.dice.chance(self.facts.app.content_share):
            self._content(call, model)

    def _refused(self, model: Model, operation: str, fault: Fault, attempt: int, logical: str) -> None:
        self._call(
            model,
            operation,
            kind="llm",
            duration_ms=self.dice.around(240),
            usage=Usage(),
            status="error",
            error=ErrorInfo(type=fault.error_type, message=fault.message),
            http_status=fault.http_status,
            attempt=attempt,
            logical_call_id=logical,
        )

    def embed(self, model: Model, tokens: int) -> None:
        """A call that turns texts into vectors."""
        usage = Usage(
            units={"input_text_tokens": tokens},
            source="response",
            raw={"prompt_tokens": tokens, "total_tokens": tokens},
        )
        self._call(model, "embeddings", kind="embedding", duration_ms=self.dice.around(95, 0.3), usage=usage)

    def transcribe(self, model: Model, seconds: float) -> None:
        """A call that turns a recording into text."""
        audio, text = int(seconds * 10), int(seconds * 2.6)
        usage = Usage(units={"input_audio_tokens": audio, "output_text_tokens": text}, source="response")
        duration = model.ttft_ms + seconds * 24
        self._call(
            model, "audio.transcriptions", kind="audio", duration_ms=self.dice.around(duration, 0.2), usage=usage
        )

    def _call(
        self,
        model: Model,
        operation: str,
        *,
        kind: CallKind,
        duration_ms: float,
        usage: Usage,
        status: Status = "ok",
        http_status: int = 200,
        **facts: Any,
    ) -> CallEvent | None:
        start_us = self.now_us
        self.wait(duration_ms)
        if self.now_us > self.facts.stop_us:
            return None
        failed = status == "error"
        host = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}.get(
            model.provider, "eu-demo.openai.azure.com"
        )
        prefix = "msg" if model.provider == "anthropic" else "chatcmpl"
        call = CallEvent(
            event_id=self.dice.event_id(start_us),
            kind=kind,
            provider=model.provider,
            operation=operation,
            request_model=model.name,
            response_model=None if failed else model.response_name,
            start_time_us=start_us,
            duration_ms=round(duration_ms, 3),
            status=status,
            http_status=http_status,
            response_id=None if failed or kind == "embedding" else f"{prefix}_{self.dice.digits(24)}",
            request_id=f"req_{self.dice.digits(20)}",
            usage=usage,
            host=host,
            transport="httpx2" if self.facts.app.name != "sales-mail" else "urllib3",
            context=self._context(self.dice.digits(16), self._open[-1].span_id if self._open else None, self._path()),
            **facts,
        )
        self._keep(call)
        return call

    def _content(self, call: CallEvent, model: Model) -> None:
        question, answer = exchange(self.dice, self.facts.app.name)
        system = SYSTEM[self.facts.app.name]
        if model.provider == "anthropic":
            given: Any = {"system": system, "messages": [{"role": "user", "content": question}]}
            said: Any = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
        else:
            given = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": question}]}
            said = {
                "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]
            }
        tool = self._open[-1] if self._open and self._open[-1].kind == "agent" else None
        if tool is not None and self.dice.chance(0.35):
            given, said = _with_tool(self.dice, model, given, said)
        self.records.append(ContentRecord(event_id=call.event_id, input=given, output=said))


def _with_tool(dice: Dice, model: Model, given: Any, said: Any) -> tuple[Any, Any]:
    """The exchange with an answer that asks for a tool in the form of the provider."""
    query: str = given["messages"][-1]["content"][:60]
    arguments = {"query": query, "limit": dice.whole(3, 10)}
    if model.provider == "anthropic":
        use = {"type": "tool_use", "id": f"toolu_{dice.digits(20)}", "name": "search", "input": arguments}
        return given, {
            **said,
            "content": [{"type": "text", "text": "I will look that up."}, use],
            "stop_reason": "tool_use",
        }
    call = {
        "id": f"call_{dice.digits(20)}",
        "type": "function",
        "function": {"name": "search", "arguments": json.dumps(arguments)},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return given, {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def _usage(model: Model, talk: Talk, output: int, *, partial: bool) -> Usage:
    """Disjoint units of an exchange, and the provider's own usage object as it would have come."""
    units: dict[str, int | Decimal] = {
        "input_text_tokens": talk.fresh,
        "output_text_tokens": output,
        **talk.extra_units,
    }
    if talk.cached:
        units["cache_read_text_tokens"] = talk.cached
    if talk.written:
        units["cache_write_5m_tokens"] = talk.written
    if partial:
        return Usage(units=units, source="estimated", flags=("partial",))
    details: dict[str, int | Decimal] = {"reasoning_tokens": talk.reasoning} if talk.reasoning else {}
    return Usage(units=units, details=details, source="response", raw=_raw(model, talk))


def _raw(model: Model, talk: Talk) -> dict[str, Any]:
    if model.provider == "anthropic":
        return {
            "input_tokens": talk.fresh,
            "cache_read_input_tokens": talk.cached,
            "cache_creation_input_tokens": talk.written,
            "output_tokens": talk.output,
        }
    prompt = talk.fresh + talk.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": talk.output,
        "total_tokens": prompt + talk.output,
        "prompt_tokens_details": {"cached_tokens": talk.cached},
        "completion_tokens_details": {"reasoning_tokens": talk.reasoning},
    }
