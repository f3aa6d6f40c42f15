"""Explicit tracking by itself: sessions, reported calls of every kind, what is kept and what is not."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from loopback.planted import SECRETS

import llmobserve
from llmobserve.observatory import (
    AgentRole,
    CacheMetadata,
    Observatory,
    Provider,
    QualityEvaluation,
    RoutingDecision,
    Session,
)
from llmobserve.testing import Captured, captured

MINI = "gpt-4o-mini"
SECRET = SECRETS["authorization"]
# openai.com/api/pricing, 2026-11, a million tokens: input 0.15, cached 0.075, output 0.60.
# 1000 × 0.15 + 500 × 0.60 = 450 millionths of a dollar.
PLAIN_USD = Decimal("0.00045")
# 600 × 0.15 + 400 × 0.075 + 500 × 0.60 = 420 millionths.
CACHED_USD = Decimal("0.00042")


@pytest.fixture
def recorded() -> Iterator[Captured]:
    with captured() as found:
        yield found


def the_run(recorded: Captured, name: str) -> Any:
    return next(span for span in recorded.spans if span.kind == "run" and span.name == name)


def test_a_session_is_a_run_with_project_and_metadata(recorded: Captured) -> None:
    observatory = Observatory(project_name="shop")
    with observatory.start_session("code review", metadata={"branch": "main", "files": 3}) as session:
        assert observatory.current_session is session
        tracked = observatory.track_llm_call(
            MINI, 1000, 500, 250.0, agent_name="Reviewer", operation="read", metadata={"pass": 1}
        )
    assert tracked is not None
    call = recorded.call
    assert (call.event_id, recorded.cost_usd) == (tracked.event_id, PLAIN_USD)
    assert (call.context.run_id, call.context.session_id) == (session.run_id, session.session_id)
    assert call.context.section_path == "agent:Reviewer/step:read"
    assert call.context.metadata == {"project": "shop", "branch": "main", "files": "3", "pass": "1"}
    assert (call.provider, call.operation, call.transport) == ("openai", "chat.completions", "manual")
    assert (call.usage.source, call.duration_ms) == ("application", 250.0)
    run = the_run(recorded, "code review")
    assert (run.event_id, run.status) == (run.event_id, "ok")
    assert run.attributes == {"operation_type": "code review", "success": True}
    assert run.context.metadata == {"project": "shop", "branch": "main", "files": "3"}
    agent = next(span for span in recorded.spans if span.kind == "agent")
    assert agent.duration_ms is not None
    assert agent.duration_ms >= 250
    assert agent.start_time_us == call.start_time_us
    assert observatory.current_session is None


def test_sessions_by_hand(recorded: Captured) -> None:
    observatory = Observatory("shop")
    observatory.start_session("first")
    observatory.track_llm_call(MINI, 1, 1)
    observatory.end_session(success=True)
    observatory.start_session("second", session_id="job-7")
    observatory.end_session(success=False, error="the tool was not there")
    observatory.end_session()
    third = observatory.start_session("third")
    third.end(error=KeyError("k"))
    third.end()
    observatory.start_session("fourth").end(success=False)
    runs = {span.name: span for span in recorded.spans if span.kind == "run"}
    assert {name: (run.status, run.error and run.error.type) for name, run in runs.items()} == {
        "first": ("ok", None),
        "second": ("error", "SessionFailed"),
        "third": ("error", "KeyError"),
        "fourth": ("error", "SessionFailed"),
    }
    assert (runs["second"].context.run_id, runs["second"].context.session_id) == ("job-7", "job-7")
    assert recorded.call.context.run_name == "first"
    assert llmobserve.current().span is None


def test_an_exception_ends_the_session_and_goes_on(recorded: Captured) -> None:
    observatory = Observatory("shop")
    failure = ValueError("no")
    with pytest.raises(ValueError, match="no") as raised, observatory.session("job"):
        raise failure
    assert raised.value is failure
    assert the_run(recorded, "job").status == "error"


def test_sessions_inside_a_session_and_in_a_conversation(recorded: Captured) -> None:
    observatory, other = Observatory("shop"), Observatory("stock")
    with llmobserve.session("conversation"), observatory.session("outer") as outer:
        with other.session("inner") as inner:
            assert (observatory.current_session, other.current_session) == (outer, inner)
            other.track_llm_call(MINI, 1, 1)
            outer.track_llm_call(MINI, 1, 1)
        assert other.current_session is None
    assert [(call.context.run_name, call.context.session_id) for call in recorded.calls] == [
        ("inner", "conversation"),
        ("outer", "conversation"),
    ]
    assert [call.context.metadata["project"] for call in recorded.calls] == ["stock", "shop"]


def test_many_threads_have_sessions_of_one_observatory(recorded: Captured) -> None:
    observatory = Observatory("shop")

    def work(number: int) -> None:
        with observatory.start_session(f"job {number}") as session:
            assert observatory.current_session is session
            observatory.track_llm_call(MINI, number, 1, agent_name=f"agent {number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {(call.context.run_name, call.usage.units["input_text_tokens"]) for call in recorded.calls}
    assert found == {(f"job {number}", number) for number in range(1, 9)}


def test_a_session_is_reported_to_and_ended_from_another_thread(recorded: Captured) -> None:
    observatory = Observatory("shop")
    session = observatory.start_session("job")

    def work() -> None:
        session.track_llm_call(MINI, 1000, 500)
        observatory.end_session()

    with llmobserve.attached(OUTSIDE):
        thread = threading.Thread(target=work)
        thread.start()
    thread.join()
    assert session.ended
    assert llmobserve.current().span is None
    assert recorded.call.context.run_id == session.run_id
    assert the_run(recorded, "job").status == "ok"


@pytest.mark.parametrize(
    ("told", "units", "usd"),
    [
        ({"cached_tokens": 400}, {"input_text_tokens": 600, "cache_read_text_tokens": 400}, CACHED_USD),
        ({"reasoning_tokens": 100}, {"input_text_tokens": 1000}, PLAIN_USD),
        # More than the input can hold: counted beside it, as Anthropic does. 1000 × 0.15 + 1200 × 0.075 + 500 × 0.60.
        ({"cached_tokens": 1200}, {"input_text_tokens": 1000, "cache_read_text_tokens": 1200}, Decimal("0.00054")),
        ({"reported_cost_usd": "0.5"}, {"input_text_tokens": 1000}, Decimal("0.5")),
    ],
)
def test_tokens_become_disjoint_units(
    recorded: Captured, told: dict[str, Any], units: dict[str, int], usd: Decimal
) -> None:
    Observatory("shop").track_llm_call(MINI, 1000, 500, **told)
    assert recorded.call.usage.units == {**units, "output_text_tokens": 500}
    assert recorded.cost_usd == usd


def test_anthropic_cache_writes_are_priced(recorded: Captured) -> None:
    Observatory("shop").track_llm_call("claude-haiku-4-5", 1000, 100, cached_tokens=300, cache_write_tokens=200)
    # claude.com/pricing, 2026-11, a million: 1, read 0.10, written 1.25, output 5.
    # 500 × 1 + 300 × 0.10 + 200 × 1.25 + 100 × 5 = 1280 millionths.
    assert (recorded.call.provider, recorded.cost_usd) == ("anthropic", Decimal("0.00128"))


@pytest.mark.parametrize(
    ("model", "given", "provider", "operation"),
    [
        (MINI, None, "openai", "chat.completions"),
        ("claude-haiku-4-5", None, "anthropic", "messages"),
        ("gemini-2.5-flash", None, "google_gemini", "models.generateContent"),
        ("mistral-large-latest", None, "mistral", "chat.completions"),
        ("openai/gpt-4o-mini", None, "openai", "chat.completions"),
        (MINI, Provider.AZURE_OPENAI, "azure_openai", "chat.completions"),
        (MINI, "Azure", "azure_openai", "chat.completions"),
        ("our-own-model", None, "unknown", "chat.completions"),
        ("our-own-model", "Our House", "our_house", "chat.completions"),
    ],
)
def test_providers_by_model_name_or_enumeration(
    recorded: Captured, model: str, given: str | None, provider: str, operation: str
) -> None:
    Observatory("shop").track_llm_call(model, 1, 1, provider=given)
    assert (recorded.call.provider, recorded.call.operation) == (provider, operation)


def test_every_provider_of_the_enumeration_is_known() -> None:
    from llmobserve.providers.registry import PROVIDER_NAMES

    assert {one.value for one in Provider} <= set(PROVIDER_NAMES)


def test_calls_of_any_kind(recorded: Captured) -> None:
    observatory = Observatory("shop", provider="openai")
    observatory.record_call("openai", "text-embedding-3-small", kind="embedding", usage={"input_text_tokens": 5000})
    observatory.record_call(
        "elevenlabs", "eleven_multilingual_v2", kind="audio", usage={"input_characters": 120}, latency_ms=80
    )
    observatory.record_call("replicate", "own/model", kind="image", usage={"output_seconds": 2.5, "bad": -1})
    embedding, speech, image = recorded.calls
    # openai.com/api/pricing, 2026-11: 5000 × 0.02 = 100 millionths.
    assert (embedding.operation, recorded.cost_of(embedding).usd) == ("embeddings", Decimal("0.0001"))
    assert (speech.kind, speech.usage.units) == ("audio", {"input_characters": 120})
    assert (image.usage.units, image.usage.flags) == ({"output_seconds": Decimal("2.5")}, ("malformed",))


def test_facts_hold_what_was_said(recorded: Captured) -> None:
    tracked = Observatory("shop").track_llm_call(
        MINI,
        1,
        1,
        agent_name="writer",
        agent_role=AgentRole.WRITER,
        routing_decision=RoutingDecision(
            chosen_model=MINI,
            alternatives=("gpt-4o", "gpt-4.1"),
            strategy="cheapest",
            reason="short question",
            confidence=0.9,
            estimated_cost_usd=Decimal("0.00001"),
            estimated_saving_usd=0.1,
            metadata={"rule": 7, "api_key": SECRET},
        ),
        cache_metadata={"hit": False, "key": "k", "ttl_s": 60, "region": "eu"},
        quality_evaluation=QualityEvaluation(
            score=0.75,
            scores={"faithfulness": 1, "polite": True},
            judge_model="claude-haiku-4-5",
            hallucination=False,
            feedback=f"Fine, but it quotes {SECRET}",
        ),
    )
    assert tracked is not None
    facts = {fact.kind: fact for fact in recorded.facts}
    assert {fact.target_event_id for fact in facts.values()} == {tracked.event_id}
    assert facts["routing"].data == {
        "chosen_model": MINI,
        "alternatives": ["gpt-4o", "gpt-4.1"],
        "strategy": "cheapest",
        "reason": "short question",
        "confidence": "0.9",
        "estimated_cost_usd": "0.00001",
        "estimated_saving_usd": "0.1",
        "metadata": {"rule": 7, "api_key": "[redacted]"},
    }
    assert facts["cache"].data == {"hit": False, "key": "k", "ttl_s": 60, "metadata": {"region": "eu"}}
    assert facts["tracking"].data == {"agent_name": "writer", "agent_role": "writer", "project": "shop"}
    judged = facts["quality"].data
    assert {name: judged[name] for name in ("judge_model", "hallucination")} == {
        "judge_model": "claude-haiku-4-5",
        "hallucination": False,
    }
    assert judged["feedback"].startswith("Fine, but")
    assert SECRET not in judged["feedback"]
    assert "scores" not in judged
    assert {(one.name, one.data_type, one.value, one.source) for one in recorded.scores} == {
        ("quality", "numeric", Decimal("0.75"), "evaluator"),
        ("faithfulness", "numeric", Decimal(1), "evaluator"),
        ("polite", "boolean", Decimal(1), "evaluator"),
    }
    assert {one.evaluation_id for one in recorded.scores} == {facts["quality"].event_id}
    assert {(one.target_type, one.target_id) for one in recorded.scores} == {("event", tracked.event_id)}


def test_a_fact_stays_within_bounds(recorded: Captured) -> None:
    large: Any = "x" * 10_000
    for _ in range(6):
        large = {f"key {number}": large for number in range(100)}
    Observatory("shop").track_llm_call(MINI, 1, 1, routing_decision={"chosen_model": MINI, "reason": "r", **large})
    (fact,) = (fact for fact in recorded.facts if fact.kind == "routing")
    assert (fact.data["chosen_model"], fact.data["reason"], fact.data["truncated"]) == (MINI, "r", True)
    assert len(json.dumps(dict(fact.data))) < 64_000


@pytest.mark.parametrize("wanted", [True, False])
def test_what_was_said_is_kept_only_where_content_is_captured(wanted: bool) -> None:
    with captured(capture_content=wanted) as recorded:
        tracked = Observatory("shop").track_llm_call(
            MINI,
            1,
            1,
            prompt=[{"role": "user", "content": f"my key is {SECRET}"}],
            response_text="x" * 300_000,
        )
        assert tracked is not None
        contents = recorded.contents
    if not wanted:
        assert contents == {}
        return
    content = contents[tracked.event_id]
    assert SECRET not in str(content.input)
    assert (content.truncated, content.redactions) == (True, 1)
    assert len(content.output) < 256 * 1024


def test_the_own_redactor_is_asked() -> None:
    def without_names(text: str, origin: object) -> str:
        return text.replace("Ada", "somebody")

    with captured(capture_content=True, redactor=without_names) as recorded:
        Observatory("shop").track_llm_call(MINI, 1, 1, prompt="Ada asks", response_text="Dear Ada")
        (content,) = recorded.contents.values()
    assert (content.input, content.output) == ("somebody asks", "Dear somebody")


def test_times_as_the_application_says(recorded: Captured) -> None:
    observatory = Observatory("shop")
    start = datetime(2026, 11, 1, 12, 0, tzinfo=timezone.utc)
    observatory.track_llm_call(MINI, 1, 1, 100.0, start_time=start, stream=True, time_to_first_token_ms=20)
    observatory.track_llm_call(MINI, 1, 1, start_time=start.timestamp())
    first, second = recorded.calls
    assert first.start_time_us == second.start_time_us == 1_793_534_400_000_000
    assert (first.stream, first.time_to_first_token_ms, second.duration_ms) == (True, 20.0, None)


class Odd(Enum):
    ROLE = "role"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "told",
    [
        {"prompt_tokens": -1},
        {"prompt_tokens": "many"},
        {"prompt_tokens": float("nan"), "latency_ms": float("inf")},
        {"latency_ms": -5, "start_time": -1},
        {"latency_ms": Decimal("NaN"), "start_time": float("nan")},
        {"start_time": datetime.min},  # noqa: DTZ901
        {"start_time": 1_793_534_400_000},
        {"agent_name": Hostile(), "operation": Odd.ROLE},
        {"metadata": {Hostile(): Hostile(), "deep": {"er": [{"and": {"more": {"still": 1}}}]}}},
        {"routing_decision": {"chosen_model": Hostile()}, "quality_evaluation": {"score": float("nan")}},
        {"cache_metadata": {"hit": "yes", "similarity": float("inf")}},
        {"response": object()},
        {"response": {"usage": 5, "object": "chat.completion"}, "provider": "openai"},
        {"provider": "", "error": Hostile()},
        {"reported_cost_usd": "a lot"},
        {"prompt_tokens": 10**5000, "latency_ms": 10**400, "metadata": {"n": 10**5000, "d": Decimal("1e999")}},
        {"prompt": Hostile(), "response_text": b"\xff"},
    ],
)
def test_strange_values_cost_nothing_but_themselves(told: dict[str, Any]) -> None:
    with captured(capture_content=True) as recorded:
        arguments: Any = {"model_name": MINI, "completion_tokens": 5, **told}
        tracked = Observatory("shop").track_llm_call(**arguments)
        assert tracked is not None
        assert recorded.call.event_id == tracked.event_id


def test_nothing_happens_before_observe_or_where_nothing_is_recorded() -> None:
    observatory = Observatory("shop")
    before = observatory.counts.get("not_observed", 0)
    with observatory.session("job") as session:
        assert isinstance(session, Session)
        assert observatory.track_llm_call(MINI, 1, 1) is None
        assert session.score("good", 1) is None
    assert observatory.counts["not_observed"] == before + 1
    with captured() as recorded:
        from llmobserve.context import suppress

        with suppress():
            assert observatory.track_llm_call(MINI, 1, 1) is None
        assert observatory.track_llm_call(MINI, 1, 1, cache_metadata=CacheMetadata(hit=False)) is not None
        assert len(recorded.calls) == 1


def test_a_running_account_counts_reported_calls(recorded: Captured) -> None:
    with llmobserve.run("job") as run:
        Observatory("shop").track_llm_call(MINI, 1000, 500)
        assert run.cost == PLAIN_USD


OUTSIDE = llmobserve.current()
