"""Hooks LlamaIndex by its own instrumentation: a span handler at the root of its dispatchers.

Its spans tell begin and end in the code that does the work. Of them agents, workflows and their steps, tools,
retrievers, query and chat engines become sections (llama-index-core 0.14, llama-index-workflows 2.26).
"""

from collections.abc import AsyncGenerator, Generator
from inspect import isasyncgen, isgenerator
from types import ModuleType
from typing import Any
from weakref import finalize

from llmobserve.capture.patching import positional_names
from llmobserve.context import Snapshot, here, put
from llmobserve.frameworks.hooks import FrameworkHooks, Named
from llmobserve.stepped import around_async_generator, around_generator
from llmobserve.wire import SpanKind

__all__ = ["LlamaIndexHooks"]

_KINDS: dict[str, SpanKind] = {
    "BaseWorkflowAgent": "agent",
    "Workflow": "workflow",
    "BaseTool": "tool",
    "BaseRetriever": "retriever",
    "BaseQueryEngine": "chain",
    "BaseChatEngine": "chain",
    "IngestionPipeline": "chain",
    "BaseSynthesizer": "step",
    "BaseNodePostprocessor": "step",
    "BaseEvaluator": "evaluator",
}
"""By the base class of the object at work."""
_OWN = ("llama_index.", "workflows.")
_EXPECTED = ("self", "id_", "bound_args", "instance", "parent_id")
_MOST = 10_000


class LlamaIndexHooks(FrameworkHooks):
    """Hooks llama_index and workflows."""

    library = "llama_index"
    distribution = "llama-index-core"

    def hook(self, module: ModuleType) -> None:
        """Register the handler, if the dispatcher is as expected."""
        dispatcher: Any = getattr(module, "root_dispatcher", None)
        names = positional_names(getattr(dispatcher, "span_enter", None))
        if not hasattr(dispatcher, "span_handlers") or names is None or names[: len(_EXPECTED)] != _EXPECTED:
            self.note(module, "root_dispatcher.span_enter", "not as expected")
            return
        handler = _Handler(self, getattr(module, "NullSpanHandler", None))
        dispatcher.add_span_handler(handler)
        self.undo(lambda: dispatcher.span_handlers.remove(handler))
        self.note(module, "root_dispatcher.add_span_handler", None)


