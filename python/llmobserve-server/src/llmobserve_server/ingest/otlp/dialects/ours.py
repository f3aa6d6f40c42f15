"""Our own attributes, which any span may have: who it is for, and where in the application it is."""

from llmobserve_server.ingest.otlp.dialects.base import Dialect

__all__ = ["OURS"]

OURS = Dialect(
    name="llmobserve",
    keys={
        "run_id": ("llmobserve.run_id", "llmobserve.run"),
        "session_id": ("llmobserve.session_id", "llmobserve.session"),
        "user_id": ("llmobserve.user_id", "llmobserve.user"),
        "customer_id": ("llmobserve.customer_id", "llmobserve.customer"),
        "agent": ("llmobserve.agent",),
        "section": ("llmobserve.section",),
        "section_path": ("llmobserve.section_path",),
        "prompt_name": ("llmobserve.prompt_name",),
        "prompt_version": ("llmobserve.prompt_version",),
        "tags": ("llmobserve.tags",),
        "metadata": ("llmobserve.metadata",),
    },
)
