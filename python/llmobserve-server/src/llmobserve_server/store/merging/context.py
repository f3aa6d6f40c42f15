"""Context of spans from what stands above them in their trace: session, user, customer, agent, section path and run."""

from typing import Any

from llmobserve_server.store.merging.facts import is_otlp, own_values
from llmobserve_server.store.merging.traces import Trace
from llmobserve_server.store.protocol import Row

__all__ = ["agent_of", "contexts_of"]

_LONGEST_PATH = 2000
"""Characters of a section path, from which on it names no further sections."""
_AGENT = "agent:"
_PLAIN = ("session_id", "user_id", "customer_id", "run_name")


def contexts_of(trace: Trace) -> dict[str, dict[str, Any]]:
    """By event id the columns of `BORROWED` of all rows, as they themselves and the rows above them say.

    Only records that came by OTLP take anything from above: an SDK of ours copies its context onto every record.
    """
    found: list[dict[str, Any]] = [{}] * len(trace.rows)
    for at in trace.order:
        row = trace.rows[at]
        own = own_values(row)
        above = trace.parents[at]
        if above >= 0 and is_otlp(row):
            _take(own, row, found[above])
        found[at] = own
    return {row["event_id"]: found[at] for at, row in enumerate(trace.rows)}


def _take(own: dict[str, Any], row: Row, above: dict[str, Any]) -> None:
    """Fill what is missing in `own` from the context of the row above."""
    if own["run_id"] in {None, row["trace_id"]} and above["run_id"] is not None:
        own["run_id"] = above["run_id"]
    for name in _PLAIN:
        if own[name] is None and (name != "run_name" or own["run_id"] == above["run_id"]):
            own[name] = above[name]
    own["section_path"] = _joined(above["section_path"], own["section_path"], row)
    own["agent"] = agent_of(own["section_path"])


def _joined(above: str | None, own: str | None, row: Row) -> str | None:
    """The path of the row above and a row's own, which may repeat the end of it, or all."""
    if above is None or own is None:
        return above or own
    head, tail = above.split("/"), own.split("/")
    is_agent = row["type"] == "span" and row["kind"] == "agent"
    if not is_agent and tail[0].startswith(_AGENT) and tail[0] == _innermost(head):
        # What a span says of its agent is where it is, not a further section.
        tail = tail[1:]
    shared = next((n for n in range(min(len(head), len(tail)), 0, -1) if head[-n:] == tail[:n]), 0)
    path = "/".join(head + tail[shared:])
    return path if len(path) <= _LONGEST_PATH else above


def _innermost(parts: list[str]) -> str | None:
    return next((part for part in reversed(parts) if part.startswith(_AGENT)), None)


def agent_of(path: str | None) -> str | None:
    """The innermost agent of a section path."""
    part = _innermost(path.split("/")) if path and _AGENT in path else None
    return None if part is None else part[len(_AGENT) :][:512]