class _Handler:
    """A span handler, as llama_index_instrumentation calls it."""

    def __init__(self, hooks: LlamaIndexHooks, nothing: Any) -> None:
        self._hooks = hooks
        self._nothing = nothing
        self._sections = hooks.sections
        self._at_work: dict[str, Any] = {}
        """The object of each span under way; `None` for a step of a workflow."""
        self._turns: dict[str, _Turns] = {}
        """Of the workflows of several agents under way, by the id of the span."""
        self._streaming: dict[str, Snapshot] = {}
        """The context before the spans that may give a response to be streamed."""
        self.open_spans: dict[str, Any] = {}

    def __deepcopy__(self, memo: Any) -> "_Handler":
        """Workflows hold a dispatcher, and are copied with it."""
        return self

    def __reduce__(self) -> Any:
        """What is pickled with a dispatcher has nothing of ours."""
        return self._nothing, ()

    def span_enter(
        self, id_: str, bound_args: Any, instance: Any = None, parent_id: str | None = None, **_: Any
    ) -> None:
        """A span begins, here."""
        if not self._hooks.is_on:
            return
        with self._hooks.guard:
            parent = self._at_work.get(parent_id) if parent_id is not None else None
            while len(self._at_work) >= _MOST:
                self._at_work.pop(next(iter(self._at_work)), None)
            self._at_work[id_] = instance
            turns = self._turns.get(parent_id or "")
            if instance is None and turns is not None:
                self._enter_turn(id_, bound_args, turns)
                return
            named = _step(id_, parent) if instance is None else None if parent is instance else _named(instance)
            if named is None:
                return
            if _is_a(instance, "BaseSynthesizer"):
                self._streaming[id_] = here()
            # The context says what is around, as the code that tells of a span is the one that does the work.
            self._sections.begin(id_, named.kind, named.name)
            if named.kind == "workflow" and _is_a(instance, "AgentWorkflow"):
                self._turns[id_] = _Turns(id_)

    def _enter_turn(self, id_: str, bound_args: Any, turns: "_Turns") -> None:
        """A step of a workflow of several agents: inside the section of the agent whose turn it is.

        That section goes on from the agent's first step until another agent, or nobody, takes over.
        """
        name = getattr(bound_args.arguments.get("ev"), "current_agent_name", None)
        if isinstance(name, str) and name != turns.agent:
            self._sections.end(turns.key)
            turns.next(name)
            self._sections.begin(turns.key, "agent", name, parent=turns.workflow, entered=False)
        self._sections.skip(id_, parent=turns.key)

    def span_exit(self, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **_: Any) -> None:
        """A span ends, here or (where it gave a future) in whatever completed that."""
        with self._hooks.guard:
            if id_ in self._streaming and self._follow(id_, result):
                return
        self._exit(id_, None)

    def span_drop(self, id_: str, bound_args: Any, instance: Any = None, err: Any = None, **_: Any) -> None:
        """A span ends with an error."""
        self._exit(id_, err)

    def _exit(self, id_: str, error: BaseException | None) -> None:
        with self._hooks.guard:
            self._at_work.pop(id_, None)
            self._streaming.pop(id_, None)
            turns = self._turns.pop(id_, None)
            if turns is not None:
                self._sections.end(turns.key, error)
            self._sections.end(id_, error)

    def _follow(self, id_: str, result: Any) -> bool:
        """A synthesizer gave a response that is yet to be streamed: its section lasts until that has ended.

        False where it gave something else.
        """
        inside = self._sections.inside(id_)
        stream = getattr(result, "__dict__", {}).get("response_gen")
        if inside is None or not (isgenerator(stream) or isasyncgen(stream)):
            return False
        if isgenerator(stream):
            followed = around_generator(self._until_end, lambda *_: (None, put(inside)))(id_, stream)
        else:
            followed = around_async_generator(self._until_end_async, lambda *_: (None, put(inside)))(id_, stream)
        finalize(followed, self._exit, id_, None)  # it may never be begun
        result.response_gen = followed
        put(self._streaming.pop(id_))
        return True

    def _until_end(self, id_: str, stream: Any) -> Generator[Any, Any, Any]:
        try:
            yield from stream
        except BaseException as error:
            self._exit(id_, error)
            raise
        self._exit(id_, None)

    async def _until_end_async(self, id_: str, stream: Any) -> AsyncGenerator[Any, Any]:
        try:
            async for part in stream:
                yield part
        except BaseException as error:
            self._exit(id_, error)
            raise
        self._exit(id_, None)

    def capture_propagation_context(self) -> dict[str, Any]:
        """Nothing of ours travels with a workflow to another process."""
        return {}

    def restore_propagation_context(self, context: dict[str, Any]) -> None:
        """Nothing of ours has travelled."""

    def close(self) -> None:
        """Nothing to release."""


class _Turns:
    """Whose turn it is in a workflow of several agents."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        self.agent: str | None = None
        self._number = 0

    @property
    def key(self) -> tuple[str, int]:
        """Key of the section of the agent at work."""
        return self.workflow, self._number

    def next(self, agent: str) -> None:
        """It is this agent's turn."""
        self.agent = agent
        self._number += 1


def _named(instance: Any) -> Named | None:
    for base in instance.__class__.__mro__:
        kind = _KINDS.get(base.__name__)
        if kind is not None and base.__module__.startswith(_OWN):
            return Named(kind, _name_of(instance, kind))
    return None


def _name_of(instance: Any, kind: SpanKind) -> str:
    name = None
    if kind == "agent":
        name = instance.name
    elif kind == "tool":
        name = instance.metadata.name
    return name or instance.__class__.__name__


def _is_a(instance: Any, name: str) -> bool:
    return any(base.__name__ == name and base.__module__.startswith(_OWN) for base in instance.__class__.__mro__)


def _step(id_: str, parent: Any) -> Named | None:
    """A step of a workflow of the application's; those of an agent are LlamaIndex's own affair."""
    named = None if parent is None else _named(parent)
    if named is None or named.kind != "workflow":
        return None
    # The id is "<qualified name of the step>-<UUID>".
    return Named("step", id_[:-37].rpartition(".")[2])
