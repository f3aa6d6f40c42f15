"""Base of the hooks of one client library: what was replaced, how to take it back, and how it went."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.engine import Engine
from llmobserve.capture.patching import Patch, PatchHealth, add, apply, other_wrappers, restore

__all__ = ["TransportHooks"]


class TransportHooks(ABC):
    """Hooks modules as they appear. Without an engine every hook just passes through.

    A subclass says in `hook` what is replaced in a module of the library.
    """

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self._patches: list[Patch] = []
        self._health: dict[str, list[PatchHealth]] = {}
        self._modules: set[ModuleType] = set()

    @abstractmethod
    def hook(self, module: ModuleType) -> None:
        """Replace what has to be replaced in `module`, by `replace`, and say so by `report`."""

    def patch(self, module: ModuleType) -> None:
        """Hook a module once, under whatever name it was imported."""
        if module not in self._modules:
            self._modules.add(module)
            self.hook(module)

    def replace(self, owner: type, name: str, make_wrapper: Callable[[Any], Any]) -> None:
        """Wrap the class attribute `owner.name`, to be restored by `unpatch`."""
        patch = apply(owner, name, make_wrapper)
        if patch is not None:
            self._patches.append(patch)

    def add(self, owner: type, name: str, value: Any) -> None:
        """Give a class the attribute `name`, which it has not, to be taken back by `unpatch`."""
        self._patches.append(add(owner, name, value))

    def report(self, watched: str, health: PatchHealth) -> None:
        """Note the state of a hook of the watched module."""
        self._health.setdefault(watched, []).append(health)

    def health(self, watched: str) -> list[PatchHealth]:
        """State of the hooks of one watched module; empty while it is not imported."""
        return self._health.get(watched, [])

    def wrappers(self) -> list[tuple[str, str]]:
        """Other tools' wrappers at the hooked places: what is hooked, and the module of the wrapper."""
        return [
            (f"{patch.owner.__name__}.{patch.name}", module)
            for patch in self._patches
            for module in other_wrappers(patch)
        ]

    def unpatch(self) -> None:
        """Take back the hooks that are still outermost; the others pass through from now on."""
        self.engine = None
        self._patches = [patch for patch in self._patches if not restore(patch)]
        self._modules.clear()
        self._health.clear()
