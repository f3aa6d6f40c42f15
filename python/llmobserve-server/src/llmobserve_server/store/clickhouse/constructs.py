"""The constructs of `store.constructs` as ClickHouse SQL, and what of Core it spells differently."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from llmobserve_server.store.constructs import (
    each_tag,
    elapsed_ms,
    end_time,
    has_tag,
    json_text,
    quantile,
    time_bucket,
)

__all__: list[str] = []


def _arguments(element: FunctionElement[Any], compiler: SQLCompiler, options: dict[str, Any]) -> list[str]:
    return [compiler.process(clause, **options) for clause in element.clauses]


@compiles(time_bucket, "clickhouse")
def _time_bucket(element: time_bucket, compiler: SQLCompiler, **options: Any) -> str:
    column, bucket, zone = _arguments(element, compiler, options)
    if element.zone != "UTC":
        # The local wall clock as if it were UTC, cut, and back.
        local = f"toTimeZone({column}, {zone})"
        start = f"dateTrunc({bucket}, {local}, {zone})"
        return f"toTimeZone(toDateTime64({start}, 6, {zone}), 'UTC')"
    return f"toDateTime64(dateTrunc({bucket}, {column}), 6, 'UTC')"


@compiles(quantile, "clickhouse")
def _quantile(element: quantile, compiler: SQLCompiler, **options: Any) -> str:
    column, fraction = _arguments(element, compiler, options)
    # Interpolated between neighbours as quantile_cont of DuckDB and percentile_cont of PostgreSQL.
    return f"quantileExactInclusive({fraction})({column})"


@compiles(json_text, "clickhouse")
def _json_text(element: json_text, compiler: SQLCompiler, **options: Any) -> str:
    column, key = _arguments(element, compiler, options)
    return (
        f"multiIf(JSONType(ifNull({column}, ''), {key}) = 'String', JSONExtractString({column}, {key}), "
        f"JSONType(ifNull({column}, ''), {key}) = 'Null', NULL, JSONExtractRaw({column}, {key}))"
    )


@compiles(has_tag, "clickhouse")
def _has_tag(element: has_tag, compiler: SQLCompiler, **options: Any) -> str:
    column, tag = _arguments(element, compiler, options)
    return f"has({column}, {tag})"


@compiles(each_tag, "clickhouse")
def _each_tag(element: each_tag, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = _arguments(element, compiler, options)
    return f"arrayJoin(if(empty({column}), [NULL], {column}))"


@compiles(end_time, "clickhouse")
def _end_time(element: end_time, compiler: SQLCompiler, **options: Any) -> str:
    start, duration_ms = _arguments(element, compiler, options)
    return f"({start} + toIntervalMicrosecond(toInt64(round(coalesce({duration_ms}, 0) * 1000))))"


@compiles(elapsed_ms, "clickhouse")
def _elapsed_ms(element: elapsed_ms, compiler: SQLCompiler, **options: Any) -> str:
    start, end = _arguments(element, compiler, options)
    return f"(dateDiff('microsecond', {start}, {end}) / 1000.0)"
