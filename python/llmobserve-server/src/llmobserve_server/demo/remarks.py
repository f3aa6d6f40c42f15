"""What the invented applications say about their runs and calls: scores, routing, judges, and calls told by hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from llmobserve.wire import (
    Batch,
    CallEvent,
    Context,
    FactKind,
    FactRecord,
    Record,
    ScoreRecord,
    ScoreTarget,
    SpanEvent,
    Usage,
)
from llmobserve_server.demo.dice import Dice

__all__ = ["with_remarks"]

_SECOND_US = 1_000_000
_COMPLAINTS = ("It answered another question.", "The order number was wrong.", "Too long to read.")
_PRAISE = ("Solved at once.", "Friendly and short.", "")
_FINDINGS = ("Two claims have no source.", "Every claim has its source.", "The third section repeats the first.")


def with_remarks(batches: Iterable[Batch], seed: int, now_us: int) -> Iterator[Batch]:
    """The batches, and after each what was said of its records until `now_us`. Runs and calls stay as they are."""
    for batch in batches:
        yield batch
        dice = Dice(f"{seed}:remarks:{batch.batch_id}")
        remark = _REMARKS.get(batch.source.service or "")
        said = [] if remark is None else remark(_Listener(dice, now_us), batch.events)
        if said:
            yield replace(batch, batch_id=dice.digits(32), events=tuple(said), report=None)


class _Listener:
    """Makes the records; one that would be said in the future is `None`."""

    def __init__(self, dice: Dice, now_us: int) -> None:
        self.dice = dice
        self._now_us = now_us

    def _said_us(self, after_us: int) -> int | None:
        at_us = after_us + self.dice.whole(2, 90) * _SECOND_US
        return at_us if at_us <= self._now_us else None

    def score(
        self,
        target: tuple[ScoreTarget, str],
        name: str,
        value: Decimal | bool,
        after_us: int,
        context: Context,
        **facts: Any,
    ) -> list[Record]:
        """A number, or a yes or no."""
        at_us = self._said_us(after_us)
        if at_us is None:
            return []
        record = ScoreRecord(
            event_id=self.dice.event_id(at_us),
            target_type=target[0],
            target_id=target[1],
            name=name,
            data_type="boolean" if isinstance(value, bool) else "numeric",
            value=Decimal(int(value)) if isinstance(value, bool) else value,
            at_us=at_us,
            context=context,
            **facts,
        )
        return [record]

    def fact(self, call: CallEvent, kind: FactKind, data: dict[str, Any]) -> list[Record]:
        """What is known beside the call."""
        at_us = self._said_us(_end_us(call))
        if at_us is None:
            return []
        made = FactRecord(
            event_id=self.dice.event_id(at_us),
            target_event_id=call.event_id,
            kind=kind,
            data=data,
            at_us=at_us,
            context=call.context,
        )
        return [made]

    def share(self) -> Decimal:
        """A figure from 0.5 to 1 with two decimals."""
        return Decimal(self.dice.whole(50, 100)) / 100


def _end_us(record: CallEvent | SpanEvent) -> int:
    return record.start_time_us + int((record.duration_ms or 0) * 1000)


def _ended_runs(records: Sequence[Record]) -> Iterator[SpanEvent]:
    for record in records:
        if isinstance(record, SpanEvent) and record.kind == "run" and record.status != "running":
            yield record


def _calls_in(records: Sequence[Record], section: str) -> Iterator[CallEvent]:
    """Calls that were answered directly in such a section."""
    for record in records:
        if isinstance(record, CallEvent) and record.response_id and record.status == "ok":
            path = record.context.section_path or ""
            if path.endswith(section):
                yield record


def _thumbs(listener: _Listener, records: Sequence[Record]) -> list[Record]:
    """Users say whether an answer helped, and sometimes how content they are with the session."""
    dice, said = listener.dice, list[Record]()
    for run in _ended_runs(records):
        context = run.context
        if context.run_id and dice.chance(0.3):
            good = dice.chance(0.82)
            comment = dice.pick(_PRAISE if good else _COMPLAINTS) or None
            target: tuple[ScoreTarget, str] = ("run", context.run_id)
            said += listener.score(target, "helpful", good, _end_us(run), context, source="user", comment=comment)
        if context.session_id and dice.chance(0.15):
            stars = Decimal(dice.pick((5, 4, 3, 2, 1), (5, 6, 3, 1, 1)))
            whole: tuple[ScoreTarget, str] = ("session", context.session_id)
            said += listener.score(whole, "satisfaction", stars, _end_us(run), context, source="user")
    return said


def _routes(listener: _Listener, records: Sequence[Record]) -> list[Record]:
    """A router chose the model by how hard the question looked, after a look into a cache of answers."""
    dice, said = listener.dice, list[Record]()
    for call in _calls_in(records, "step:answer"):
        if not dice.chance(0.5):
            continue
        complexity = dice.between(0.05, 0.6)
        easy = call.request_model == "gpt-5-nano"
        said += listener.fact(
            call,
            "routing",
            {
                "chosen_model": call.request_model,
                "chosen_provider": call.provider,
                "alternatives": ["gpt-5-nano", "gpt-4o-mini"],
                "strategy": "complexity",
                "reason": "short question, few passages" if easy else "several passages to weigh",
                "confidence": str(listener.share()),
                "complexity": f"{complexity / 2 if easy else complexity + 0.3:.2f}",
            },
        )
        said += listener.fact(
            call,
            "cache",
            {"hit": False, "cache_type": "semantic", "source": "redis", "similarity": f"{dice.between(0.2, 0.69):.2f}"},
        )
    return said


def _judged(listener: _Listener, records: Sequence[Record]) -> list[Record]:
    """A model judges the report that the writer has written."""
    dice, said = listener.dice, list[Record]()
    for call in _calls_in(records, "agent:writer"):
        faithful, complete = listener.share(), listener.share()
        verdict = listener.fact(
            call,
            "quality",
            {
                "judge_model": "gpt-6-sol",
                "judge_provider": "openai",
                "passed": faithful >= Decimal("0.6"),
                "feedback": dice.pick(_FINDINGS),
            },
        )
        said += verdict
        for judgement in verdict:
            for name, value in (("faithfulness", faithful), ("completeness", complete)):
                about: tuple[ScoreTarget, str] = ("event", call.event_id)
                link = {"source": "evaluator", "evaluation_id": judgement.event_id}
                said += listener.score(about, name, value, _end_us(call), call.context, **link)
    return said


def _told(listener: _Listener, records: Sequence[Record]) -> list[Record]:
    """The application reports its calls itself, as it did before they were captured: with the same ids."""
    dice, said = listener.dice, list[Record]()
    for call in _calls_in(records, "agent:mail-writer"):
        if call.usage.source != "response":
            continue
        tokens = {name: call.usage.units[name] for name in ("input_text_tokens", "output_text_tokens")}
        start_us = call.start_time_us + dice.whole(1, 4) * 1000
        report = CallEvent(
            event_id=dice.event_id(start_us),
            kind=call.kind,
            provider=call.provider,
            operation=call.operation,
            request_model=call.request_model,
            response_model=call.response_model,
            start_time_us=start_us,
            duration_ms=call.duration_ms,
            response_id=call.response_id,
            usage=Usage(units=tokens, source="application"),
            transport="manual",
            context=replace(call.context, span_id=dice.digits(16)),
        )
        said.append(report)
    return said


_REMARKS: dict[str, Callable[[_Listener, Sequence[Record]], list[Record]]] = {
    "support-bot": _thumbs,
    "rag-search": _routes,
    "research-agent": _judged,
    "sales-mail": _told,
}
