"""Environments of the tests of frameworks: as few as can have the current releases beside each other."""

import functools
import sys
from pathlib import Path

from wheels import ROOT, uv

__all__ = ["OPENAI_2", "OPENAI_3", "Environments", "environments_in"]

OPENAI_2 = (
    "crewai==1.15.30",
    "dspy==3.4.1",
    "haystack-ai==3.4.0",
    "llama-index-core==0.14.25",
    "llama-index-llms-openai==0.8.3",
    "openinference-instrumentation-crewai==1.1.21",
    "openinference-instrumentation-dspy==0.1.48",
    "openinference-instrumentation-haystack==0.1.46",
    "openinference-instrumentation-litellm==0.1.51",
    "openinference-instrumentation-llama-index==4.6.1",
    "openinference-instrumentation-openai==0.1.66",
)
"""Frameworks that want openai 2."""
OPENAI_3 = (
    "ag2[openai]==1.2.1",
    "anthropic==2.12.0",
    "autogen-agentchat==0.7.5",
    "autogen-ext[openai]==0.7.5",
    "google-adk==2.13.0",
    "langchain-openai==1.7.3",
    "langchain==1.4.7",
    "langgraph==1.2.22",
    "mcp==2.3.0",
    "openai-agents==0.24.0",
    "pydantic-ai-slim[mcp,openai]==2.68.0",
    "smolagents[openai]==1.26.0",
    "openinference-instrumentation-autogen-agentchat==0.1.22",
    "openinference-instrumentation-google-adk==1.0.5",
    "openinference-instrumentation-langchain==0.1.80",
    "openinference-instrumentation-mcp==2.0.13",
    "openinference-instrumentation-openai-agents==2.6.0",
    "openinference-instrumentation-openai==0.1.66",
    "openinference-instrumentation-pydantic-ai==0.1.30",
    "openinference-instrumentation-smolagents==0.1.43",
    "opentelemetry-sdk==1.44.0",
)
"""Frameworks that take openai 3."""


class Environments:
    """Makes each environment once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, ...], Path] = {}

    def python(self, packages: tuple[str, ...]) -> Path:
        """The interpreter of an environment with these packages and the SDK."""
        if packages not in self._made:
            place = self._folder / f"environment-{len(self._made)}"
            uv("venv", "--quiet", "--python", sys.executable, place)
            python = place / "bin" / "python"
            uv("pip", "install", "--quiet", "--python", python, ROOT / "python" / "llmobserve", *packages)
            self._made[packages] = python
        return self._made[packages]

    def python_with(self, needs: tuple[str, ...]) -> Path:
        """The interpreter of an environment that has these packages, perhaps among others."""
        shared = next((packages for packages in (OPENAI_2, OPENAI_3) if set(needs) <= set(packages)), needs)
        return self.python(shared)


@functools.cache
def environments_in(folder: Path) -> Environments:
    """Those of one session of the tests: the tests of frameworks and of the guide share them."""
    return Environments(folder)
