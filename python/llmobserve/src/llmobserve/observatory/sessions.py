"""Explicit tracking: sessions that the application begins and ends, and calls that it reports."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

from llmobserve import context
from llmobserve.context import OpenSpan, Snapshot
from llmobserve.guard import guarded, text_of
from llmobserve.observatory.delivery import TrackedCall, begin_matching, counts, deliver
from llmobserve.observatory.models import (
    CacheMetadata,
    Number,
    QualityEvaluation,
    RoutingDecision,
    model_of,
    plain_value,
)
from llmobserve.observatory.told import Told
from llmobserve.scores import Value, score
from llmobserve.wire import CallKind, new_event_id

__all__ = ["Observatory", "Session"]

_BEGIN, _END = guarded("observatory.begin", quotes=False), guarded("observatory.end", quotes=False)
_TELL = guarded("observatory.track", quotes=False)
_MOST_SESSIONS = 10_000
"""Sessions that an application may forget to end before the oldest is let go."""


class _Teller:
    """What can be reported, to an observatory or inside one of its sessions."""

    project_name: str
    provider: str | None
    """Of reports that name none; `None` = who made the model."""

    def _place(self) -> Snapshot:
        """Where a reported call belongs."""
        return context.current()

    def track_llm_call(
        self,
        model_name: str,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        latency_ms: float | None = None,
        agent_name: str | None = None,
        operation: str | None = None,
        prompt: Any = None,
        response_text: Any = None,
        routing_decision: RoutingDecision | Mapping[str, Any] | None = None,
        cache_metadata: CacheMetadata | Mapping[str, Any] | None = None,
        quality_evaluation: QualityEvaluation | Mapping[str, Any] | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        provider: str | None = None,
        agent_role: str | None = None,
        cached_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        time_to_first_token_ms: float | None = None,
        start_time: datetime | float | None = None,
        stream: bool = False,
        success: bool = True,
        error: BaseException | str | None = None,
        response: object = None,
        response_id: str | None = None,
        request_id: str | None = None,
        reported_cost_usd: Number | None = None,
    ) -> TrackedCall | None:
        """Report a call of a language model that has ended. Never raises; `None` when nothing is recorded.

        A call that was captured as well is not recorded again: what is said here is attached to it. That is certain
        with `response` or an id, and else found out by model, tokens, run and time.

        Args:
            model_name: as it was asked for.
            prompt_tokens: all tokens of the input, those from a cache included.
            completion_tokens: all tokens of the answer, reasoning included.
            latency_ms: milliseconds from the request to the end of the answer.
            agent_name: who called; a section of that name where the call was not captured.
            operation: what for (`summarise`), likewise.
            prompt: text or messages; kept only with `capture_content`, like `response_text`.
            response_text: the answer.
            routing_decision: why this model; a mapping with the same names will do, also for the next two.
            cache_metadata: a hit in the application's own cache makes the call free: nobody was asked.
            quality_evaluation: its figures become scores of the call.
            metadata: anything else, as texts.
            provider: a `Provider` or a name; `None` = who made the model.
            agent_role: an `AgentRole` or a word.
            cached_tokens: of the input, those read from the provider's cache.
            cache_write_tokens: of the input, those written to it.
            reasoning_tokens: of the answer.
            time_to_first_token_ms: of a stream.
            start_time: a `datetime` or seconds since 1970; `None` = `latency_ms` ago.
            stream: the answer was streamed.
            success: False for a failed call.
            error: the exception, or what went wrong in words.
            response: the client library's answer object: usage, model and ids are read from it.
            response_id: the provider's id of the answer.
            request_id: the provider's id of the request.
            reported_cost_usd: what the provider says the call cost.
        """
        with _TELL:
            told = Told(
                model=_name(model_name) or "",
                provider=_name(provider or self.provider),
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cached_tokens=cached_tokens,
                cache_write_tokens=cache_write_tokens,
                reasoning_tokens=reasoning_tokens,
                latency_ms=latency_ms,
                time_to_first_token_ms=time_to_first_token_ms,
                start_time=start_time,
                stream=stream,
                success=success,
                error=error,
                response_id=response_id,
                request_id=request_id,
                reported_cost_usd=reported_cost_usd,
                agent_name=_name(agent_name),
                agent_role=_name(agent_role),
                operation=_name(operation),
                prompt=prompt,
                response_text=response_text,
                routing=model_of(RoutingDecision, routing_decision),
                cache=model_of(CacheMetadata, cache_metadata),
                quality=model_of(QualityEvaluation, quality_evaluation),
                metadata=metadata,
            )
            return deliver(told, response, self._place(), self.project_name)
        return None

    def record_call(
        self,
        provider: str,
        model: str,
        *,
        kind: CallKind = "llm",
        endpoint: str | None = None,
        usage: Mapping[str, Number] | None = None,
        latency_ms: float | None = None,
        start_time: datetime | float | None = None,
        success: bool = True,
        error: BaseException | str | None = None,
        response: object = None,
        response_id: str | None = None,
        request_id: str | None = None,
        dimensions: Mapping[str, str] | None = None,
        reported_cost_usd: Number | None = None,
        agent_name: str | None = None,
        agent_role: str | None = None,
        operation: str | None = None,
        input: Any = None,
        output: Any = None,
        routing_decision: RoutingDecision | Mapping[str, Any] | None = None,
        cache_metadata: CacheMetadata | Mapping[str, Any] | None = None,
        quality_evaluation: QualityEvaluation | Mapping[str, Any] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> TrackedCall | None:
        """Report a call of any kind that has ended: an embedding, an image, speech. Never raises.

        `provider` is a `Provider` or a name, `kind` one of llm, embedding, rerank, image, audio, video, moderation,
        vector_db, search, payment, message and other. `endpoint` names the API operation (`audio.speech`) where the
        price depends on it; `None` = the usual one of the kind.

        `usage` is what was used by unit, each quantity in one unit only: `{"input_text_tokens": 56}`;
        `prices/units.yaml` lists the units. `dimensions` are what else decides the price: `{"quality": "hd"}`. `input`
        and `output` are kept only with `capture_content`. All else as for `track_llm_call`.
        """
        with _TELL:
            told = Told(
                model=_name(model) or "",
                provider=_name(provider or self.provider),
                kind=kind,
                endpoint=endpoint,
                usage=usage,
                latency_ms=latency_ms,
                start_time=start_time,
                success=success,
                error=error,
                response_id=response_id,
                request_id=request_id,
                dimensions=dimensions or {},
                reported_cost_usd=reported_cost_usd,
                agent_name=_name(agent_name),
                agent_role=_name(agent_role),
                operation=_name(operation),
                prompt=input,
                response_text=output,
                routing=model_of(RoutingDecision, routing_decision),
                cache=model_of(CacheMetadata, cache_metadata),
                quality=model_of(QualityEvaluation, quality_evaluation),
                metadata=metadata,
            )
            return deliver(told, response, self._place(), self.project_name)
        return None


class Session(_Teller):
    """One piece of work: a run in the tree. Made by `Observatory.start_session`, which begins it.

    It ends with its `with` block or by `end()`. What the same task or thread does meanwhile belongs to it, and so does
    what is reported to it from anywhere.
    """

    def __init__(
        self,
        owner: _Teller,
        operation_type: str,
        metadata: Mapping[str, object],
        session_id: str | None,
        forget: Callable[["Session"], None],
    ) -> None:
        self.project_name, self.provider = owner.project_name, owner.provider
        self.operation_type = operation_type
        self.metadata: Mapping[str, object] = metadata
        self.session_id = session_id or new_event_id()
        """Given, or made; also the id of the run."""
        self._forget = forget
        self._lock = threading.Lock()
        self._span: OpenSpan | None = None
        self._before: Snapshot | None = None
        self._facts: context.Facts | None = None
        self._ended = False

    @property
    def run_id(self) -> str:
        """Id of the run that this session is."""
        return self.session_id

    @property
    def ended(self) -> bool:
        """True after `end()`."""
        return self._ended

    def encloses(self, place: Snapshot) -> bool:
        """True where the code at `place` runs inside this session."""
        return self._span is not None and place.span is not None and place.span.root is self._span

    def begin(self) -> None:
        """Enter it, here and now. `Observatory.start_session` has done so."""
        known = context.here().facts
        texts = {text_of(name): text_of(plain_value(value)) for name, value in self.metadata.items()}
        changes: dict[str, Any] = {"metadata": {**known.metadata, "project": self.project_name, **texts}}
        if known.session_id is None:
            changes["session_id"] = self.session_id
        self._span, self._before = context.enter_run(self.operation_type, self.session_id, changes)
        self._span.resume = self._before  # it may be ended by another task or thread
        self._facts = context.here().facts

    def end(self, success: bool = True, error: BaseException | str | None = None) -> None:
        """End the session. With `error` (an exception, or words) it has failed, whatever `success` says. Idempotent."""
        with _END:
            with self._lock:
                if self._ended:
                    return
                self._ended = True
            self._forget(self)
            if self._span is None or self._before is None:
                return
            failure: BaseException | tuple[str, str] | None = None
            if isinstance(error, BaseException):
                failure = error
            elif error is not None or not success:
                failure = ("SessionFailed", text_of(error or ""))
            self._span.attributes = {"operation_type": self.operation_type, "success": failure is None}
            context.leave(self._span, self._before, failure)

    def score(self, name: str, value: Value, *, comment: str | None = None, source: str = "application") -> str | None:
        """Judge this session's run; see `llmobserve.score`."""
        return score(name, value, run_id=self.run_id, comment=comment, source=source)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end(error is None, error)

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.end(error is None, error)

    def _place(self) -> Snapshot:
        """Here, where this is inside the session; else in the session itself."""
        now = context.current()
        if self._span is None or self._facts is None or self.encloses(now):
            return now
        return Snapshot(self._span, self._facts, now.link)


