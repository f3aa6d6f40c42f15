"""SQL that the engines spell differently, as functions of SQLAlchemy Core; each engine's dialect compiles them."""

from typing import Any, Literal

from sqlalchemy import Boolean, ColumnElement, Double, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import DateTime, TypeEngine

__all__ = ["Bucket", "each_tag", "elapsed_ms", "end_time", "has_tag", "json_text", "quantile", "time_bucket"]

Bucket = Literal["minute", "hour", "day", "week", "month"]


class time_bucket(FunctionElement[Any]):
    """Start of the time bucket that a UTC time is in, as a UTC time.

    Arguments: the column, the bucket (`minute` … `month`) and the IANA zone whose days, weeks and months count.
    """

    type = DateTime(timezone=False)
    inherit_cache = True
    name = "time_bucket"

    def __init__(self, column: ColumnElement[Any], bucket: Bucket, zone: str = "UTC") -> None:
        self.zone = zone
        super().__init__(column, literal(bucket, String), literal(zone, String))


class quantile(FunctionElement[Any]):
    """A quantile (0 to 1) of the non-null values of a numeric column: interpolated, `NULL` of nothing."""

    type: TypeEngine[float] = Double()
    inherit_cache = True
    name = "quantile"

    def __init__(self, column: ColumnElement[Any], fraction: float) -> None:
        super().__init__(column, literal(fraction, Double))


class json_text(FunctionElement[Any]):
    """Text under a key of a flat JSON object; `NULL` when there is none."""

    type = String()
    inherit_cache = True
    name = "json_text"

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        super().__init__(column, literal(key, String))


class has_tag(FunctionElement[Any]):
    """Is the text one of the array's items? False for a null array."""

    type = Boolean()
    inherit_cache = True
    name = "has_tag"

    def __init__(self, column: ColumnElement[Any], tag: str) -> None:
        super().__init__(column, literal(tag, String))


class each_tag(FunctionElement[Any]):
    """One row for each item of the array, and one with `NULL` for an empty or null array. Only in a SELECT list."""

    type = String()
    inherit_cache = True
    name = "each_tag"

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)


class end_time(FunctionElement[Any]):
    """A time plus a duration in ms; the time itself when the duration is null."""

    type = DateTime(timezone=False)
    inherit_cache = True
    name = "end_time"

    def __init__(self, start: ColumnElement[Any], duration_ms: ColumnElement[Any]) -> None:
        super().__init__(start, duration_ms)


class elapsed_ms(FunctionElement[Any]):
    """Milliseconds from the first time to the second."""

    type: TypeEngine[float] = Double()
    inherit_cache = True
    name = "elapsed_ms"

    def __init__(self, start: ColumnElement[Any], end: ColumnElement[Any]) -> None:
        super().__init__(start, end)


def _arguments(element: FunctionElement[Any], compiler: SQLCompiler, options: dict[str, Any]) -> list[str]:
    return [compiler.process(clause, **options) for clause in element.clauses]


@compiles(time_bucket, "duckdb")
def _duckdb_time_bucket(element: time_bucket, compiler: SQLCompiler, **options: Any) -> str:
    if element.zone == "UTC":
        # A parameter that was compiled and is not in the text would be sent all the same.
        column, bucket = (compiler.process(clause, **options) for clause in list(element.clauses)[:2])
        return f"date_trunc({bucket}, {column})"
    column, bucket, zone = _arguments(element, compiler, options)
    local = f"timezone({zone}, timezone('UTC', {column}))"
    return f"timezone('UTC', timezone({zone}, date_trunc({bucket}, {local})))"


@compiles(quantile, "duckdb")
def _duckdb_quantile(element: quantile, compiler: SQLCompiler, **options: Any) -> str:
    column, fraction = _arguments(element, compiler, options)
    return f"quantile_cont({column}, {fraction})"


@compiles(json_text, "duckdb")
def _duckdb_json_text(element: json_text, compiler: SQLCompiler, **options: Any) -> str:
    column, key = _arguments(element, compiler, options)
    return f"CAST(variant_extract({column}, {key}) AS VARCHAR)"


@compiles(has_tag, "duckdb")
def _duckdb_has_tag(element: has_tag, compiler: SQLCompiler, **options: Any) -> str:
    column, tag = _arguments(element, compiler, options)
    return f"coalesce(list_contains({column}, {tag}), false)"


@compiles(each_tag, "duckdb")
def _duckdb_each_tag(element: each_tag, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = _arguments(element, compiler, options)
    return f"unnest(CASE WHEN len({column}) > 0 THEN {column} ELSE [NULL] END)"


@compiles(end_time, "duckdb")
def _duckdb_end_time(element: end_time, compiler: SQLCompiler, **options: Any) -> str:
    start, duration_ms = _arguments(element, compiler, options)
    return f"({start} + to_microseconds(CAST(coalesce({duration_ms}, 0) * 1000 AS BIGINT)))"


@compiles(elapsed_ms, "duckdb")
def _duckdb_elapsed_ms(element: elapsed_ms, compiler: SQLCompiler, **options: Any) -> str:
    start, end = _arguments(element, compiler, options)
    return f"(date_diff('microsecond', {start}, {end}) / 1000.0)"
