"""Makes protobuf messages from a short description, for providers whose own package is too heavy for the tests.

The numbers of the fields do not matter here: client and server of a test share the schema.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["messages"]

_TYPES = {"text": 9, "int": 3, "float": 2, "bytes": 12, "bool": 8, "enum": 14, "message": 11}
_OPTIONAL, _REPEATED = 1, 3


def messages(package: str, schema: Mapping[str, Mapping[str, str]], enums: Mapping[str, list[str]] = {}) -> Any:
    """Message classes by name. A field is `text`, `int`, …, or the name of a message or of an enumeration.

    `repeated` may stand before it; `map` stands for a map from text to text.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.test.proto", package=package, syntax="proto3")
    for name, values in enums.items():
        made = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            made.value.add(name=value, number=number)
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            _add(message, field, kind, number, package, enums)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema}


def _add(message: Any, name: str, kind: str, number: int, package: str, enums: Mapping[str, Any]) -> None:
    words = kind.split()
    kind = words[-1]
    field = message.field.add(name=name, number=number, label=_REPEATED if len(words) > 1 else _OPTIONAL)
    if kind == "map":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=_OPTIONAL, type=_TYPES["text"])
        entry.field.add(name="value", number=2, label=_OPTIONAL, type=_TYPES["text"])
        field.label, field.type = _REPEATED, _TYPES["message"]
        field.type_name = f".{package}.{message.name}.{entry.name}"
    elif kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = _TYPES["enum" if kind in enums else "message"]
        field.type_name = f".{package}.{kind}"
