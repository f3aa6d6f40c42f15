"""What LLM applications cost and do: `llmobserve.observe()`, and every provider call is recorded.

Names are loaded when first used, so that importing the package costs next to nothing.
"""

TYPE_CHECKING = False  # what type checkers take for true, without importing typing

if TYPE_CHECKING:
    from llmobserve.context import attached, current
    from llmobserve.feedback import current_cost, current_spend
    from llmobserve.handover import export_context, import_context, with_context
    from llmobserve.labels import (
        customer,
        get_customer_id,
        get_run_id,
        get_session_id,
        get_tenant_id,
        get_user_id,
        metadata,
        session,
        set_customer_id,
        set_run_id,
        set_session_id,
        set_tenant_id,
        set_user_id,
        tags,
        user,
    )
    from llmobserve.lifecycle import flush, observe, shutdown, status, unobserve
    from llmobserve.monitoring import CollectorRegistry, MetricCollector, SpanContext, health_check, monitor_llm
    from llmobserve.observatory import Observatory
    from llmobserve.propagation import continue_trace, trace_headers
    from llmobserve.scores import last_call_id, score
    from llmobserve.sections import agent, run, section, step, tool, trace, wrap_all_tools
    from llmobserve.wrapped_clients import wrap_anthropic, wrap_openai

__version__ = "1.0.0"

__all__ = [
    "CollectorRegistry",
    "MetricCollector",
    "Observatory",
    "SpanContext",
    "__version__",
    "agent",
    "attached",
    "continue_trace",
    "current",
    "current_cost",
    "current_spend",
    "customer",
    "export_context",
    "flush",
    "get_customer_id",
    "get_run_id",
    "get_session_id",
    "get_tenant_id",
    "get_user_id",
    "health_check",
    "import_context",
    "last_call_id",
    "metadata",
    "monitor_llm",
    "observe",
    "run",
    "score",
    "section",
    "session",
    "set_customer_id",
    "set_run_id",
    "set_session_id",
    "set_tenant_id",
    "set_user_id",
    "shutdown",
    "status",
    "step",
    "tags",
    "tool",
    "trace",
    "trace_headers",
    "unobserve",
    "user",
    "with_context",
    "wrap_all_tools",
    "wrap_anthropic",
    "wrap_openai",
]

_HOMES = {
    "context": ("attached", "current"),
    "feedback": ("current_cost", "current_spend"),
    "handover": ("export_context", "import_context", "with_context"),
    "lifecycle": ("flush", "observe", "shutdown", "status", "unobserve"),
    "monitoring": ("CollectorRegistry", "MetricCollector", "SpanContext", "health_check", "monitor_llm"),
    "observatory": ("Observatory",),
    "propagation": ("continue_trace", "trace_headers"),
    "scores": ("last_call_id", "score"),
    "sections": ("agent", "run", "section", "step", "tool", "trace", "wrap_all_tools"),
    "wrapped_clients": ("wrap_anthropic", "wrap_openai"),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = next((home for home, names in _HOMES.items() if name in names), "labels")
    value: object = getattr(import_module(f"llmobserve.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
