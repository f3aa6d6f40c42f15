"""What a user gets who installs the server: the collector with its dashboard, and nothing to build."""

import importlib.util
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from e2e.collector import Collector
from wheels import ROOT, Distributions, uv

pytestmark = pytest.mark.packaging
DASHBOARD = "llmobserve_server/web/dist/"


def _hook(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("hook_under_test", folder / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_wheel_holds_the_dashboard_of_these_sources(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.server_wheel) as wheel:
        names = wheel.namelist()
        stamp = wheel.read(f"{DASHBOARD}.source-hash").decode().strip()
    assert f"{DASHBOARD}index.html" in names
    assert any(name.startswith(f"{DASHBOARD}assets/") and name.endswith(".js") for name in names)
    assert stamp == _hook(ROOT / "python" / "llmobserve-server").source_hash()


def test_the_sdist_needs_no_node(distributions: Distributions, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", str(distributions.server_sdist), "-C", str(tmp_path)], check=True)
    (folder,) = tmp_path.iterdir()
    hook = _hook(folder)
    assert not hook.has_sources()
    assert hook.WebBundleHook.dependencies(None) == []


def test_without_dashboard_where_none_is_wanted(tmp_path: Path) -> None:
    source = ROOT / "python" / "llmobserve-server"
    uv("build", "--quiet", "--wheel", "--out-dir", tmp_path, source, env={"LLMOBSERVE_WEB": "skip"})
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        assert not [name for name in wheel.namelist() if "/web/" in name]


def test_a_stale_dashboard_is_not_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = _hook(ROOT / "python" / "llmobserve-server")
    sources, bundle = tmp_path / "web", tmp_path / "dist"
    (sources / "src").mkdir(parents=True)
    bundle.mkdir()
    (sources / "package.json").write_text("{}")
    (sources / "src" / "main.ts").write_text("one")
    (bundle / "index.html").write_text("page")
    monkeypatch.setattr(hook, "WEB", sources)
    monkeypatch.setattr(hook, "BUNDLE", bundle)
    assert not hook.is_fresh()
    (bundle / ".source-hash").write_text(hook.source_hash())
    assert hook.is_fresh()
    (sources / "src" / "main.test.ts").write_text("tests are not part of the bundle")
    assert hook.is_fresh()
    (sources / "src" / "main.ts").write_text("two")
    assert not hook.is_fresh()


def test_the_installed_wheel_serves_page_and_health(
    distributions: Distributions, clean_environment: Callable[..., Path], tmp_path: Path
) -> None:
    place = clean_environment(distributions.sdk_wheel, distributions.server_wheel)
    with Collector(tmp_path / "data", command=place / "bin" / "llmobserve") as collector:
        status, page = collector.request("GET", "/")
        assert status == 200
        assert b'<div id="root">' in page
        assert collector.request("GET", "/health")[0] == 200
        assert collector.stop() == 0
