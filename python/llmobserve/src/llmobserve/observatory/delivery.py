"""From what an application tells of a call to records: a call of its own, or facts about the captured one."""

import os
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from llmobserve import lifecycle
from llmobserve.context import OpenSpan, Snapshot, below, end, process_run, run_of, wire_context
from llmobserve.guard import guarded, text_of
from llmobserve.observatory.matching import Claim, Matcher, MergedBy
from llmobserve.observatory.models import QualityEvaluation, data_of, plain_data, plain_value
from llmobserve.observatory.responses import Answer, read_answer
from llmobserve.observatory.told import MANUAL, Told, call_of, started_at_us
from llmobserve.scores import score_record
from llmobserve.wire import CallEvent, ContentRecord, FactKind, FactRecord, ScoreRecord, SpanKind, new_event_id, now_us

if TYPE_CHECKING:
    from llmobserve.recorder import Look

__all__ = ["TrackedCall", "begin_matching", "counts", "deliver"]

_MEET, _RESPONSE, _CONTENT = (
    guarded("observatory.meet"),
    guarded("observatory.response"),
    guarded("observatory.content"),
)
_FACTS = guarded("observatory.facts", quotes=False)

_matcher = Matcher()
_counts: Counter[str] = Counter()
_counting = threading.Lock()
_is_matching = False


class TrackedCall(NamedTuple):
    """What became of a call that was reported."""

    event_id: str
    """Of the call, for `llmobserve.score(…, event_id=…)`."""
    merged_by: MergedBy | None
    """How it was known to be a captured call; `None` = it was recorded as a call of its own."""


def begin_matching() -> None:
    """From here on captured calls are kept in mind for a while, so that reports can be compared with them."""
    global _is_matching
    if not _is_matching:
        _is_matching = True
        lifecycle.look_at_calls(_begin)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)


def _begin() -> "Look":
    """Forget the calls of an earlier observation: what is reported now is none of them."""
    global _matcher
    _count("adopted", _matcher.adopted)
    _matcher = Matcher()
    return _meet


def _after_fork() -> None:
    global _counting
    _counting = threading.Lock()
    _matcher.after_fork()


def _count(what: str, number: int = 1) -> None:
    with _counting:
        _counts[what] += number


def counts() -> dict[str, int]:
    """What became of the reports of this process.

    `recorded`: calls of their own. `merged_response_id`, `merged_request_id`, `merged_usage`: calls that had been
    captured. `adopted`: those of `recorded` whose call was captured later and took their place. `cache_hits`: answers
    that needed no call. `not_observed`: reports before `observe()`, or where nothing is to be recorded.
    """
    with _counting:
        return dict(_counts + Counter(adopted=_matcher.adopted))


def _meet(call: CallEvent, content: ContentRecord | None, snapshot: Snapshot) -> tuple[CallEvent, ContentRecord | None]:
    """What is to be recorded of a call that has just ended."""
    with _MEET:
        if call.transport != MANUAL:
            return _matcher.captured(call, content, _named_run(snapshot))
    return call, content


def _named_run(place: Snapshot) -> str | None:
    """The run that encloses a place; `None` where there is only that of the process."""
    span, facts, _ = place
    if span is None and facts.run_id is None:
        return None
    return run_of(process_run() if span is None else span.root, facts)[0]


def deliver(told: Told, response: object, place: Snapshot, project: str) -> TrackedCall | None:
    """Record what was told of a call at `place`; `None` when nothing is recorded."""
    if place.facts.suppressed or not lifecycle.observing():
        _count("not_observed")
        return None
    answer = _read(response, told) if response is not None else None
    call = call_of(told, answer, place)
    spared = call.dimensions.get("cache") == "local_hit"
    claim: Claim | None = None
    if not spared:
        starts = started_at_us(told.start_time) is not None
        claim = _matcher.claim(call, _named_run(place), now_us(), starts=starts)
    if claim is None:
        _count("cache_hits" if spared else "recorded")
        _record(call, told, answer, place)
        tracked = TrackedCall(call.event_id, None)
    else:
        _count(f"merged_{claim.merged_by}")
        tracked = TrackedCall(*claim)
    _attach(tracked, told, call, place, project)
    return tracked


