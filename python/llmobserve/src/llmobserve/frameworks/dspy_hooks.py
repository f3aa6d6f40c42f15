"""Hooks DSPy: modules, tools, retrievers, evaluations.

Its callbacks are a setting of the application, `dspy.configure(callbacks=...)`, which replaces those of others (DSPy
3.4). Hooked are the methods that call them.
"""

from types import ModuleType
from typing import Any

from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.wire import SpanKind

__all__ = ["DspyHooks"]

_AGENTS = frozenset({"Avatar", "CodeAct", "ProgramOfThought", "ReAct", "ReActV2", "RLM"})
_OWN = ("dspy.predict.", "dspy.retrievers.")


class DspyHooks(FrameworkHooks):
    """Hooks dspy."""

    library = "dspy"
    distribution = "dspy"

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        if module.__name__ == "dspy.primitives.module":
            self.wrap(module, "Module.__call__", _module)
            self.wrap(module, "Module.acall", _module)
        elif module.__name__ == "dspy.adapters.types.tool":
            self.wrap(module, "Tool.__call__", _tool)
            self.wrap(module, "Tool.acall", _tool)
        elif module.__name__ == "dspy.retrievers.retrieve":
            self.wrap(module, "Retrieve.__call__", _retriever)
        else:
            self.wrap(module, "Evaluate.__call__", _evaluation)


def _module(module: Any, *_: Any, **__: Any) -> Named:
    kind = module.__class__
    return Named(_kind_of(kind), kind.__name__)


def _kind_of(kind: type) -> SpanKind:
    """By the nearest class of DSPy's: a module of the application's is a chain, unless it is made from another."""
    for base in kind.__mro__:
        if base.__module__.startswith(_OWN):
            return "agent" if base.__name__ in _AGENTS else "step"
    return "chain"


def _tool(tool: Any, *_: Any, **__: Any) -> Named:
    return Named("tool", tool.name or "tool")


def _retriever(retriever: Any, *_: Any, **__: Any) -> Named:
    return Named("retriever", type(retriever).__name__)


def _evaluation(evaluation: Any, *_: Any, **__: Any) -> Named:
    return Named("evaluator", type(evaluation).__name__)
