"""The tree of a run from records that may lack parents, repeat ids or point in circles."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from llmobserve_server.store.protocol import Row

__all__ = ["Tree"]

_BLANK: Row = dict.fromkeys(
    (
        *("time_to_first_token_ms", "provider", "model", "operation", "cost_usd", "cost_state", "input_tokens"),
        *("output_tokens", "attempt", "error_type", "customer_id", "billable", "merged_into"),
    )
)


class Tree:
    """Rows of one run with every `parent_span_id` leading to a row of the tree or being None.

    - A parent that never arrived becomes a synthetic span, named by the section path of its children.
    - Without a path there is nothing to name it by: its children move to the run's own span.
    - A circle is cut where it is first met: that row moves to the run's own span.
    - Of several records with one span id the first keeps it, the others get ids of their own.
    - A record that was merged into another of the run is left out, its children move to that other one; where that one
      is below it, they and it move up.
    """

    def __init__(self, rows: Sequence[Row], *, run_name: str | None) -> None:
        self._run_name = run_name
        merged = _merged(rows)
        kept: list[dict[str, Any]] = [dict(row) for row in rows if row["event_id"] not in merged]
        alias = _instead(rows, merged)
        self._rows = kept
        self._by_span: dict[str, dict[str, Any]] = {}
        for row in kept:
            if row["span_id"] in self._by_span:
                row["span_id"] = f"{row['span_id']}:{row['event_id']}"
            if row["span_id"]:
                self._by_span[row["span_id"]] = row
        for row in kept:
            parent = row["parent_span_id"]
            if parent in alias and parent not in self._by_span:
                row["parent_span_id"] = alias[parent]
        self._root = _root(list(self._by_span.values()))
        self._by_path: dict[str, str] = {}
        for row in kept:
            if row["type"] == "span" and row["section_path"] and row["span_id"]:
                self._by_path.setdefault(row["section_path"], row["span_id"])
        self._attach()
        self._cut_circles()
        self._stretch()

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The rows in order of start, parents before children that start at the same time."""
        return sorted(self._rows, key=lambda row: (row["start_time"], self._depth(row), row["event_id"]))

    def _depth(self, row: Row) -> int:
        depth = 0
        above = self._by_span.get(row["parent_span_id"] or "")
        while above is not None:
            depth += 1
            above = self._by_span.get(above["parent_span_id"] or "")
        return depth

    def _attach(self) -> None:
        for row in list(self._rows):
            parent = row["parent_span_id"]
            if parent is None or parent in self._by_span:
                continue
            path = _enclosing(row)
            if path or self._root is None:
                self._synthesise(parent, path, row)
            else:
                row["parent_span_id"] = self._under_root(row)

    def _under_root(self, row: Row) -> str | None:
        root = self._root
        return None if root is None or root is row else root["span_id"]

    def _synthesise(self, span_id: str, path: tuple[str, ...], child: Row) -> None:
        """Adds the missing span `span_id` whose section path is `path`, and whatever is missing above it."""
        kind, _, name = path[-1].partition(":") if path else ("run", "", self._run_name or "run")
        row: dict[str, Any] = {
            **_BLANK,
            "event_id": f"synthetic-{span_id}",
            "type": "span",
            "kind": kind if name else "step",
            "name": name or kind,
            "status": "ok",
            "start_time": child["start_time"],
            "duration_ms": None,
            "run_name": self._run_name,
            "span_id": span_id,
            "parent_span_id": self._parent_of(path, child),
            "section_path": "/".join(path) or None,
            "synthetic": True,
        }
        self._rows.append(row)
        self._by_span[span_id] = row
        if path:
            self._by_path.setdefault("/".join(path), span_id)
        else:
            self._root = row

    def _parent_of(self, path: tuple[str, ...], child: Row) -> str | None:
        """Span id of the section around `path`, made where it is missing too."""
        above = path[:-1]
        if not above:
            return self._under_root(child)
        joined = "/".join(above)
        if joined not in self._by_path:
            self._synthesise(f"path:{joined}", above, child)
        return self._by_path[joined]

    def _cut_circles(self) -> None:
        """Follows each row upwards once; the row at which a way meets itself loses its parent."""
        done: set[int] = set()
        for start in self._rows:
            way: set[int] = set()
            row: dict[str, Any] | None = start
            while row is not None and id(row) not in done:
                if id(row) in way:
                    self._cut(row)
                    break
                way.add(id(row))
                parent = row["parent_span_id"]
                row = self._by_span.get(parent) if parent else None
            done |= way

    def _cut(self, row: dict[str, Any]) -> None:
        root = self._root
        in_circle = root is None or root is row or root["parent_span_id"] is not None
        row["parent_span_id"] = None if in_circle or root is None else root["span_id"]

    def _stretch(self) -> None:
        """Gives every synthetic span the time that what is below it covers."""
        for row in [row for row in self._rows if not row.get("synthetic")]:
            start = row["start_time"]
            end = start + timedelta(milliseconds=row["duration_ms"] or 0)
            parent = self._by_span.get(row["parent_span_id"] or "")
            while parent is not None and parent.get("synthetic"):
                parent["start_time"] = min(parent["start_time"], start)
                parent["end_time"] = max(parent.get("end_time", end), end)
                parent = self._by_span.get(parent["parent_span_id"] or "")
        for row in self._rows:
            if "end_time" in row:
                row["duration_ms"] = (row.pop("end_time") - row["start_time"]) / timedelta(milliseconds=1)