def _read(response: object, told: Told) -> Answer | None:
    with _RESPONSE:
        return read_answer(response, told.provider, want_content=lifecycle.wants_content())
    return None


def _record(call: CallEvent, told: Told, answer: Answer | None, place: Snapshot) -> None:
    """Record the call where it was made, inside sections with the names of agent and operation."""
    inside: list[OpenSpan] = []
    here = place
    names: tuple[tuple[SpanKind, str | None], ...] = (("agent", told.agent_name), ("step", told.operation))
    for kind, name in names:
        if name and not (here.span is not None and (here.span.kind, here.span.name) == (kind, name)):
            span, here = below(here, kind, name)
            inside.append(span)
    if told.metadata:
        own = {text_of(name): text_of(plain_value(value)) for name, value in told.metadata.items()}
        here = here._replace(facts=replace(here.facts, metadata={**here.facts.metadata, **own}))
    span_id = call.event_id[19:23] + call.event_id[24:]  # as of captured calls
    call = replace(call, context=wire_context(here, span_id))
    duration_ns = int((call.duration_ms or 0.0) * 1_000_000)
    for span in inside:
        span.start_us, span.start_ns = call.start_time_us, time.perf_counter_ns() - duration_ns
    lifecycle.record_call(call, _content(call, told, answer), here)
    error = None if call.error is None else (call.error.type, call.error.message or "")
    for span in reversed(inside):
        end(span, place.facts, error)


def _content(call: CallEvent, told: Told, answer: Answer | None) -> ContentRecord | None:
    if not lifecycle.wants_content():
        return None
    output = told.response_text if told.response_text is not None or answer is None else answer.output
    if told.prompt is None and output is None:
        return None
    with _CONTENT:
        from llmobserve.capture.redaction import redact  # its patterns are many and not everyone needs them

        return redact(call.event_id, told.prompt, output)
    return None


def _attach(tracked: TrackedCall, told: Told, call: CallEvent, place: Snapshot, project: str) -> None:
    """Record what was said beyond the call."""
    with _FACTS:
        records: list[FactRecord | ScoreRecord] = []
        tracking = _tracking(tracked, told, call, project)
        said: tuple[tuple[FactKind, dict[str, Any] | None], ...] = (
            ("tracking", tracking),
            ("routing", None if told.routing is None else data_of(told.routing)),
            ("cache", None if told.cache is None else data_of(told.cache)),
        )
        records += [_fact(tracked.event_id, kind, data, place) for kind, data in said if data]
        if told.quality is not None:
            records += _evaluation(tracked.event_id, told.quality, place)
        lifecycle.record_attached(*records)


def _tracking(tracked: TrackedCall, told: Told, call: CallEvent, project: str) -> dict[str, Any]:
    names = {
        "agent_name": told.agent_name,
        "agent_role": told.agent_role,
        "operation": told.operation,
        "project": project,
    }
    if tracked.merged_by is not None:
        names |= {
            "model": call.request_model,
            "provider": call.provider if told.provider else None,
            "latency_ms": call.duration_ms,
            "prompt_tokens": told.prompt_tokens,
            "completion_tokens": told.completion_tokens,
            "metadata": told.metadata or None,
            "merged_by": tracked.merged_by,
        }
    return plain_data(names)


def _evaluation(event_id: str, quality: QualityEvaluation, place: Snapshot) -> list[FactRecord | ScoreRecord]:
    fact = _fact(event_id, "quality", data_of(quality), place)
    figures = dict(quality.scores)
    if quality.score is not None:
        figures.setdefault("quality", quality.score)
    made = [
        score_record(name, value, ("event", event_id), place, source="evaluator", evaluation_id=fact.event_id)
        for name, value in figures.items()
    ]
    for one in made:
        if one is None:
            lifecycle.refuse("bad_score")
    return [fact, *(one for one in made if one is not None)]


def _fact(event_id: str, kind: FactKind, data: dict[str, Any], place: Snapshot) -> FactRecord:
    return FactRecord(
        event_id=new_event_id(),
        target_event_id=event_id,
        kind=kind,
        data=data,
        at_us=now_us(),
        context=wire_context(place, None),
    )
