"""How PostgreSQL spells what the engines spell differently; see `store.constructs`."""

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


@compiles(time_bucket, "postgresql")
def _time_bucket(element: time_bucket, compiler: SQLCompiler, **options: Any) -> str:
    column, bucket, zone = _arguments(element, compiler, options)
    if element.zone == "UTC":
        return f"date_trunc({bucket}, {column})"
    local = f"timezone({zone}, timezone('UTC', {column}))"
    return f"timezone('UTC', timezone({zone}, date_trunc({bucket}, {local})))"


@compiles(quantile, "postgresql")
def _quantile(element: quantile, compiler: SQLCompiler, **options: Any) -> str:
    column, fraction = _arguments(element, compiler, options)
    return f"percentile_cont({fraction}) WITHIN GROUP (ORDER BY {column})"


@compiles(json_text, "postgresql")
def _json_text(element: json_text, compiler: SQLCompiler, **options: Any) -> str:
    column, key = _arguments(element, compiler, options)
    return f'(({column} ->> {key}) COLLATE "C")'


@compiles(has_tag, "postgresql")
def _has_tag(element: has_tag, compiler: SQLCompiler, **options: Any) -> str:
    column, tag = _arguments(element, compiler, options)
    return f"coalesce({tag} = ANY ({column}), false)"


@compiles(each_tag, "postgresql")
def _each_tag(element: each_tag, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = _arguments(element, compiler, options)
    return f'unnest(CASE WHEN cardinality({column}) > 0 THEN {column} ELSE ARRAY[NULL::text] END COLLATE "C")'


@compiles(end_time, "postgresql")
def _end_time(element: end_time, compiler: SQLCompiler, **options: Any) -> str:
    start, duration_ms = _arguments(element, compiler, options)
    return f"({start} + round(coalesce({duration_ms}, 0) * 1000) * interval '1 microsecond')"


@compiles(elapsed_ms, "postgresql")
def _elapsed_ms(element: elapsed_ms, compiler: SQLCompiler, **options: Any) -> str:
    start, end = _arguments(element, compiler, options)
    return f"CAST(extract(epoch FROM ({end}) - ({start})) * 1000 AS double precision)"
