"""Fields that filters may name, and the SQL condition of each: the allow-list between filter text and columns.

Values only ever become bound parameters. Searches (wildcards, bare words) ignore case; whole values do not.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, and_, false, func, not_, or_
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import ARRAY, JSON

from llmobserve.wire import CallKind, CostState, SpanKind, Status
from llmobserve_server.query.filters import BadFilter, Operator, Term, Value
from llmobserve_server.store.constructs import has_tag, json_text
from llmobserve_server.store.tables import events

__all__ = ["FIELDS", "META_PREFIX", "READ_COLUMNS", "Columns", "Field", "compare", "condition", "negatable", "where"]

Columns = ReadOnlyColumnCollection[str, Any]
"""Columns of `events` or of a subquery with the same names."""

READ_COLUMNS = tuple(
    column.name
    for column in events.c
    if not isinstance(column.type, JSON | ARRAY) or column.name in {"metadata", "tags"}
)
"""Columns of `events` that filters and totals may read: all but the documents."""

META_PREFIX = "meta."
_TEXT = ("=", "*")
_NUMBER = ("=", ">", ">=", "<", "<=")
_MAX_META_KEY = 200


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the filter language."""

    name: str
    type: Literal["text", "number", "money", "flag"]
    description: str
    column: Callable[[Columns], ColumnElement[Any]] | None
    """`None` where the field is not a plain column (`tag`, `section`, `meta.*`)."""
    choices: tuple[str, ...] | None = None
    """All values there are; a filter that names another one is refused."""
    few: bool = False
    """Has few enough values to offer the most frequent ones."""
    scale: str | None = None
    """`ms`: numbers may carry a unit of time."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Operators that the field understands; `*` stands for wildcards."""
        if self.type == "flag" or self.name == "tag":
            return ("=",)
        return _TEXT if self.type == "text" else _NUMBER


def _fields() -> Iterable[Field]:
    kinds = (*get_args(CallKind), *get_args(SpanKind))
    yield Field("provider", "text", "Provider that was called: openai, anthropic", lambda c: c.provider, few=True)
    yield Field("model", "text", "Model, under the name it is priced by", lambda c: c.model, few=True)
    yield Field(
        "operation", "text", "Operation of the API: chat.completions, messages", lambda c: c.operation, few=True
    )
    yield Field("kind", "text", "Kind of call or span: llm, embedding, agent, tool", lambda c: c.kind, kinds, few=True)
    yield Field("type", "text", "call or span", lambda c: c.type, ("call", "span"), few=True)
    yield Field("status", "text", "How it ended", lambda c: c.status, get_args(Status), few=True)
    yield Field(
        "cost_state", "text", "How well the cost is known", lambda c: c.cost_state, get_args(CostState), few=True
    )
    yield Field("run", "text", "Id of the run", lambda c: c.run_id)
    yield Field("run_name", "text", "Name of the run", lambda c: c.run_name, few=True)
    yield Field(
        "agent", "text", 'Innermost enclosing agent; agent:"" finds calls without one', lambda c: c.agent, few=True
    )
    yield Field("section", "text", "Section path, or the beginning of one", None, few=True)
    yield Field("customer", "text", "Your customer on whose behalf it happened", lambda c: c.customer_id, few=True)
    yield Field("session", "text", "Session id", lambda c: c.session_id)
    yield Field("user", "text", "User id", lambda c: c.user_id)
    yield Field("env", "text", "Environment: production, staging", lambda c: c.environment, few=True)
    yield Field("service", "text", "Service that sent it", lambda c: c.service, few=True)
    yield Field(
        "error", "text", "Type of the error; error:* finds every failure that has one", lambda c: c.error_type, few=True
    )
    yield Field("cost", "money", "Cost in US dollars", lambda c: c.cost_usd)
    yield Field("duration", "number", "Duration in ms; 2s, 1.5m and 1h work too", lambda c: c.duration_ms, scale="ms")
    yield Field(
        "ttft", "number", "Time to first token in ms; 2s works too", lambda c: c.time_to_first_token_ms, scale="ms"
    )
    yield Field("tokens", "number", "Input and output tokens together", _all_tokens)
    yield Field("input_tokens", "number", "Input tokens, cached ones included", lambda c: c.input_tokens)
    yield Field("output_tokens", "number", "Output tokens, reasoning included", lambda c: c.output_tokens)
    yield Field("http_status", "number", "HTTP status of the answer", lambda c: c.http_status)
    yield Field("stream", "flag", "Whether the answer was streamed", lambda c: c.stream)
    yield Field("tag", "text", "A tag of the run or call", None, few=True)
    yield Field("meta.*", "text", "A metadata value by its key, as meta.region:eu", None)


def _all_tokens(c: Columns) -> ColumnElement[Any]:
    return func.coalesce(c.input_tokens, 0) + func.coalesce(c.output_tokens, 0)


FIELDS = {field.name: field for field in _fields()}
"""All fields by name; `meta.*` stands for every metadata key."""


def where(terms: Iterable[Term], columns: Columns = events.c) -> list[ColumnElement[bool]]:
    """Conditions on a row with the columns of `events`, to be joined by AND. Raises BadFilter."""
    return [negatable(condition(term, columns), negated=term.negated) for term in terms]


def negatable(positive: ColumnElement[bool], *, negated: bool) -> ColumnElement[bool]:
    """The condition or its opposite; the opposite is true where the column has no value."""
    return not_(func.coalesce(positive, false())) if negated else positive


