"""Plain calls and spans as columns: the same rows as those of `rows`, made column by column."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow

from llmobserve.providers.call_keys import call_key
from llmobserve_server.ingest.money import totals_of
from llmobserve_server.ingest.plain import PlacedPlain, PlainCall, PlainSpan
from llmobserve_server.ingest.rows import NO_EXCHANGE, innermost_agent
from llmobserve_server.store.arrow import arrow_schema
from llmobserve_server.store.blocks import RowBlock

__all__ = ["event_blocks"]

# pyarrow is a compiled module without stubs.
pa: Any = pyarrow

_SCHEMA = arrow_schema("events")
_TEXT = pa.string()
_CONTEXT = (
    *("run_id", "run_name", "session_id", "user_id", "customer_id"),
    *("trace_id", "span_id", "parent_span_id", "section_path"),
)
_CALL_TEXTS = (
    *("operation", "provider", "request_model", "response_model", "logical_call_id", "response_id", "request_id"),
    *("host", "transport"),
)
_SENDER_TEXTS = ("environment", "service", "process_id", "sdk", "sdk_version")
_TOTALS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_encode_lines = msgspec.json.Encoder(decimal_format="string").encode_lines
_agent = lru_cache(maxsize=4096)(innermost_agent)


def event_blocks(placed: Sequence[PlacedPlain]) -> list[tuple[list[int], RowBlock]]:
    """The records as rows of `events`, with their positions: calls, then spans."""
    calls = [one for one in placed if one.record.type == "call"]
    spans = [one for one in placed if one.record.type == "span"]
    made = [(calls, _call_columns), (spans, _span_columns)]
    return [_block(group, columns) for group, columns in made if group]


def _block(
    placed: list[PlacedPlain], columns: Callable[[list[PlacedPlain]], dict[str, Any]]
) -> tuple[list[int], RowBlock]:
    arrays = {**_common_columns(placed), **columns(placed)}
    rows = len(placed)
    table = pa.Table.from_arrays(
        [arrays[field.name] if field.name in arrays else pa.nulls(rows, field.type) for field in _SCHEMA],
        schema=_SCHEMA,
    )
    keys = [(one.arrival.project_id, one.record.event_id) for one in placed]
    return [one.position for one in placed], RowBlock("events", table, keys)


def _common_columns(placed: list[PlacedPlain]) -> dict[str, Any]:
    records = [one.record for one in placed]
    contexts = [record.context for record in records]
    paths = _values(contexts, "section_path")
    errors = _values(records, "error")
    columns = {
        **_sender_columns(placed),
        **{name: _texts(_values(records, name)) for name in ("event_id", "type", "kind", "status")},
        **{name: _texts(_values(contexts, name)) for name in _CONTEXT},
        "start_time": _times(_values(records, "start_time_us")),
        "duration_ms": pa.array(_values(records, "duration_ms"), pa.float64()),
        "sequence": pa.array(_values(records, "sequence"), pa.int64()),
        "agent": _texts([None if path is None else _agent(path) for path in paths]),
        "tags": pa.array(_values(contexts, "tags"), pa.list_(_TEXT)),
        "metadata": _json([context.metadata or None for context in contexts]),
        "notes": _json([one.notes for one in placed]),
        "attributes": pa.array([one.attributes for one in placed], pa.binary()).cast(_TEXT),
        "revision": _repeated(0, pa.int32(), len(placed)),
    }
    if errors.count(None) < len(errors):
        columns["error_type"] = _texts([None if error is None else error.type for error in errors])
        columns["error_message"] = _texts([None if error is None else error.message for error in errors])
    return columns


def _sender_columns(placed: list[PlacedPlain]) -> dict[str, Any]:
    first = placed[0].arrival
    rows = len(placed)
    if all(one.arrival is first for one in placed):
        shared = first.shared
        return {
            **{name: _repeated(shared[name], _TEXT, rows) for name in ("project_id", *_SENDER_TEXTS)},
            "received_at": _repeated(first.received_at, pa.timestamp("us"), rows),
            "clock_skew_ms": _repeated(shared["clock_skew_ms"], pa.float64(), rows),
        }
    arrivals = [one.arrival.shared for one in placed]
    return {
        **{name: _texts([shared[name] for shared in arrivals]) for name in ("project_id", *_SENDER_TEXTS)},
        "received_at": pa.array([shared["received_at"] for shared in arrivals], pa.timestamp("us")),
        "clock_skew_ms": pa.array([shared["clock_skew_ms"] for shared in arrivals], pa.float64()),
    }


def _span_columns(placed: list[PlacedPlain]) -> dict[str, Any]:
    spans: list[PlainSpan] = [one.record for one in placed if one.record.type == "span"]
    # The way that a whole request came: of calls it stands in their records.
    came_by = [one.arrival.shared.get("transport") for one in placed]
    return {"name": _texts(_values(spans, "name")), "transport": _texts(came_by)}


def _call_columns(placed: list[PlacedPlain]) -> dict[str, Any]:
    calls: list[PlainCall] = [one.record for one in placed if one.record.type == "call"]
    texts = {name: _values(calls, name) for name in _CALL_TEXTS}
    statuses = _values(calls, "http_status")
    asked = (texts["provider"], texts["operation"], texts["response_id"], texts["request_id"], statuses)
    rows = len(placed)
    reported = [None if usd is None else int(usd.scaleb(12)) for usd in _values(calls, "reported_cost_usd")]
    columns = {name: _texts(values) for name, values in texts.items()}
    return {
        **columns,
        **_usage_columns(calls),
        **_cost_columns(placed, calls),
        "name": columns["operation"],
        "time_to_first_token_ms": pa.array(_values(calls, "time_to_first_token_ms"), pa.float64()),
        "http_status": pa.array(statuses, pa.int32()),
        "stream": pa.array(_values(calls, "stream"), pa.bool_()),
        "attempt": pa.array(_values(calls, "attempt"), pa.int32()),
        "call_key": _texts(list(map(call_key, *asked))),
        "billable": _repeated(True, pa.bool_(), rows),
        "is_exchange": pa.array([transport not in NO_EXCHANGE for transport in texts["transport"]], pa.bool_()),
        "dimensions": _json([call.dimensions or None for call in calls]),
        "reported_cost_usd": _money(reported),
    }


def _usage_columns(calls: list[PlainCall]) -> dict[str, Any]:
    usages = _values(calls, "usage")
    units: list[Mapping[str, int]] = _values(usages, "units")
    details: list[Mapping[str, int]] = _values(usages, "details")
    totals = {name: pa.array(values, pa.int64()) for name, values in _totals(units).items()}
    return {
        **totals,
        "reasoning_tokens": pa.array([each.get("reasoning_tokens") for each in details], pa.int64()),
        "units": _json([each or None for each in units]),
        "usage_details": _json([each or None for each in details]),
        "usage_source": _texts(_values(usages, "source")),
        "usage_flags": _json(_values(usages, "flags")),
        "usage_raw": _json(_values(usages, "raw")),
    }


def _totals(units: list[Mapping[str, int]]) -> dict[str, list[int | None]]:
    totals: dict[str, list[int | None]] = {name: [None] * len(units) for name in _TOTALS}
    for place, each in enumerate(units):
        for unit, quantity in each.items():
            for name in totals_of(unit):
                column = totals[name]
                column[place] = (column[place] or 0) + quantity
    return totals


def _cost_columns(placed: list[PlacedPlain], calls: list[PlainCall]) -> dict[str, Any]:
    usd, states, reasons, lines, books, priced_models, table_usd = zip(*(one.cost or () for one in placed), strict=True)
    shown = [
        priced or call.response_model or call.request_model for priced, call in zip(priced_models, calls, strict=True)
    ]
    return {
        "cost_usd": _money(usd),
        "cost_state": _texts(states),
        "cost_reason": _texts(reasons),
        "cost_lines": _texts(lines),
        "price_book": _texts(books),
        "priced_model": _texts(priced_models),
        "table_usd": _money(table_usd),
        "model": _texts(shown),
    }


def _values(things: Iterable[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), things))


def _texts(values: Sequence[str | None]) -> Any:
    return pa.array(values, _TEXT)


def _times(values_us: Sequence[int]) -> Any:
    return pa.array(values_us, pa.int64()).view(pa.timestamp("us"))


def _money(values_pico: Sequence[int | None]) -> Any:
    """Whole numbers of 10^-12 dollars as decimals, without a Decimal for each."""
    whole = pa.array(values_pico, pa.int64()).cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(pa.decimal128(18, 12), len(values_pico), whole.buffers(), whole.null_count)


def _repeated(value: Any, kind: Any, rows: int) -> Any:
    return pa.nulls(rows, kind) if value is None else pa.repeat(pa.scalar(value, kind), rows)


def _json(values: Sequence[Any]) -> Any:
    """Each value as JSON text. Compact JSON has no line feed, so that one pass of the encoder makes all of them."""
    rows = len(values)
    missing = [value is None for value in values]
    lines = _encode_lines(values).split(b"\n")
    del lines[rows:]
    if True in missing:
        lines = [None if is_missing else line for line, is_missing in zip(lines, missing, strict=True)]
    return pa.array(lines, pa.binary()).cast(_TEXT)
