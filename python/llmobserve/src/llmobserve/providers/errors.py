"""Finds type and message in the error answers of all providers, whatever their form."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.quantities import as_mapping

__all__ = ["error_in"]


def error_in(body: Any, status: int) -> tuple[str, str | None]:
    """Type and message of an error answer. The type is `http_<status>` where the body names none."""
    if isinstance(body, list):
        body = cast("list[Any]", body)[0] if body else None
    fields = as_mapping(body)
    error = fields.get("error")
    inner = as_mapping(error) or fields
    kind = _first_text(inner, "type", "status", "code", "__type") or _first_text(fields, "type", "code", "error_type")
    message = error if isinstance(error, str) else _first_text(inner, "message", "Message", "msg", "detail", "error")
    if message is None:
        message = _listed_message(inner.get("errors")) or _listed_message(inner.get("detail"))
    return kind or f"http_{status}", message


def _first_text(fields: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def _listed_message(errors: Any) -> str | None:
    """Message of the first error of a list."""
    if not isinstance(errors, list) or not errors:
        return None
    first = cast("list[Any]", errors)[0]
    return first if isinstance(first, str) else _first_text(as_mapping(first), "message", "msg")
