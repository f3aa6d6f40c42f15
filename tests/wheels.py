"""Builds distributions and clean environments with uv, for the packaging tests."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Distributions", "uv"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Distributions:
    """Built files."""

    sdk_wheel: Path
    server_wheel: Path
    server_sdist: Path


def _uv() -> str:
    own = ROOT / ".tools" / "uv" / "bin" / "uv"
    found = str(own) if own.is_file() else shutil.which("uv")
    assert found, "./dev installs uv into .tools"
    return found


def uv(*arguments: str | Path, env: dict[str, str] | None = None) -> str:
    """Output of uv; fails with its messages."""
    command = [_uv(), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | (env or {}), text=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
