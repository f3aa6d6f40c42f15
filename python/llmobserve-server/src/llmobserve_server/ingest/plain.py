"""Calls and spans within all limits, decoded in one step: the limits of `checks` as types, so that the decoder checks.

A record that is not within them, or strange in any other way, is no plain one and goes the long way (`decode`,
`rows`), which says what is wrong with it or stores it with a note. Both ways make the same row:
tests/server/test_plain_rows.py.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from llmobserve.wire import CallEvent, CallKind, SpanEvent, SpanKind
from llmobserve_server.ingest.checks import LIMITS, LONG, MAX_QUANTITY, SHORT
from llmobserve_server.ingest.json_text import MAX_DEPTH
from llmobserve_server.ingest.money import CostColumns
from llmobserve_server.ingest.rows import Arrival

__all__ = ["PlacedPlain", "PlainCall", "PlainRecord", "PlainSpan", "as_plain", "decode_plain"]

_INT32 = 2**31 - 1

_Short = Annotated[str, Meta(max_length=SHORT)]
_Long = Annotated[str, Meta(max_length=LONG)]
_Id = Annotated[str, Meta(min_length=1, max_length=LIMITS.id_characters)]
_Name = Annotated[str, Meta(max_length=LIMITS.id_characters)]
_Texts = Annotated[dict[_Short, _Long], Meta(max_length=LIMITS.keys)]
_Quantities = Annotated[dict[_Name, Annotated[int, Meta(ge=0, le=MAX_QUANTITY)]], Meta(max_length=LIMITS.units)]
_Attributes = Annotated[dict[str, Any], Meta(max_length=LIMITS.attributes)]
_Start = Annotated[int, Meta(ge=LIMITS.first_us, le=MAX_QUANTITY)]
_Duration = Annotated[float, Meta(ge=0, le=LIMITS.duration_ms)]
_Sequence = Annotated[int, Meta(ge=0, le=MAX_QUANTITY)]
_Status = Literal["ok", "error", "cancelled", "abandoned"]


class _Context(msgspec.Struct, gc=False):
    run_id: _Short | None = None
    run_name: _Short | None = None
    session_id: _Short | None = None
    user_id: _Short | None = None
    customer_id: _Short | None = None
    trace_id: _Short | None = None
    span_id: _Short | None = None
    parent_span_id: _Short | None = None
    section_path: _Long | None = None
    tags: Annotated[tuple[_Short, ...], Meta(max_length=LIMITS.tags)] = ()
    metadata: _Texts = {}


class _Error(msgspec.Struct, gc=False):
    type: _Short
    message: _Long | None = None


class _Usage(msgspec.Struct, gc=False):
    units: _Quantities = {}
    details: _Quantities = {}
    # What is estimated is estimated again, the long way.
    source: Literal["response", "header", "request", "application", "unknown"] = "unknown"
    flags: Annotated[tuple[_Short, ...], Meta(max_length=LIMITS.flags)] = ()
    raw: Any = None


_NO_CONTEXT = _Context()
_NO_USAGE = _Usage()


class _Call(msgspec.Struct, kw_only=True, gc=False):
    type: Literal["call"] = "call"
    event_id: _Id
    revision: Annotated[int, Meta(ge=0, le=0)] = 0
    sequence: _Sequence | None = None
    kind: CallKind
    provider: _Short
    operation: _Short
    request_model: _Short | None = None
    response_model: _Short | None = None
    start_time_us: _Start
    duration_ms: _Duration | None = None
    time_to_first_token_ms: _Duration | None = None
    status: _Status | Literal["running"] = "ok"
    error: _Error | None = None
    http_status: Annotated[int, Meta(ge=0, le=999)] | None = None
    stream: bool = False
    attempt: Annotated[int, Meta(ge=0, le=_INT32)] = 0
    logical_call_id: _Short | None = None
    response_id: _Short | None = None
    request_id: _Short | None = None
    usage: _Usage = msgspec.field(default_factory=lambda: _NO_USAGE)
    dimensions: _Texts = {}
    reported_cost_usd: Decimal | None = None
    host: _Short | None = None
    transport: _Short | None = None
    context: _Context = msgspec.field(default_factory=lambda: _NO_CONTEXT)
    attributes: _Attributes | None = None


class _Span(msgspec.Struct, kw_only=True, gc=False):
    type: Literal["span"] = "span"
    event_id: _Id
    sequence: _Sequence | None = None
    kind: SpanKind
    name: _Short
    start_time_us: _Start
    duration_ms: _Duration | None = None
    status: _Status = "ok"
    error: _Error | None = None
    attributes: _Attributes = {}
    context: _Context = msgspec.field(default_factory=lambda: _NO_CONTEXT)


if TYPE_CHECKING:
    # They have the same fields: whoever reads a record need not know which of both it is.
    PlainCall = CallEvent
    PlainSpan = SpanEvent
else:
    PlainCall, PlainSpan = _Call, _Span

PlainRecord = PlainCall | PlainSpan


class PlacedPlain(NamedTuple):
    """A plain record of a batch, with what was found out when it was placed."""

    position: int
    record: PlainRecord
    arrival: Arrival
    notes: list[str]
    attributes: bytes | None
    """As JSON; `None` when there are none."""
    cost: CostColumns | None
    """`None` of a span."""


_decode_call = msgspec.json.Decoder(PlainCall).decode
_decode_span = msgspec.json.Decoder(PlainSpan).decode
_encode = msgspec.json.Encoder(decimal_format="string").encode
_FAILS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_plain(raw: bytes) -> PlainRecord | None:
    """The record, where its text is that of a plain call or ended span; `None` for everything else."""
    if raw.startswith(b'{"type":"call"'):
        decode = _decode_call
    elif raw.startswith(b'{"type":"span"'):
        decode = _decode_span
    else:
        return None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH or b"\\u0000" in raw:
        return None
    try:
        if not raw.isascii():
            raw.decode()
        return decode(raw)
    except _FAILS:
        return None


def as_plain(record: CallEvent | SpanEvent) -> PlainRecord | None:
    """A record that did not come as text, if it is a plain one."""
    try:
        plain = msgspec.convert(record, PlainCall if record.type == "call" else PlainSpan, from_attributes=True)
        if plain.type == "call" and plain.usage.raw is not None and len(_encode(plain.usage.raw)) > LIMITS.object_bytes:
            return None
    except (*_FAILS, OverflowError):
        return None
    return plain