def condition(term: Term, columns: Columns = events.c) -> ColumnElement[bool]:
    """Condition of one term without its negation. Raises BadFilter with the position of what is wrong."""
    if term.field is None:
        return _search(term.values[0].text, columns)
    if term.field.startswith(META_PREFIX):
        return _metadata(term, columns)
    field = FIELDS.get(term.field)
    if field is None or term.field == "meta.*":
        known = ", ".join(FIELDS)
        raise BadFilter(
            f'there is no field "{term.field}"; put a text with a colon in quotes. Fields: {known}', _at(term)
        )
    if field.name == "tag":
        return _tags(term, columns)
    if field.name == "section":
        return _any(term, lambda value: _section(value, columns))
    if field.column is None:
        raise TypeError(f"field {field.name} has no condition")
    return compare(field, term, field.column(columns))


def compare(field: Field, term: Term, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Condition of a term on `column`, which holds what `field` means (the column itself or a total of it)."""
    if field.type == "flag":
        return _any(term, lambda value: column.is_(_flag(value)))
    if field.type == "text":
        return _any(term, lambda value: _text(column, value, field.choices))
    return _number(field, term, column)


def _at(term: Term) -> int:
    return term.position + (1 if term.negated else 0)


def _any(term: Term, one: Callable[[Value], ColumnElement[bool]]) -> ColumnElement[bool]:
    if term.operator != "=":
        raise BadFilter(f'"{term.field}" cannot be compared by "{term.operator}"', term.values[0].position)
    return or_(*[one(value) for value in term.values])


def _text(column: ColumnElement[Any], value: Value, choices: tuple[str, ...] | None = None) -> ColumnElement[bool]:
    if not value.text:
        return or_(column.is_(None), column == "")
    if value.quoted or "*" not in value.text:
        if choices is not None and value.text not in choices:
            raise BadFilter(f'"{value.text}" is none of {", ".join(choices)}', value.position)
        return column == value.text
    if value.text.strip("*") == "":
        return and_(column.is_not(None), column != "")
    return _like(column, value.text.split("*"))


def _like(column: ColumnElement[Any], parts: list[str]) -> ColumnElement[bool]:
    pattern = "%".join(re.sub(r"([\\%_])", r"\\\1", part.lower()) for part in parts)
    return func.lower(column).like(pattern, escape="\\")


def _search(word: str, c: Columns) -> ColumnElement[bool]:
    columns = (c.name, c.model, c.run_name, c.error_type, c.error_message, c.section_path)
    parts = ["", *[part for part in word.split("*") if part], ""]
    return or_(*[_like(column, parts) for column in columns])


def _section(value: Value, c: Columns) -> ColumnElement[bool]:
    path = c.section_path
    exact = _text(path, value)
    if not value.text or (not value.quoted and "*" in value.text):
        return exact
    return or_(exact, path.startswith(f"{value.text}/", autoescape=True))


def _tags(term: Term, c: Columns) -> ColumnElement[bool]:
    def one(value: Value) -> ColumnElement[bool]:
        if not value.quoted and "*" in value.text:
            raise BadFilter("a tag is matched as a whole, without *", value.position)
        return has_tag(c.tags, value.text)

    return _any(term, one)


def _metadata(term: Term, c: Columns) -> ColumnElement[bool]:
    key = (term.field or "").removeprefix(META_PREFIX)
    if not key or key == "*" or len(key) > _MAX_META_KEY:
        raise BadFilter('name the metadata key, as in "meta.region:eu"', _at(term))
    column = json_text(c.metadata, key)
    return _any(term, lambda value: _text(column, value))


def _flag(value: Value) -> bool:
    match value.text.lower():
        case "true" | "yes" | "1":
            return True
        case "false" | "no" | "0":
            return False
        case _:
            raise BadFilter("expected true or false", value.position)


_AMOUNT = re.compile(r"\$?(-?\d{1,15}(?:\.\d{1,12})?)(ms|s|m|h)?", re.ASCII)
_UNIT_MS = {None: Decimal(1), "ms": Decimal(1), "s": Decimal(1000), "m": Decimal(60_000), "h": Decimal(3_600_000)}
_MAX_COST_USD = 999_999
_MAX_NUMBER = 10**15


def _amount(field: Field, value: Value) -> Decimal:
    match = _AMOUNT.fullmatch(value.text.strip())
    if match is None or (match[2] and field.scale != "ms") or (value.text.startswith("$") and field.type != "money"):
        raise BadFilter(f'"{field.name}" takes a number', value.position)
    amount = Decimal(match[1]) * _UNIT_MS[match[2]]
    limit = _MAX_COST_USD if field.type == "money" else _MAX_NUMBER
    if abs(amount) > limit:
        raise BadFilter(f'"{field.name}" takes a number up to {limit}', value.position)
    return amount


def _number(field: Field, term: Term, column: ColumnElement[Any]) -> ColumnElement[bool]:
    def one(value: Value) -> ColumnElement[bool]:
        if value.text == "" and term.operator == "=":
            return column.is_(None)
        if value.text == "*" and not value.quoted and term.operator == "=":
            return column.is_not(None)
        amount = _amount(field, value)
        return _compare(column, term.operator, amount if field.type == "money" else float(amount))

    return or_(*[one(value) for value in term.values])


def _compare(column: ColumnElement[Any], operator: Operator, value: Decimal | float) -> ColumnElement[bool]:
    match operator:
        case "=":
            return column == value
        case ">":
            return column > value
        case ">=":
            return column >= value
        case "<":
            return column < value
        case "<=":
            return column <= value
