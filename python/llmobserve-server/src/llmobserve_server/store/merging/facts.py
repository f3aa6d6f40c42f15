"""What a record says of itself, without what merging has put into it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from llmobserve.providers.call_keys import call_key
from llmobserve_server.store.merging.records import BORROWED
from llmobserve_server.store.protocol import Row

__all__ = [
    "AGGREGATE",
    "BY_TIME",
    "CARRIER",
    "CONTEXT",
    "EXCHANGE",
    "GATEWAY",
    "OTLP",
    "TOLD",
    "TRACED",
    "Call",
    "borrowed_list",
    "call_of",
    "is_otlp",
    "own_flags",
    "own_values",
]

OTLP = "otlp"
AGGREGATE = "aggregate"
"""Usage flag of a call that stands for the sum of the calls below its parent."""
CARRIER = "carrier"
"""Usage flag of a call that only brings the usage of an earlier record of its scope."""
BY_TIME = "matched_by_time"
"""Usage flag of a record that no id joins with the one that is charged: a guess from service, model and time."""

CONTEXT = tuple(chain.from_iterable(BORROWED))
EXCHANGE, GATEWAY, TRACED, TOLD = range(4)


def is_otlp(row: Row) -> bool:
    """Whether a record is a span or log record of OpenTelemetry."""
    return row["transport"] == OTLP


def own_values(row: Row) -> dict[str, Any]:
    """The columns of `BORROWED` as the record itself has them."""
    own = {name: row[name] for name in CONTEXT}
    for entry in row["borrowed"] or ():
        name, _, value = entry.partition("=")
        if name in own:
            own[name] = value or None
    return own


def borrowed_list(own: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """What the column `borrowed` says of a record that has the values `given`: names, and own values where it had one.

    Only text is ever replaced; of other types nothing is.
    """
    changed = [name for name in CONTEXT if own[name] != given[name]]
    return [name if own[name] is None else f"{name}={own[name]}" for name in changed]


def own_flags(row: Row) -> list[str]:
    """The usage flags without those of merging."""
    return [flag for flag in row["usage_flags"] or () if flag != BY_TIME]


@dataclass(slots=True, eq=False)
class Call:
    """A call as one record tells of it."""

    row: Row
    event_id: str
    start: datetime
    end: datetime
    source: str
    """Who saw it: records of one source never tell of the same call, unless an id or the tree says so."""
    vantage: int
    """`EXCHANGE`, `GATEWAY`, `TRACED` or `TOLD`: what was seen on the wire, by a gateway, by a tracer; or was told."""
    response_key: str | None
    request_key: str | None
    flags: frozenset[str]
    is_failed: bool
    spans_several: bool = False
    """It encloses several other calls, so that its usage may be the sum of theirs."""
    depth: int = 0
    """Spans above it in its trace."""

    @property
    def is_known(self) -> bool:
        """Whether its usage is more than a guess."""
        return bool(self.row["units"]) and self.row["usage_source"] not in {None, "unknown", "estimated"}

    @property
    def models(self) -> frozenset[str]:
        """Names of the model that it tells, without a path before them."""
        names = (self.row["request_model"], self.row["response_model"])
        return frozenset(name.rpartition("/")[2].lower() for name in names if name)


def call_of(row: Row) -> Call:
    """The facts of a row whose type is `call`."""
    transport, sdk = row.get("transport"), row.get("sdk")
    if transport == OTLP:
        source, vantage = f"otlp:{sdk or ''}", TRACED
    elif transport == "gateway":
        source, vantage = "gateway", GATEWAY
    elif row["is_exchange"]:
        source, vantage = "exchange", EXCHANGE
    else:
        source, vantage = "told", TOLD
    provider, operation, http_status = row["provider"] or "", row["operation"] or "", row.get("http_status")
    response_id, request_id = row.get("response_id"), row.get("request_id")
    start: datetime = row["start_time"]
    return Call(
        row=row,
        event_id=row["event_id"],
        start=start,
        end=start + timedelta(milliseconds=row.get("duration_ms") or 0.0),
        source=source,
        vantage=vantage,
        response_key=call_key(provider, operation, response_id, None, http_status) if response_id else None,
        request_key=call_key(provider, operation, None, request_id, http_status) if request_id else None,
        flags=frozenset(row.get("usage_flags") or ()),
        is_failed=row["status"] == "error",
    )
