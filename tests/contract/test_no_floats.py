"""Money and billed quantities never pass through binary floating point, from a provider's answer to the stored row."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "python/llmobserve/src/llmobserve"
SERVER = ROOT / "python/llmobserve-server/src/llmobserve_server"
WHERE_JSON_COMES_IN = SDK / "providers/quantities.py"
"""JSON numbers with a fraction are floats here, and leave as the shortest decimal that they print as."""
WAY_OF_MONEY = (
    *(SDK / "pricing").rglob("*.py"),
    *(path for path in (SDK / "providers").rglob("*.py") if path != WHERE_JSON_COMES_IN),
    SDK / "wire/cost.py",
    SDK / "wire/usage.py",
    *(SERVER / "pricing").rglob("*.py"),
    SERVER / "ingest/money.py",
    SERVER / "query/spend.py",
)


def floats_in(tree: ast.AST) -> Iterator[str]:
    """What makes or names a float."""
    # An annotation makes none, and times are floats.
    annotations = {id(name) for node in ast.walk(tree) for name in _annotated(node)}
    for node in ast.walk(tree):
        if id(node) in annotations:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"line {node.lineno}: the literal {node.value}"
        if isinstance(node, ast.Name) and node.id in ("float", "round"):
            yield f"line {node.lineno}: {node.id}"
        if isinstance(node, ast.Attribute) and node.attr in ("from_float", "fsum"):
            yield f"line {node.lineno}: {node.attr}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            if found := names & {"math", "statistics", "numpy"}:
                yield f"line {node.lineno}: import of {', '.join(sorted(map(str, found)))}"


def _annotated(node: ast.AST) -> Iterator[ast.AST]:
    for place in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        if isinstance(place, ast.AST):
            yield from ast.walk(place)


@pytest.mark.parametrize("path", WAY_OF_MONEY, ids=lambda path: str(path.relative_to(ROOT / "python")))
def test_no_float_on_the_way_of_money(path: Path) -> None:
    assert not list(floats_in(ast.parse(path.read_text())))


@pytest.mark.parametrize(
    "code", ["x = 0.1", "x = float(y)", "x = round(y, 2)", "import math", "from math import isfinite"]
)
def test_the_search_finds_floats(code: str) -> None:
    assert list(floats_in(ast.parse(code)))
