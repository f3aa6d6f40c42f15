"""Finds out whether a reported call was captured as well; `docs/decisions/0007-calls-told-by-hand.md` has the rules.

Filled only while an `Observatory` exists. Bounded: the last 1,024 captured calls, and as many reports.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
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
_Likeness = tuple[bool, bool, bool, float]
_CLOSE: _Likeness = (True, True, True, -10.0)
"""So alike that no other call is looked at: everything agrees, and the durations within 10 ms."""
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
    tokens: "tuple[set[int], set[int]] | None" = None
    """What may be called its tokens, in and out; worked out when it is first compared."""
    said: "tuple[int | None, int] | None" = None
    """Tokens in and out of a report, likewise; in is `None` where it names none."""


class Matcher:
    """Keeps the last captured calls and reports, and pairs them. Each captured call is claimed once, but by its id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._captured = _Calls()
        self._reports = _Calls()
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
                self._reports.remove(report)
                call = replace(call, event_id=report.call.event_id, revision=_ADOPTED)
                content = None if content is None else replace(content, event_id=call.event_id)
                known = _Known(call, run_id)
                self.adopted += 1
            self._captured.keep(known)
            if report is not None:
                self._captured.claim(known)
        return call, content

    def claim(self, report: CallEvent, run_id: str | None, told_at_us: int, *, starts: bool) -> Claim | None:
        """The captured call that a report is about; `None` = it is a call of its own, and is remembered as such.

        `starts`: its start is what the application said, not reckoned from its duration.
        """
        wanted = _Known(report, run_id, told_at_us, starts)
        with self._lock:
            found = self._captured.with_id_of(report) or self._by_usage(wanted)
            if found is None:
                self._reports.keep(wanted)
                return None
            known, merged_by = found
            self._captured.claim(known)
            return Claim(known.call.event_id, merged_by)

    def _by_usage(self, report: _Known) -> "tuple[_Known, MergedBy] | None":
        earliest_us = (report.told_at_us or 0) - _LATEST_US
        best: tuple[_Known, _Likeness] | None = None
        for known in reversed(self._captured.unclaimed.values()):
            if _end_us(known.call) >= earliest_us and _may_be(report, known):
                likeness = _likeness(report.call, known.call)
                if best is None or likeness > best[1]:
                    best = known, likeness
                if likeness >= _CLOSE:
                    break
        return None if best is None else (best[0], "usage")

    def _reported(self, known: _Known) -> _Known | None:
        """The report that a call which has just been captured is the subject of."""
        call, end_us = known.call, _end_us(known.call)
        same = self._reports.with_id_of(call)
        if same is not None:
            return same[0]
        for report in reversed(self._reports.unclaimed.values()):
            told_at_us = report.told_at_us or 0
            if told_at_us < call.start_time_us:
                return None  # as are all before it
            if end_us - told_at_us <= _LATEST_US and _may_be(report, known):
                return report
        return None


class _Calls:
    """The last calls of one kind, by event id and by the ids that the provider gave them."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, _Known] = OrderedDict()
        self._with_id: dict[tuple[MergedBy, str], _Known] = {}
        self.unclaimed: OrderedDict[str, _Known] = OrderedDict()
        """Oldest first."""

    def keep(self, known: _Known) -> None:
        """Add a call. Another revision of one that was claimed is claimed as well."""
        event_id = known.call.event_id
        before = self._all.get(event_id)
        if before is None or event_id in self.unclaimed:
            self.unclaimed[event_id] = known
        if before is not None:
            self._forget_ids(before)
        self._all[event_id] = known
        for key in _ids(known.call):
            self._with_id[key] = known
        if len(self._all) > _MOST:
            self.remove(next(iter(self._all.values())))

    def remove(self, known: _Known) -> None:
        """Forget a call."""
        self._all.pop(known.call.event_id, None)
        self.claim(known)
        self._forget_ids(known)

    def _forget_ids(self, known: _Known) -> None:
        for key in _ids(known.call):
            if self._with_id.get(key) is known:
                del self._with_id[key]

    def claim(self, known: _Known) -> None:
        """From here on it is found by its id only."""
        self.unclaimed.pop(known.call.event_id, None)

    def with_id_of(self, call: CallEvent) -> "tuple[_Known, MergedBy] | None":
        """The call that has an id of this one, where it is an id that names a single call."""
        for key in _ids(call):
            known = self._with_id.get(key)
            if known is not None and _names_one(known.call, key[0]) and _names_one(call, key[0]):
                return known, key[0]
        return None


def _ids(call: CallEvent) -> "list[tuple[MergedBy, str]]":
    found: list[tuple[MergedBy, str]] = []
    if call.response_id is not None:
        found.append(("response_id", call.response_id))
    if call.request_id is not None:
        found.append(("request_id", call.request_id))
    return found


def _names_one(call: CallEvent, by: MergedBy) -> bool:
    """True where this id of a call is that of no other call."""
    if by == "response_id":
        return call_key(call.provider, call.operation, call.response_id, None) is not None
    return call_key(call.provider, call.operation, None, call.request_id, call.http_status) is not None


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
        and _same_usage(report, known)
        and _same_model(told, call)
        and (not report.starts or _overlap(told, call))
    )


def _same_model(told: CallEvent, call: CallEvent) -> bool:
    named = _bare(told.request_model)
    return named is not None and named in (_bare(call.request_model), _bare(call.response_model))


def _bare(model: str | None) -> str | None:
    """Without what a reseller puts before it."""
    return model.lower().rpartition("/")[2] if model else None


def _same_usage(report: _Known, known: _Known) -> bool:
    told, call = report.call, known.call
    units, used = told.usage.units, call.usage.units
    if not units:
        # A refused request: it has used nothing, and says so by its state.
        return told.status == "error" and call.status != "ok" and not any(used.values())
    if report.said is None:
        report.said = input_tokens(units), output_tokens(units) or 0
    if known.tokens is None:
        known.tokens = _inputs(used), _outputs(used, call.usage.details)
    (into, out_of), (ins, outs) = report.said, known.tokens
    return (into in ins and out_of in outs) or units == used or not _is_stated(call)


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
    """What may be called the output tokens: with or without those of reasoning."""
    whole = output_tokens(units) or 0
    return {whole, whole - int(details.get("reasoning_tokens", 0))}


def _overlap(told: CallEvent, call: CallEvent) -> bool:
    return (
        told.start_time_us - _SLACK_US <= _end_us(call)
        and call.start_time_us <= max(_end_us(told), told.start_time_us) + _SLACK_US
    )


def _end_us(call: CallEvent) -> int:
    return call.start_time_us + int((call.duration_ms or 0) * 1000)


def _likeness(told: CallEvent, call: CallEvent) -> _Likeness:
    """Larger for the more likely of several."""
    apart = 0.0 if told.duration_ms is None else abs(told.duration_ms - (call.duration_ms or 0))
    return (
        _is_stated(call),
        told.provider == call.provider,
        told.context.parent_span_id == call.context.parent_span_id,
        -apart,
    )
