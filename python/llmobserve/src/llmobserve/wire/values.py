"""The decorator of values that are made for every call."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):
        """Nothing at run time: `typing` has it from Python 3.11 on."""
        return lambda decorator: decorator


__all__ = ["value_class"]

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value_class(cls: type[_T]) -> type[_T]:
    """A dataclass with slots and named arguments whose fields nobody sets again: the type checker sees to it.

    It is not frozen at run time: `object.__setattr__` for each field makes a call's event three times as slow to build
    (3.4 µs instead of 1.1 µs, CPython 3.11).
    """
    return dataclass(slots=True, kw_only=True)(cls)
