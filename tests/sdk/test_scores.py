"""Scores: of what, of which type, and never in the way of the application."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from loopback.planted import SECRETS

import llmobserve
from llmobserve import lifecycle
from llmobserve.observatory import Observatory
from llmobserve.testing import Captured, captured
from llmobserve.wire import ScoreRecord


@pytest.fixture
def recorded() -> Iterator[Captured]:
    with captured() as found:
        yield found


def only(recorded: Captured) -> ScoreRecord:
    (score,) = recorded.scores
    return score


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        (1, None, ("numeric", Decimal(1), None)),
        (0.1, None, ("numeric", Decimal("0.1"), None)),
        (-2.5, None, ("numeric", Decimal("-2.5"), None)),
        (1e-7, None, ("numeric", Decimal("0.0000001"), None)),
        (1e14, None, ("numeric", Decimal(10) ** 14, None)),
        (1 / 3, None, ("numeric", Decimal("0.333333333333"), None)),
        (Decimal("0.50"), None, ("numeric", Decimal("0.50"), None)),
        ("0.75", "numeric", ("numeric", Decimal("0.75"), None)),
        (True, None, ("boolean", Decimal(1), None)),
        (False, None, ("boolean", Decimal(0), None)),
        ("yes", "boolean", ("boolean", Decimal(1), None)),
        ("resolved", None, ("categorical", None, "resolved")),
        (5, "categorical", ("categorical", None, "5")),
    ],
)
def test_types_and_values(
    recorded: Captured, value: Any, data_type: Any, expected: tuple[str, Decimal | None, str | None]
) -> None:
    assert llmobserve.score("x", value, data_type=data_type) == only(recorded).event_id
    score = only(recorded)
    assert (score.data_type, score.value, score.label) == expected


@pytest.mark.parametrize(
    ("name", "value", "data_type"),
    [
        ("x", float("nan"), None),
        ("x", float("inf"), None),
        ("x", 10**15, None),
        ("x", "much", "numeric"),
        ("x", "perhaps", "boolean"),
        ("x", "", None),
        ("x", None, None),
        ("", 1, None),
    ],
)
def test_what_is_no_score_is_counted(recorded: Captured, name: str, value: Any, data_type: Any) -> None:
    assert llmobserve.score(name, value, data_type=data_type) is None
    status = lifecycle.status()
    assert status is not None
    assert status["lost"] == {"bad_score": 1}
    assert recorded.scores == []


def test_the_current_run_is_judged_where_nothing_is_named(recorded: Captured) -> None:
    with llmobserve.run("job") as run:
        with llmobserve.section("agent:writer"):
            llmobserve.score("good", 1)
        inside = run.run_id
    with llmobserve.section("agent:alone"):
        llmobserve.score("good", 2)
        alone = llmobserve.get_run_id()
    llmobserve.score("good", 3)
    process = llmobserve.get_run_id()
    assert [(one.target_type, one.target_id) for one in recorded.scores] == [
        ("run", inside),
        ("run", alone),
        ("run", process),
    ]
    assert recorded.scores[0].context.section_path == "agent:writer"


def test_runs_sessions_calls_and_sections_by_id(recorded: Captured) -> None:
    assert llmobserve.last_call_id() is None
    with llmobserve.run("job"), llmobserve.section("agent:writer") as section:
        tracked = Observatory("shop").track_llm_call("gpt-4o-mini", 1, 1)
        assert tracked is not None
        assert llmobserve.last_call_id() == tracked.event_id
        llmobserve.score("call", 1, event_id=llmobserve.last_call_id())
        llmobserve.score("section", 1, event_id=section.event_id)
    llmobserve.score("run", 1, run_id="r-1", comment="said by Ada", source="user")
    llmobserve.score("session", 1, session_id="s-1", run_id=None)
    llmobserve.score("smallest", 1, session_id="s-1", run_id="r-1", event_id="e-1")
    section_record = next(span for span in recorded.spans if span.kind == "agent")
    assert [(one.name, one.target_type, one.target_id) for one in recorded.scores] == [
        ("call", "event", tracked.event_id),
        ("section", "event", section_record.event_id),
        ("run", "run", "r-1"),
        ("session", "session", "s-1"),
        ("smallest", "event", "e-1"),
    ]
    assert (recorded.scores[2].comment, recorded.scores[2].source) == ("said by Ada", "user")
    assert llmobserve.last_call_id() is None


def test_the_last_call_of_a_run_may_be_in_a_section(recorded: Captured) -> None:
    observatory = Observatory("shop")
    with llmobserve.run("job"):
        with llmobserve.section("agent:a"):
            first = observatory.track_llm_call("gpt-4o-mini", 1, 1)
        with llmobserve.section("agent:b"):
            assert llmobserve.last_call_id() is None
        assert first is not None
        assert llmobserve.last_call_id() == first.event_id


def test_secrets_in_comments_are_removed(recorded: Captured) -> None:
    key = SECRETS["authorization"]
    llmobserve.score("x", 1, comment=f"it printed {key}", source=key)
    assert key not in f"{only(recorded)}"


def test_names_that_have_no_text(recorded: Captured) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    hostile: Any = Hostile()
    assert llmobserve.score(hostile, hostile, data_type="categorical", comment=hostile) is not None
    assert only(recorded).name == "[Hostile]"


def test_nothing_happens_before_observe() -> None:
    assert llmobserve.score("x", 1) is None
