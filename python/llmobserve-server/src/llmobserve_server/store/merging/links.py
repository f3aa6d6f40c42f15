"""Which records of one trace tell of the same call, and which only sum up others.

A framework, an instrumentation and the SDK of a provider each make a span of one call, one inside the other.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from llmobserve_server.store.merging.facts import AGGREGATE, TOLD, TRACED, Call
from llmobserve_server.store.merging.traces import Trace

__all__ = ["Links", "links_of"]

_ACTORS = frozenset({"agent", "tool", "workflow", "mcp"})
"""Spans below a call that may make calls of their own."""


@dataclass(slots=True)
class Links:
    """What the tree of a trace says about its calls."""

    pairs: list[tuple[Call, Call]] = field(default_factory=list[tuple[Call, Call]])
    """Records of the same call."""
    sums: list[tuple[Call, Call | None]] = field(default_factory=list[tuple[Call, Call | None]])
    """Sums, and the call or outer sum that is charged in place of each; `None` where the sum itself is."""


def links_of(trace: Trace, calls: Mapping[str, Call], links: Links) -> None:
    """Add what a trace says to `links`; `calls` by event id are those of the trace at least."""
    found = [calls.get(row["event_id"]) for row in trace.rows]
    for call, depth in zip(found, trace.depths, strict=True):
        if call is not None:
            call.depth = depth
    plain = [call for call in found if call is not None and AGGREGATE not in call.flags]
    if len(plain) > 1:
        _link_same_span(plain, links)
        _link_nested(trace, found, links)
    if len(plain) < sum(call is not None for call in found):
        _charge_sums(trace, found, links)


def _link_same_span(plain: Sequence[Call], links: Links) -> None:
    """A log record and its span have one span id."""
    first: dict[str, Call] = {}
    for call in sorted(plain, key=lambda call: call.event_id):
        span_id = call.row["span_id"]
        if span_id and call.vantage == TRACED:
            other = first.setdefault(span_id, call)
            if other is not call and not _names_another(call, other):
                links.pairs.append((other, call))


def _names_another(one: Call, other: Call) -> bool:
    return None not in {one.response_key, other.response_key} and one.response_key != other.response_key


def _link_nested(trace: Trace, found: Sequence[Call | None], links: Links) -> None:
    """Each call that encloses others is the same as one of them: the others are calls of their own."""
    inner: defaultdict[int, list[Call]] = defaultdict(list)
    outer = [-1] * len(found)
    """The nearest call above each row."""
    acted = [False] * len(found)
    """Whether an agent or tool is between a row and that call."""
    for at in trace.order:
        above = trace.parents[at]
        if above < 0:
            continue
        call = found[above]
        is_call = call is not None and AGGREGATE not in call.flags and call.vantage == TRACED
        outer[at] = above if is_call else outer[above]
        acted[at] = not is_call and (acted[above] or _is_actor(trace, above))
        own, enclosing = found[at], found[outer[at]] if outer[at] >= 0 else None
        if own is None or enclosing is None or AGGREGATE in own.flags or own.vantage == TOLD:
            continue
        if _is_same_call(enclosing, own, is_apart=acted[at]):
            inner[outer[at]].append(own)
    for at, inside in inner.items():
        call = found[at]
        assert call is not None
        answered = [one for one in inside if not one.is_failed]
        call.spans_several = len({one.response_key or one.event_id for one in answered}) > 1
        links.pairs.append((call, _most_alike(call, inside)))


def _is_actor(trace: Trace, at: int) -> bool:
    row = trace.rows[at]
    return row["type"] == "span" and row["kind"] in _ACTORS


def _is_same_call(outer: Call, inner: Call, *, is_apart: bool) -> bool:
    if outer.row["kind"] != inner.row["kind"] or (inner.is_failed and not outer.is_failed):
        return False
    if outer.source == inner.source:
        same_name = ("operation", "request_model")
        return all(outer.row[name] == inner.row[name] for name in same_name) and not _names_another(outer, inner)
    return not (is_apart and _names_another(outer, inner))


def _most_alike(outer: Call, inside: Sequence[Call]) -> Call:
    """The inner call that the outer one is: by its id, else the last one that was answered."""

    def likeness(inner: Call) -> tuple[bool, bool, bool, datetime, str]:
        is_named = outer.response_key is not None and outer.response_key == inner.response_key
        return is_named, not inner.is_failed, inner.is_known, inner.end, inner.event_id

    return max(inside, key=likeness)


def _charge_sums(trace: Trace, found: Sequence[Call | None], links: Links) -> None:
    """A sum is charged only where no call is known below the span that states it, and no sum above is charged."""
    by_span: defaultdict[int, list[Call]] = defaultdict(list)
    for at, call in enumerate(found):
        if call is not None and AGGREGATE in call.flags:
            by_span[trace.parents[at] if trace.parents[at] >= 0 else at].append(call)
    leaves: dict[int, Call] = {}
    nearest = _nearest_summed(trace, by_span.keys())
    calls = [
        (at, call)
        for at, call in enumerate(found)
        if call is not None and AGGREGATE not in call.flags and not call.is_failed
    ]
    for at, call in sorted(calls, key=lambda each: (each[1].start, each[1].event_id)):
        above = nearest[at]
        while above >= 0 and above not in leaves:
            leaves[above] = call
            above = nearest[above]
        if not trace.is_whole[at]:
            # What is between is missing: the call is below whatever was going on.
            leaves.update({span: call for span in by_span.keys() - leaves.keys() if _is_during(call, by_span[span][0])})
    charged: dict[int, Call] = {}
    for at in sorted(by_span, key=lambda at: trace.depths[at]):
        first, *others = sorted(by_span[at], key=lambda call: call.event_id)
        instead: Call | None = leaves.get(at)
        if instead is None:
            instead = next((charged[above] for above in _summed_above(nearest, at) if above in charged), None)
        if instead is None:
            charged[at] = first
        links.sums.append((first, instead))
        links.sums += [(other, instead or first) for other in others]


def _nearest_summed(trace: Trace, spans: Collection[int]) -> list[int]:
    """Index of the nearest span above each row that states a sum; -1 for none."""
    nearest = [-1] * len(trace.rows)
    for at in trace.order:
        above = trace.parents[at]
        if above >= 0:
            nearest[at] = above if above in spans else nearest[above]
    return nearest


def _summed_above(nearest: Sequence[int], at: int) -> list[int]:
    above: list[int] = []
    while (at := nearest[at]) >= 0:
        above.append(at)
    return above


def _is_during(call: Call, summed: Call) -> bool:
    return summed.start <= call.start <= summed.end
