"""What is kept of a span beside the fields that we know: bounded, without what no store can hold."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.reading import Reading

__all__ = ["kept"]

_MOST_KEYS = 100
_MOST_CHARACTERS = 2048
_MOST_ITEMS = 32
_DEPTH = 4
_DROPPED = frozenset(
    ("logfire.json_schema", "logfire.metrics", "logfire.msg_template", "code.filepath", "code.function", "code.lineno")
)
"""Attributes that only repeat what is elsewhere, or tell where in its own library an instrumentation stands."""


def kept(reading: Reading, span: OtlpSpan) -> dict[str, Any] | None:
    """The attributes of the record; `None` for none."""
    out: dict[str, Any] = {}
    for key, value in reading.attributes.items():
        if key in _DROPPED:
            continue
        if len(out) == _MOST_KEYS:
            break
        out[_plain(key)[:256]] = bounded(value)
    if reading.finish_reasons:
        out["finish_reasons"] = [_plain(reason)[:64] for reason in reading.finish_reasons[:8]]
    if reading.prompt_name is not None:
        out["prompt_name"] = _plain(reading.prompt_name)[:_MOST_CHARACTERS]
    if reading.prompt_version is not None:
        out["prompt_version"] = _plain(reading.prompt_version)[:_MOST_CHARACTERS]
    if reading.name != span.name or reading.section is not None:
        out["span_name"] = _plain(span.name)[:512]
    return out or None


def bounded(value: Any, depth: int = 0) -> Any:
    """The value as JSON of a sane size; bytes by their length."""
    kind = cast("type[Any]", type(value))
    if kind is str:
        return _plain(value if len(value) <= _MOST_CHARACTERS else value[:_MOST_CHARACTERS])
    if kind is int:
        return value if -(2**53) <= value <= 2**53 else str(value)
    if kind is float:
        return value if value == value and abs(value) != float("inf") else str(value)
    if value is None or kind is bool:
        return value
    if depth >= _DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        pairs = list(cast("Mapping[Any, Any]", value).items())[:_MOST_ITEMS]
        return {_plain(str(key))[:256]: bounded(item, depth + 1) for key, item in pairs}
    if isinstance(value, (list, tuple)):
        items = cast("list[Any]", value)
        if len(items) > _MOST_ITEMS and all(isinstance(item, (int, float)) for item in items[:_MOST_ITEMS]):
            return f"[{len(items)} numbers]"
        return [bounded(item, depth + 1) for item in items[:_MOST_ITEMS]]
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    return str(value)[:_MOST_CHARACTERS]


def _plain(text: str) -> str:
    return text.replace("\x00", "") if "\x00" in text else text
