"""Finds out whether a reported call was captured as well; `docs/decisions/0007-calls-told-by-hand.md` has the rules.

Filled only while an `Observatory` exists. Bounded: the last 1,024 captured calls, and as many reports.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from llmobserve.providers.call_keys import call_key
from llmobserve.wire import CallEvent, ContentRecord, Quantity, input_tokens, output_tokens

__all__ = ["Claim", "Matcher", "MergedBy"]

MergedBy = Literal["response_id", "request_id", "usage"]

_MOST = 1024
_LATEST_US = 5 * 60 * 1_000_000
"""A report without an id is made at most that long after its call has ended."""
_SLACK_US = 1_000_000
"""By how much a start that the application measured may be off."""
_ADOPTED = 2
"""Revision of a captured call that takes the place of a report, which has revision 1."""


class Claim(NamedTuple):
    """The captured call that a report is about."""

    event_id: str
    merged_by: MergedBy


@dataclass(slots=True)
class _Known:
    """A captured call, or a report that waits for one."""

    call: CallEvent
    run_id: str | None
    """`None` = in no run that the application has named: such a call may be anybody's."""
    told_at_us: int | None = None
    """When it was reported; `None` for a captured call."""
    starts: bool = False
    """The application said when it began."""
    claimed: bool = False


class Matcher:
    """Keeps the last captured calls and reports, and pairs them. Each captured call is claimed once, but by its id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._captured: OrderedDict[str, _Known] = OrderedDict()
        self._reports: OrderedDict[str, _Known] = OrderedDict()
        self.adopted = 0
        """Captured calls that took the place of a report."""

    def after_fork(self) -> None:
        """In the child: no lock of the parent's threads is waited for."""
        self._lock = threading.Lock()

    def captured(
        self, call: CallEvent, content: ContentRecord | None, run_id: str | None
    ) -> tuple[CallEvent, ContentRecord | None]:
        """Note a captured call; gives what is to be recorded: in place of a report, where it was reported before."""
        known = _Known(call, run_id)
        with self._lock:
            # What is fetched repeatedly has an id of its own, and revisions.
            report = None if call.revision else self._reported(known)
            if report is not None:
                del self._reports[report.call.event_id]
                call = replace(call, event_id=report.call.event_id, revision=_ADOPTED)
                content = None if content is None else replace(content, event_id=call.event_id)
                known = _Known(call, run_id, claimed=True)
                self.adopted += 1
            before = self._captured.pop(call.event_id, None)
            if before is not None:
                known.claimed = before.claimed
            _keep(self._captured, known)
        return call, content

    def claim(self, report: CallEvent, run_id: str | None, told_at_us: int, *, starts: bool) -> Claim | None:
        """The captured call that a report is about; `None` = it is a call of its own, and is remembered as such.

        `starts`: its start is what the application said, not reckoned from its duration.
        """
        wanted = _Known(report, run_id, told_at_us, starts)
        with self._lock:
            found = self._by_id(report)
            if found is None:
                found = self._by_usage(wanted)
            if found is None:
                _keep(self._reports, wanted)
                return None
            known, merged_by = found
            known.claimed = True
            return Claim(known.call.event_id, merged_by)

    def _by_id(self, report: CallEvent) -> "tuple[_Known, MergedBy] | None":
        for known in reversed(self._captured.values()):
            same = _same_id(report, known.call)
            if same is not None:
                return known, same
        return None

    def _by_usage(self, report: _Known) -> "tuple[_Known, MergedBy] | None":
        likely = [known for known in self._candidates(report) if _may_be(report, known)]
        if not likely:
            return None
        return max(likely, key=lambda known: _likeness(report.call, known.call)), "usage"

    def _candidates(self, report: _Known) -> Iterator[_Known]:
        earliest_us = (report.told_at_us or 0) - _LATEST_US
        return (known for known in self._captured.values() if not known.claimed and _end_us(known.call) >= earliest_us)

    def _reported(self, known: _Known) -> _Known | None:
        """The report that a call which has just been captured is the subject of."""
        call, end_us = known.call, _end_us(known.call)
        for report in self._reports.values():
            told_at_us = report.told_at_us or 0
            if _same_id(report.call, call) is not None:
                return report
            in_time = call.start_time_us <= told_at_us and end_us - told_at_us <= _LATEST_US
            if in_time and _may_be(report, known):
                return report
        return None


