"""Records of one provider call among the rows that a transaction has just written: one of them stays charged."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import duckdb
import msgspec

from llmobserve_server.store.arrow import to_arrow
from llmobserve_server.store.one_charge import BORROWED, NEAR, READ, Charge, charges_of
from llmobserve_server.store.protocol import Key, Row

__all__ = ["Suspects", "merge_twins", "revised_keys"]

Suspects = Mapping[Key, datetime]
"""(project_id, call key) of calls that may have another record, with a time at which one of them began."""

_SLACK = timedelta(days=1)
_CONTEXT = tuple(chain.from_iterable(BORROWED))
# What an SDK saw on the wire is looked for among the other records only. Where there are none, which is usual, one look
# at the statistics of the blocks tells.
_ANY = "SELECT 1 FROM events WHERE NOT is_exchange AND start_time BETWEEN $first AND $last LIMIT 1"
_FIND = """
    SELECT new.project_id, new.call_key, min(new.start_time)
    FROM incoming_events AS new JOIN events AS old
    ON old.project_id = new.project_id AND old.call_key = new.call_key AND old.event_id <> new.event_id
    WHERE old.start_time BETWEEN $first AND $last AND {side}
    GROUP BY new.project_id, new.call_key
"""
_AMONG_OTHERS = _FIND.format(side="NOT old.is_exchange")
_AMONG_ALL = _FIND.format(side="NOT new.is_exchange")
_REVISED = """
    SELECT old.project_id, unnest([old.call_key, new.call_key]), old.start_time
    FROM events AS old JOIN incoming_events AS new
    ON old.project_id = new.project_id AND old.event_id = new.event_id
    WHERE old.call_key <> new.call_key
"""
# A record by hand may name the request only. Of the charges of one request the first is the call itself.
_ADOPT = """
    UPDATE events SET call_key = found.call_key
    FROM (
        SELECT told.project_id, told.event_id, arg_min(seen.call_key, seen.event_id) AS call_key
        FROM events AS told JOIN events AS seen
        ON seen.project_id = told.project_id AND seen.provider = told.provider AND seen.request_id = told.request_id
        WHERE NOT told.is_exchange AND told.response_id IS NULL AND told.call_key IS NOT NULL
        AND seen.is_exchange AND seen.response_id IS NOT NULL AND seen.call_key IS NOT NULL
        AND seen.http_status IS DISTINCT FROM 101
        AND told.request_id IN (SELECT request_id FROM incoming_events WHERE request_id IS NOT NULL)
        AND told.start_time BETWEEN $first AND $last AND seen.start_time BETWEEN $first AND $last
        GROUP BY told.project_id, told.event_id
    ) AS found
    WHERE events.project_id = found.project_id AND events.event_id = found.event_id
    AND events.call_key <> found.call_key
    RETURNING events.project_id, events.call_key, events.start_time
"""
_READ = f"""
    SELECT {", ".join(("project_id", "call_key", *READ))} FROM events
    WHERE start_time BETWEEN $first AND $last AND call_key IN $keys AND project_id IN $projects
"""
_NAMES = ("project_id", "call_key", *READ)
_JSON = ("usage_flags", "units", "borrowed")
_SET = ("billable", "merged_into", "borrowed", *_CONTEXT)
_WRITE = f"""
    UPDATE events SET {", ".join(f"{name} = new.{name}" for name in _SET)} FROM incoming_charges AS new
    WHERE events.project_id = new.project_id AND events.event_id = new.event_id
    AND events.start_time BETWEEN $first AND $last
