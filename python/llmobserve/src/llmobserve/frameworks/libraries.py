"""Which frameworks are watched for, and where the hooks of each are. Hooks are loaded when their framework appears."""

from llmobserve.capture.libraries import Library
from llmobserve.settings import Settings

__all__ = ["FRAMEWORKS", "wanted"]

_LANGCHAIN = (
    "langchain_core.tracers.context",
    "langchain_core.runnables.base",
    "langchain_core.language_models.chat_models",
    "langchain_core.language_models.llms",
)

FRAMEWORKS: tuple[Library, ...] = (
    Library("langchain_core", _LANGCHAIN, "llmobserve.frameworks.langchain_hooks:LangchainHooks", "langchain"),
    Library(
        "langgraph", ("langgraph.pregel.main",), "llmobserve.frameworks.langchain_hooks:LanggraphHooks", "langchain"
    ),
)


def wanted(settings: Settings) -> tuple[Library, ...]:
    """Those that the setting `frameworks` lets be hooked."""
    return tuple(one for one in FRAMEWORKS if one.instrumentor in settings.frameworks)
