"""Which fields can be filtered by, and which values they have: what completion and facets need."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, func

from llmobserve_server.query.answers import FieldInfo
from llmobserve_server.query.filter_fields import FIELDS, META_PREFIX, Field
from llmobserve_server.query.sums import summed
from llmobserve_server.query.window import Scope, Selection, outer_select
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import events

__all__ = ["MAX_VALUES", "list_fields"]

MAX_VALUES = 50
_SAMPLE = 2_000
"""Newest events that are looked at for tags, sections and metadata keys."""
_MAX_META_KEYS = 30
_MAX_META_VALUES = 200
"""A metadata key with more values in the sample than that has none worth offering."""


def list_fields(store: Store, scope: Scope) -> list[FieldInfo]:
    """All fields, with their most frequent values in the window, and the metadata keys that are in use."""
    values = {**_column_values(store, scope), **_sampled_values(store, scope)}
    known = [_info(field, values.get(name)) for name, field in FIELDS.items()]
    keys = sorted(name for name in values if name.startswith(META_PREFIX))
    return [*known, *(_meta(name, values[name]) for name in keys)]


def _column_values(store: Store, scope: Scope) -> dict[str, list[str]]:
    """Most frequent values by field, of the fields that are columns with few values."""
    columns = {name: field.column(events.c) for name, field in FIELDS.items() if field.few and field.column is not None}
    found: dict[str, list[str]] = {}
    for name, column in columns.items():
        statement = _by_frequency(store, scope, column).limit(MAX_VALUES)
        found[name] = [row["one_value"] for row in store.fetch(statement)]
    return found


def _by_frequency(store: Store, scope: Scope, column: ColumnElement[Any]) -> Selection:
    sums = summed(store, scope, {column.key or ""})
    value, records = column, func.count()
    if sums is not None:
        value = cast("ColumnElement[Any]", sums.c[column.key or ""])
        records = func.sum(sums.c.n_records)
    one_value = value.label("one_value")
    chosen = scope.select(events, one_value) if sums is None else outer_select(sums, one_value)
    return chosen.where(value.is_not(None), value != "").group_by(value).order_by(records.desc(), value)


def _sampled_values(store: Store, scope: Scope) -> dict[str, list[str]]:
    """Values of `section`, `tag` and the metadata keys among the newest events."""
    c = events.c
    statement = scope.select(events, c.section_path, c.tags, c.metadata).order_by(c.start_time.desc()).limit(_SAMPLE)
    counts: dict[str, Counter[str]] = {"section": Counter(), "tag": Counter()}
    for row in store.fetch(statement):
        if row["section_path"]:
            counts["section"][row["section_path"]] += 1
        counts["tag"].update(row["tags"] or ())
        pairs: Mapping[str, Any] = row["metadata"] or {}
        for key, value in pairs.items():
            if isinstance(value, str) and value and ":" not in key and not any(part.isspace() for part in key):
                counts.setdefault(f"{META_PREFIX}{key}", Counter())[value] += 1
    meta = sorted((name for name in counts if name.startswith(META_PREFIX)), key=lambda name: -counts[name].total())
    kept = ["section", "tag", *meta[:_MAX_META_KEYS]]
    return {name: [value for value, _ in counts[name].most_common(MAX_VALUES)] for name in kept if _worth(counts[name])}


def _worth(values: Counter[str]) -> bool:
    return len(values) <= _MAX_META_VALUES


def _info(field: Field, values: list[str] | None) -> FieldInfo:
    return FieldInfo(
        name=field.name,
        type=field.type,
        operators=list(field.operators),
        description=field.description,
        values=values if field.few else None,
    )


def _meta(name: str, values: list[str]) -> FieldInfo:
    description = f"Metadata {name.removeprefix(META_PREFIX)}"
    return FieldInfo(name=name, type="text", operators=["=", "*"], description=description, values=values)
