"""`llmobserve doctor`: what is covered by what, what is not and why, and a call through each library."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback.collector import Collector

from llmobserve import capture
from llmobserve.capture import PatchHealth
from llmobserve.capture.libraries import LIBRARIES, Library
from llmobserve.cli import coverage, doctor, self_test
from llmobserve.settings import load

NAMES = {"grpcio": "grpc", "requests": "urllib3"}
TRANSPORTS = {"httpx", "httpx2", "aiohttp", "urllib3", "grpc", "websockets"}


def hook(library: str, state: Any = "active", **facts: Any) -> PatchHealth:
    return PatchHealth(library=library, version="1", target="C.send", state=state, **facts)


def doctored(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    status = doctor.main(["--json", *options])
    return status, json.loads(capsys.readouterr().out)


def test_every_installed_library_is_within_the_tested_versions() -> None:
    seen = 0
    for row in coverage.library_coverage([hook(name) for name in coverage.TESTED]):
        assert row["is_tested"] is not False, row
        seen += row["is_tested"] is True
    assert seen >= 8


@pytest.mark.parametrize(
    ("found", "is_tested"), [("2.5.9", False), ("2.6", True), ("2.8.41", True), ("2.9.0", False), ("3.0.0rc1", False)]
)
def test_versions_are_compared_by_their_first_two_numbers(
    monkeypatch: pytest.MonkeyPatch, found: str, is_tested: bool
) -> None:
    monkeypatch.setattr(coverage, "version", lambda name: found)
    (row,) = coverage.library_coverage([hook("urllib3")])
    assert (row["installed"], row["tested"], row["is_tested"]) == (found, "2.6 to 2.8", is_tested)


def test_clients_name_libraries_that_are_hooked_and_that_they_require() -> None:
    hooked = {library.name for library in LIBRARIES}
    checked = 0
    for client in coverage.CLIENTS:
        assert set(client.by) <= hooked, client
        try:
            wanted = requires(client.distribution) or []
        except PackageNotFoundError:
            continue
        names = {
            text.replace("[", " ").replace(">", " ").split(" ")[0].split("<")[0]
            for text in wanted
            if "extra" not in text
        }
        transports = {NAMES.get(name, name) for name in names} & TRANSPORTS
        assert transports <= set(client.by) | {"urllib3", "aiohttp"}, (client, transports)
        checked += bool(transports)
    assert checked >= 20


def test_a_client_is_covered_by_what_is_active() -> None:
    def row(*health: PatchHealth) -> dict[str, Any]:
        return next(one for one in coverage.client_coverage(health) if one["client"] == "openai")

    both = row(hook("httpx2"), hook("httpx2", "waiting"), hook("websockets"))
    assert (both["covered"], both["by"], both["broken"]) == (True, ["httpx2", "websockets"], [])
    half = row(hook("httpx2"), hook("httpx2", "missing"), hook("websockets"))
    assert (half["covered"], half["by"], half["broken"]) == (False, ["websockets"], ["httpx2"])
    none = row(hook("httpx2", "waiting"))
    assert (none["covered"], none["by"]) == (False, [])
    assert both["version"] == version("openai")


def test_what_no_hook_sees_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "version", lambda name: {"azure-cognitiveservices-speech": "1.53.0"}[name])
    monkeypatch.setattr(coverage, "PackageNotFoundError", KeyError)
    (row,) = coverage.uncovered()
    assert (row["distribution"], row["version"]) == ("azure-cognitiveservices-speech", "1.53.0")
    assert "C++" in row["why"]
    assert row["instead"]


def test_doctor_says_what_covers_each_client(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = doctored(capsys, "--offline")
    assert (status, report["problems"], report["collector"], report["self_test"]) == (0, [], None, None)
    clients = {row["client"]: row for row in report["clients"]}
    assert clients["openai"]["by"] == ["httpx2", "httpx", "websockets"]
    assert clients["xai-sdk"]["by"] == ["grpc"]
    assert clients["boto3"]["by"] == ["urllib3"]
    assert all(row["covered"] for row in clients.values())
    assert capture.health() == []
    assert doctor.main(["--offline"]) == 0
    shown = capsys.readouterr().out
    assert "not asked" in shown
    assert "Note: Of boto3 not covered" in shown


def test_an_upgrade_that_breaks_a_hook_fails_the_build(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def renamed(client: Any, request: Any) -> Any:
        return None

    send = httpx.Client._send_single_request
    monkeypatch.delattr(httpx.Client, "_send_single_request")
    monkeypatch.setattr(httpx.Client, "_send_renamed", renamed, raising=False)
    status, report = doctored(capsys, "--offline")
    assert status == 1
    assert any("Client.send is degraded" in problem for problem in report["problems"])
    clients = {row["client"]: row for row in report["clients"]}
    assert (clients["groq"]["covered"], clients["groq"]["broken"]) == (False, ["httpx"])
    monkeypatch.undo()
    assert httpx.Client._send_single_request is send


def test_a_framework_that_has_moved_its_modules_fails_the_build(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = "llmobserve.frameworks.crewai_hooks:CrewaiHooks"
    moved = Library("celery", ("celery.moved.away",), hooks, "crewai")
    absent = Library("no_such_framework", ("no_such_framework.core", "nowhere.core"), hooks, "crewai")
    monkeypatch.setattr(doctor, "wanted", lambda settings: (moved, absent))
    status, report = doctored(capsys, "--offline")
    assert status == 1
    (problem,) = report["problems"]
    assert problem == f"celery {version('celery')}: celery.moved.away is missing: there is no such module."
    monkeypatch.setattr(coverage, "TESTED", {"celery": ("celery", "99.0", "99.0")})
    assert doctored(capsys, "--offline")[0] == 0, "an older version has not changed"


def test_an_untested_version_is_a_note_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(coverage, "TESTED", {**coverage.TESTED, "httpx": ("httpx", "0.1", "0.2")})
    status, report = doctored(capsys, "--offline")
    assert status == 0
    assert f"httpx {httpx.__version__} is not among the tested versions (0.1 to 0.2)" in "\n".join(report["notes"])


def test_a_call_through_each_library_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = doctored(capsys, "--offline", "--self-test")
    assert (status, report["problems"]) == (0, [])
    seen = {row["name"]: row["seen"] for row in report["self_test"]}
    assert seen == {probe.name: True for probe in self_test.PROBES}
    assert set(seen) >= {"httpx", "httpx2", "requests", "urllib3", "aiohttp", "http.client", "websockets", "grpc"}
    assert doctor.main(["--offline", "--self-test"]) == 0
    assert "NOT SEEN" not in capsys.readouterr().out


def probe(name: str) -> self_test.Probe:
    return next(one for one in self_test.PROBES if one.name == name)


def not_hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a library whose calls take a way that the hook does not stand in."""
    original = httpx.Client._send_single_request

    def around(client: Any, request: Any) -> Any:
        response = httpx.Response(200, json={"usage": None}, request=request)
        return response if request.url.path else original(client, request)

    monkeypatch.setattr(httpx.Client, "send", lambda client, request, **_: around(client, request))


