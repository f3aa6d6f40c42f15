"""Takes the named fields out of a protobuf message of the application's library, which is not imported here.

Messages know their schema (`DESCRIPTOR`) in every implementation. How each named field is to be taken is worked out
with the first message of a type; nothing is serialised or copied but what is named.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from llmobserve.providers.message_fields import Fields, Take

__all__ = ["fields_of"]

_Taker: TypeAlias = Callable[[Any], Any]
_Plan: TypeAlias = list[tuple[str, bool, _Taker | None]]
"""Name of each field, whether it can be absent, and what makes a plain value of it; `None` where it is one."""

_plans: dict[tuple[Any, int], tuple[_Plan, Fields]] = {}
"""By schema, and by the identity of the fields, which are held with it."""
_MOST_PLANS = 1024
_NOTHING: Fields = {}


def fields_of(message: Any, fields: Fields) -> dict[str, Any] | None:
    """The named fields as plain values; `None` when `message` is no protobuf message."""
    schema = getattr(message, "DESCRIPTOR", None)
    if schema is None:
        message = getattr(message, "_pb", None)  # proto-plus (the clients of Google Cloud) wraps messages
        schema = getattr(message, "DESCRIPTOR", None)
        if schema is None:
            return None
    planned = _plans.get((schema, id(fields)))
    plan = _plan(message, schema, fields) if planned is None else planned[0]
    found: dict[str, Any] = {}
    for name, may_be_absent, take in plan:
        if may_be_absent and not message.HasField(name):
            continue
        value = getattr(message, name)
        found[name] = value if take is None else take(value)
    return found


def _plan(message: Any, schema: Any, fields: Fields) -> _Plan:
    known: Mapping[str, Any] = schema.fields_by_name
    plan: _Plan = []
    for name, wanted in fields.items():
        descriptor = known.get(name)
        if descriptor is not None:
            plan.append((name, descriptor.has_presence, _taker(getattr(message, name), descriptor, wanted)))
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    _plans[schema, id(fields)] = plan, fields
    return plan


def _taker(value: Any, descriptor: Any, wanted: Take | Fields) -> _Taker | None:
    """`value` is any value of the field: an empty one tells its kind as well."""
    if wanted is Take.COUNT:
        return len
    inner = _NOTHING if isinstance(wanted, Take) else wanted
    if hasattr(value, "DESCRIPTOR"):
        return partial(fields_of, fields=inner)
    if isinstance(value, (str, int, float)) and descriptor.enum_type is None:
        return None
    if isinstance(value, bytes):
        return len
    if hasattr(value, "keys"):
        return dict if isinstance(wanted, Take) else partial(_map, fields=inner)
    if descriptor.message_type is not None:
        return partial(_list, fields=inner)
    if descriptor.enum_type is None:
        return list
    names = {number: kind.name for number, kind in descriptor.enum_type.values_by_number.items()}
    return partial(_name, names) if isinstance(value, int) else partial(_names, names)


def _list(values: Any, fields: Fields) -> list[Any]:
    return [fields_of(value, fields) for value in values]


def _map(entries: Any, fields: Fields) -> dict[str, Any]:
    return {str(key): fields_of(entries[key], fields) for key in entries}


def _name(names: Mapping[int, str], number: int) -> Any:
    return names.get(number, number)


def _names(names: Mapping[int, str], numbers: Any) -> list[Any]:
    return [names.get(number, number) for number in numbers]
