"""Exports over real HTTP: whole tables, exact in every format, safe in a spreadsheet, and of the own project only."""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pyarrow.parquet
import pytest
from server.event_rows import call, span
from server.live_server import LiveServer, get, running
from sqlalchemy import select

from llmobserve_server.control.models import AuditEntry
from llmobserve_server.store.protocol import WriteBatch

pq: Any = pyarrow.parquet

START = datetime(2026, 11, 2)  # noqa: DTZ001
WINDOW = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
COUNT = 10_250  # more than two pages
HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝cmd",
    "＋1",
    "－1",
    "＠x",
    'a "quoted"\r\nline, and more',
    "plain",
    "'led",
    "1-2",
)
# Sum of 0.000001 to 0.010250 in steps of a millionth: 10,250 x 10,251 / 2 millionths.
TOTAL_USD = Decimal("52.536375")


def rows() -> list[dict[str, Any]]:
    made = [
        call(
            f"e{n:05}",
            # Many share a moment: pages must neither lose nor repeat those.
            START + timedelta(seconds=n // 700),
            project_id="default",
            cost=f"0.{n + 1:06}",
            customer_id=HOSTILE[n % len(HOSTILE)],
            run_id=f"r{n % 450:03}",
            run_name="=HYPERLINK(1)",
            duration_ms=n / 4,
            tags=["a", "=b"],
            metadata={"region": "eu"},
            units={"input_text_tokens": 3},
            input_tokens=3,
            stream=n % 2 == 0,
        )
        for n in range(COUNT)
    ]
    foreign = call("foreign", START, project_id="other", cost="5", customer_id="canary-4711")
    other = span("span", START, project_id="default", run_id="r000")
    return [*made, foreign, other]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("exports")) as live:
        spoken = {"event_id": "e00000", "received_at": START, "input": '[{"content":"=1+1"}]', "output": '"=2"'}
        live.app.state.store.write(WriteBatch(events=rows(), contents=[{"project_id": "default", **spoken}]))
        yield live


@pytest.fixture
def api(server: LiveServer) -> Iterator[httpx.Client]:
    with server.api(**WINDOW) as client:
        yield client


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_every_call_once_and_exactly(api: httpx.Client):
    answer = api.get("export/events")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="llmobserve-events-')
    found = lines(answer.text)
    assert [line["event_id"] for line in found] == [f"e{n:05}" for n in range(COUNT)]
    assert sum(Decimal(line["cost_usd"]) for line in found) == TOTAL_USD
    first = found[0]
    assert (first["cost_usd"], first["start_time"]) == ("0.000001", "2026-11-02T00:00:00.000000Z")
    assert (first["duration_ms"], first["stream"], first["input_tokens"]) == ("0.0", "true", "3")
    assert (json.loads(first["tags"]), json.loads(first["metadata"])) == (["a", "=b"], {"region": "eu"})
    assert first["error_message"] == ""
    assert "canary-4711" not in answer.text


def test_csv_is_safe_in_a_spreadsheet(api: httpx.Client):
    found = lines(api.get("export/events").text)
    shown = [line["customer_id"] for line in found[: len(HOSTILE)]]
    assert shown == [f"'{text}" if text[0] in "=+-@\t\r＝＋－＠" else text for text in HOSTILE]
    assert all(line["run_name"] == "'=HYPERLINK(1)" for line in found)


def test_negative_numbers_stay_numbers(server: LiveServer, api: httpx.Client):
    row = call("late", START, project_id="default", clock_skew_ms=-12.5)
    server.app.state.store.write(WriteBatch(events=[row]))
    (line,) = lines(api.get("export/events", params={"q": "id:late"}).text)
    assert line["clock_skew_ms"] == "-12.5"


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet"])
def test_other_formats_say_the_same(api: httpx.Client, kind: str):
    answer = api.get("export/events", params={"format": kind, "q": "-id:late"})
    assert answer.status_code == 200
    if kind == "parquet":
        table = pq.read_table(io.BytesIO(answer.content))
        found = table.to_pylist()
        assert sum(row["cost_usd"] for row in found) == TOTAL_USD
        assert found[0]["start_time"].isoformat() == "2026-11-02T00:00:00+00:00"
        assert json.loads(found[0]["tags"]) == ["a", "=b"]
    else:
        found = json.loads(answer.text) if kind == "json" else [json.loads(line) for line in answer.text.splitlines()]
        assert sum(Decimal(row["cost_usd"]) for row in found) == TOTAL_USD
        assert found[0]["start_time"] == "2026-11-02T00:00:00.000000Z"
        assert found[0]["tags"] == ["a", "=b"]
    assert [row["event_id"] for row in found] == [f"e{n:05}" for n in range(COUNT)]
    assert [row["customer_id"] for row in found[: len(HOSTILE)]] == list(HOSTILE)
    assert (found[0]["stream"], found[1]["stream"], found[0]["input_tokens"]) == (True, False, 3)


