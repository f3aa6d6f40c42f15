"""Replaces class attributes by wrappers that can be taken back, and reports what became of each."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["MARKER", "Patch", "PatchHealth", "add", "apply", "other_wrappers", "positional_names", "restore"]

MARKER = "__llmobserve_wrapped__"
_ABSENT = object()
"""The original of an attribute that was not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchHealth:
    """State of one hook."""

    library: str
    """Import name."""
    version: str | None
    target: str
    """Class and method that are hooked."""
    state: Literal["active", "degraded", "missing", "waiting"]
    """`degraded`: the wanted place was not as expected and a public method is hooked instead. `missing`: nothing
    could be hooked, calls through this library are not seen. `waiting`: the library is not imported yet."""
    detail: str | None = None


@dataclass(slots=True)
class Patch:
    """A replaced class attribute."""

    owner: type
    name: str
    original: Any
    wrapper: Any


def positional_names(function: Any) -> tuple[str, ...] | None:
    """Names of the positional parameters below any wrappers; `None` when they cannot be told."""
    seen = 0
    while hasattr(function, "__wrapped__") and seen < 20:
        function = function.__wrapped__
        seen += 1
    code = getattr(function, "__code__", None)
    return None if code is None else code.co_varnames[: code.co_argcount]


def apply(owner: type, name: str, make_wrapper: Callable[[Any], Any]) -> Patch | None:
    """Wrap `owner.name`, also around another tool's wrapper; `None` when a wrapper of ours is already in there."""
    current = owner.__dict__[name]
    layer, seen = current, 0
    while layer is not None and seen < 20:
        if getattr(layer, "__dict__", {}).get(MARKER):
            return None
        layer = getattr(layer, "__wrapped__", None)
        seen += 1
    wrapper = make_wrapper(_bound_by_call(owner, current))
    setattr(wrapper, MARKER, True)
    setattr(owner, name, wrapper)
    return Patch(owner, name, current, wrapper)


def _bound_by_call(owner: Any, current: Any) -> Any:
    """Wrappers made by wrapt, as other instrumentors have them, know the object only when they are bound to it."""
    inner = getattr(current, "__wrapped__", None)
    is_wrapt = hasattr(current, "_self_wrapper") and not isinstance(inner, (classmethod, staticmethod))
    if not is_wrapt or not isinstance(owner, type):
        return current

    @functools.wraps(current)
    def call(instance: Any, *args: Any, **kwargs: Any) -> Any:
        return current.__get__(instance, owner)(*args, **kwargs)

    return call


def add(owner: type, name: str, value: Any) -> Patch:
    """Give a class an attribute that it has not."""
    setattr(owner, name, value)
    return Patch(owner, name, _ABSENT, value)


def restore(patch: Patch) -> bool:
    """Put the original back if the attribute is still ours; False when another tool has wrapped it since."""
    if patch.owner.__dict__.get(patch.name) is not patch.wrapper:
        return False
    if patch.original is _ABSENT:
        delattr(patch.owner, patch.name)
    else:
        setattr(patch.owner, patch.name, patch.original)
    return True


def other_wrappers(patch: Patch) -> list[str]:
    """Modules of other tools' wrappers at the hooked place, from the outermost; of those that show what they wrap."""
    # A module is no class: it has only a name.
    own = {"llmobserve", getattr(patch.owner, "__module__", patch.owner.__name__).partition(".")[0]}
    found: list[str] = []
    layer, seen = patch.owner.__dict__.get(patch.name), 0
    while layer is not None and seen < 20:
        module = _module_of(layer)
        if module and module.partition(".")[0] not in own:
            found.append(module)
        layer = getattr(layer, "__wrapped__", None)
        seen += 1
    return found


def _module_of(wrapper: Any) -> str | None:
    """Where a wrapper was written: `functools.wraps` and wrapt give it the name of what it wraps."""
    written = getattr(wrapper, "_self_wrapper", wrapper)
    written = getattr(written, "__func__", written)
    name = getattr(written, "__globals__", {}).get("__name__")
    return name if isinstance(name, str) else None
