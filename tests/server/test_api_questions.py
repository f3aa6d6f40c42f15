"""The reading API over real HTTP: what was posted comes back, exact, filtered, and only to its own project."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from server.live_server import LiveServer, get, running

from llmobserve.wire import new_event_id, new_span_id, now_us

# gpt-4o-mini costs $0.15 for a million input and $0.60 for a million output tokens (OpenAI price page, 2026-11):
#   1000 x 0.15 / 1,000,000 + 100 x 0.60 / 1,000,000 = 0.00015 + 0.00006 = 0.00021
ONE_CALL_USD = "0.00021"
RUN_ID = new_event_id()
ROOT = new_span_id()
START_US = now_us() - 60_000_000


def context(**facts: Any) -> dict[str, Any]:
    return {"run_id": RUN_ID, "run_name": "answer", "customer_id": "acme", "metadata": {"region": "eu"}, **facts}


def call(**facts: Any) -> dict[str, Any]:
    return {
        "type": "call",
        "event_id": new_event_id(),
        "kind": "llm",
        "provider": "openai",
        "operation": "chat.completions",
        "request_model": "gpt-4o-mini",
        "start_time_us": START_US + 1_000_000,
        "duration_ms": 500.0,
        "http_status": 200,
        "usage": {"units": {"input_text_tokens": 1000, "output_text_tokens": 100}, "source": "response"},
        "context": context(parent_span_id=ROOT, span_id=new_span_id()),
        **facts,
    }


CALL = call(response_id="chatcmpl-1", context=context(parent_span_id=ROOT, span_id=new_span_id(), tags=["beta"]))
UNPRICED = call(request_model="house-model", start_time_us=START_US + 2_000_000)
OPEN_RUN = {
    "type": "span",
    "event_id": new_event_id(),
    "kind": "run",
    "name": "live",
    "status": "running",
    "start_time_us": START_US,
    "context": {"run_id": "run-live", "run_name": "live", "span_id": new_span_id()},
}
EVENTS = [
    {
        "type": "span",
        "event_id": RUN_ID,
        "kind": "run",
        "name": "answer",
        "start_time_us": START_US,
        "duration_ms": 3000.0,
        "context": context(span_id=ROOT),
    },
    CALL,
    UNPRICED,
    {"type": "content", "event_id": CALL["event_id"], "input": [{"role": "user", "content": "hé"}], "output": "ok"},
    OPEN_RUN,
]


def post(client: httpx.Client, events: list[dict[str, Any]]) -> None:
    body = {
        "version": 1,
        "batch_id": new_event_id(),
        "sent_at_us": now_us(),
        "source": {"process_id": "p", "service": "bot", "environment": "production"},
        "events": events,
    }
    answer = client.post("/v1/events", json=body)
    assert answer.json()["accepted"] == len(events), answer.text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("questions")) as live:
        with live.client() as sender:
            post(sender, EVENTS)
        yield live


@pytest.fixture(scope="module")
def api(server: LiveServer) -> Iterator[httpx.Client]:
    with server.api() as client:
        yield client


def test_runs_with_the_one_that_is_open(api: httpx.Client):
    runs = {run["run_id"]: run for run in get(api, "runs")["runs"]}
    assert set(runs) == {RUN_ID, "run-live"}
    assert runs["run-live"]["status"] == "running"
    spend = runs[RUN_ID]["spend"]
    assert spend == {
        "cost_usd": ONE_CALL_USD, "estimated_usd": "0", "calls": 2, "estimated_calls": 0, "unpriced_calls": 1,
    }  # fmt: skip
    assert runs[RUN_ID]["start_time"].endswith("Z")
    assert (runs[RUN_ID]["environment"], runs[RUN_ID]["service"]) == ("production", "bot")


def test_run_detail_and_latest(api: httpx.Client):
    detail = get(api, f"runs/{RUN_ID}")
    assert [node["event_id"] for node in detail["nodes"]] == [RUN_ID, CALL["event_id"], UNPRICED["event_id"]]
    assert [node["parent_span_id"] for node in detail["nodes"]] == [None, ROOT, ROOT]
    assert [node["cost_usd"] for node in detail["nodes"]] == [None, ONE_CALL_USD, None]
    assert get(api, "runs/latest")["run"]["run_id"] == RUN_ID


def test_events_page_by_page(api: httpx.Client):
    first = get(api, "events", limit=1)
    assert [event["event_id"] for event in first["events"]] == [UNPRICED["event_id"]]
    second = get(api, "events", limit=1, cursor=first["next_cursor"])
    assert [event["event_id"] for event in second["events"]] == [CALL["event_id"]]
    assert second["next_cursor"] is None
    assert len(get(api, "events", type="all")["events"]) == 3
    assert [event["name"] for event in get(api, "events", q="type:span")["events"]] == ["answer"]


def test_event_detail_has_receipt_and_content(api: httpx.Client):
    detail = get(api, f"events/{CALL['event_id']}")
    assert detail["units"] == {"input_text_tokens": "1000", "output_text_tokens": "100"}
    assert detail["row"]["cost_usd"] == ONE_CALL_USD
    lines = {line["unit"]: (line["quantity"], Decimal(line["usd"])) for line in detail["receipt"]}
    assert lines == {
        "input_text_tokens": ("1000", Decimal("0.00015")),
        "output_text_tokens": ("100", Decimal("0.00006")),
    }
    assert detail["content"]["input"] == [{"role": "user", "content": "hé"}]
    assert detail["content"]["output"] == "ok"
    assert detail["metadata"] == {"region": "eu"}
    unpriced = get(api, f"events/{UNPRICED['event_id']}")
    assert (unpriced["row"]["cost_usd"], unpriced["row"]["cost_state"], unpriced["content"]) == (None, "unpriced", None)
    assert unpriced["cost_reason"]
    assert get(api, f"events/{OPEN_RUN['event_id']}")["row"]["status"] == "running"


def test_totals(api: httpx.Client):
    answer = get(api, "totals", group_by="model,metadata.region", compare="previous")
    assert {row["keys"]["model"]: row["spend"]["cost_usd"] for row in answer["rows"]} == {
        "gpt-4o-mini": ONE_CALL_USD,
        "house-model": "0",
    }
    assert {row["keys"]["metadata.region"] for row in answer["rows"]} == {"eu"}
    assert answer["total"]["spend"]["unpriced_calls"] == 1
    assert answer["previous_total"]["spend"]["calls"] == 0
    filtered = get(api, "totals", q="model:gpt* customer:acme", tz="Asia/Kolkata", group_by="day")
    assert [row["spend"]["calls"] for row in filtered["rows"]] == [1]
    assert filtered["rows"][0]["keys"]["day"].endswith("T18:30:00Z")


def test_fields(api: httpx.Client):
    fields = {field["name"]: field for field in get(api, "fields")}
    assert fields["model"]["values"] == ["gpt-4o-mini", "house-model"]
    assert fields["meta.region"]["values"] == ["eu"]
    assert fields["tag"]["values"] == ["beta"]
    assert fields["run"]["values"] is None
    assert ">=" in fields["cost"]["operators"]


@pytest.mark.parametrize(
    ("path", "params", "code", "field", "position"),
    [
        ("runs", {"q": "nosuch:1"}, "bad_filter", "q", 0),
        ("events", {"q": "model:x cost:abc"}, "bad_filter", "q", 13),
        ("totals", {"q": 'model:"x'}, "bad_filter", "q", 6),
        ("totals", {"group_by": "colour"}, "bad_request", "group_by", None),
        ("totals", {"tz": "Moon/Crater"}, "bad_request", "tz", None),
        ("runs", {"from": "yesterday"}, "bad_request", "from", None),
        ("runs", {"from": "2026-11-02", "to": "2026-11-01"}, "bad_request", "from", None),
        ("runs", {"from": "1980-01-01", "to": "2026-01-01"}, "bad_request", "from", None),
        ("events", {"cursor": "zzz"}, "bad_request", "cursor", None),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_place(
    api: httpx.Client, path: str, params: dict[str, str], code: str, field: str, position: int | None
):
    answer = api.get(path, params=params)
    problem = answer.json()
    assert answer.status_code == 400
    assert (problem["error"], problem["field"], problem.get("position")) == (code, field, position)
    assert problem["message"]


@pytest.mark.parametrize(
    ("path", "params"), [("runs", {"limit": 201}), ("events", {"limit": 0}), ("runs", {"sort": "x"})]
)
def test_limits_and_sorts_are_bounded(api: httpx.Client, path: str, params: dict[str, Any]):
    answer = api.get(path, params=params)
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (400, "bad_request", *params)


@pytest.mark.parametrize("path", ["runs/nope", "events/nope", "runs/00000000-0000-7000-8000-000000000000"])
def test_unknown_ids_are_not_found(api: httpx.Client, path: str):
    answer = api.get(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_time_range_is_kept(api: httpx.Client):
    def iso(us: int) -> str:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat()

    only_first = {"from": iso(START_US + 500_000), "to": iso(START_US + 2_000_000)}
    assert [event["event_id"] for event in get(api, "events", **only_first)["events"]] == [CALL["event_id"]]
    assert get(api, "runs", **{"from": "2020-01-01", "to": "2020-01-02"})["runs"] == []


def test_a_key_sees_its_own_project_only(server: LiveServer, api: httpx.Client):
    assert api.post("projects", json={"name": "Other", "id": "other"}).status_code == 201
    with server.client(server.new_key("ingest", "other")) as sender:
        post(sender, [call()])
    with server.client(server.new_key("read", "other")) as reader:
        assert len(reader.get("/api/v1/events").json()["events"]) == 1
        assert reader.get(f"/api/v1/events/{CALL['event_id']}").status_code == 404
        runs = reader.get("/api/v1/runs").json()["runs"]
        assert [run["spend"]["calls"] for run in runs] == [1]
        assert reader.get("/api/v1/runs", params={"project": "default"}).status_code == 403
        assert reader.get("/api/v1/totals", params={"group_by": "customer"}).json()["total"]["spend"]["calls"] == 1
    with server.client() as nobody:
        for path in ("runs", "events", "totals", "fields", f"runs/{RUN_ID}", f"events/{CALL['event_id']}"):
            assert nobody.get(f"/api/v1/{path}").status_code == 401
