"""SQLAlchemy Core to ClickHouse SQL: a compiler only, statements are executed by clickhouse-connect.

Values are written into the text as literals. Parameters of the HTTP interface go into the URL, which does not hold
lists of thousands of ids, and chDB knows them for selects only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import msgspec
from sqlalchemy import BindParameter, Executable, literal
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGTypeCompiler
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Float,
    Integer,
    Numeric,
    String,
    TypeEngine,
)

from llmobserve_server.store.clickhouse import constructs as _constructs

__all__ = ["Compiled", "compile_statement", "literal_text"]

_REGISTERED = (_constructs,)
_decode_json = msgspec.json.Decoder().decode
_US = timedelta(microseconds=1)
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0"})
_SCALE = 12
_MAX_SCALE = 40


def literal_text(value: Any) -> str:
    """A Python value as a ClickHouse literal. Raises TypeError for a type that no column has."""
    kind = cast("type[Any]", type(value))
    if kind in {list, tuple}:
        return f"[{', '.join(literal_text(item) for item in value)}]"
    write = _LITERALS.get(kind)
    if write is None:
        raise TypeError(f"no ClickHouse literal for {kind.__name__}")
    return write(value)


def _decimal(value: Decimal) -> str:
    exponent = value.as_tuple().exponent
    scale = max(_SCALE, -exponent) if isinstance(exponent, int) else _SCALE
    return f"toDecimal256('{format(value, 'f')}', {min(scale, _MAX_SCALE)})"


def _float(value: float) -> str:
    # A whole number would be an integer, and divided as one.
    return f"toFloat64('{value!r}')"


_LITERALS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "true" if value else "false",
    int: lambda value: str(value) if value >= 0 else f"({value})",
    float: _float,
    Decimal: _decimal,
    str: lambda value: f"'{value.translate(_ESCAPES)}'",
    datetime: lambda value: f"toDateTime64('{value:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')",
    timedelta: lambda value: f"toIntervalMicrosecond({value // _US})",
}


class _TypeCompiler(PGTypeCompiler):
    """Types of casts: all but arrays may be NULL."""

    def process(self, type_: TypeEngine[Any], **kw: Any) -> str:
        if isinstance(type_, ARRAY):
            return "Array(String)"
        return f"Nullable({_type_name(type_)})"


def _type_name(type_: TypeEngine[Any]) -> str:
    if isinstance(type_, Numeric) and not isinstance(type_, Float):
        return f"Decimal({type_.precision}, {type_.scale})"
    for kind, name in _TYPES:
        if isinstance(type_, kind):
            return name
    raise CompileError(f"no ClickHouse type for {type_!r}")


_TYPES: tuple[tuple[type[Any], str], ...] = (
    (Float, "Float64"),
    (BigInteger, "Int64"),
    (Integer, "Int32"),
    (Boolean, "Bool"),
    (DateTime, "DateTime64(6, 'UTC')"),
    (String, "String"),
    (JSON, "String"),
)


class _Compiler(PGCompiler):
    """PostgreSQL's grammar with the words of ClickHouse."""

    def visit_cast(self, cast: Any, **kw: Any) -> str:
        if isinstance(cast.type, ARRAY):
            return f"CAST(ifNull({self.process(cast.clause, **kw)}, []) AS Array(String))"
        return f"CAST({self.process(cast.clause, **kw)} AS {self.process(cast.typeclause, **kw)})"

    def visit_lower_func(self, fn: Any, **kw: Any) -> str:
        return f"lowerUTF8{self.function_argspec(fn, **kw)}"

    def visit_like_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"{self.process(binary.left, **kw)} LIKE {self._pattern(binary, kw)}"

    def visit_not_like_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"{self.process(binary.left, **kw)} NOT LIKE {self._pattern(binary, kw)}"

    def _pattern(self, binary: Any, kw: Any) -> str:
        """The right side; a backslash escapes in any case."""
        if binary.modifiers.get("escape") not in {None, "\\"}:
            raise CompileError("LIKE with another escape than a backslash")
        return self.process(binary.right, **kw)

    def visit_startswith_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"startsWith({self.process(binary.left, **kw)}, {self.process(_unescaped(binary), **kw)})"

    def visit_contains_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"(position({self.process(binary.left, **kw)}, {self.process(_unescaped(binary), **kw)}) > 0)"


def _unescaped(binary: Any) -> Any:
    """The text that was asked for, of which Core has made a pattern by `autoescape`."""
    right = binary.right
    escape = binary.modifiers.get("escape")
    if escape is None or not isinstance(right, BindParameter):
        raise CompileError("a prefix or part without autoescape")
    text = str(cast("Any", right).value)
    for sign in ("%", "_", escape):
        text = text.replace(f"{escape}{sign}", sign)
    return literal(text, String)


class _ClickHouseDialect(PGDialect):
    name = "clickhouse"
    supports_statement_cache = False
    statement_compiler = _Compiler
    type_compiler_cls = _TypeCompiler
    _backslash_escapes = False


_DIALECT = _ClickHouseDialect(paramstyle="pyformat")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement that is ready to run."""

    sql: str
    columns: list[str]
    """Names of the result columns; empty for a statement that is text."""
    converters: list[Callable[[Any], Any] | None]
    """By position; `None` where the Python value is right already."""


def compile_statement(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Compiled:
    """SQL and result columns of a Core statement. Raises sqlalchemy.exc.CompileError."""
    compiled = cast(
        "SQLCompiler",
        statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    )
    values = compiled.construct_params(parameters, escape_names=True)
    entries = cast("list[Any]", compiled._result_columns)  # pyright: ignore[reportPrivateUsage]
    return Compiled(
        sql=compiled.string % {name: literal_text(value) for name, value in values.items()},
        columns=[str(entry.keyname) for entry in entries],
        converters=[_from_json if isinstance(entry.type, JSON) else None for entry in entries],
    )


def _from_json(value: Any) -> Any:
    return _decode_json(value) if isinstance(value, str) else value
