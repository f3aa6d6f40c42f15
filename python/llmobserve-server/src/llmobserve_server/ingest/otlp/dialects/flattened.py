"""Lists and objects that were written as one attribute for each value: `messages.0.tool_calls.1.id`."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["unflattened"]

_MOST_LEVELS = 16
_LONGEST_INDEX = 9


def unflattened(attributes: Mapping[str, Any], prefix: str, wrappers: Iterable[str] = ()) -> Any:
    """The list or object below `prefix`, which ends in a dot; `None` when no attribute begins with it.

    A level whose keys are all numbers is a list in their order, wherever they begin and whatever is missing between
    them. An object whose only key is one of `wrappers` is what it holds (`{"message": {…}}` of OpenInference). Names
    below the sixteenth level are kept as one key.
    """
    tree: dict[str, Any] = {}
    for key, value in attributes.items():
        if key.startswith(prefix) and len(key) > len(prefix):
            _put(tree, key[len(prefix) :].split(".", _MOST_LEVELS), value)
    return _made(tree, frozenset(wrappers)) if tree else None


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):  # `a` and `a.b` are both there: the first stays
            return
        tree = cast("dict[str, Any]", below)
    tree.setdefault(path[-1], value)


def _made(tree: Any, wrappers: frozenset[str]) -> Any:
    if not isinstance(tree, dict):
        return tree
    fields = cast("dict[str, Any]", tree)
    if fields and all(_is_index(name) for name in fields):
        return [_made(fields[name], wrappers) for name in sorted(fields, key=int)]
    if len(fields) == 1:
        name, held = next(iter(fields.items()))
        if name in wrappers:
            return _made(held, wrappers)
    return {name: _made(held, wrappers) for name, held in fields.items()}


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= _LONGEST_INDEX