class Observatory(_Teller):
    """Explicit tracking for one project: the application says what it does, beside or instead of automatic capture.

    Works with and without `observe()`, which decides whether anything is recorded. For use by any number of threads
    and tasks.
    """

    def __init__(self, project_name: str = "default", *, provider: str | None = None) -> None:
        """`project_name` is kept with every session, as metadata `project`. `provider`: of reports that name none."""
        self.project_name = text_of(project_name)
        self.provider = provider
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Session] = OrderedDict()
        begin_matching()

    def start_session(
        self,
        operation_type: str = "session",
        metadata: Mapping[str, object] | None = None,
        *,
        session_id: str | None = None,
    ) -> Session:
        """Begin a session, here and now. Use it in a `with` statement, or end it by `end()` or `end_session()`.

        `operation_type` is its name, `metadata` is kept with it and all that happens in it. `session_id`: an id from
        elsewhere, also the run's; `None` = a new one.
        """
        session = Session(
            self,
            text_of(operation_type),
            metadata or {},
            None if session_id is None else text_of(session_id),
            self._forget,
        )
        with _BEGIN:
            session.begin()
            with self._lock:
                self._open[session.session_id] = session
                if len(self._open) > _MOST_SESSIONS:
                    self._open.popitem(last=False)
        return session

    session = start_session

    @property
    def current_session(self) -> Session | None:
        """The innermost open session here; elsewhere, if just one is open, that one; else `None`."""
        here = context.here()
        with self._lock:
            sessions = list(self._open.values())
        inside = next((one for one in reversed(sessions) if one.encloses(here)), None)
        return inside or (sessions[0] if len(sessions) == 1 else None)

    def end_session(
        self, success: bool = True, error: BaseException | str | None = None, *, session: Session | None = None
    ) -> None:
        """End `session`, or the current one; nothing where there is none. See `Session.end`."""
        ending = session or self.current_session
        if ending is not None:
            ending.end(success, error)

    @property
    def counts(self) -> dict[str, int]:
        """What became of the reports of this process: recorded, merged with captured calls and by what, and so on."""
        return counts()

    def _forget(self, session: Session) -> None:
        with self._lock:
            self._open.pop(session.session_id, None)


def _name(given: object) -> str | None:
    """A name as text; of an enumeration its value."""
    return None if given is None or given == "" else text_of(plain_value(given))
