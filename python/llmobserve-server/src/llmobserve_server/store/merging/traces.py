"""The tree of one trace from rows that may lack parents, repeat ids or point in circles."""

from collections.abc import Sequence

from llmobserve_server.store.protocol import Row

__all__ = ["Trace"]

_NEW, _ON_THE_WAY, _DONE = range(3)


class Trace:
    """Rows of one trace and which of them stands above which. The same whatever order the rows come in.

    Of several records with one span id a span is the parent of what is below, else the one with the first event id. A
    circle is cut above its first row.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        by_span: dict[str, int] = {}
        for at in sorted(range(len(rows)), key=lambda at: (rows[at]["type"] == "call", rows[at]["event_id"])):
            span_id = rows[at]["span_id"]
            if span_id:
                by_span.setdefault(span_id, at)
        self.parents = [by_span.get(row["parent_span_id"] or "", -1) for row in rows]
        """Index of the row above each row; -1 for none."""
        self.order: list[int] = []
        """Indices of all rows, parents before children."""
        self._arrange()
        self.is_whole = [False] * len(rows)
        """Whether nothing is missing between a row and the root."""
        self.depths = [0] * len(rows)
        for at in self.order:
            above = self.parents[at]
            self.is_whole[at] = not rows[at]["parent_span_id"] if above < 0 else self.is_whole[above]
            self.depths[at] = 0 if above < 0 else self.depths[above] + 1

    def _arrange(self) -> None:
        state = bytearray(len(self.rows))
        for start in range(len(self.rows)):
            way: list[int] = []
            at = start
            while at >= 0 and state[at] == _NEW:
                state[at] = _ON_THE_WAY
                way.append(at)
                at = self.parents[at]
            if at >= 0 and state[at] == _ON_THE_WAY:
                way = self._cut(way, way.index(at))
            for passed in reversed(way):
                state[passed] = _DONE
                self.order.append(passed)

    def _cut(self, way: list[int], begin: int) -> list[int]:
        """Take the parent of the first row of the circle `way[begin:]`; the way again, the new top at its end."""
        circle = way[begin:]
        first = min(circle, key=lambda at: (self.rows[at]["start_time"], self.rows[at]["event_id"]))
        self.parents[first] = -1
        top = circle.index(first)
        return [*way[:begin], *_below_cut(circle, top)]


def _below_cut(circle: list[int], top: int) -> list[int]:
    """Rows of a cut circle, each before its parent, the cut one last."""
    return [*circle[top + 1 :], *circle[: top + 1]]
