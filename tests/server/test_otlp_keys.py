"""Keys in every header that other tools' SDKs put them in, and what needs none on this machine."""

import base64
import socket
from collections.abc import Iterator, Mapping

import grpc
import httpx
import pytest
from server.live_server import LiveServer, get, running
from server.otlp_bodies import CALL_USD, PROTOBUF, request, span

PATHS = (
    "/v1/traces",
    "/v1/logs",
    "/api/public/otel/v1/traces",
    "/api/public/scores",
    "/api/v1/private/otel/v1/traces",
    "/otel/v1/traces",
    "/runs/batch",
    "/v1/litellm",
)
JSON = {"Content-Type": "application/json"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


FORMS: Mapping[str, str] = {
    "Authorization: Bearer": "Bearer {key}",
    "Authorization: bearer": "bearer {key}",
    "Authorization:": "{key}",
    "x-api-key": "{key}",
    "api_key": "{key}",
    "api-key": "{key}",
    "x-llmobserve-api-key": "{key}",
}


def headers_of(form: str, key: str) -> dict[str, str]:
    return {form.partition(":")[0]: FORMS[form].format(key=key)}


def metadata_of(form: str, key: str) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers_of(form, key).items())


@pytest.fixture(scope="module")
def grpc_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory, grpc_port: int) -> Iterator[LiveServer]:
    """Bound so that others could reach it: nothing goes without a key."""
    with running(tmp_path_factory.mktemp("remote"), host="0.0.0.0", otlp_grpc_port=grpc_port) as live:
        yield live


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("local")) as live:
        yield live


@pytest.fixture(scope="module")
def keys(remote: LiveServer) -> dict[str, str]:
    with remote.browser() as browser:
        made = browser.post("/api/v1/projects", json={"id": "other", "name": "Other"})
        assert made.status_code == 201, made.text
    return {
        "ingest": remote.new_key("ingest"),
        "read": remote.new_key("read"),
        "other": remote.new_key("ingest", "other"),
    }


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_opens_every_path(remote: LiveServer, keys: dict[str, str], form: str) -> None:
    with remote.client() as client:
        for path in (*PATHS, "/v1/events"):
            body = {"post": [], "patch": []} if path == "/runs/batch" else {} if path != "/v1/litellm" else []
            statuses = {
                name: client.post(path, json=body, headers=headers).status_code
                for name, headers in {
                    "ingest": headers_of(form, keys["ingest"]),
                    "read": headers_of(form, keys["read"]),
                    "foreign": headers_of(form, "tl-key"),
                    "cut": headers_of(form, keys["ingest"][:-1]),
                }.items()
            }
            assert statuses["ingest"] in {200, 202, 400}, (path, statuses)
            assert statuses | {"ingest": 0} == {"ingest": 0, "read": 403, "foreign": 401, "cut": 401}, path


@pytest.mark.parametrize(("user", "password"), [("pk-lf-1", "{key}"), ("{key}", ""), ("{key}", "sk-lf-2")])
def test_basic_has_the_key_as_password_or_user(
    remote: LiveServer, keys: dict[str, str], user: str, password: str
) -> None:
    value = basic(user.format(key=keys["ingest"]), password.format(key=keys["ingest"]))
    with remote.client() as client:
        answer = client.post("/api/public/otel/v1/traces", content=b"", headers={**PROTOBUF, "Authorization": value})
    assert answer.status_code == 200


@pytest.mark.parametrize("value", ["Basic pk:sk", "Basic", "Basic !!!", "Basic /w==", "Bearer", "Bearer x y", ""])
def test_what_is_no_credential_opens_nothing(remote: LiveServer, value: str) -> None:
    with remote.client() as client:
        for headers in ({"Authorization": value}, {"x-api-key": value}):
            assert client.post("/v1/traces", content=b"", headers={**PROTOBUF, **headers}).status_code == 401


def test_our_key_counts_beside_one_of_another_tool(remote: LiveServer, keys: dict[str, str]) -> None:
    # A Langfuse SDK sends its own pair; ours stands in a header that the user may add.
    headers = {**PROTOBUF, "Authorization": basic("pk-lf-1", "sk-lf-2"), "x-api-key": keys["ingest"]}
    with remote.client() as client:
        assert client.post("/v1/traces", content=b"", headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["x-llmobserve-project", "x-project-name", "projectName", "langsmith-project"])
def test_a_name_in_a_header_never_leads_out_of_the_project_of_the_key(
    remote: LiveServer, keys: dict[str, str], header: str
) -> None:
    sent = span()
    with remote.client(keys["ingest"]) as client:
        body = request(sent).SerializeToString()
        assert client.post("/v1/traces", content=body, headers={**PROTOBUF, header: "other"}).status_code == 200
    with remote.api(project="other") as api:
        assert api.get(f"runs/{sent.trace_id.hex()}").status_code == 404
    with remote.api() as api:
        page = get(api, f"runs/{sent.trace_id.hex()}")
        event = get(api, f"events/{page['nodes'][0]['event_id']}")
    assert page["run"]["spend"]["cost_usd"] == CALL_USD
    assert event["metadata"]["project"] == "other"


