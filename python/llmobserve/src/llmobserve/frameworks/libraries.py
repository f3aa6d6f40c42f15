"""Which frameworks are watched for, and where the hooks of each are. Hooks are loaded when their framework appears."""

from llmobserve.capture.libraries import Library
from llmobserve.settings import Settings

__all__ = ["FRAMEWORKS", "wanted"]

_AUTOGEN = (
    "autogen_agentchat.agents._base_chat_agent",
    "autogen_agentchat.teams._group_chat._base_group_chat",
    "autogen_agentchat.teams._group_chat._chat_agent_container",
    "autogen_core.tools._base",
)
_CREWAI = ("crewai.events.event_bus", "crewai.crew", "crewai.flow.runtime")
_DSPY = ("dspy.primitives.module", "dspy.adapters.types.tool", "dspy.retrievers.retrieve", "dspy.evaluate.evaluate")
_GOOGLE_ADK = ("google.adk.agents.base_agent", "google.adk.tools.base_tool", "google.adk.workflow._workflow")
_HAYSTACK = ("haystack.tracing.tracer", "haystack.core.pipeline.pipeline")
_LANGCHAIN = (
    "langchain_core.tracers.context",
    "langchain_core.runnables.base",
    "langchain_core.language_models.chat_models",
    "langchain_core.language_models.llms",
)
_MCP = ("mcp.client.session", "mcp.server.runner")
_OPENAI_AGENTS = ("agents.tracing.traces", "agents.tracing.spans")
_PYDANTIC_AI = ("pydantic_ai.agent", "pydantic_ai.tool_manager")
_SMOLAGENTS = ("smolagents.agents", "smolagents.tools")

FRAMEWORKS: tuple[Library, ...] = (
    Library("ag2", ("ag2.agent",), "llmobserve.frameworks.ag2_hooks:Ag2Hooks", "ag2"),
    Library("autogen_agentchat", _AUTOGEN, "llmobserve.frameworks.autogen_hooks:AutogenHooks", "autogen"),
    Library("crewai", _CREWAI, "llmobserve.frameworks.crewai_hooks:CrewaiHooks", "crewai"),
    Library("dspy", _DSPY, "llmobserve.frameworks.dspy_hooks:DspyHooks", "dspy"),
    Library("google.adk", _GOOGLE_ADK, "llmobserve.frameworks.google_adk_hooks:GoogleAdkHooks", "google_adk"),
    Library("haystack", _HAYSTACK, "llmobserve.frameworks.haystack_hooks:HaystackHooks", "haystack"),
    Library(
        "llama_index",
        ("llama_index_instrumentation",),
        "llmobserve.frameworks.llama_index_hooks:LlamaIndexHooks",
        "llama_index",
    ),
    Library("langchain_core", _LANGCHAIN, "llmobserve.frameworks.langchain_hooks:LangchainHooks", "langchain"),
    Library(
        "langgraph", ("langgraph.pregel.main",), "llmobserve.frameworks.langchain_hooks:LanggraphHooks", "langchain"
    ),
    Library("mcp", _MCP, "llmobserve.frameworks.mcp_hooks:McpHooks", "mcp"),
    Library("agents", _OPENAI_AGENTS, "llmobserve.frameworks.openai_agents_hooks:OpenaiAgentsHooks", "openai_agents"),
    Library("pydantic_ai", _PYDANTIC_AI, "llmobserve.frameworks.pydantic_ai_hooks:PydanticAiHooks", "pydantic_ai"),
    Library("smolagents", _SMOLAGENTS, "llmobserve.frameworks.smolagents_hooks:SmolagentsHooks", "smolagents"),
    Library("arq", ("arq.connections", "arq.worker"), "llmobserve.frameworks.arq_hooks:ArqHooks", "arq"),
    Library("celery", ("celery.signals",), "llmobserve.frameworks.celery_hooks:CeleryHooks", "celery"),
    Library("dramatiq", ("dramatiq.broker",), "llmobserve.frameworks.dramatiq_hooks:DramatiqHooks", "dramatiq"),
    Library("rq", ("rq.job", "rq.worker"), "llmobserve.frameworks.rq_hooks:RqHooks", "rq"),
)


def wanted(settings: Settings) -> tuple[Library, ...]:
    """Those that the setting `frameworks` lets be hooked."""
    return tuple(one for one in FRAMEWORKS if one.instrumentor in settings.frameworks)
