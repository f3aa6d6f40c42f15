"""The SQL condition of each term of a filter.

Values only ever become bound parameters. Searches (wildcards, bare words) ignore case; whole values do not.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_

from llmobserve_server.query.filter_fields import ATTRIBUTE_PREFIX, FIELDS, META_PREFIX, Columns, Field
from llmobserve_server.query.filters import BadFilter, Operator, Term, Value
from llmobserve_server.query.said import CONTENT_FIELDS, said
from llmobserve_server.store.constructs import has_tag, json_text
from llmobserve_server.store.tables import events

__all__ = ["compare", "condition", "negatable", "where"]

_MAX_META_KEY = 200
_DOCUMENTS = {META_PREFIX: ("metadata", "meta.region:eu"), ATTRIBUTE_PREFIX: ("attributes", "attr.http.route:/ask")}
"""Column of each prefix, and an example."""


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
    prefix = next((prefix for prefix in _DOCUMENTS if term.field.startswith(prefix)), None)
    if prefix is not None:
        return _keyed(term, prefix, columns)
    field = FIELDS.get(term.field)
    if field is None:
        known = ", ".join(FIELDS)
        raise BadFilter(
            f'there is no field "{term.field}"; put a text with a colon in quotes. Fields: {known}', _at(term)
        )
    if field.name == "tag":
        return _tags(term, columns)
    if field.name in CONTENT_FIELDS:
        return _any(term, lambda value: _said(field.name, value, columns))
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
    return func.lower(column).like(_pattern(parts), escape="\\")


def _pattern(parts: list[str]) -> str:
    return "%".join(re.sub(r"([\\%_])", r"\\\1", part.lower()) for part in parts)


def _said(field: str, value: Value, c: Columns) -> ColumnElement[bool]:
    parts = [value.text] if value.quoted else value.text.split("*")
    if not any(parts):
        raise BadFilter(f'"{field}" takes a text to look for', value.position)
    return said(field, _pattern(["", *(part for part in parts if part), ""]), c)


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


def _keyed(term: Term, prefix: str, c: Columns) -> ColumnElement[bool]:
    name, example = _DOCUMENTS[prefix]
    key = (term.field or "").removeprefix(prefix)
    if not key or key == "*" or len(key) > _MAX_META_KEY:
        raise BadFilter(f'name the key, as in "{example}"', _at(term))
    column = json_text(c[name], key)
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
