"""Continues a trace that another service began, and hands it on: `traceparent` and `baggage` of the W3C.

https://www.w3.org/TR/trace-context/ and https://www.w3.org/TR/baggage/, both read in November 2026.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, cast

from llmobserve.context import Snapshot, changed, current, linked, process_run, run_of, trace_id_of
from llmobserve.guard import guarded, text_of

__all__ = ["Headers", "continue_trace", "headers_of", "read", "trace_headers"]

_READ, _WRITE = guarded("context.continue_trace"), guarded("context.trace_headers")
_PREFIX = "llmobserve."
_LABELS = ("run_id", "run_name", "session_id", "user_id", "customer_id", "tenant_id")
_HEX = frozenset("0123456789abcdef")
_MOST_CHARACTERS = 8192
"""The longest baggage that has to be passed on; more is not read."""

Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]


@contextmanager
def continue_trace(headers: Headers, *, baggage: bool = False) -> Generator[None]:
    """What happens in the block belongs to the trace that the headers of a request name; to none if they name none.

    `headers` is a mapping of any case, or pairs as ASGI has them. With `baggage` the run, session, user, customer and
    tenant of the sender are taken over too: only where the sender is a service of your own, for whoever sends them
    decides whose cost it is. An active OpenTelemetry span wins over `traceparent`.
    """
    link: tuple[str, str] | None = None
    facts: dict[str, str] = {}
    with _READ:
        link, labels = read(headers)
        facts = labels if baggage else {}
    with linked(link), changed(**facts):
        yield


def trace_headers() -> dict[str, str]:
    """Headers with which a request to another service of your own continues this trace, run and customer there.

    Never for requests to providers.
    """
    with _WRITE:
        return headers_of(current())
    return {}


def headers_of(snapshot: Snapshot) -> dict[str, str]:
    """The headers that say a snapshot: always `traceparent`, and `baggage` where there is something to say."""
    from urllib.parse import quote  # slow to import, and few applications need it

    span, facts, link = snapshot
    root = process_run() if span is None else span.root
    root.quiet = False  # what goes on elsewhere hangs below it
    inner = root if span is None else span
    # Inside a run its own span is the parent; the trace is the one that its calls are in.
    trace_id = trace_id_of(root) if link is None else link[0]
    span_id = (link[1] if link is not None and span is None else None) or inner.span_id
    labels: dict[str, str | None] = {key: getattr(facts, key) for key in _LABELS}
    if span is not None or facts.run_id is not None:
        labels["run_id"], labels["run_name"] = run_of(root, facts)
    members = [f"{_PREFIX}{key}={quote(value, safe='')}" for key, value in labels.items() if value]
    headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
    if members:
        headers["baggage"] = ",".join(members)
    return headers


def read(headers: Headers) -> tuple[tuple[str, str] | None, dict[str, str]]:
    """Trace and span id, and the facts by their names, that headers say. `None` and nothing where they say none."""
    found = _wanted(headers)
    return _link(found.get("traceparent", "")), _labels(found.get("baggage", ""))


def _wanted(headers: Headers) -> dict[str, str]:
    """The two headers, by their names in lower case; several of one name are joined."""
    found: dict[str, str] = {}
    pairs: Any = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    for name, value in pairs:
        key = _text(name).lower()
        if key in {"traceparent", "baggage"}:
            found[key] = f"{found[key]},{_text(value)}" if key in found else _text(value)
    return found


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else text_of(value)


def _link(traceparent: str) -> tuple[str, str] | None:
    """Trace and span id; `None` where the header is none that may be followed."""
    parts = traceparent.strip().split("-")
    if len(parts) < 4 or (parts[0] == "00" and len(parts) != 4):
        return None
    version, trace_id, span_id, flags = parts[:4]
    lengths = [len(part) for part in parts[:4]]
    if lengths != [2, 32, 16, 2] or not set(version + trace_id + span_id + flags) <= _HEX:
        return None
    if version == "ff" or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return trace_id, span_id


def _labels(baggage: str) -> dict[str, str]:
    from urllib.parse import unquote

    labels: dict[str, str] = {}
    for member in baggage[:_MOST_CHARACTERS].split(","):
        key, equals, value = member.partition(";")[0].partition("=")
        name = key.strip().removeprefix(_PREFIX)
        if equals and key.strip().startswith(_PREFIX) and name in _LABELS and value.strip():
            labels[name] = unquote(value.strip())
    return labels
