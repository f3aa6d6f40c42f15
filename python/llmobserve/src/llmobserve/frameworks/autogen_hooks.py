"""Hooks AutoGen (autogen-agentchat 0.4 and later): teams, agents and their tools.

AutoGen tells of its work only in OpenTelemetry spans, so the methods that make those spans are hooked.
"""

from types import ModuleType
from typing import Any

from llmobserve.frameworks.hooks import FrameworkHooks, Named

__all__ = ["AutogenHooks"]

_TEAMS = "autogen_agentchat.teams._group_chat"
_PARAMETERS = ("self", "args", "cancellation_token")


class AutogenHooks(FrameworkHooks):
    """Hooks autogen_agentchat and the tools of autogen_core."""

    library = "autogen_agentchat"
    distribution = "autogen-agentchat"

    def hook(self, module: ModuleType) -> None:
        """Hook what `module` defines of it."""
        if module.__name__ == "autogen_agentchat.agents._base_chat_agent":
            self.wrap(module, "BaseChatAgent.run", _agent)
            self.wrap(module, "BaseChatAgent.run_stream", _agent)
        elif module.__name__ == f"{_TEAMS}._base_group_chat":
            self.wrap(module, "BaseGroupChat.run_stream", _team)  # `run` iterates it
        elif module.__name__ == f"{_TEAMS}._chat_agent_container":
            # In a team agents get no `run`: this gives them their turn.
            self.wrap(module, "ChatAgentContainer.handle_request", _turn)
        else:
            self.wrap(module, "BaseTool.run_json", _tool, parameters=_PARAMETERS)
            self.wrap(module, "BaseStreamTool.run_json_stream", _tool, parameters=_PARAMETERS)


def _agent(agent: Any, *_: Any, **__: Any) -> Named:
    return Named("agent", agent.name)


def _team(team: Any, *_: Any, **__: Any) -> Named:
    return Named("workflow", team.name)


def _turn(container: Any, *_: Any, **__: Any) -> Named | None:
    inner = container._agent
    # A team in a team is a section by its own `run_stream`.
    return Named("agent", inner.name) if hasattr(inner, "on_messages_stream") else None


def _tool(tool: Any, *_: Any, **__: Any) -> Named:
    return Named("tool", tool.name)
