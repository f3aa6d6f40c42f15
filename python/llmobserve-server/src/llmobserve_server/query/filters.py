"""The filter language: text to terms, with the position of whatever is wrong.

`field:value`, `-field:value`, `field:a,b`, `field:>0.01`, `field:"a b"`, `field:gpt-5*`, `meta.key:value`, and bare
words that search several texts. Terms are joined by AND. Nothing here knows SQL or which fields exist.
"""

from dataclasses import dataclass
from typing import Literal

from llmobserve_server.errors import BadRequest

__all__ = ["MAX_LENGTH", "BadFilter", "Operator", "Term", "Value", "parse"]

MAX_LENGTH = 2000
MAX_TERMS = 40
MAX_VALUES = 100

Operator = Literal["=", ">", ">=", "<", "<="]


class BadFilter(BadRequest):
    """A filter text that cannot be understood; `position` is the offset of the offending character."""

    code = "bad_filter"

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message, field="q", position=position)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a term."""

    text: str
    quoted: bool
    """In quotes nothing has a special meaning, `*` neither."""
    position: int


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: any of `values` under `operator`, or with `negated` none of them."""

    field: str | None
    """`None` for a bare word."""
    operator: Operator
    values: tuple[Value, ...]
    negated: bool
    position: int


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a filter text; none for an empty one. Raises BadFilter."""
    if len(text) > MAX_LENGTH:
        raise BadFilter(f"a filter may have at most {MAX_LENGTH} characters", MAX_LENGTH)
    for position, character in enumerate(text):
        if character == "\0" or 0xD800 <= ord(character) <= 0xDFFF:
            raise BadFilter("a filter may not contain this character", position)
    terms: list[Term] = []
    position = _skip_space(text, 0)
    while position < len(text):
        if len(terms) == MAX_TERMS:
            raise BadFilter(f"a filter may have at most {MAX_TERMS} conditions", position)
        term, position = _term(text, position)
        terms.append(term)
        position = _skip_space(text, position)
    return tuple(terms)


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _term(text: str, start: int) -> tuple[Term, int]:
    position = start
    negated = text[position] == "-"
    if negated:
        position += 1
        if position == len(text) or text[position].isspace():
            raise BadFilter('"-" must stand directly before a condition', start)
    if text[position] == '"':
        value, position = _quoted(text, position)
        _expect_end(text, position)
        return Term(None, "=", (value,), negated, start), position
    colon = position
    while colon < len(text) and not text[colon].isspace() and text[colon] not in ':"':
        colon += 1
    if colon == len(text) or text[colon].isspace():
        return Term(None, "=", (Value(text[position:colon], False, position),), negated, start), colon
    if text[colon] == '"':
        raise BadFilter("put the whole text in quotes, or a space before the quote", colon)
    if colon == position:
        raise BadFilter('a field name is missing before ":"', colon)
    return _field_term(text, start, text[position:colon], colon + 1, negated)


def _field_term(text: str, start: int, field: str, position: int, negated: bool) -> tuple[Term, int]:
    operator: Operator = "="
    for candidate in (">=", "<=", ">", "<"):
        if text.startswith(candidate, position):
            operator = candidate
            position += len(candidate)
            break
    values: list[Value] = []
    while True:
        if len(values) == MAX_VALUES:
            raise BadFilter(f"a condition may have at most {MAX_VALUES} values", position)
        value, position = _value(text, position, field)
        values.append(value)
        if position == len(text) or text[position] != ",":
            break
        position += 1
    _expect_end(text, position)
    if operator != "=" and len(values) > 1:
        raise BadFilter(f'"{operator}" takes one value', values[1].position)
    return Term(field, operator, tuple(values), negated, start), position


def _value(text: str, position: int, field: str) -> tuple[Value, int]:
    if position < len(text) and text[position] == '"':
        return _quoted(text, position)
    end = position
    while end < len(text) and not text[end].isspace() and text[end] not in ',"':
        end += 1
    if end == position:
        raise BadFilter(f'a value is missing for "{field}"; an empty one is written as ""', position)
    if end < len(text) and text[end] == '"':
        raise BadFilter("put the whole value in quotes", end)
    return Value(text[position:end], False, position), end


def _quoted(text: str, start: int) -> tuple[Value, int]:
    parts: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == '"':
            return Value("".join(parts), True, start), position + 1
        if character == "\\" and text[position + 1 : position + 2] in {'"', "\\"}:
            position += 1
            character = text[position]
        parts.append(character)
        position += 1
    raise BadFilter("the quote is not closed", start)


def _expect_end(text: str, position: int) -> None:
    if position < len(text) and not text[position].isspace():
        raise BadFilter("a space is missing between two conditions", position)
