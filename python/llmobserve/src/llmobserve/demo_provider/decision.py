"""What the demo provider answers: the next tool that was not called yet, else a text."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

__all__ = ["Tool", "example", "items", "mapping", "next_tool", "structured_text", "text_of"]

_MOST_LEVELS = 12
"""Schemas may name themselves; deeper than this an example is `null`."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a request offers it."""

    name: str
    schema: Mapping[str, Any]
    """JSON Schema of its arguments."""

    @property
    def arguments(self) -> str:
        """Arguments that fit the schema, as JSON."""
        found = example(self.schema)
        return json.dumps(found if isinstance(found, dict) else {})


def next_tool(offered: Sequence[Tool], called: Collection[str], *, forced: bool, wanted: str | None) -> Tool | None:
    """The tool to call now. `forced`: the answer must be a call; `wanted`: and of this tool."""
    if wanted is not None:
        return next((tool for tool in offered if tool.name == wanted), None)
    new = next((tool for tool in offered if tool.name not in called), None)
    return offered[-1] if new is None and forced and offered else new


def structured_text(schema: object) -> str | None:
    """JSON that fits the schema of a structured answer; `None` when none was asked for."""
    return json.dumps(example(cast("Mapping[str, Any]", schema))) if isinstance(schema, Mapping) else None


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object of JSON, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text_of(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def example(schema: Mapping[str, Any]) -> Any:
    """The smallest value that fits a JSON Schema: what is required, the first of several choices."""
    return _example(schema, schema, 0)


def _example(schema: Mapping[str, Any], root: Mapping[str, Any], level: int) -> Any:
    schema = _resolved(schema, root)
    if level > _MOST_LEVELS:
        return None
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        options = [_resolved(option, root) for option in schema.get(choice, ())]
        if options:
            chosen = next((option for option in options if option.get("type") != "null"), options[0])
            return _example(chosen, root, level + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in cast("list[str]", kind) if one != "null"), "null")
    if kind == "object" or "properties" in schema:
        properties = mapping(schema.get("properties"))
        wanted = [name for name in schema.get("required", ()) if name in properties]
        return {name: _example(properties[name], root, level + 1) for name in wanted}
    if kind == "array":
        return [_example(mapping(schema.get("items")), root, level + 1)]
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return {"boolean": True, "null": None}.get(text_of(kind), "example")


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `$ref` points at, inside the same schema."""
    for _ in range(_MOST_LEVELS):
        place = text_of(schema.get("$ref"))
        if not place.startswith("#/"):
            break
        found: Any = root
        for key in place[2:].split("/"):
            found = mapping(found).get(key)
        schema = mapping(found)
    return schema