def _instead(rows: Sequence[Row], merged: set[str]) -> dict[str, str | None]:
    """By span id of a record that is left out the span that its children get: that of the record which stands for it.

    Where that one is below it, which would be a circle, they get its own parent.
    """
    by_id = {row["event_id"]: row for row in rows}
    by_span = {row["span_id"]: row for row in rows if row["span_id"]}
    instead: dict[str, str | None] = {}
    for event_id in merged:
        row = by_id[event_id]
        if row["span_id"]:
            winner = by_id[row["merged_into"]]
            above = _left_out_above(winner, by_span, merged)
            instead[row["span_id"]] = row["parent_span_id"] if row["span_id"] in above else winner["span_id"]
    for span_id in instead:
        # The parent may be left out as well: framework, instrumentation and SDK inside each other.
        seen = {span_id}
        while (further := instead[span_id]) in instead and further not in seen:
            seen.add(further or "")
            instead[span_id] = instead[further or ""]
    return instead


def _left_out_above(row: Row, by_span: Mapping[str, Row], merged: set[str]) -> set[str]:
    """Span ids of the records above a row that are left out."""
    above: set[str] = set()
    seen: set[str] = set()
    parent = row["parent_span_id"]
    while parent and parent in by_span and parent not in seen:
        seen.add(parent)
        if by_span[parent]["event_id"] in merged:
            above.add(parent)
        parent = by_span[parent]["parent_span_id"]
    return above


def _merged(rows: Sequence[Row]) -> set[str]:
    """Ids of the records that another record of the same run stands for."""
    present = {row["event_id"] for row in rows}
    return {row["event_id"] for row in rows if row["merged_into"] in present and row["merged_into"] != row["event_id"]}


def _root(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The run's own span, else the first span without a parent."""
    spans = [row for row in rows if row["type"] == "span"]
    runs = [row for row in spans if row["kind"] == "run"]
    return next(iter(runs or [row for row in spans if row["parent_span_id"] is None]), None)


def _enclosing(row: Row) -> tuple[str, ...]:
    """Section path of the row's parent: a span's own path ends with the span itself, a call's with its parent."""
    path = tuple(part for part in (row["section_path"] or "").split("/") if part)
    return path[:-1] if row["type"] == "span" and row["kind"] != "run" else path
