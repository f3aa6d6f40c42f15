"""Our price files against the public lists, where those are installed: no difference without a decision."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = [name for name in ("genai_prices", "litellm", "model_prices") if importlib.util.find_spec(name)]


@pytest.mark.skipif(not INSTALLED, reason="none of genai-prices, litellm, model-prices is installed")
def test_every_difference_has_a_decision() -> None:
    command = [sys.executable, str(ROOT / "prices/tools/crosscheck.py")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(len(INSTALLED) < 3, reason="genai-prices, litellm and model-prices are not all installed")
@pytest.mark.parametrize("tool", [("refresh.py", "--check"), ("differential.py",)])
def test_generated_prices_are_fresh_and_every_different_amount_has_a_reason(tool: tuple[str, ...]) -> None:
    command = [sys.executable, str(ROOT / "prices/tools" / tool[0]), *tool[1:]]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
