"""The dashboard's files, the headers of every answer, and the description of the API."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from server.live_server import running

from llmobserve_server.api import static
from llmobserve_server.api.security_headers import SECURITY_HEADERS

PAGE = '<!doctype html><html><head><base href="/" /></head><body><script src="./assets/a-1.js"></script></body></html>'


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "a-1.js").write_text("export {};")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("hidden contents")
    monkeypatch.setattr(static, "BUNDLE_DIR", folder)
    return folder


def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_the_page_never(bundle: Path, tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        script = client.get("/assets/a-1.js")
        assert script.text == "export {};"
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"].startswith("text/javascript")
        assert client.get("/favicon.svg").headers["content-type"] == "image/svg+xml"
        page = client.get("/")
        assert page.text == PAGE
        assert page.headers["cache-control"] == "no-cache"
        assert client.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
        assert client.head("/").status_code == 200


def test_every_address_of_the_dashboard_shows_the_page_and_no_missing_file_does(bundle: Path, tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        for path in ("/runs", "/runs/a.b.c", "/costs/by/model", "/sign-in"):
            assert client.get(path, headers={"Accept": "text/html,*/*;q=0.8"}).text == PAGE
        for path in ("/assets/old-2.js", "/api/v1/none", "/api/v2/meta", "/v1/none"):
            missing = client.get(path)
            assert (missing.status_code, missing.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%00"]
)
def test_nothing_outside_the_bundle_is_served(bundle: Path, tmp_path: Path, path: str) -> None:
    with running(tmp_path) as server, server.client() as client:
        answer = client.build_request("GET", server.url + "/")
        answer.url = answer.url.copy_with(raw_path=path.encode())
        assert "hidden" not in client.send(answer).text


def test_a_name_too_long_for_a_file_is_no_defect(bundle: Path, tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        assert client.get(f"/{'a' * 300}").text == PAGE
        assert client.get(f"/assets/{'a' * 300}").status_code == 404


def test_below_a_path_the_page_names_it_as_its_base(bundle: Path, tmp_path: Path) -> None:
    with running(tmp_path, public_url="http://127.0.0.1/tools/llm") as server, server.client() as client:
        for path in ("/tools/llm/", "/tools/llm/runs", "/", "/runs"):
            assert '<base href="/tools/llm/" />' in client.get(path).text
        assert client.get("/tools/llm/assets/a-1.js").text == "export {};"
        assert client.get("/tools/llm/health").json() == {"status": "ok"}


def test_without_a_bundle_the_root_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "BUNDLE_DIR", tmp_path / "none")
    with running(tmp_path) as server, server.client() as client:
        answer = client.get("/")
        assert answer.status_code == 200
        assert answer.text.count("\n") == 1
        assert "no dashboard" in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/health", "/api/v1/meta", "/api/v1/none", "/sign-in?token=x", "/assets/none.js"]
)
def test_every_answer_has_the_security_headers(bundle: Path, tmp_path: Path, path: str) -> None:
    with running(tmp_path) as server, server.client() as client:
        answers = [client.get(path), client.request("PUT", path), client.get(path, headers={"Host": "evil.example"})]
    for answer in answers:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value
        assert "server" not in answer.headers
        assert answer.headers["cache-control"] == ("no-cache" if answer.text == PAGE else "no-store")
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]


def test_a_defect_of_ours_is_answered_without_its_details(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(tmp_path) as server, server.client() as client:
        server.app.state.ingestor = None
        answer = client.post("/v1/events", json={})
        assert (answer.status_code, answer.json()["error"]) == (500, "internal")
        assert "NoneType" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        server.app.state.ingestor = server.ingestor
    assert "NoneType" in caplog.text


def test_a_store_that_does_not_answer_makes_the_server_unready_but_alive(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        assert client.get("/ready").json() == {"status": "ready"}
        server.app.state.store.close()
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
        assert answer.headers["retry-after"]
        assert str(tmp_path) not in answer.text
        assert client.get("/health").status_code == 200


def test_metrics_count_what_was_sent(tmp_path: Path) -> None:
    from server.live_server import batch

    with running(tmp_path) as server, server.client() as client:
        client.post("/v1/events", json=batch(3))
        lines = client.get("/metrics").text.splitlines()
    assert 'llmobserve_records_total{outcome="accepted"} 3.0' in lines
    assert "llmobserve_ingest_waiting_batches 0.0" in lines


def test_the_description_of_the_api_is_the_same_every_time() -> None:
    texts = [
        subprocess.run(
            [sys.executable, "-m", "llmobserve_server.app", "openapi"], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert texts[0] == texts[1]
    document = json.loads(texts[0])
    assert {"/api/v1/meta", "/api/v1/runs", "/api/v1/keys"} <= set(document["paths"])
    assert all(path.startswith("/api/v1/") for path in document["paths"])


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_of_foreign_origin_is_part_of_it(tmp_path: Path, bundle: Path, path: str) -> None:
    with running(tmp_path) as server, server.client() as client:
        assert client.get(path).text == PAGE
