"""The plugin of pytest in a pytest of its own: what tests spend is recorded, limited and told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmobserve.demo_provider import DemoProvider

TESTS = """
import openai
import pytest

PROMPT = [{"role": "user", "content": "Hello"}]


def ask(times=1, model="gpt-4o-mini"):
    with openai.OpenAI(max_retries=0) as client:
        for _ in range(times):
            client.chat.completions.create(model=model, messages=PROMPT)


def test_looks(llm_calls):
    ask(2)
    assert len(llm_calls.calls) == 2
    llm_calls.assert_cost(max_usd="0.0000624")
    with pytest.raises(AssertionError, match="cost .0.0000624, more than .0.00006"):
        llm_calls.assert_cost(max_usd="0.00006")
    with pytest.raises(TypeError, match="as a string"):
        llm_calls.assert_cost(max_usd=0.1)


@pytest.mark.llm_cost(max_usd="0.0000312")
def test_enough():
    ask()


@pytest.mark.llm_cost("0.0000312")
def test_too_much():
    ask(2)


@pytest.mark.llm_cost(max_usd="1")
def test_nobody_knows():
    ask(model="model-of-tomorrow")


@pytest.mark.llm_cost(max_usd="1", allow_unpriced=True)
def test_nobody_minds():
    ask(model="model-of-tomorrow")


def test_plain():
    ask(3)


def test_nothing():
    pass
"""


def run_pytest(folder: Path, *options: str) -> str:
    (folder / "test_app.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers -p no:cacheprovider -p no:langsmith_plugin\n"
    )
    with DemoProvider() as provider:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options],
            cwd=folder,
            env={**os.environ, **provider.environment(), "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_limits(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path)
    assert "2 failed, 5 passed" in shown
    # Two calls of 31.2 millionths (see test_demo_provider.py).
    assert "the calls cost $0.0000624, more than $0.0000312" in shown
    assert "openai chat.completions gpt-4o-mini: $0.0000312" in shown
    assert "the price of a call is not known" in shown
    assert "cost of LLM calls" not in shown


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_summary(tmp_path: Path, options: tuple[str, ...]) -> None:
    report = tmp_path / "report.xml"
    shown = run_pytest(tmp_path, "--llm-cost", f"--junitxml={report}", *options)
    summary = shown[shown.index("cost of LLM calls") :]
    lines = [line.split("  ") for line in summary.splitlines()[1:8]]
    assert [[part.strip() for part in line if part.strip()] for line in lines] == [
        ["$0.0000936", "3 calls", "test_app.py::test_plain"],
        ["$0.0000624", "2 calls", "test_app.py::test_looks"],
        ["$0.0000624", "2 calls", "test_app.py::test_too_much"],
        ["$0.0000312", "1 call", "test_app.py::test_enough"],
        ["$0 + 1 unpriced", "1 call", "test_app.py::test_nobody_knows"],
        ["$0 + 1 unpriced", "1 call", "test_app.py::test_nobody_minds"],
        ["$0.0002496 + 2 unpriced", "10 calls", "in all"],
    ]
    assert '<property name="llm_cost_usd" value="0.0000936"' in report.read_text()
