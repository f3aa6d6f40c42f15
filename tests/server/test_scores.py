"""Scores and facts: stored once each, refused with a reason, found by their targets and by time."""

from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from server.batches import Collector, batch, call, collector
from server.live_server import LiveServer, running
from sqlalchemy import select

from llmobserve.wire import FactRecord, ScoreRecord, new_event_id, now_us, record_to_json
from llmobserve.wire.event import Context
from llmobserve_server.store.tables import dead_letters, facts, receipts, scores

NOW_US = now_us()


def score(target_type: str = "run", target_id: str = "run-1", **given: Any) -> dict[str, Any]:
    record = {"type": "score", "event_id": new_event_id(), "name": "helpful", "data_type": "numeric", "value": "0.75"}
    return {**record, "target_type": target_type, "target_id": target_id, "at_us": NOW_US, **given}


def fact(target_event_id: str, kind: str, data: dict[str, Any], **given: Any) -> dict[str, Any]:
    record = {"type": "fact", "event_id": new_event_id(), "target_event_id": target_event_id, "kind": kind}
    return {**record, "data": data, "at_us": NOW_US, **given}


@pytest.fixture
def server(tmp_path: Path) -> Generator[Collector]:
    with collector(tmp_path) as running_collector:
        yield running_collector


@pytest.fixture
def live(tmp_path: Path) -> Generator[LiveServer]:
    with running(tmp_path / "data") as server:
        yield server


@pytest.fixture
def api(live: LiveServer) -> Generator[httpx.Client]:
    with live.browser() as client:
        client.base_url = f"{live.url}/api/v1/"
        yield client


def send(live: LiveServer, *records: Any) -> None:
    with live.client() as sender:
        answer = sender.post("/v1/events", content=batch(*records), headers={"content-type": "application/json"})
        assert answer.json()["accepted"] == len(records), answer.text


def test_what_the_sdk_says_is_in_the_rows(server: Collector) -> None:
    place = Context(run_id="r", session_id="s", user_id="u", customer_id="acme", section_path="agent:judge")
    said = ScoreRecord(
        event_id="score-1",
        sequence=7,
        target_type="event",
        target_id="call-1",
        name="faithfulness",
        data_type="numeric",
        value=Decimal("0.123456789012"),
        comment="close",
        source="evaluator",
        evaluation_id="fact-1",
        at_us=NOW_US,
        context=place,
    )
    known = FactRecord(
        event_id="fact-1", target_event_id="call-1", kind="quality", data={"passed": True, "n": 3}, at_us=NOW_US
    )
    answer = server.post(batch(record_to_json(said), record_to_json(known, 8)))
    assert (answer.accepted, answer.rejected) == (2, 0)
    (row,) = server.rows(scores)
    expected = {
        "event_id": "score-1",
        "target_type": "event",
        "target_id": "call-1",
        "name": "faithfulness",
        "data_type": "numeric",
        "value": Decimal("0.123456789012"),
        "label": None,
        "comment": "close",
        "source": "evaluator",
        "evaluation_id": "fact-1",
        "run_id": "r",
        "session_id": "s",
        "user_id": "u",
        "customer_id": "acme",
        "section_path": "agent:judge",
        "process_id": "p-1",
        "sequence": 7,
    }
    assert {name: row[name] for name in expected} == expected
    (kept,) = server.rows(facts)
    assert (kept["kind"], kept["data"], kept["target_event_id"]) == ("quality", {"passed": True, "n": 3}, "call-1")
    # Their numbers count among those of the process, so that nothing seems to be missing.
    (receipt,) = server.store.fetch(select(receipts))
    assert (receipt["records"], receipt["numbered"]) == (2, 2)
    assert (receipt["first_sequence"], receipt["last_sequence"]) == (7, 8)


def test_the_same_record_again_is_a_duplicate(server: Collector) -> None:
    record, other = score(), fact("call-1", "cache", {"hit": True})
    assert server.post(batch(record, other)).accepted == 2
    again = server.post(batch({**record, "value": "0.1"}, other, other))
    assert (again.accepted, again.duplicates, again.rejected) == (0, 3, 0)
    assert [verdict.status for verdict in again.verdicts] == ["duplicate"] * 3
    assert [row["value"] for row in server.rows(scores)] == [Decimal("0.75")]


