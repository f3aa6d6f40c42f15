"""Every route against every credential: the answers agree with the declared table, and no route is missing from it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from server.live_server import LiveServer, batch, running

from llmobserve_server.app import build_app
from llmobserve_server.auth.route_scopes import ROUTE_SCOPES, Need
from llmobserve_server.settings import ServerSettings

CREDENTIALS = ("none", "ingest", "read", "admin", "session")
ALLOWED: dict[Need, set[str]] = {
    "open": set(CREDENTIALS),
    "ingest": {"ingest", "admin"},
    "monitor": {"read", "admin", "session"},
    "read": {"read", "admin", "session"},
    "admin": {"admin", "session"},
    "owner": {"session"},
}


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    included: list[Any] = list(app.routes)
    for router in included:
        for route in router.effective_route_contexts():
            found |= {(method, route.path) for method in route.methods - {"HEAD"}}
    return found


def test_every_route_is_in_the_table_and_the_table_has_no_other() -> None:
    assert routes_of(build_app(ServerSettings())) == set(ROUTE_SCOPES)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Bound so that others could reach it: without a key nothing is open here but what is open to all."""
    with running(tmp_path_factory.mktemp("routes"), host="0.0.0.0") as live:
        yield live


@pytest.fixture(scope="module")
def keys(server: LiveServer) -> dict[str, str]:
    return {scope: server.new_key(scope) for scope in ("ingest", "read", "admin")}


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTE_SCOPES))
def test_the_answer_agrees_with_the_table(
    server: LiveServer, keys: dict[str, str], method: str, path: str, credential: str
) -> None:
    url = path.replace("{path:path}", "costs").replace("{", "").replace("}", "")
    body = batch() if path in {"/v1/events", "/events"} else {}
    if credential == "session":
        with server.browser() as client:
            status = answered(client, method, url, body)
    else:
        with server.client(keys.get(credential)) as client:
            status = answered(client, method, url, body)
    if credential in ALLOWED[ROUTE_SCOPES[method, path]]:
        assert status not in {401, 403}
        assert status < 500
    else:
        assert status == (401 if credential in {"none", "session"} else 403)


def answered(client: httpx.Client, method: str, url: str, body: dict[str, object]) -> int:
    # Streamed, because the live feed has no end.
    with client.stream(method, url, json=None if method in {"GET", "DELETE"} else body) as answer:
        return answer.status_code


def test_a_refusal_says_how_to_get_in(server: LiveServer, keys: dict[str, str]) -> None:
    with server.client() as client:
        answer = client.get("/api/v1/meta")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"] == "unauthorized"
        assert "LLMOBSERVE_API_KEY" in client.post("/v1/events", json=batch()).json()["message"]
        wrong = client.get("/api/v1/meta", headers={"Authorization": "Basic eDp5"})
        assert wrong.status_code == 401
    with server.client(keys["ingest"]) as client:
        assert "scope `ingest`" in client.get("/api/v1/meta").json()["message"]


def test_a_bad_key_does_not_fall_back_to_the_session(server: LiveServer) -> None:
    with server.browser() as browser:
        assert browser.get("/api/v1/meta", headers={"Authorization": "Bearer llmo_read_x"}).status_code == 401
