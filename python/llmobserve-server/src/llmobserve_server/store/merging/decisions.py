"""What becomes of records that are known: who is charged, and the context of each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from llmobserve_server.store.merging.carriers import carrier_pairs
from llmobserve_server.store.merging.charges import Decision, decide
from llmobserve_server.store.merging.context import contexts_of
from llmobserve_server.store.merging.facts import BY_TIME, Call, borrowed_list, call_of, is_otlp, own_flags, own_values
from llmobserve_server.store.merging.groups import Group, by_time, groups_of
from llmobserve_server.store.merging.links import Links, links_of
from llmobserve_server.store.merging.records import CHANGED
from llmobserve_server.store.merging.traces import Trace
from llmobserve_server.store.protocol import Key, Row

__all__ = ["Known", "wanted_of"]


class Known:
    """Records of one project that are decided about, and those that this depends on."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self.calls: dict[Key, Call] = {}
        self.traces: defaultdict[Key, list[Row]] = defaultdict(list)
        """By (project_id, trace_id); of a trace with a record that came by OTLP all rows."""

    def add(self, rows: Iterable[Row]) -> list[Row]:
        """Add rows with the columns `READ`; those that are new."""
        fresh: list[Row] = []
        for row in rows:
            key: Key = (row["project_id"], row["event_id"])
            if key not in self.rows:
                self.rows[key] = row
                fresh.append(row)
                if row["type"] == "call":
                    self.calls[key] = call_of(row)
                if row["trace_id"]:
                    self.traces[key[0], row["trace_id"]].append(row)
        return fresh


def wanted_of(known: Known, touched: set[str]) -> dict[Key, dict[str, Any]]:
    """The values of `CHANGED` that records are to have, by key: of those that are to have other ones than they have.

    Decided is about the records whose event ids are `touched`, and about all that this has consequences for.
    """
    rows = {event_id: row for (_, event_id), row in known.rows.items()}
    calls = {call.event_id: call for call in known.calls.values()}
    trees = [Trace(found) for found in known.traces.values() if any(map(is_otlp, found))]
    links, contexts = Links(), dict[str, dict[str, Any]]()
    for tree in trees:
        contexts.update(contexts_of(tree))
        links_of(tree, calls, links)
    contexts.update({event_id: own_values(row) for event_id, row in rows.items() if event_id not in contexts})
    pairs = links.pairs + carrier_pairs(calls.values(), touched)
    _spread(calls, touched)
    groups = by_time(groups_of(list(calls.values()), pairs), touched)
    bare = _bare(trees, groups, contexts)
    decisions = {decision.call.event_id: decision for group in groups for decision in decide(group, contexts, bare)}
    decisions.update({each.call.event_id: each for each in _sums(links, decisions, contexts, touched)})
    wanted: dict[Key, dict[str, Any]] = {}
    for key, row in known.rows.items():
        decision = decisions.get(key[1])
        if decision is not None:
            values = _decided(row, decision)
        elif row["type"] != "call" and key[1] in touched:
            values = _with_context(row, contexts[key[1]])
        else:
            continue
        if values is not None:
            wanted[key] = values
    return wanted


def _spread(calls: Mapping[str, Call], touched: set[str]) -> None:
    """What was decided about together before is decided about together again."""
    before = {call.row["merged_into"] or event_id for event_id, call in calls.items() if event_id in touched}
    touched.update(event_id for event_id, call in calls.items() if (call.row["merged_into"] or event_id) in before)


def _bare(trees: Iterable[Trace], groups: Iterable[Group], contexts: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Records whose trace tells of nothing but their own call: the run of another record of it says where it was."""
    group_of = {call.event_id: group for group in groups for call in group.calls}
    bare: list[str] = []
    for tree in trees:
        first = group_of.get(tree.rows[0]["event_id"])
        if first is not None and all(
            group_of.get(row["event_id"]) is first and contexts[row["event_id"]]["run_id"] == row["trace_id"]
            for row in tree.rows
        ):
            bare += [row["event_id"] for row in tree.rows]
    return frozenset(bare)


def _sums(
    links: Links, decisions: Mapping[str, Decision], contexts: Mapping[str, dict[str, Any]], touched: Collection[str]
) -> Iterable[Decision]:
    for call, instead in links.sums:
        if call.event_id not in touched and (instead is None or instead.event_id not in decisions):
            continue
        charged = None if instead is None else decisions.get(instead.event_id)
        into = charged.merged_into if charged is not None else None
        merged_into = None if instead is None else into or instead.event_id
        yield Decision(call, None, merged_into, contexts[call.event_id])


def _decided(row: Row, decision: Decision) -> dict[str, Any] | None:
    """`None` where the record has these values already."""
    values = _with_context(row, decision.values)
    flags = row["usage_flags"]
    wanted_flags = [*own_flags(row), BY_TIME] if decision.is_by_time else own_flags(row)
    if (
        values is None
        and row["call_key"] == decision.call_key
        and row["merged_into"] == decision.merged_into
        and bool(row["billable"]) == (decision.merged_into is None)
        and list(flags or ()) == wanted_flags
    ):
        return None
    return {
        **(values or {name: row[name] for name in CHANGED}),
        "call_key": decision.call_key,
        "billable": decision.merged_into is None,
        "merged_into": decision.merged_into,
        "usage_flags": wanted_flags,
    }


def _with_context(row: Row, values: dict[str, Any]) -> dict[str, Any] | None:
    """`None` where the record has these values already."""
    is_own = not row["borrowed"]
    if is_own and all(row[name] == value for name, value in values.items()):
        return None
    borrowed = borrowed_list(own_values(row), values) or None
    if row["borrowed"] == borrowed and all(row[name] == value for name, value in values.items()):
        return None
    return {**{name: row[name] for name in CHANGED}, **values, "borrowed": borrowed}
