"""The questions of earlier versions: under their names, with and without the prefix of the API, in exact figures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from server.event_rows import call
from server.live_server import LiveServer, running

from llmobserve_server.store.protocol import WriteBatch

NOON = datetime.now(UTC).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
PATHS = (
    "/runs/latest",
    "/runs/r2",
    "/insights/daily",
    "/insights/provider",
    "/dashboard/customers",
    "/dashboard/stats",
    "/events/provider-stats",
)


def one(event_id: str, start: datetime, **facts: Any) -> dict[str, Any]:
    return call(event_id, start, project_id="default", **facts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    rows = [
        one("a", NOON, cost="0.5", run_id="r1", customer_id="acme", input_tokens=10),
        one("b", NOON + timedelta(days=1), cost="0.25", run_id="r2", customer_id="acme", provider="anthropic"),
        one("c", NOON + timedelta(days=1), cost="0.125", run_id="r2", operation="embeddings", status="error"),
        one("old", NOON - timedelta(days=40), cost="7", run_id="r0", customer_id="acme"),
        {**one("foreign", NOON, cost="9", run_id="r9"), "project_id": "other"},
    ]
    with running(tmp_path_factory.mktemp("earlier")) as live:
        live.app.state.store.write(WriteBatch(events=rows))
        yield live


@pytest.fixture
def reader(server: LiveServer) -> Iterator[httpx.Client]:
    with server.client(server.new_key("read")) as client:
        yield client


def ask(reader: httpx.Client, path: str) -> Any:
    answer = reader.get(path)
    assert answer.status_code == 200, answer.text
    assert reader.get(f"/api/v1{path}").json().keys() == answer.json().keys()
    return answer.json()


def spent(answer: dict[str, Any], *keys: str) -> list[tuple[Any, ...]]:
    return [(*(row["keys"][key] for key in keys), row["spend"]["cost_usd"]) for row in answer["rows"]]


def test_runs(reader: httpx.Client):
    assert reader.get("/api/v1/runs/latest").status_code == 404  # nothing in the last 24 hours
    assert ask(reader, "/runs/r2")["run"]["spend"]["cost_usd"] == "0.375"
    assert ask(reader, f"/runs/latest?from={NOON - timedelta(days=1)}")["run"]["run_id"] == "r2"


def test_insights(reader: httpx.Client):
    days = [moment.strftime("%Y-%m-%dT00:00:00Z") for moment in (NOON, NOON + timedelta(days=1))]
    assert spent(ask(reader, "/insights/daily"), "day") == [(days[0], "0.5"), (days[1], "0.375")]
    assert spent(ask(reader, "/insights/provider"), "provider") == [("openai", "0.625"), ("anthropic", "0.25")]
    assert spent(ask(reader, "/dashboard/customers"), "customer") == [("acme", "0.75"), (None, "0.125")]
    assert spent(ask(reader, "/events/provider-stats"), "provider", "operation") == [
        ("openai", "chat.completions", "0.5"),
        ("anthropic", "chat.completions", "0.25"),
        ("openai", "embeddings", "0.125"),
    ]
    stats = ask(reader, "/dashboard/stats")
    assert (stats["total"]["spend"]["cost_usd"], stats["total"]["error_calls"]) == ("0.875", 1)
    assert stats["previous_total"]["spend"]["cost_usd"] == "7"


@pytest.mark.parametrize("path", PATHS)
def test_needs_a_credential_that_may_read(server: LiveServer, path: str):
    with server.client() as nobody, server.client(server.new_key("ingest")) as sender:
        assert nobody.get(path).status_code == 401
        assert sender.get(path).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_that_opens_the_address_gets_the_page(reader: httpx.Client, path: str):
    answer = reader.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in {"text/html", "text/plain"}


@pytest.mark.parametrize("path", ["/runs", "/runs/a/b", "/insights", "/events/x", "/dashboard"])
def test_other_addresses_are_left_alone(reader: httpx.Client, path: str):
    assert reader.get(path).headers["content-type"].partition(";")[0] in {"text/html", "text/plain"}


def test_posting_there_changes_nothing(reader: httpx.Client):
    assert reader.post("/runs/latest").status_code in {404, 405}


def test_below_a_prefix(tmp_path: Path):
    with running(tmp_path, public_url="http://127.0.0.1/llm") as live, live.client() as client:
        for path in ("/llm/runs/r1", "/runs/r1"):
            assert client.get(path).json()["error"] == "unauthorized"
        assert client.get("/llm/runs/r1", headers={"Accept": "text/html"}).status_code == 200
