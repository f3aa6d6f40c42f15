"""Scores: what the application, a user or a judge thinks of a run, a session or an event."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import Enum
from math import isfinite

from llmobserve import lifecycle
from llmobserve.context import Snapshot, current, process_run, run_of, wire_context
from llmobserve.guard import guarded, text_of
from llmobserve.privacy import LONGEST_VALUE, label
from llmobserve.wire import ScoreRecord, ScoreTarget, ScoreType, new_event_id, now_us

__all__ = ["last_call_id", "score", "score_record"]

_SCORE = guarded("scores", quotes=False)
_EXACT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_QUANTUM = Decimal("0.000000000001")
_LARGEST = Decimal(10) ** 15
_YES, _NO = Decimal(1), Decimal(0)
_WORDS = {"true": _YES, "yes": _YES, "1": _YES, "false": _NO, "no": _NO, "0": _NO}

Value = bool | int | float | Decimal | str


def score(
    name: str,
    value: Value,
    *,
    run_id: str | None = None,
    session_id: str | None = None,
    event_id: str | None = None,
    data_type: ScoreType | None = None,
    comment: str | None = None,
    source: str = "application",
) -> str | None:
    """Say how good something was. Gives the id of the score; `None` when nothing was recorded.

    Args:
        name: what is judged: `helpful`, `faithfulness`.
        value: a number (at most 12 decimals are kept, below 10^15), True or False, or the name of a category.
        run_id: the run that is judged. Without any id it is the current run.
        session_id: the session that is judged.
        event_id: the call or section that is judged: `last_call_id()`, `section.event_id`. Of several ids that of the
            smallest thing counts: event, run, session.
        data_type: `numeric`, `categorical` or `boolean`; `None` = as the type of the value says.
        comment: why, in words; secrets are removed.
        source: who judges: `application`, `user`, `annotator`, `evaluator`, or a name.

    Several scores of one name are all kept; the newest is the one that counts. Never raises: a value that is no score
    is counted as lost (`bad_score`). Does nothing before `observe()`.
    """
    with _SCORE:
        place = current()
        if place.facts.suppressed:
            return None
        target = _target(place, run_id, session_id, event_id)
        made = score_record(name, value, target, place, data_type=data_type, comment=comment, source=source)
        if made is None:
            lifecycle.refuse("bad_score")
        elif lifecycle.record_attached(made):
            return made.event_id
    return None


def last_call_id() -> str | None:
    """Id of the call that ended last in this run or section, those inside included; `None` before the first.

    Of calls that the same section makes at the same time (threads, tasks) it may be any: give each a section of its
    own.
    """
    span = current().span
    return (process_run() if span is None else span).last_call_id


def score_record(
    name: object,
    value: object,
    target: tuple[ScoreTarget, str],
    place: Snapshot,
    *,
    data_type: ScoreType | None = None,
    comment: str | None = None,
    source: str = "application",
    evaluation_id: str | None = None,
) -> ScoreRecord | None:
    """The record of a score that was given at `place`; `None` for a value that is none."""
    given: object = value.value if isinstance(value, Enum) else value
    kind: ScoreType = data_type or _type_of(given)
    number = None if kind == "categorical" else _number(given, kind)
    category = label(text_of(given)) if kind == "categorical" else None
    if (number is None and not category) or not text_of(name):
        return None
    return ScoreRecord(
        event_id=new_event_id(),
        target_type=target[0],
        target_id=label(target[1]),
        name=label(text_of(name)),
        data_type=kind,
        value=number,
        label=category,
        comment=None if comment is None else label(text_of(comment), LONGEST_VALUE),
        source=label(text_of(source)),
        evaluation_id=evaluation_id,
        at_us=now_us(),
        context=wire_context(place, None),
    )


def _target(
    place: Snapshot, run_id: str | None, session_id: str | None, event_id: str | None
) -> tuple[ScoreTarget, str]:
    if event_id is not None:
        return "event", text_of(event_id)
    if run_id is not None:
        return "run", text_of(run_id)
    if session_id is not None:
        return "session", text_of(session_id)
    return "run", run_of(process_run() if place.span is None else place.span.root, place.facts)[0]


def _type_of(value: object) -> ScoreType:
    if isinstance(value, bool):
        return "boolean"
    return "categorical" if isinstance(value, str) else "numeric"


def _number(value: object, kind: ScoreType) -> Decimal | None:
    if kind == "boolean":
        return _truth(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    try:
        number = Decimal(repr(float(value)) if isinstance(value, float) else text_of(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= _LARGEST:
        return None
    exponent = number.as_tuple().exponent
    # Written out: a number of the form 1E+3 has more digits than it shows.
    is_plain = isinstance(exponent, int) and -12 <= exponent <= 0
    return number if is_plain else number.quantize(_QUANTUM, context=_EXACT).normalize(_EXACT) + _NO


def _truth(value: object) -> Decimal | None:
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return (_YES if value else _NO) if isinstance(value, (bool, int, float, Decimal)) else None
