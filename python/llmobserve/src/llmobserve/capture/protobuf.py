"""Takes the named fields out of a protobuf message of the application's library, which is not imported here.

Messages know their schema (`DESCRIPTOR`) in every implementation; nothing is serialised or copied but what is named.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from llmobserve.providers.message_fields import Fields, Take

__all__ = ["fields_of"]


def fields_of(message: Any, fields: Fields) -> dict[str, Any] | None:
    """The named fields as plain values; `None` when `message` is no protobuf message."""
    message = getattr(message, "_pb", message)  # proto-plus (the clients of Google Cloud) wraps messages
    known: Mapping[str, Any] | None = getattr(getattr(message, "DESCRIPTOR", None), "fields_by_name", None)
    if known is None:
        return None
    found: dict[str, Any] = {}
    for name, wanted in fields.items():
        descriptor = known.get(name)
        if descriptor is None or (descriptor.has_presence and not message.HasField(name)):
            continue
        found[name] = _taken(getattr(message, name), descriptor, wanted)
    return found


def _taken(value: Any, descriptor: Any, wanted: Take | Fields) -> Any:
    if wanted is Take.COUNT:
        return len(value)
    if hasattr(value, "DESCRIPTOR"):
        return fields_of(value, {} if isinstance(wanted, Take) else wanted)
    if isinstance(value, (str, bytes, int, float)):
        return _plain(value, descriptor)
    if hasattr(value, "keys"):
        entries = cast("Mapping[Any, Any]", value)
        return {str(key): _item(entries[key], None, wanted) for key in entries}
    return [_item(item, descriptor, wanted) for item in cast("Sequence[Any]", value)]


def _item(value: Any, descriptor: Any, wanted: Take | Fields) -> Any:
    """One item of a repeated field, or one value of a map."""
    return fields_of(value, wanted) if isinstance(wanted, Mapping) else _plain(value, descriptor)


def _plain(value: Any, descriptor: Any) -> Any:
    """A value that JSON knows: an enumeration by its name, bytes by their number."""
    if isinstance(value, bytes):
        return len(value)
    kinds = getattr(descriptor, "enum_type", None)
    named = None if kinds is None else kinds.values_by_number.get(value)
    return value if named is None else named.name
