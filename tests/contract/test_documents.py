"""Documents that name commands, files and each other are checked against what there is."""

import re
import runpy
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from llmobserve.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "web" / "README.md"]
README = (ROOT / "README.md").read_text()
PACKAGES = {
    "src/": "python/llmobserve/src/llmobserve/",
    "server/": "python/llmobserve-server/src/llmobserve_server/",
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    dead = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert dead == []


def test_every_page_is_in_the_list_of_pages() -> None:
    lists = [ROOT / "docs" / "README.md", ROOT / "docs" / "guides" / "frameworks.md"]
    linked = {
        (page.parent / target).resolve() for page in lists for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
    }
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "decisions"}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked - set(lists)) == []


def test_readme_names_every_command() -> None:
    commands = {name for name, _, _ in COMMANDS} | {one.name for one in entry_points(group="llmobserve.commands")}
    assert len(commands) > 5
    assert [name for name in sorted(commands) if f"`llmobserve {name}`" not in README] == []


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_contributing_names_every_command_of_dev() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    commands = runpy.run_path(str(ROOT / "dev"))["COMMANDS"]
    assert [name for name in commands if f"`./dev {name}" not in text] == []


def test_architecture_names_files_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:src|server)/[\w/.-]+)`", text)
    assert len(named) > 10
    missing: list[str] = []
    for name in named:
        short = next(prefix for prefix in PACKAGES if name.startswith(prefix))
        if not (ROOT / name.replace(short, PACKAGES[short], 1)).exists():
            missing.append(name)
    assert missing == []
