"""Hooks LangChain and LangGraph: a callback handler that the application need not pass.

Sections are agents (`create_agent`, `AgentExecutor`), tools, retrievers, graphs, the nodes and tasks of graphs, and
chains with a name of their own (`run_name`). No sections are prompts, parsers, functions and other parts of a sequence,
routing functions of a graph, and models, which are calls. What has only the name of its class (`RunnableSequence`,
`LangGraph`) is a section where nothing else encloses it. Read in langchain-core 1.7 and langgraph 1.2.
"""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

from llmobserve.context import here
from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.guard import text_of

__all__ = ["LangchainHooks", "LanggraphHooks"]

_STREAMS = {
    "langchain_core.runnables.base": (
        "Runnable._transform_stream_with_config",
        "Runnable._atransform_stream_with_config",
    ),
    "langchain_core.language_models.chat_models": ("BaseChatModel.stream", "BaseChatModel.astream"),
    "langchain_core.language_models.llms": ("BaseLLM.stream", "BaseLLM.astream"),
}
_HIDDEN = "langsmith:hidden"
_PARTS = ("seq:step:", "map:key:", "condition:", "branch:", "fallback:", "exception:")
"""Tags of the parts of a sequence and its kin."""
_GRAPH = "LangGraph"
_PART_TYPES = frozenset({"prompt", "parser"})

_BATCH: ContextVar[object | None] = ContextVar("llmobserve_langchain_batch", default=None)
"""The batch that is being worked on, as a piece of work."""


def _no_section(*_: Any, **__: Any) -> None:
    """A stream is no section. Stepped in its own context, what its parts set does not show in the code that reads."""


class LangchainHooks(FrameworkHooks):
    """Hooks langchain_core."""

    library = "langchain_core"
    distribution = "langchain-core"
    no_errors = frozenset({"GraphBubbleUp"})
    """LangGraph interrupts a graph by it, or hands over to another one."""

    def hook(self, module: ModuleType) -> None:
        """Register the handler, and keep the context of streams to themselves."""
        for target in _STREAMS.get(module.__name__, ()):
            self.wrap(module, target, _no_section)
        if module.__name__ == "langchain_core.runnables.base":
            self.hook_method(module, "RunnableSequence.batch", self._around_batch)
        if module.__name__ == "langchain_core.tracers.context":
            self.note(module, "register_configure_hook", self._register(module))

    def _around_batch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """All runs of a batch begin here, before any of them ends: they are beside each other, not inside."""

        @functools.wraps(original)
        def batch(*args: Any, **kwargs: Any) -> Any:
            if not self.is_on:
                return original(*args, **kwargs)
            before, key = _BATCH.get(), object()
            self.sections.skip(key, entered=False)
            _BATCH.set(key)
            try:
                return original(*args, **kwargs)
            finally:
                _BATCH.set(before)
                self.sections.end(key)

        return batch

    def _register(self, module: ModuleType) -> str | None:
        """What is in the way; `None` when the handler is registered."""
        register: Any = getattr(module, "register_configure_hook", None)
        registered: Any = getattr(module, "_configure_hooks", None)
        if register is None:
            return "not found"
        # A part of the library that is being imported.
        base: Any = getattr(import_module("langchain_core.callbacks.base"), "BaseCallbackHandler", None)
        if base is None:
            return "BaseCallbackHandler is not found"
        handler = type("LLMObserveHandler", (_Handler, base), {})()
        handler.hooks = self
        variable: ContextVar[Any] = ContextVar("llmobserve_langchain", default=handler)
        register(variable, inheritable=True)

        def unregister() -> None:
            if isinstance(registered, list):
                registered[:] = [entry for entry in registered if entry[0] is not variable]  # pyright: ignore[reportUnknownVariableType]

        self.undo(unregister)
        return None


