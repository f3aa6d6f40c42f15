"""A page of the guide as a test reads it: files, commands with their output, and trees as the dashboard shows them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Command", "Page", "TreeLine", "matches", "read_page"]

_NEEDS = re.compile(r"<!-- needs: (.+?) -->")
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TREE_LINE = re.compile(r"( *)(.+?)  +\$([0-9.]+)")
_INDENT = 2


@dataclass(frozen=True)
class Command:
    """A line after `$`, and what it must print; `...` stands for any text, on a line of its own for any lines."""

    line: str
    output: str


@dataclass(frozen=True)
class TreeLine:
    """A row of a run's tree."""

    level: int
    name: str
    usd: str
    """With all below it, as a plain decimal."""


@dataclass
class Page:
    """What of a page can be executed."""

    needs: tuple[str, ...] = ()
    """Packages that the development environment has not, with their versions."""
    files: dict[str, str] = field(default_factory=dict[str, str])
    commands: list[Command] = field(default_factory=list[Command])
    trees: list[list[TreeLine]] = field(default_factory=list[list[TreeLine]])


def read_page(path: Path) -> Page:
    """The blocks of a page: ```` ```python file=NAME ````, ```` ```console ```` and ```` ```text tree ````."""
    text = path.read_text(encoding="utf-8")
    page = Page()
    needs = _NEEDS.match(text)
    if needs:
        page.needs = tuple(part.strip() for part in needs[1].split(","))
    for language, options, body in _BLOCK.findall(text):
        named = re.search(r"file=(\S+)", options)
        if named:
            page.files[named[1]] = body
        elif language == "console":
            page.commands += _commands(body)
        elif language == "text" and options.strip() == "tree":
            page.trees.append([_tree_line(line) for line in body.splitlines()])
    return page


def _commands(body: str) -> list[Command]:
    assert body.startswith("$ "), body
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]
    return [Command(line, output) for line, _, output in (part.partition("\n") for part in parts)]


def _tree_line(line: str) -> TreeLine:
    found = _TREE_LINE.fullmatch(line)
    assert found, f"not `name  $sum`: {line!r}"
    return TreeLine(len(found[1]) // _INDENT, found[2], found[3])


def matches(printed: str, expected: str) -> bool:
    """Whether a command has printed what the page says."""
    pattern = re.escape(expected.rstrip()).replace(re.escape("..."), r"[\s\S]*?")
    return re.fullmatch(pattern, printed.rstrip()) is not None
