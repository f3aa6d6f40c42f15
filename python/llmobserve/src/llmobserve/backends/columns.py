"""The columns of a stored event: name, type, unit, and what `null` means; for backends and for the reference page."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["COLUMNS", "CONTENT_COLUMNS", "SCHEMA_VERSION", "Column", "ColumnType", "postgresql_type", "reference_page"]

SCHEMA_VERSION = 1
"""Goes up when a column changes its meaning or goes away; columns that are added leave it as it is."""

ColumnType = Literal["text", "texts", "json", "integer", "bigint", "double", "boolean", "time", "usd", "decimal"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: ColumnType
    null: str
    """What `null` says; `never` where there is always a value."""
    doc: str
    """Meaning, with the unit."""

    @property
    def required(self) -> bool:
        """True where there is always a value."""
        return self.null == "never"


_OF_CALL = "not a call"
_NOT_SET = "not set"
_NOT_KNOWN = "not known, or not a call"
_NO_TOKENS = "the provider stated no such count, or not a call"

CONTENT_COLUMNS = ("input", "output", "content_truncated", "content_redactions")
"""What was said: a later revision that comes without leaves it as it was."""

# fmt: off
COLUMNS: tuple[Column, ...] = (
    Column("event_id", "text", "never",
           "Id of the event, a UUID. Of rows with the same `event_id` and `type` the one with the highest `revision` "
           "counts."),
    Column("type", "text", "never",
           "`call`: a request to a provider. `span`: a run, agent, tool or step. `score`, `fact`: what was said "
           "about one of them. `content`: what was said in a call whose row is elsewhere (only after the disk of the "
           "spool was full)."),
    Column("revision", "integer", "never",
           "Of a job that is looked at several times (a batch, a payment): higher = later. Of a span: 0 announced, 1 "
           "ended."),
    Column("kind", "text", "content",
           "Of a call `llm`, `embedding`, `image`, `audio`, …; of a span `run`, `agent`, `tool`, `step`, …; of a "
           "score its data type; of a fact its kind."),
    Column("name", "text", "a fact or content", "Of a call its operation, of a span and a score its name."),
    Column("status", "text", "not a call or span",
           "`ok`, `error`, `cancelled`, `abandoned` (a stream that was dropped), `running` (a span that is "
           "announced; not in Parquet)."),
    Column("start_time", "time", "never", "When it began, or was said. UTC, microseconds."),
    Column("duration_ms", "double", "still running, or not known",
           "Milliseconds from the start to the end of the answer or span."),
    Column("time_to_first_token_ms", "double", "not a stream",
           "Milliseconds from the request to the first content of a stream."),
    Column("provider", "text", _OF_CALL, "`openai`, `anthropic`, …"),
    Column("operation", "text", _OF_CALL, "`chat.completions`, `messages`, `embeddings`, …"),
    Column("request_model", "text", "the request named none", "Model that was asked for."),
    Column("response_model", "text", "the answer named none", "Model that answered, as the provider names it."),
    Column("model", "text", "no model is known",
           "To group by: the priced model, else that of the answer, else that of the request."),
    Column("cost_usd", "usd", "unknown (`cost_state` is `unpriced`), or not a call. Never 0 for an unknown cost",
           "Cost in US dollars by the price book of the SDK: exact, 12 decimals. Spans have none."),
    Column("cost_state", "text", _OF_CALL,
           "`priced`, `provider_reported`, `estimated`, `unpriced` or `free`, see docs/pricing.md."),
    Column("cost_reason", "text", "plainly priced, or not a call", "Why the state is not plainly `priced`."),
    Column("cost_lines", "json", "no receipt",
           "The receipt: list of unit, quantity, rate_usd, per, usd, price_id, rule, source."),
    Column("price_book", "text", "no price was looked up", "Version of the price book."),
    Column("priced_model", "text", "no model of the price book", "Name of the model in the price book."),
    Column("table_usd", "usd", "the cost is the price book's, or it says nothing",
           "What the price book says where the provider's own charge was taken, US dollars."),
    Column("reported_cost_usd", "usd", "it says nothing", "What the provider itself says the call cost, US dollars."),
    Column("input_tokens", "bigint", _NO_TOKENS, "All tokens of the input, cached ones included."),
    Column("output_tokens", "bigint", _NO_TOKENS, "All tokens of the output, reasoning included."),
    Column("cache_read_tokens", "bigint", _NO_TOKENS, "Tokens of the input that were read from the cache."),
    Column("cache_write_tokens", "bigint", _NO_TOKENS, "Tokens of the input that were written to the cache."),
    Column("reasoning_tokens", "bigint", _NO_TOKENS, "Tokens of the output that are reasoning."),
    Column("usage", "json", "no usage is known",
           "All that is billed, as disjoint units: object of unit → quantity (number). `prices/units.yaml` lists the "
           "units."),
    Column("usage_details", "json", "none", "Parts of units for display, never billed: object of name → quantity."),
    Column("usage_source", "text", _OF_CALL,
           "Where the usage is from: `response`, `header`, `request`, `application`, `estimated`, `unknown`."),
    Column("usage_flags", "texts", _OF_CALL,
           "`partial`, `sum_mismatch`, `malformed`, and of estimates what is not in them."),
    Column("usage_raw", "json", "it sent none", "The provider's own usage object."),
    Column("dimensions", "json", "none", "What else decides the price: `service_tier`, `region`, `size`, …"),
    Column("error_type", "text", "it did not fail", "Why a call or span failed."),
    Column("error_message", "text", "none, or content is not captured", "The message of the error."),
    Column("http_status", "integer", "no answer arrived, or not a call", "Status of the provider's answer."),
    Column("stream", "boolean", _OF_CALL, "Whether the answer was a stream."),
    Column("attempt", "integer", _OF_CALL, "0 for the first try, 1 for the first retry by the client library."),
    Column("logical_call_id", "text", "the library does not tell", "Same for all attempts of one call."),
    Column("response_id", "text", _NOT_KNOWN, "The provider's id of the answer."),
    Column("request_id", "text", _NOT_KNOWN, "The provider's id of the request."),
    Column("host", "text", _NOT_KNOWN, "Host that was asked."),
    Column("transport", "text", _NOT_KNOWN, "Library that moved the bytes; `manual` for calls told by hand."),
    Column("run_id", "text", _NOT_SET, "The run it belongs to."),
    Column("run_name", "text", _NOT_SET, "Name of the run."),
    Column("agent", "text", "no agent", "The innermost agent that it is in, or is."),
    Column("section_path", "text", "no section",
           "The sections from the outermost, as `agent:researcher/tool:search`; of a span with itself."),
    Column("trace_id", "text", _NOT_SET, "32 hexadecimal digits; that of OpenTelemetry where one is active."),
    Column("span_id", "text", _NOT_SET, "16 hexadecimal digits: its own id in the tree."),
    Column("parent_span_id", "text", "outermost", "`span_id` of what it is in."),
    Column("session_id", "text", _NOT_SET, "The session, as the application says."),
    Column("user_id", "text", _NOT_SET, "The user, as the application says."),
    Column("customer_id", "text", _NOT_SET, "The customer, as the application says."),
    Column("tags", "texts", "never", "Tags of the application."),
    Column("metadata", "json", "none", "Metadata of the application, `tenant_id` among it: object of text → text."),
    Column("attributes", "json", "none",
           "Of a span its attributes, metrics of collectors among them; of a fact its data; of a score comment, "
           "source and evaluation_id."),
    Column("target_type", "text", "neither score nor fact",
           "What a score or fact is about: `run`, `session` or `event`."),
    Column("target_id", "text", "neither score nor fact", "Its `run_id`, `session_id` or `event_id`."),
    Column("score_value", "decimal", "a category, or not a score",
           "Value of a score, exact, 12 decimals; of a boolean 1 or 0."),
    Column("score_label", "text", "no category, or not a score", "Category of a score."),
    Column("input", "json", "content is not captured",
           "Messages, prompt or arguments as the provider takes them, redacted."),
    Column("output", "json", "content is not captured, or there was no answer", "What was answered, redacted."),
    Column("content_truncated", "boolean", "content is not captured", "Whether input or output were cut."),
    Column("content_redactions", "integer", "content is not captured", "Secrets that were replaced in them."),
    Column("service", "text", _NOT_SET, "Name of the application: setting `service`."),
    Column("environment", "text", _NOT_SET, "Setting `environment`."),
    Column("process_id", "text", "never", "Random id of the process, another one after a fork."),
    Column("process_host", "text", "not known", "Name of the machine."),
    Column("sequence", "bigint", "content", "Running number in the process: a gap is a row that is missing."),
    Column("sdk_version", "text", "not known", "Version of llmobserve that recorded it."),
)
# fmt: on

_NAMES: dict[ColumnType, tuple[str, str]] = {
    "text": ("string", "text"),
    "texts": ("list of string", "text[]"),
    "json": ("string with JSON", "jsonb"),
    "integer": ("int32", "integer"),
    "bigint": ("int64", "bigint"),
    "double": ("double", "double precision"),
    "boolean": ("boolean", "boolean"),
    "time": ("timestamp[us], UTC without a zone", "timestamptz"),
    "usd": ("decimal128(18, 12)", "numeric(18, 12)"),
    "decimal": ("decimal128(28, 12)", "numeric(28, 12)"),
}


def postgresql_type(column: Column) -> str:
    """Type of a column in PostgreSQL."""
    return _NAMES[column.type][1]


def reference_page() -> str:
    """All columns as a Markdown page."""
    lines = [
        "# Columns of stored events",
        "",
        "Generated from `llmobserve/backends/columns.py`. They are the same in the files of a Parquet folder, in the",
        "table `metric_events` of PostgreSQL, and in the events that an own backend is given;",
        "[docs/guides/backends.md](../docs/guides/backends.md) tells how to use them. An own backend gets times as",
        "`datetime` in UTC, amounts as `Decimal`, lists of text as tuples and JSON as text.",
        "",
        "Texts are cut at 512 characters, `section_path`, `error_message` and `cost_reason` at 8,192; NUL and lone",
        "surrogates in them are replaced by U+FFFD.",
        "",
        f"Version {SCHEMA_VERSION} (`llmobserve.schema` in the metadata of each Parquet file). Columns may be added in",
        "any release; a new version means that one has changed.",
        "",
        "| Column | Parquet | PostgreSQL | Meaning, unit | `null` means |",
        "|---|---|---|---|---|",
    ]
    for column in COLUMNS:
        parquet, postgresql = _NAMES[column.type]
        lines.append(f"| `{column.name}` | {parquet} | {postgresql} | {column.doc} | {column.null} |")
    return "\n".join(lines) + "\n"
