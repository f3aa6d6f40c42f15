"""SQLAlchemy Core to DuckDB SQL: a compiler only, statements are executed through DuckDB's own cursor.

DuckDB's grammar is PostgreSQL's in all that Core writes, so the dialect is that one with `$1` parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import JSON

__all__ = ["Compiled", "compile_statement"]


class _DuckDBDialect(PGDialect):
    name = "duckdb"
    supports_statement_cache = True
    # In DuckDB a backslash in a plain literal is a backslash.
    _backslash_escapes = False


_DIALECT = _DuckDBDialect(paramstyle="numeric_dollar")
_decode_json = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement that is ready to run."""

    sql: str
    parameters: list[Any]
    columns: list[str]
    """Names of the result columns; empty for a statement that is text."""
    converters: list[Callable[[Any], Any] | None]
    """By position; `None` where DuckDB's Python value is right already."""


def compile_statement(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Compiled:
    """SQL, parameters and result columns of a Core statement. Raises sqlalchemy.exc.CompileError."""
    compiled = cast(
        "SQLCompiler",
        statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    )
    values = compiled.construct_params(parameters, escape_names=False)
    processors = cast("dict[str, Callable[[Any], Any]]", compiled._bind_processors)  # pyright: ignore[reportPrivateUsage]
    bound: list[Any] = []
    for name in compiled.positiontup or ():
        process = processors.get(name)
        bound.append(process(values[name]) if process else values[name])
    entries = cast("list[Any]", compiled._result_columns)  # pyright: ignore[reportPrivateUsage]
    return Compiled(
        sql=compiled.string,
        parameters=bound,
        columns=[str(entry.keyname) for entry in entries],
        converters=[_from_json if isinstance(entry.type, JSON) else None for entry in entries],
    )


def _from_json(value: Any) -> Any:
    """DuckDB hands JSON out as text and VARIANT as Python objects; a VARIANT of ours is never a bare string."""
    return _decode_json(value) if isinstance(value, str) else value
