"""The distributions, built once, and clean environments to install them into."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from wheels import ROOT, Distributions, uv


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Wheels of both packages and the sdist of the server, built as for a release: the wheel from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    for name in ("llmobserve", "llmobserve-server"):
        uv("build", "--quiet", "--python", sys.executable, "--out-dir", out, ROOT / "python" / name)
    return Distributions(
        sdk_wheel=next(out.glob("llmobserve-*.whl")),
        server_wheel=next(out.glob("llmobserve_server-*.whl")),
        server_sdist=next(out.glob("llmobserve_server-*.tar.gz")),
    )


@pytest.fixture
def clean_environment(tmp_path: Path) -> Callable[..., Path]:
    """Function that installs wheels into a new environment, with what uv.lock says, and returns its folder."""

    def install(*wheels: Path) -> Path:
        place = tmp_path / "clean"
        uv("venv", "--quiet", "--python", sys.executable, place)
        versions = tmp_path / "versions.txt"
        uv("export", "--quiet", "--frozen", "--no-hashes", "--no-emit-workspace", "--all-packages", "-o", versions)
        uv("pip", "install", "--quiet", "--python", place / "bin" / "python", "--constraint", versions, *wheels)
        return place

    return install
