"""Records that tell of one call, joined by ids, by the tree of their trace, and at last by service, model and time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llmobserve_server.store.merging.facts import AGGREGATE, EXCHANGE, TOLD, TRACED, Call

__all__ = ["SLACK", "START_APART", "Group", "by_time", "groups_of"]

START_APART = timedelta(seconds=30)
"""A call that a provider's SDK tries again may start so long after the span around it."""
SLACK = timedelta(milliseconds=5)
"""Ends of what encloses and what is enclosed are read from clocks of one machine, in another order than they happen."""
_MOST_APART = 0.02
"""Two counts of the same tokens: some instrumentations count the first piece of a stream twice."""


@dataclass(slots=True, eq=False)
class Group:
    """Records of one call."""

    calls: list[Call] = field(default_factory=list[Call])
    by_time: set[str] = field(default_factory=set[str])
    """Event ids of what only the time joins with the others: all that came with the smaller part."""

    @property
    def sources(self) -> frozenset[str]:
        """Who saw it."""
        return frozenset(call.source for call in self.calls)

    @property
    def has_id(self) -> bool:
        """Whether an id of its answer is known."""
        return any(call.response_key for call in self.calls)


class _Sets:
    """Disjoint sets of calls."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self._above = {id(call): call for call in calls}

    def top(self, call: Call) -> Call:
        above = self._above
        while (up := above[id(call)]) is not call:
            above[id(call)] = above[id(up)]
            call = up
        return call

    def join(self, one: Call, other: Call) -> None:
        self._above[id(self.top(one))] = self.top(other)


def groups_of(calls: Sequence[Call], pairs: Iterable[tuple[Call, Call]]) -> list[Group]:
    """Groups of what ids and the tree join; `pairs` are those of the trees. Sums are in none."""
    plain = sorted((call for call in calls if AGGREGATE not in call.flags), key=_order)
    sets = _Sets(plain)
    for one, other in pairs:
        sets.join(one, other)
    by_key: dict[tuple[str, str], Call] = {}
    answered: dict[tuple[str, str], Call] = {}
    for call in plain:
        project = call.row["project_id"]
        if call.response_key and call.request_key:
            # Of the charges of one request the first is the call itself.
            first = answered.setdefault((project, call.request_key), call)
            if call.event_id < first.event_id:
                answered[project, call.request_key] = call
        if (key := call.response_key or call.request_key) is not None:
            sets.join(by_key.setdefault((project, key), call), call)
    for call in plain:
        if call.response_key is None and call.request_key is not None and call.vantage != EXCHANGE:
            other = answered.get((call.row["project_id"], call.request_key))
            if other is not None:
                sets.join(other, call)
    groups: defaultdict[int, Group] = defaultdict(Group)
    for call in plain:
        groups[id(sets.top(call))].calls.append(call)
    return list(groups.values())


def _order(call: Call) -> tuple[datetime, str]:
    return call.start, call.event_id


@dataclass(slots=True, eq=False)
class _Whole:
    """What the records of a group say together."""

    group: Group
    start: datetime
    end: datetime
    models: frozenset[str]
    services: frozenset[str]
    input_tokens: int | None
    output_tokens: int | None
    is_failed: bool

    @classmethod
    def of(cls, group: Group) -> "_Whole":
        calls = group.calls
        known = [call.row for call in calls if call.is_known]
        return cls(
            group,
            min(call.start for call in calls),
            max(call.end for call in calls),
            frozenset(name for call in calls for name in call.models),
            frozenset(call.row["service"] for call in calls if call.row["service"]),
            next((row["input_tokens"] for row in known if row["input_tokens"] is not None), None),
            next((row["output_tokens"] for row in known if row["output_tokens"] is not None), None),
            all(call.is_failed for call in calls),
        )


def by_time(groups: Sequence[Group], touched: Collection[str]) -> list[Group]:
    """The groups again, those joined of which one encloses the other and which nothing tells apart.

    Of several that could be the same the two that start nearest to each other are joined first. Never joined: two that
    have both an id of their answer, two that have a source in common, and what the application told by hand.

    `touched` are event ids: what has nothing to do with a group that has one of them is left out, whatever it is.
    """
    lots: defaultdict[tuple[str, str, str, bool], list[_Whole]] = defaultdict(list)
    chosen: list[Group] = []
    for group in groups:
        if any(call.vantage == TOLD for call in group.calls):
            chosen += [group] * _is_touched(group, touched)
        else:
            row = group.calls[0].row
            whole = _Whole.of(group)
            lots[row["project_id"], row["provider"] or "", row["kind"], whole.is_failed].append(whole)
    for lot in lots.values():
        chosen += _join_lot(lot, touched)
    return chosen


def _is_touched(group: Group, touched: Collection[str]) -> bool:
    return any(call.event_id in touched for call in group.calls)


def _join_lot(lot: list[_Whole], touched: Collection[str]) -> list[Group]:
    """The groups of one provider, kind and outcome that have to do with what is touched, joined."""
    reached = {at for at, whole in enumerate(lot) if _is_touched(whole.group, touched)}
    pairs: list[tuple[timedelta, int, int]] = []
    if reached and len({source for whole in lot for source in whole.group.sources}) > 1:
        lot.sort(key=lambda whole: (whole.start, _order(whole.group.calls[0])))
        reached = {at for at, whole in enumerate(lot) if _is_touched(whole.group, touched)}
        pairs = sorted(_pairs(lot))
        pairs = _connected(pairs, reached)
    into = {id(whole.group): whole.group for whole in lot}
    for _, at, to in pairs:
        one, other = (_last(into, lot[index].group) for index in (at, to))
        if one is other or one.sources & other.sources or (one.has_id and other.has_id):
            continue
        larger, smaller = (other, one) if other.has_id or len(other.calls) > len(one.calls) else (one, other)
        larger.by_time |= smaller.by_time | {call.event_id for call in smaller.calls}
        larger.calls = sorted([*larger.calls, *smaller.calls], key=_order)
        into[id(smaller)] = larger
    return [lot[at].group for at in sorted(reached) if into[id(lot[at].group)] is lot[at].group]


def _pairs(lot: Sequence[_Whole]) -> list[tuple[timedelta, int, int]]:
    """How far two groups start apart that may be the same, and their places."""
    return [
        (other.start - one.start, at, at + further)
        for at, one in enumerate(lot)
        for further, other in _starting_near(lot, at)
        if _may_be_same(one, other)
    ]


def _connected(pairs: Sequence[tuple[timedelta, int, int]], reached: set[int]) -> list[tuple[timedelta, int, int]]:
    """The pairs that lead to one of `reached`, which are added to it."""
    beside: defaultdict[int, list[int]] = defaultdict(list)
    for _, at, to in pairs:
        beside[at].append(to)
        beside[to].append(at)
    way = list(reached)
    while way:
        for other in beside[way.pop()]:
            if other not in reached:
                reached.add(other)
                way.append(other)
    return [pair for pair in pairs if pair[1] in reached]


def _last(into: Mapping[int, Group], group: Group) -> Group:
    while (further := into[id(group)]) is not group:
        group = further
    return group


def _starting_near(lot: Sequence[_Whole], at: int) -> Iterable[tuple[int, _Whole]]:
    one = lot[at]
    limit = min(one.start + START_APART, one.end + SLACK)
    for further, other in enumerate(lot[at + 1 :], 1):
        if other.start > limit:
            return
        yield further, other


def _may_be_same(one: _Whole, other: _Whole) -> bool:
    """`other` starts after `one`, or with it."""
    encloses = other.end <= one.end + SLACK or (other.start <= one.start + SLACK and one.end <= other.end + SLACK)
    return (
        encloses
        and any(call.vantage == TRACED for group in (one.group, other.group) for call in group.calls)
        and not one.group.sources & other.group.sources
        and not (one.group.has_id and other.group.has_id)
        and (not one.services or not other.services or bool(one.services & other.services))
        and _is_one_model(one.models, other.models)
        and _is_one_usage(one, other)
    )


def _is_one_model(ones: frozenset[str], others: frozenset[str]) -> bool:
    if not ones or not others:
        return True
    return any(one.startswith(other) or other.startswith(one) for one in ones for other in others)


def _is_one_usage(one: _Whole, other: _Whole) -> bool:
    """Not when all counts that both know differ: some instrumentations get one of the two wrong."""
    counts = ((one.input_tokens, other.input_tokens), (one.output_tokens, other.output_tokens))
    known = [(n, m) for n, m in counts if n is not None and m is not None]
    return not known or any(abs(n - m) <= max(2, _MOST_APART * max(n, m)) for n, m in known)
