"""All engines answer alike over the same random data (reliability D06): costs exactly, latencies within a share."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from stores.engines import ENGINES
from stores.material import Material, make_material
from stores.questions import QUESTIONS
from stores.recording import replay

FIRST_ENGINE, *OTHERS = ENGINES
_LATENCIES = frozenset({"duration_p50_ms", "duration_p95_ms", "time_to_first_token_p50_ms"})
_LATENCY_ERROR = {"postgresql": 0.07}
"""Share of the value, by engine: what docs/stores.md says of percentiles that are read from sums."""
_ROUNDING = 1e-9


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return make_material(tmp_path_factory.mktemp("material"), seed=20261121)


@pytest.fixture(scope="module")
def expected(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The answers of the first engine."""
    return _answers(FIRST_ENGINE, material, tmp_path_factory.mktemp(FIRST_ENGINE))


def _answers(engine: str, material: Material, folder: Path) -> dict[str, Any]:
    with ENGINES[engine](folder) as place:
        with place.opened() as store:
            replay(material.written, store)
            store.after_load()
        # Opened again: from what is on disk.
        with place.opened() as store:
            return {name: ask(store) for name, ask in QUESTIONS.items()}


def test_the_material_has_something_of_everything(expected: Mapping[str, Any]) -> None:
    stored = expected["rows of events"]
    assert len(stored) >= 1500
    assert sum(row["merged_into"] is not None for row in stored) >= 50
    assert sum(bool(row["borrowed"]) for row in stored) >= 10
    assert sum(row["revision"] == 1 for row in stored) >= 30
    for table in (
        "contents",
        "scores",
        "facts",
        "span_starts",
        "losses",
        "process_reports",
        "receipts",
        "dead_letters",
    ):
        assert expected[f"rows of {table}"], table
    assert len(expected["rows of cost_versions"]) >= 300
    empty = [name for name, answer in expected.items() if answer in (None, [])]
    assert empty == []
    assert len(QUESTIONS) >= 40


@pytest.mark.parametrize("engine", [FIRST_ENGINE, *OTHERS])
def test_engines_answer_alike(engine: str, material: Material, expected: Mapping[str, Any], tmp_path: Path) -> None:
    answers = _answers(engine, material, tmp_path)
    wrong = {
        name: first
        for name in QUESTIONS
        if (first := next(_differences(answers[name], expected[name], _LATENCY_ERROR.get(engine, 0), name), None))
    }
    assert wrong == {}


def _differences(got: Any, wanted: Any, latency_error: float, at: str) -> Iterator[str]:
    """Where two answers differ."""
    if isinstance(got, Mapping) and isinstance(wanted, Mapping):
        if got.keys() != wanted.keys():
            yield f"{at}: keys {set(got) ^ set(wanted)}"
            return
        for key, value in wanted.items():
            share = latency_error if key in _LATENCIES else 0
            if share and isinstance(value, float) and isinstance(got[key], float):
                if abs(got[key] - value) > (share + _ROUNDING) * value:
                    yield f"{at}.{key}: {got[key]} is not near {value}"
                continue
            yield from _differences(got[key], value, latency_error, f"{at}.{key}")
    elif isinstance(got, Sequence) and isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if len(got) != len(wanted):
            yield f"{at}: {len(got)} instead of {len(wanted)}"
        for index, pair in enumerate(zip(got, wanted, strict=False)):
            yield from _differences(*pair, latency_error, f"{at}[{index}]")
    elif isinstance(got, float) and isinstance(wanted, float):
        if abs(got - wanted) > _ROUNDING * max(1.0, abs(wanted)):
            yield f"{at}: {got} instead of {wanted}"
    elif got != wanted or (type(got) is not type(wanted) and Decimal in (type(got), type(wanted))):
        yield f"{at}: {got!r} instead of {wanted!r}"