class LanggraphHooks(FrameworkHooks):
    """Hooks langgraph: its events come by the handler above, only the context of its streams is missing there."""

    library = "langgraph"
    distribution = "langgraph"

    def hook(self, module: ModuleType) -> None:
        """Keep the context of streams to themselves."""
        for target in ("Pregel.stream", "Pregel.astream"):
            self.wrap(module, target, _no_section)


class _Handler:
    """Called by LangChain at the begin and end of its runs; asynchronous ones call it in their own task."""

    hooks: LangchainHooks
    run_inline: ClassVar = True

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        if self.hooks.is_on:
            with self.hooks.guard:
                named = _chain(_name_of(serialized, more, "chain"), tags or (), metadata or {}, more)
                self._begin(run_id, parent_run_id, named)

    def on_tool_start(
        self, serialized: Any, input_str: str, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        if self.hooks.is_on:
            with self.hooks.guard:
                self._begin(run_id, parent_run_id, Named("tool", _name_of(serialized, more, "tool")))

    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        if self.hooks.is_on:
            with self.hooks.guard:
                self._begin(run_id, parent_run_id, Named("retriever", _name_of(serialized, more, "retriever")))

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        # In a batch the context here is not that of the chain that asks.
        if self.hooks.is_on:
            self.hooks.sections.skip(run_id, parent=parent_run_id, deeper=_outer_ones())

    def on_llm_start(
        self, serialized: Any, prompts: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        if self.hooks.is_on:
            self.hooks.sections.skip(run_id, parent=parent_run_id, deeper=_outer_ones())

    def _ended(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.hooks.sections.end(run_id)

    def _failed(self, error: BaseException, *_: Any, run_id: Any, **__: Any) -> None:
        self.hooks.sections.end(run_id, self.hooks.failure(error))

    on_chain_end = on_tool_end = on_retriever_end = on_llm_end = _ended
    on_chain_error = on_tool_error = on_retriever_error = on_llm_error = _failed

    def _begin(self, run_id: Any, parent_run_id: Any, named: Named | None) -> None:
        sections = self.hooks.sections
        parent = _BATCH.get() if parent_run_id is None else parent_run_id
        around = sections.inside(parent) or here()
        if named is None or (_is_of_class(named.name) and around.span is not None):
            sections.skip(run_id, parent=parent, deeper=_outer_ones())
        else:
            sections.begin(run_id, named.kind, named.name, parent=parent, deeper=_outer_ones())


def _outer_ones() -> bool:
    """True where LangChain may name an outer parent: before Python 3.11 its own context does not reach into tasks."""
    return sys.version_info < (3, 11) and _BATCH.get() is None


def _is_of_class(name: str) -> bool:
    """True for the name that LangChain gives what has none."""
    return name == _GRAPH or name.startswith("Runnable")


def _name_of(serialized: Any, more: Mapping[str, Any], otherwise: str) -> str:
    name = more.get("name") or (serialized.get("name") if isinstance(serialized, Mapping) else None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return text_of(name) if name else otherwise  # pyright: ignore[reportUnknownArgumentType]


def _chain(name: str, tags: Sequence[str], metadata: Mapping[str, Any], more: Mapping[str, Any]) -> Named | None:
    """The section that a chain is, if it is one."""
    if _HIDDEN in tags or more.get("run_type") in _PART_TYPES:
        return None
    node, made_by = metadata.get("langgraph_node"), metadata.get("ls_integration")
    if any(tag.startswith("graph:step:") for tag in tags) or (node is not None and node == name):
        return Named("step", name)
    if (made_by == "langchain_create_agent" and name == metadata.get("lc_agent_name", _GRAPH)) or (
        name == "AgentExecutor"
    ):
        return Named("agent", name)
    part = next((tag for tag in tags if tag.startswith(_PARTS)), None)
    if part is not None and ("run_type" in more or (node is not None and part != "seq:step:1")):
        return None  # a function in a sequence, a routing function after a node
    return Named("workflow" if made_by == "langgraph" and node is None else "chain", name)
