"""Every page of the guide is true: its programs run, print what it says, and make the trees that it shows."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from e2e.collector import LLMOBSERVE, Collector, wait_until
from frameworks.environments import Environments, environments_in
from wheels import ROOT

from docs.guide_page import Page, TreeLine, matches, read_page
from llmobserve.demo_provider import DemoProvider

PAGES = {path.stem: read_page(path) for path in sorted((ROOT / "docs" / "guides").glob("*.md"))}
_COMMAND_S = 120


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with Collector(tmp_path_factory.mktemp("collector")) as running:
        running.sign_in()
        yield running


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Environments of pages that need more than the development environment has."""
    return environments_in(tmp_path_factory.getbasetemp())


def run(page: Page, programs: Path, folder: Path, environment: dict[str, str]) -> None:
    for name, text in page.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    # Some libraries write into the home directory.
    env = {
        **os.environ,
        **environment,
        "HOME": str(folder),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }
    for command in page.commands:
        done = subprocess.run(
            ["bash", "-c", command.line],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
        )
        assert done.returncode == 0, f"{command.line}\n{done.stdout}{done.stderr}"
        assert matches(done.stdout, command.output), f"{command.line} printed\n{done.stdout}\nnot\n{command.output}"
    # What a slow machine has not sent in the second and a half of an exit.
    subprocess.run([str(LLMOBSERVE), "flush"], env=env, check=True, capture_output=True, timeout=_COMMAND_S)


def tree(collector: Collector, run_id: str) -> list[TreeLine]:
    """The run as the dashboard shows it: every node with the sum of all below it."""
    nodes = collector.get(f"runs/{run_id}")["nodes"]
    below: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for node in nodes:
        below[node["parent_span_id"]].append(node)

    def lines(node: dict[str, Any], level: int) -> tuple[Decimal, list[TreeLine]]:
        usd, rows = Decimal(node["cost_usd"] or 0), list[TreeLine]()
        for child in below[node["span_id"]]:
            spent, more = lines(child, level + 1)
            usd, rows = usd + spent, rows + more
        return usd, [TreeLine(level, node["name"], f"{usd.normalize():f}"), *rows]

    return [row for root in below[None] for row in lines(root, 0)[1]]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.packaging if page.needs else ()) for name, page in PAGES.items()],
)
def test_page(name: str, collector: Collector, environments: Environments, tmp_path: Path) -> None:
    page = PAGES[name]
    assert page.commands, "a page of the guide has a program and what it prints"
    programs = (environments.python_with(page.needs) if page.needs else Path(sys.executable)).parent
    before = {row["run_id"] for row in collector.get("runs", limit=200)["runs"]}
    with DemoProvider() as provider:
        environment = {**provider.environment(), "LLMOBSERVE_COLLECTOR_URL": collector.url}
        run(page, programs, tmp_path, environment)

    def trees() -> list[list[TreeLine]]:
        rows = collector.get("runs", limit=200)["runs"]
        return [tree(collector, row["run_id"]) for row in rows if row["run_id"] not in before]

    if page.trees:
        wait_until(lambda: all(expected in trees() for expected in page.trees), 20)
