"""The columns of each exported table: flat, named as in the API, with one type each in every format."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["CONTENT_COLUMNS", "EVENT_COLUMNS", "RUN_COLUMNS", "SCORE_COLUMNS", "TOTALS_MEASURES", "Column", "Record"]

Kind = Literal["text", "integer", "number", "flag", "time", "money", "json"]
Record = Mapping[str, Any]
"""Column name → text, int, float, bool, naive UTC datetime, Decimal, or for `json` a document; `None`: no value."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file."""

    name: str
    kind: Kind


def _columns(kinds: Mapping[Kind, str], order: str) -> tuple[Column, ...]:
    kind_of: dict[str, Kind] = {name: kind for kind, names in kinds.items() for name in names.split()}
    return tuple(Column(name, kind_of.get(name, "text")) for name in order.split())


EVENT_COLUMNS = _columns(
    {
        "time": "start_time received_at",
        "number": "duration_ms time_to_first_token_ms clock_skew_ms",
        "integer": "http_status attempt input_tokens output_tokens cache_read_tokens cache_write_tokens "
        "reasoning_tokens revision",
        "flag": "stream billable",
        "money": "cost_usd table_usd reported_cost_usd",
        "json": "tags metadata units usage_details usage_flags dimensions cost_lines attributes notes",
    },
    "event_id type kind name status start_time duration_ms time_to_first_token_ms provider operation model "
    "request_model response_model cost_usd cost_state cost_reason input_tokens output_tokens cache_read_tokens "
    "cache_write_tokens reasoning_tokens http_status error_type error_message stream attempt run_id run_name "
    "session_id user_id customer_id environment service section_path agent tags metadata trace_id span_id "
    "parent_span_id response_id request_id logical_call_id billable merged_into units usage_details usage_source "
    "usage_flags dimensions cost_lines price_book priced_model table_usd reported_cost_usd attributes host transport "
    "sdk sdk_version revision received_at clock_skew_ms notes",
)
"""Calls and spans, as the table `events` has them."""

CONTENT_COLUMNS = (Column("input", "json"), Column("output", "json"))
"""What was said; added to the columns of events where it is asked for."""

RUN_COLUMNS = _columns(
    {
        "time": "start_time",
        "number": "duration_ms",
        "integer": "calls estimated_calls unpriced_calls error_count span_count input_tokens output_tokens",
        "money": "cost_usd estimated_usd",
        "json": "models providers agents customers tags",
    },
    "run_id name status start_time duration_ms cost_usd estimated_usd calls estimated_calls unpriced_calls "
    "error_count span_count input_tokens output_tokens models providers agents customers session_id user_id "
    "environment service tags",
)
"""Runs, as the list of runs has them."""

SCORE_COLUMNS = _columns(
    {"time": "said_at", "money": "value"},
    "score_id said_at target_type target_id name data_type value label comment source evaluation_id run_id session_id "
    "customer_id",
)
"""Scores; `value` is an exact decimal."""

TOTALS_MEASURES = _columns(
    {
        "money": "cost_usd estimated_usd",
        "integer": "calls estimated_calls unpriced_calls error_calls input_tokens output_tokens cache_read_tokens",
        "number": "duration_p50_ms duration_p95_ms time_to_first_token_p50_ms",
    },
    "cost_usd estimated_usd calls estimated_calls unpriced_calls error_calls input_tokens output_tokens "
    "cache_read_tokens duration_p50_ms duration_p95_ms time_to_first_token_p50_ms",
)
"""What totals have behind the dimensions that they are grouped by."""