@pytest.mark.parametrize(("kind", "empty"), [("json", []), ("jsonl", ""), ("csv", []), ("parquet", 0)])
def test_nothing_found_is_an_empty_file(api: httpx.Client, kind: str, empty: object):
    answer = api.get("export/events", params={"format": kind, "q": "customer:nobody"})
    assert answer.status_code == 200
    if kind == "parquet":
        assert pq.read_table(io.BytesIO(answer.content)).num_rows == empty
    elif kind == "csv":
        assert answer.text.startswith("event_id,type,") and lines(answer.text) == empty
    else:
        assert (json.loads(answer.text) if kind == "json" else answer.text) == empty


def test_filters_kinds_and_content(api: httpx.Client):
    (spoken,) = json.loads(api.get("export/events", params={"format": "json", "q": "id:e00000", "content": True}).text)
    assert (spoken["input"], spoken["output"]) == ([{"content": "=1+1"}], "=2")
    assert "input" not in json.loads(api.get("export/events", params={"format": "json", "q": "id:e00000"}).text)[0]
    (line,) = lines(api.get("export/events", params={"q": "id:e00000", "content": True}).text)
    assert (json.loads(line["input"]), line["output"]) == ([{"content": "=1+1"}], "'=2")
    (only,) = lines(api.get("export/events", params={"type": "span"}).text)
    assert (only["event_id"], only["cost_usd"]) == ("span", "")


def test_runs_are_those_of_the_list(api: httpx.Client):
    found = lines(api.get("export/runs", params={"q": "-run:late"}).text)
    by_id = {line["run_id"]: line for line in found}
    assert len(found) == len(by_id) == 450
    # r449 has the calls 449, 899, ... 10,349 below 10,250: 22 of them; costs n + 1 millionths:
    # 22 x 450 + 450 x (0 + 1 + ... + 21) = 9,900 + 103,950 = 113,850 millionths.
    assert (by_id["r449"]["cost_usd"], by_id["r449"]["calls"], by_id["r449"]["name"]) == (
        "0.11385",
        "22",
        "'=HYPERLINK(1)",
    )
    listed = get(api, "runs", limit=1, q="run:r449")["runs"][0]
    assert (listed["spend"]["cost_usd"], listed["span_count"]) == ("0.11385", int(by_id["r449"]["span_count"]))


def test_totals_are_those_of_the_answer(api: httpx.Client):
    (whole,) = json.loads(api.get("export/totals", params={"format": "json", "q": "-id:late"}).text)
    assert (whole["cost_usd"], whole["calls"]) == (str(TOTAL_USD), COUNT)
    groups = json.loads(api.get("export/totals", params={"format": "json", "group_by": "customer"}).text)
    answer = get(api, "totals", group_by="customer")
    assert [(row["customer"], row["cost_usd"]) for row in groups] == [
        (row["keys"]["customer"], row["spend"]["cost_usd"]) for row in answer["rows"]
    ]


def test_scores(server: LiveServer, api: httpx.Client):
    with server.client() as sender:
        score = {"run_id": "r000", "name": "grade", "value": 0.1, "source": "=judge"}
        assert sender.post("/api/v1/scores", json=score).status_code == 201
    now = {"from": "2026-11-01T00:00:00Z", "to": "2036-01-01T00:00:00Z"}
    (line,) = lines(api.get("export/scores", params=now).text)
    assert (line["name"], line["value"], line["source"]) == ("grade", "0.1", "'=judge")


@pytest.mark.parametrize(
    ("path", "params", "words"),
    [
        ("export/events", {"q": "nosuch:1"}, "no field"),
        ("export/events", {"format": "xlsx"}, "format"),
        ("export/totals", {"group_by": "nosuch"}, "group by"),
        ("export/totals", {"tz": "Mars/Base"}, "tz"),
    ],
)
def test_says_what_is_wrong_before_the_file_begins(api: httpx.Client, path: str, params: dict[str, str], words: str):
    answer = api.get(path, params=params)
    assert answer.status_code == 400
    problem = answer.json()
    assert words in problem["message"] or words == problem.get("field"), problem


def test_each_export_is_written_down(server: LiveServer, api: httpx.Client):
    api.get("export/runs", params={"q": "run:r001"})
    with server.control.session() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "export").order_by(AuditEntry.id.desc()))
        last = entry.first()
    assert last is not None
    assert (last.object_id, last.project_id) == ("runs", "default")
    assert last.detail is not None and "r001" in last.detail["query"]


def test_a_reader_who_leaves_makes_room(server: LiveServer, api: httpx.Client):
    for _ in range(6):
        with api.stream("GET", "export/events", params={"format": "json"}) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw(1000))
    waited_s = 0.0
    while (answer := api.get("export/events", params={"q": "id:e00001"})).status_code != 200 and waited_s < 10:
        assert (answer.status_code, answer.json()["error"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "10"
        time.sleep(0.05)
        waited_s += 0.05
    assert answer.status_code == 200


def test_a_key_exports_its_own_project_only(server: LiveServer):
    with server.browser() as browser:
        assert browser.post("/api/v1/projects", json={"name": "Other", "id": "other"}).status_code == 201
    with server.client(server.new_key("read", "other")) as reader:
        found = lines(reader.get("/api/v1/export/events", params=WINDOW).text)
        assert [line["customer_id"] for line in found] == ["canary-4711"]
    with server.client(server.new_key("ingest", "other")) as sender:
        assert sender.get("/api/v1/export/events").status_code == 403
