"""Vercel's AI SDK in both of its modes, on Node: the newer one sends protobuf, the older one JSON."""

from collections.abc import Callable
from pathlib import Path

import pytest

from live_otlp.billing import Project
from live_otlp.environments import node, node_project
from live_otlp.program import run_command

pytestmark = pytest.mark.packaging


@pytest.mark.parametrize("mode", ["genai", "legacy"])
def test_vercel(npm_folder: Path, new_project: Callable[[str], Project], mode: str) -> None:
    place = node_project(npm_folder)
    project = new_project(f"vercel-{mode}")
    expected, billed = run_command([str(node()), str(place / "calls.mjs"), mode], project)
    assert billed == expected
    told = [call for call in project.calls if "embed" not in call["operation"]]
    assert {call["agent"] for call in told} == {"writer"}
    # Objects are made without a context of the run.
    assert {call["session_id"] for call in told if call["model"] != "gpt-4.1-nano"} == {"s1"}