REFUSED = {
    "no value": (score(value=None), "needs a value"),
    "not a number": (score(value="NaN"), "below 10^15"),
    "too large": (score(value="1000000000000000"), "below 10^15"),
    "no truth": (score(data_type="boolean", value="0.5"), "1 or 0"),
    "no category": (score(data_type="categorical", value=None), "needs a label"),
    "no name": (score(name=""), "name must have"),
    "no target": (score(target_id=""), "target_id must have"),
    "an unknown kind of target": (score("prompt"), "run, session, event"),
    "milliseconds": (score(at_us=NOW_US // 1000), "at_us"),
    "a fact of no kind": (fact("call-1", "mood", {}), "routing, cache, quality, tracking"),
    "a fact about nothing": (fact("", "cache", {}), "target_event_id must have"),
}


@pytest.mark.parametrize(("record", "reason"), list(REFUSED.values()), ids=list(REFUSED))
def test_a_record_that_says_nothing_is_refused_and_kept_as_a_dead_letter(
    server: Collector, record: dict[str, Any], reason: str
) -> None:
    answer = server.post(batch(call(), record, score()))
    assert (answer.accepted, answer.rejected) == (2, 1)
    (verdict,) = answer.verdicts
    assert verdict.index == 1
    assert reason in (verdict.message or "")
    (letter,) = server.rows(dead_letters)
    assert (letter["event_id"], letter["reason"]) == (record["event_id"], verdict.message)


def test_digits_beyond_twelve_are_rounded_half_even(server: Collector) -> None:
    given = {"1.0000000000005": "1", "1.0000000000015": "1.000000000002", "-999999999999999.5": "-999999999999999.5"}
    server.post(batch(*(score(event_id=value, value=value) for value in given)))
    assert {row["event_id"]: row["value"] for row in server.rows(scores)} == {
        value: Decimal(kept) for value, kept in given.items()
    }


def test_a_run_and_an_event_show_what_was_said_of_them(live: LiveServer, api: httpx.Client) -> None:
    place = {"run_id": "run-1", "session_id": "s-1"}
    send(
        live,
        score(event_id="old", value="0.5", at_us=NOW_US - 1000),
        score(event_id="new"),
        score(event_id="kind", name="answer", data_type="categorical", value=None, label="polite"),
        score("session", "s-1", event_id="whole", data_type="boolean", value="1"),
        score("event", "call-1", event_id="of-call"),
        score("run", "run-2", event_id="elsewhere"),
    )
    # The target may come after what is said of it.
    send(live, call(event_id="call-1", context=place), fact("call-1", "routing", {"chosen_model": "gpt-4o-mini"}))
    run = api.get("runs/run-1").json()
    assert [(one["score_id"], one["value"], one["label"], one["is_current"]) for one in run["scores"]] == [
        ("kind", None, "polite", True),
        ("new", "0.75", None, True),
        ("old", "0.5", None, False),
    ]
    assert [(one["score_id"], one["value"]) for one in run["session_scores"]] == [("whole", "1")]
    event = api.get("events/call-1").json()
    assert [one["score_id"] for one in event["scores"]] == ["of-call"]
    assert [(one["kind"], one["data"]) for one in event["facts"]] == [("routing", {"chosen_model": "gpt-4o-mini"})]
    assert (event["merged"], event["borrowed"]) == ([], [])


def test_merged_records_share_what_was_said_of_either(live: LiveServer, api: httpx.Client) -> None:
    seen = call(event_id="seen", response_id="r-1", transport="httpx2", start_time_us=NOW_US)
    usage = {"units": {"input_text_tokens": 10}, "source": "application"}
    told = call(
        event_id="told",
        response_id="r-1",
        transport="manual",
        usage=usage,
        start_time_us=NOW_US + 10,
        context={"customer_id": "acme"},
    )
    said = {"type": "content", "event_id": "told", "input": "Hi", "output": "Hello"}
    send(live, seen, told, said, fact("told", "cache", {"hit": False}), score("event", "seen"), score("event", "told"))
    charged, merged = api.get("events/seen").json(), api.get("events/told").json()
    (twin,) = charged["merged"]
    assert (twin["event_id"], twin["is_charged"], twin["recorded_by"]) == ("told", False, "application")
    # gpt-4o-mini, $0.15 for a million input tokens: 10 x 0.15 / 1e6.
    assert (twin["cost_usd"], twin["customer_id"], twin["has_content"]) == ("0.0000015", "acme", True)
    assert (charged["row"]["customer_id"], charged["borrowed"]) == ("acme", ["customer_id"])
    assert (charged["content"]["output"], charged["content_event_id"]) == ("Hello", "told")
    assert [one["kind"] for one in charged["facts"]] == ["cache"]
    assert [one["is_current"] for one in charged["scores"]] == [True, False]
    assert merged["row"]["merged_into"] == "seen"
    assert [(one["event_id"], one["is_charged"]) for one in merged["merged"]] == [("seen", True)]
    assert merged["content_event_id"] is None
    listed = api.get("events").json()["events"]
    assert {row["event_id"]: row["merged_into"] for row in listed} == {"seen": None, "told": "seen"}


def test_scores_are_listed_by_time_and_target(live: LiveServer, api: httpx.Client) -> None:
    records = [
        score(event_id=f"s-{number}", target_id=f"run-{number % 2}", at_us=NOW_US + number) for number in range(7)
    ]
    old = score(event_id="old", at_us=NOW_US - 3 * 86_400_000_000)
    send(live, *records, old, score("session", "s-1", event_id="other", name="tone", source="user", at_us=NOW_US - 9))
    pages: list[list[str]] = []
    cursor: str | None = None
    while True:
        page = api.get("scores", params={"limit": 3} if cursor is None else {"limit": 3, "cursor": cursor}).json()
        pages.append([one["score_id"] for one in page["scores"]])
        if (cursor := page["next_cursor"]) is None:
            break
    assert pages == [["s-6", "s-5", "s-4"], ["s-3", "s-2", "s-1"], ["s-0", "other"]]

    def found(**wanted: str) -> list[str]:
        return [one["score_id"] for one in api.get("scores", params=wanted).json()["scores"]]

    assert found(target_type="run", target_id="run-1") == ["s-5", "s-3", "s-1"]
    assert found(name="tone") == found(source="user") == found(target_type="session") == ["other"]
    assert "old" in found(**{"from": "2020-01-01T00:00:00Z"})
    assert api.get("scores", params={"cursor": "x"}).status_code == 400


def test_a_score_comes_from_outside(live: LiveServer, api: httpx.Client) -> None:
    with live.client() as outside:
        outside.headers["authorization"] = f"Bearer {live.new_key('ingest')}"
        path = "/api/v1/scores"
        first = outside.post(path, json={"name": "thumb", "value": True, "run_id": "run-1", "score_id": "x-1"})
        assert (first.status_code, first.json()) == (201, {"score_id": "x-1", "status": "accepted"})
        again = outside.post(path, json={"name": "thumb", "value": False, "run_id": "run-1", "score_id": "x-1"})
        assert again.json() == {"score_id": "x-1", "status": "duplicate"}
        exact = {"name": "grade", "value": "0.1", "data_type": "numeric", "event_id": "e", "source": "annotator"}
        assert outside.post(path, json=exact).status_code == 201
        assert outside.post(path, json={"name": "tone", "value": "kind", "session_id": "s"}).status_code == 201
        refused: list[dict[str, Any]] = [
            {"name": "n", "value": 1},
            {"name": "n", "value": 1, "run_id": "r", "event_id": "e"},
            {"name": "n", "value": "many", "data_type": "numeric", "run_id": "r"},
            {"name": "n", "value": 2, "data_type": "boolean", "run_id": "r"},
            {"name": "", "value": 2, "run_id": "r"},
        ]
        for body in refused:
            assert outside.post(path, json=body).status_code in {400, 422}, body
        outside.headers["authorization"] = f"Bearer {live.new_key('read')}"
        assert outside.post(path, json={"name": "n", "value": 1, "run_id": "r"}).status_code == 403
    kept = {one["name"]: (one["data_type"], one["value"], one["label"], one["source"]) for one in _all(api)}
    assert kept == {
        "thumb": ("boolean", "1", None, "application"),
        "grade": ("numeric", "0.1", None, "annotator"),
        "tone": ("categorical", None, "kind", "application"),
    }
    # It is no batch of a process: data health has nothing to say about it.
    assert api.get("health/data").json()["process_count"] == 0


def _all(api: httpx.Client) -> list[dict[str, Any]]:
    return api.get("scores").json()["scores"]