def test_the_key_decides_the_project(remote: LiveServer, keys: dict[str, str]) -> None:
    sent = span()
    with remote.client(keys["other"]) as client:
        assert client.post("/v1/traces", content=request(sent).SerializeToString(), headers=PROTOBUF).is_success
    with remote.api(project="other") as api:
        assert get(api, f"runs/{sent.trace_id.hex()}")["run"]["spend"]["cost_usd"] == CALL_USD
    with remote.api() as api:
        assert api.get(f"runs/{sent.trace_id.hex()}").status_code == 404


def test_on_this_machine_no_key_is_needed_and_that_of_another_tool_is_none(local: LiveServer) -> None:
    with local.client() as client:
        for headers in (
            {},
            {"Authorization": "Bearer tl-key"},
            {"Authorization": basic("pk", "sk")},
            {"x-api-key": "x"},
        ):
            for path in PATHS[:2]:
                assert client.post(path, content=b"", headers={**PROTOBUF, **headers}).status_code == 200
        # One of ours that is wrong is a mistake, and said to be one.
        cut = {"Authorization": "Bearer llmo_ingest_cut"}
        assert client.post("/v1/traces", content=b"", headers={**PROTOBUF, **cut}).status_code == 401
        assert client.post("/v1/events", json={}, headers={"Authorization": "Bearer tl-key"}).status_code == 401


def test_on_this_machine_a_name_selects_a_project_that_is_there(local: LiveServer) -> None:
    with local.browser() as browser:
        assert browser.post("/api/v1/projects", json={"id": "shop", "name": "Shop"}).status_code == 201
    there, nowhere = span(), span()
    with local.client() as client:
        for sent, name in ((there, "shop"), (nowhere, "not-there")):
            headers = {**PROTOBUF, "x-project-name": name}
            assert client.post("/v1/traces", content=request(sent).SerializeToString(), headers=headers).is_success
    with local.api(project="shop") as api:
        assert get(api, f"runs/{there.trace_id.hex()}")["run"]["spend"]["cost_usd"] == CALL_USD
    with local.api() as api:
        assert get(api, f"runs/{nowhere.trace_id.hex()}")["run"]["spend"]["cost_usd"] == CALL_USD


PAGES: Mapping[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example", **PROTOBUF},
    "another site, by fetch metadata": {"Sec-Fetch-Site": "cross-site", **PROTOBUF},
    "a form": {"Content-Type": "text/plain", "User-Agent": "Mozilla/5.0"},
    "a form of parts": {"Content-Type": "multipart/form-data; boundary=x", "User-Agent": "Mozilla/5.0"},
    "a form of parts with an origin": {
        "Content-Type": "multipart/form-data; boundary=x",
        "Origin": "https://evil.example",
    },
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("path", ["/v1/traces", "/runs/multipart", "/api/public/ingestion"])
def test_pages_cannot_send(local: LiveServer, path: str, page: str) -> None:
    with local.client() as client:
        assert client.post(path, content=b"", headers=PAGES[page]).status_code == 403


def test_a_name_that_was_rebound_to_this_machine_is_not_this_machine(local: LiveServer) -> None:
    # The page of evil.example, whose name leads here now, sends what looks like its own origin and any header it likes.
    rebound = {"Host": f"evil.example:{local.port}", "Origin": f"http://evil.example:{local.port}", **PROTOBUF}
    with local.client() as client:
        for key in ("Bearer x", "Bearer llmo_ingest_x", basic("a", "b")):
            assert client.post("/v1/traces", content=b"", headers={**rebound, "Authorization": key}).status_code == 401
            assert client.get("/metrics", headers={**rebound, "x-api-key": key}).status_code == 401
        assert client.post("/v1/traces", content=b"", headers=rebound).status_code == 421


def test_a_proxy_on_this_machine_speaks_for_others(local: LiveServer) -> None:
    with local.client() as client:
        headers = {**PROTOBUF, "X-Forwarded-For": "203.0.113.9"}
        assert client.post("/v1/traces", content=b"", headers=headers).status_code == 401


@pytest.mark.parametrize("form", FORMS)
def test_keys_in_the_metadata_of_grpc(remote: LiveServer, keys: dict[str, str], grpc_port: int, form: str) -> None:
    assert remote.app.state.otlp_grpc.port == grpc_port
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        metadata = metadata_of(form, keys["ingest"])
        sent = span()
        assert export(request(sent).SerializeToString(), metadata=metadata) == b""
        refused = {
            grpc.StatusCode.PERMISSION_DENIED: metadata_of(form, keys["read"]),
            grpc.StatusCode.UNAUTHENTICATED: metadata_of(form, "tl-key"),
        }
        for code, given in refused.items():
            with pytest.raises(grpc.RpcError) as error:
                export(b"", metadata=given)
            assert error.value.code() is code
        with pytest.raises(grpc.RpcError) as error:
            export(b"")
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_project_of_a_key_is_told_to_langfuse(remote: LiveServer, keys: dict[str, str]) -> None:
    with remote.client() as client:
        told = client.get("/api/public/projects", headers={"Authorization": basic("pk", keys["other"])})
        assert told.json()["data"][0]["id"] == "other"
        assert client.get("/api/public/projects").status_code == 401
    assert httpx.get(f"{remote.url}/info").json()["batch_ingest_config"]["use_multipart_endpoint"]
