"""Hooks smolagents: agents, their steps and tools.

It has no callbacks around its work, only after a step (smolagents 1.26): its methods are hooked.
"""

from types import ModuleType
from typing import Any

from llmobserve.frameworks.hooks import FrameworkHooks, Named

__all__ = ["SmolagentsHooks"]


class SmolagentsHooks(FrameworkHooks):
    """Hooks smolagents."""

    library = "smolagents"
    distribution = "smolagents"

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        if module.__name__ == "smolagents.tools":
            self.wrap(module, "Tool.__call__", _tool)
            return
        # `run` gives an answer or, with `stream=True`, a generator; the work of both is this one.
        self.wrap(module, "MultiStepAgent._run_stream", _agent)
        self.wrap(module, "MultiStepAgent._generate_planning_step", _planning)
        self.wrap(module, "MultiStepAgent.provide_final_answer", _final_answer)
        for agent in ("ToolCallingAgent", "CodeAgent"):
            self.wrap(module, f"{agent}._step_stream", _step, parameters=("self", "memory_step"))


def _agent(agent: Any, *_: Any, **__: Any) -> Named:
    return Named("agent", agent.name or type(agent).__name__)


def _step(_: Any, memory_step: Any) -> Named:
    return Named("step", f"Step {memory_step.step_number}")


def _planning(*_: Any, **__: Any) -> Named:
    return Named("step", "Planning")


def _final_answer(*_: Any, **__: Any) -> Named:
    return Named("step", "Final answer")


def _tool(tool: Any, *_: Any, **__: Any) -> Named:
    return Named("tool", tool.name)
