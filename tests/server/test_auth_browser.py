"""Sign-in, sessions, and what pages of other sites cannot do."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from server.live_server import LiveServer, batch, running

FOREIGN = [
    {"Origin": "http://["},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with running(tmp_path) as live:
        yield live


def events_of(server: LiveServer) -> int:
    with server.browser() as browser:
        return browser.get("/api/v1/projects").json()[0]["event_count"]


def test_the_link_signs_in_once_and_leads_to_the_dashboard(server: LiveServer) -> None:
    token = server.sign_in_token()
    with server.client() as first, server.client() as second:
        answer = first.get("/sign-in", params={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith(f"{server.cookie_name}=")
        for part in ("httponly", "samesite=lax", "path=/", "max-age=2592000"):
            assert part in cookie.split("; ")
        assert first.get("/api/v1/meta").status_code == 200
        again = second.get("/sign-in", params={"token": token})
        assert (again.status_code, "set-cookie" in again.headers) == (410, False)
        assert second.get("/api/v1/meta").status_code == 401
        # Going back to the link in the browser that used it is no error.
        assert first.get("/sign-in", params={"token": token}).status_code == 303


def test_the_page_can_exchange_the_token_itself(server: LiveServer) -> None:
    with server.client() as client:
        token = server.sign_in_token()
        own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
        foreign = client.post("/api/v1/session", json={"token": token}, headers=FOREIGN[0])
        assert foreign.status_code == 403
        assert client.post("/api/v1/session", json={"token": token}, headers=own).status_code == 204
        assert client.get("/api/v1/meta").status_code == 200
        assert client.post("/api/v1/session", json={"token": token}, headers=own).status_code == 410


def test_a_link_loaded_ahead_of_time_stays_usable(server: LiveServer) -> None:
    token = server.sign_in_token()
    with server.client() as client:
        ahead = client.get("/sign-in", params={"token": token}, headers={"Sec-Purpose": "prefetch;prerender"})
        assert ahead.status_code == 503
        assert client.get("/sign-in", params={"token": token}).status_code == 303


def test_signing_out_ends_the_session_on_the_server(server: LiveServer) -> None:
    with server.browser() as browser:
        cookie = browser.cookies[server.cookie_name]
        assert browser.delete("/api/v1/session").status_code == 204
        assert server.cookie_name not in browser.cookies
        assert browser.get("/api/v1/meta", headers={"Cookie": f"{server.cookie_name}={cookie}"}).status_code == 401


def test_each_sign_in_makes_another_cookie_kept_as_a_hash(server: LiveServer) -> None:
    cookies: set[str] = set()
    for _ in range(2):
        with server.browser() as browser:
            cookies.add(browser.cookies[server.cookie_name])
    assert len(cookies) == 2
    token = server.sign_in_token()
    kept = b"".join(file.read_bytes() for file in server.settings.directory.glob("control.db*"))
    assert not [secret for secret in (*cookies, token) if secret.encode() in kept]


def test_guessing_tokens_is_slowed_down(server: LiveServer) -> None:
    with server.client() as client:
        statuses = [client.post("/api/v1/session", json={"token": f"guess {n}"}).status_code for n in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        assert 0 < int(client.post("/api/v1/session", json={"token": "x"}).headers["retry-after"]) <= 61


@pytest.mark.parametrize("headers", [*FOREIGN, {}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/keys"),
        ("DELETE", "/api/v1/keys/none"),
        ("POST", "/api/v1/projects"),
        ("PATCH", "/api/v1/projects/default"),
        ("DELETE", "/api/v1/session"),
    ],
)
def test_a_session_changes_nothing_for_other_pages(
    server: LiveServer, method: str, path: str, headers: dict[str, str]
) -> None:
    with server.browser() as browser:
        cookies = dict(browser.cookies)
    with server.client(cookies=cookies) as client:
        assert client.request(method, path, json={"name": "taken"}, headers=headers).status_code == 403
        assert client.get("/api/v1/keys").json() == []
        assert [project["name"] for project in client.get("/api/v1/projects").json()] == ["Default"]


def test_other_origins_get_no_permission_to_read(server: LiveServer) -> None:
    with server.browser() as browser:
        preflight = browser.options(
            "/api/v1/keys", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )
        read = browser.get("/api/v1/meta", headers={"Origin": "https://evil.example"})
    for answer in (preflight, read):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert preflight.status_code == 405


def test_programs_on_this_machine_need_no_key(server: LiveServer) -> None:
    with server.client() as client:
        assert client.post("/v1/events", json=batch()).json()["accepted"] == 1
        assert client.post("/events", json=batch()).json()["accepted"] == 1
        assert client.get("/metrics").status_code == 200
    assert events_of(server) == 2


@pytest.mark.parametrize(
    "headers",
    [
        *FOREIGN,
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
    ],
)
def test_without_a_key_neither_pages_nor_proxied_requests_send_events(
    server: LiveServer, headers: dict[str, str]
) -> None:
    with server.client() as client:
        assert client.post("/v1/events", json=batch(), headers=headers).status_code in {401, 403}
    assert events_of(server) == 0


def test_bound_to_other_addresses_events_need_a_key(tmp_path: Path) -> None:
    with running(tmp_path, host="0.0.0.0") as server:
        with server.client() as client:
            assert client.post("/v1/events", json=batch()).status_code == 401
            assert client.get("/metrics").status_code == 401
        with server.client(server.new_key("ingest")) as client:
            assert client.post("/v1/events", json=batch()).status_code == 200
        with server.browser() as browser:
            assert browser.get("/api/v1/meta").json()["local_mode"] is False


def test_behind_a_public_address_events_need_a_key(tmp_path: Path) -> None:
    with running(tmp_path, public_url="https://llm.example.com") as server, server.client() as client:
        assert client.post("/v1/events", json=batch()).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "", "a b"])
@pytest.mark.parametrize("path", ["/", "/api/v1/meta", "/health", "/sign-in"])
def test_names_that_are_not_ours_are_refused(server: LiveServer, host: str, path: str) -> None:
    with server.browser() as browser:
        assert browser.get(path, headers={"Host": host}).status_code == 421


def test_events_are_refused_under_a_rebound_name(server: LiveServer) -> None:
    with server.client() as client:
        assert client.post("/v1/events", json=batch(), headers={"Host": "evil.example"}).status_code == 421
    assert events_of(server) == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_names_of_this_machine_are_ours(server: LiveServer, host: str) -> None:
    with server.client() as client:
        assert client.get("/health", headers={"Host": f"{host}:{server.port}"}).status_code == 200


def test_more_names_come_from_settings_addresses_and_keys(tmp_path: Path) -> None:
    with running(tmp_path, host="0.0.0.0", allowed_hosts=("llm.internal",)) as server:
        with server.client() as client:
            assert client.get("/health", headers={"Host": "llm.internal:8000"}).status_code == 200
            assert client.get("/health", headers={"Host": "10.1.2.3:8000"}).status_code == 200
            assert client.get("/health", headers={"Host": "other.internal"}).status_code == 421
        with server.client(server.new_key("ingest")) as client:
            assert client.post("/v1/events", json=batch(), headers={"Host": "collector"}).status_code == 200


def test_below_a_path_the_cookie_and_the_link_stay_below_it(tmp_path: Path) -> None:
    with running(tmp_path, public_url="https://example.com/llm/") as server:
        link = urlsplit(server.gate.new_sign_in_url())
        assert (link.netloc, link.path) == ("example.com", "/llm/sign-in")
        with server.client() as client:
            client.headers["Host"] = "example.com"
            answer = client.get(f"/llm/sign-in?{link.query}")
            cookie = answer.headers["set-cookie"].lower().split("; ")
            assert "path=/llm/" in cookie
            assert "secure" in cookie
            assert httpx.URL("https://example.com/llm/sign-in").join(answer.headers["location"]).path == "/llm/"
            token = answer.cookies[server.cookie_name]
            for path in ("/llm/api/v1/meta", "/api/v1/meta"):
                meta = client.get(path, headers={"Cookie": f"{server.cookie_name}={token}"})
                assert meta.json()["collector_url"] == "https://example.com/llm"
