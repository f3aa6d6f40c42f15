"""One charge for each provider call that new records tell of, and their context, in the transaction that wrote them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from llmobserve_server.store.merging.carriers import carrier_pairs
from llmobserve_server.store.merging.charges import NEAR, Decision, decide
from llmobserve_server.store.merging.context import contexts_of
from llmobserve_server.store.merging.facts import BY_TIME, OTLP, Call, borrowed_list, is_otlp, own_flags, own_values
from llmobserve_server.store.merging.gather import Gathered, times_of
from llmobserve_server.store.merging.groups import Group, by_time, groups_of
from llmobserve_server.store.merging.links import Links, links_of
from llmobserve_server.store.merging.records import CHANGED, FACTS, CallRecords
from llmobserve_server.store.merging.traces import Trace
from llmobserve_server.store.protocol import Key, Row

__all__ = ["merge_records"]

_LOOKED_AT = (*FACTS, "billable", "merged_into", "borrowed")


def merge_records(records: CallRecords, new: Sequence[Row], stale: Collection[Key] = ()) -> dict[Key, str | None]:
    """Leave one charge to each provider call that new records tell of, and give them the context of their traces.

    Args:
        records: the table, in the open transaction that has written the new rows.
        new: rows of `events` of the batch, as they were to be written, with the columns `FACTS` (absent is NULL);
            where something was stored before, that counts.
        stale: (project_id, call_key) that stored calls had before a revision in this batch gave them another.

    Returns:
        Calls about whose charge it was decided otherwise than before, with the record that is charged in their place,
        or `None` for those that are charged themselves again.
    """
    by_project: defaultdict[str, list[Row]] = defaultdict(list)
    for row in new:
        by_project[row["project_id"]].append(row)
    changed: dict[Key, str | None] = {}
    for project_id, rows in by_project.items():
        changed.update(_merge(records, rows, [key for key in stale if key[0] == project_id]))
    return changed


def _merge(records: CallRecords, new: Sequence[Row], stale: Collection[Key]) -> dict[Key, str | None]:
    first, last = times_of(new)
    if not (stale or any(map(_is_other, new)) or records.any_others((first - NEAR, last + NEAR))):
        return {}
    new = [{name: row.get(name) for name in _LOOKED_AT} for row in new]
    gathered = Gathered(records)
    gathered.follow(new, stale)
    touched = {event_id for _, event_id in gathered.rows} | {row["event_id"] for row in new}
    gathered.follow_streams()
    gathered.follow_near(new)
    stored = gathered.rows
    changed = {key: row for key, row in _wanted(gathered, touched).items() if _differs(stored[key], row)}
    records.change(list(changed.values()))
    return {key: row["merged_into"] for key, row in changed.items() if row["merged_into"] != stored[key]["merged_into"]}


def _is_other(row: Row) -> bool:
    """A record that is not one of the SDK's own."""
    return row.get("transport") == OTLP or (row["type"] == "call" and row.get("is_exchange") is False)


def _wanted(gathered: Gathered, touched: set[str]) -> dict[Key, dict[str, Any]]:
    """The columns of `CHANGED` of each record that the decision is about."""
    rows = {event_id: row for (_, event_id), row in gathered.rows.items()}
    calls = {call.event_id: call for call in gathered.calls.values()}
    trees = [Trace(found) for found in gathered.traces.values() if any(map(is_otlp, found))]
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
    for key, row in gathered.rows.items():
        decision = decisions.get(key[1])
        if decision is not None:
            wanted[key] = _decided(row, decision)
        elif row["type"] != "call" and key[1] in touched:
            wanted[key] = _with_context(row, contexts[key[1]])
    return wanted


def _bare(trees: Iterable[Trace], groups: Iterable[Group], contexts: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Records whose trace tells of nothing but their own call: the run of another record of it says where it was."""
    group_of = {call.event_id: group for group in groups for call in group.calls}
    bare: list[str] = []
    for tree in trees:
        ids = [row["event_id"] for row in tree.rows]
        first = group_of.get(ids[0])
        if first is not None and all(
            group_of.get(row["event_id"]) is first and contexts[row["event_id"]]["run_id"] == row["trace_id"]
            for row in tree.rows
        ):
            bare += ids
    return frozenset(bare)


def _spread(calls: Mapping[str, Call], touched: set[str]) -> None:
    """What was decided about together before is decided about together again."""
    before = {call.row["merged_into"] or event_id for event_id, call in calls.items() if event_id in touched}
    touched.update(event_id for event_id, call in calls.items() if (call.row["merged_into"] or event_id) in before)


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


def _decided(row: Row, decision: Decision) -> dict[str, Any]:
    return {
        **_with_context(row, decision.values),
        "call_key": decision.call_key,
        "billable": decision.merged_into is None,
        "merged_into": decision.merged_into,
        "usage_flags": [*own_flags(row), *([BY_TIME] if decision.is_by_time else [])],
    }


def _with_context(row: Row, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "project_id": row["project_id"],
        "event_id": row["event_id"],
        "start_time": row["start_time"],
        **{name: row[name] for name in CHANGED},
        **values,
        "borrowed": borrowed_list(own_values(row), values) or None,
    }


def _differs(row: Row, wanted: Row) -> bool:
    return any(row[name] != wanted[name] and (row[name] or wanted[name]) for name in CHANGED)