def _keep(calls: OrderedDict[str, _Known], known: _Known) -> None:
    calls[known.call.event_id] = known
    if len(calls) > _MOST:
        calls.popitem(last=False)


def _same_id(report: CallEvent, call: CallEvent) -> MergedBy | None:
    """The id that both have, where it is one that names a single call."""
    name: MergedBy | None = None
    key: str | None = None
    if report.response_id is not None and report.response_id == call.response_id:
        name, key = "response_id", call_key(call.provider, call.operation, call.response_id, None)
    elif report.request_id is not None and report.request_id == call.request_id:
        name, key = "request_id", call_key(call.provider, call.operation, None, call.request_id, call.http_status)
    return None if key is None else name


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _may_be(report: _Known, known: _Known) -> bool:
    """True where nothing that is known of both speaks against it, and what was used is the same."""
    told, call = report.call, known.call
    return (
        not _differ(report.run_id, known.run_id)
        and not _differ(told.response_id, call.response_id)
        and not _differ(told.request_id, call.request_id)
        and told.kind == call.kind
        and _same_model(told, call)
        and _same_usage(told, call)
        and (not report.starts or _overlap(told, call))
    )


def _same_model(told: CallEvent, call: CallEvent) -> bool:
    named = _bare(told.request_model)
    return named is not None and named in (_bare(call.request_model), _bare(call.response_model))


def _bare(model: str | None) -> str | None:
    """Without what a reseller puts before it."""
    return model.lower().rpartition("/")[2] if model else None


def _same_usage(told: CallEvent, call: CallEvent) -> bool:
    units, used = told.usage.units, call.usage.units
    if not units:
        # A refused request: it has used nothing, and says so by its state.
        return told.status == "error" and call.status != "ok" and not any(used.values())
    if units == used or not _is_stated(call):
        return True
    ins, outs = _inputs(used), _outputs(used, call.usage.details)
    return input_tokens(units) in ins and (output_tokens(units) or 0) in (outs or {0})


def _is_stated(call: CallEvent) -> bool:
    """False where the provider did not say what a call has used, or not all of it: there is nothing to compare."""
    usage = call.usage
    is_partial = call.status in {"cancelled", "abandoned"} or "partial" in usage.flags
    return call.status == "error" or not (is_partial or usage.source in {"estimated", "unknown"})


def _inputs(units: Mapping[str, Quantity]) -> set[int]:
    """What may be called the input tokens of a call: all, those not read from a cache, those neither read nor written.

    https://docs.anthropic.com/en/api/messages (read 2026-11-21) counts `input_tokens` without both.
    """
    whole = input_tokens(units)
    if whole is None:
        return set()
    read = sum(int(n) for unit, n in units.items() if unit.startswith("cache_read_"))
    written = sum(int(n) for unit, n in units.items() if unit.startswith("cache_write_"))
    return {whole, whole - read, whole - read - written}


def _outputs(units: Mapping[str, Quantity], details: Mapping[str, Quantity]) -> set[int]:
    """What may be called the output tokens: with or without those of reasoning. Empty where there are none at all."""
    whole = output_tokens(units)
    return set() if whole is None else {whole, whole - int(details.get("reasoning_tokens", 0))}


def _overlap(told: CallEvent, call: CallEvent) -> bool:
    return (
        told.start_time_us - _SLACK_US <= _end_us(call)
        and call.start_time_us <= max(_end_us(told), told.start_time_us) + _SLACK_US
    )


def _end_us(call: CallEvent) -> int:
    return call.start_time_us + int((call.duration_ms or 0) * 1000)


def _likeness(told: CallEvent, call: CallEvent) -> tuple[bool, bool, bool, float, int]:
    """Larger for the more likely of several."""
    apart = 0.0 if told.duration_ms is None else abs(told.duration_ms - (call.duration_ms or 0))
    return (
        _is_stated(call),
        told.provider == call.provider,
        told.context.parent_span_id == call.context.parent_span_id,
        -apart,
        _end_us(call),
    )
