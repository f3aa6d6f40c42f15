"""SQLAlchemy Core to PostgreSQL SQL: a compiler only, statements are executed by psycopg's own cursor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

import llmobserve_server.store.postgresql.constructs  # noqa: F401  # pyright: ignore[reportUnusedImport]

__all__ = ["Compiled", "compile_statement"]

# The compiler of the dialect is chosen when the dialect is made, and is not typed.
_Compiler: Any = PGDialect_psycopg.statement_compiler


class _TextCompiler(_Compiler):
    """Text is sorted by its bytes in our columns, and `lower` would then know ASCII only."""

    def visit_lower_func(self, function: FunctionElement[Any], **options: Any) -> str:
        return f"llmobserve_lower({self.process(function.clause_expr.element, **options)})"


class _PostgresqlDialect(PGDialect_psycopg):
    supports_statement_cache = True
    statement_compiler = _TextCompiler
    # With standard_conforming_strings a backslash in a plain literal is a backslash.
    _backslash_escapes = False


_DIALECT = _PostgresqlDialect()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement that is ready to run."""

    sql: bytes
    parameters: dict[str, Any]
    columns: list[str]
    """Names of the result columns; empty for a statement that is text."""


def compile_statement(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Compiled:
    """SQL, parameters and result columns of a Core statement. Raises sqlalchemy.exc.CompileError."""
    compiled = cast(
        "SQLCompiler",
        statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    )
    values = compiled.construct_params(parameters, escape_names=False)
    processors = cast("dict[str, Callable[[Any], Any]]", compiled._bind_processors)  # pyright: ignore[reportPrivateUsage]
    bound = {name: processors[name](value) if name in processors else value for name, value in values.items()}
    entries = cast("list[Any]", compiled._result_columns)  # pyright: ignore[reportPrivateUsage]
    return Compiled(
        sql=compiled.string.encode(),
        parameters={compiled.escaped_bind_names.get(name, name): value for name, value in bound.items()},
        columns=[str(entry.keyname) for entry in entries],
    )