"""


def revised_keys(connection: duckdb.DuckDBPyConnection) -> Suspects:
    """Keys that stored calls lose, and get instead, by `incoming_events`. To be asked before they are replaced."""
    return _by_key(connection.execute(_REVISED).fetchall())


def merge_twins(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[Row], revised: Suspects | None = None
) -> dict[Key, str]:
    """Charge one record of each call that `rows` tell of, in the open transaction that wrote them.

    `rows` are those of the view `incoming_events`. Returns which of their keys are charged by another event's id.
    """
    calls = [row for row in rows if row.get("call_key")]
    suspects = {**(revised or {}), **_suspects(connection, calls)}
    if not suspects:
        return {}
    groups = _groups(connection, suspects)
    charges = {(key[0], charge.event_id): charge for key, group in groups.items() for charge in charges_of(group)}
    stored = {(key[0], row["event_id"]): row for key, group in groups.items() for row in group}
    changed = [key for key, charge in charges.items() if _is_other(stored[key], charge)]
    if changed:
        _write(connection, [(stored[key], charges[key], key[0]) for key in changed])
    own = {(row["project_id"], row["event_id"]) for row in calls}
    return {key: charge.merged_into for key, charge in charges.items() if charge.merged_into is not None and key in own}


def _suspects(connection: duckdb.DuckDBPyConnection, calls: Sequence[Row]) -> Suspects:
    if not calls:
        return {}
    times = [row["start_time"] for row in calls]
    near = {"first": min(times) - NEAR, "last": max(times) + NEAR}
    if connection.execute(_ANY, near).fetchone() is None:
        return {}
    adopted = connection.execute(_ADOPT, near).fetchall()
    found = adopted + connection.execute(_AMONG_OTHERS, near).fetchall()
    if not all(row.get("is_exchange") for row in calls):
        found += connection.execute(_AMONG_ALL, near).fetchall()
    return _by_key(found)


def _by_key(found: Sequence[tuple[str, str, datetime]]) -> Suspects:
    return {(project_id, call_key): start for project_id, call_key, start in found}


def _groups(connection: duckdb.DuckDBPyConnection, suspects: Suspects) -> dict[Key, list[Row]]:
    """All records with these keys that are near one of the suspects, or near one that is."""
    first, last = min(suspects.values()), max(suspects.values())
    lists = {"keys": [key for _, key in suspects], "projects": sorted({project for project, _ in suspects})}
    while True:
        bounds = {"first": first - NEAR - _SLACK, "last": last + NEAR + _SLACK}
        found = connection.execute(_READ, {**bounds, **lists}).fetchall()
        groups: defaultdict[Key, list[Row]] = defaultdict(list)
        for values in found:
            row: dict[str, Any] = dict(zip(_NAMES, values, strict=True))
            row.update({name: msgspec.json.decode(row[name]) for name in _JSON if row[name] is not None})
            if (key := (row["project_id"], row["call_key"])) in suspects:
                groups[key].append(row)
        times = [row["start_time"] for group in groups.values() for row in group]
        earliest, latest = min(times, default=first), max(times, default=last)
        if earliest >= first - _SLACK and latest <= last + _SLACK:
            return groups
        first, last = min(first, earliest), max(last, latest)


def _is_other(row: Row, charge: Charge) -> bool:
    return (
        bool(row["billable"]) != (charge.merged_into is None)
        or row["merged_into"] != charge.merged_into
        or list(row["borrowed"] or ()) != charge.borrowed
        or any(row[name] != charge.context[name] for name in _CONTEXT)
    )


def _write(connection: duckdb.DuckDBPyConnection, changed: Sequence[tuple[Row, Charge, str]]) -> None:
    rows = [
        {
            "project_id": project_id,
            "event_id": charge.event_id,
            "billable": charge.merged_into is None,
            "merged_into": charge.merged_into,
            "borrowed": charge.borrowed or None,
            **charge.context,
        }
        for _, charge, project_id in changed
    ]
    times = [row["start_time"] for row, _, _ in changed]
    connection.register("incoming_charges", to_arrow("events", rows))
    try:
        connection.execute(_WRITE, {"first": min(times), "last": max(times)})
    finally:
        connection.unregister("incoming_charges")