@contextmanager
def nobody() -> Any:
    yield "127.0.0.1:1"


@pytest.mark.parametrize(
    ("serve", "prepare", "detail"),
    [
        (self_test._http, not_hooked, "the call was made and not seen"),
        (nobody, lambda monkeypatch: None, "the call failed: ConnectError"),
    ],
)
def test_a_call_that_is_not_seen_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    serve: Callable[[], AbstractContextManager[str]],
    prepare: Callable[[pytest.MonkeyPatch], None],
    detail: str,
) -> None:
    prepare(monkeypatch)
    monkeypatch.setattr(self_test, "PROBES", (replace(probe("httpx"), serve=serve), probe("http.client")))
    status, report = doctored(capsys, "--offline", "--self-test")
    assert status == 1
    bad, good = report["self_test"]
    assert (bad["seen"], good["seen"]) == (False, True)
    assert bad["detail"].startswith(detail)
    assert [problem for problem in report["problems"] if f"httpx {httpx.__version__}: {detail}" in problem]


def test_what_another_library_sees_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "PROBES", (replace(probe("requests"), library="requests"),))
    (result,) = self_test.self_test(load({}, environ={}))
    assert (result["seen"], result["detail"]) == (False, "it was seen by urllib3 instead of requests")


def test_a_self_test_records_and_sends_nothing(own_directories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as collector:
        monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", collector.url)
        assert doctor.main(["--self-test"]) == 0
        assert collector.events() == []
    assert list((own_directories / "spool").glob("*.seg")) == []
