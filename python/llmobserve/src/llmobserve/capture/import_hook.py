"""Calls a patcher when the application imports a library, and never imports one itself."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from llmobserve.guard import guarded

__all__ = ["ImportHook"]


class ImportHook:
    """Watches for modules by name. A finder in all but the base class, whose import takes longer than ours.

    Only the `exec_module` of the one loader instance is replaced, for the time of one import: the module keeps its
    own loader and spec.
    """

    def __init__(self) -> None:
        self._watched: dict[str, Callable[[ModuleType], None]] = {}

    def watch(self, name: str, patcher: Callable[[ModuleType], None]) -> None:
        """Call `patcher` with the module: now if it is imported, else right after its import."""
        self._watched[name] = patcher
        module = sys.modules.get(name)
        if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
            with guarded(f"capture.patch.{name}"):
                patcher(module)

    def install(self) -> None:
        """Become the first finder of the interpreter."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Stop watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._watched.clear()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a watched module by the other finders and have its loader call the patcher."""
        if fullname not in self._watched:
            return None
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                with guarded(f"capture.import.{fullname}"):
                    self._call_after_exec(spec.loader, fullname)
                return spec
        return None

    def _call_after_exec(self, loader: Any, name: str) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loader.__dict__.pop("exec_module", None)
            execute(module)
            patcher = self._watched.get(name)
            if patcher is not None:  # not after `remove`
                with guarded(f"capture.patch.{name}"):
                    patcher(module)

        loader.exec_module = exec_module
