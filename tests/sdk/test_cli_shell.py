"""The command shell and `llmobserve doctor`."""

import json
import os
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from loopback.collector import Collector

from llmobserve import __version__, capture, cli
from llmobserve.cli import doctor
from llmobserve.spool.dead_letters import put_dead
from llmobserve.spool.directory import put_status
from llmobserve.spool.writer import Spool


def received(arguments: list[str]) -> int:
    _received.append(arguments)
    return 7


_received: list[list[str]] = []


def with_server(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    entries = [EntryPoint(name, f"{__name__}:received", "llmobserve.commands") for name in names]
    monkeypatch.setattr(cli, "entry_points", lambda group: entries if group == "llmobserve.commands" else [])
    monkeypatch.setattr(EntryPoint, "load", lambda self: received)


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"llmobserve {__version__}\n"
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, _, text in cli.COMMANDS:
        assert f"  {name:<13} {text}" in shown
    assert cli.main([]) == 2


def test_every_command_of_the_table_exists(capsys: pytest.CaptureFixture[str]) -> None:
    for name, _, _ in cli.COMMANDS:
        with pytest.raises(SystemExit) as left:
            cli.main([name, "--help"])
        assert left.value.code == 0
        assert f"usage: llmobserve {name}" in capsys.readouterr().out


def test_server_commands_are_found_and_get_their_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    with_server(monkeypatch, "serve")
    assert cli.main(["serve", "--port", "9"]) == 7
    assert _received == [["--port", "9"]]


def test_without_the_server_it_says_how_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_server(monkeypatch)
    assert cli.main(["serve"]) == 2
    assert f"pip install 'llmobserve[server]=={__version__}'" in capsys.readouterr().err
    assert cli.main(["frobnicate"]) == 2
    assert "no command 'frobnicate'" in capsys.readouterr().err


def examined(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = doctor.main(["--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def spool_dir() -> Path:
    return Path(os.environ["LLMOBSERVE_SPOOL_DIR"])


def test_doctor_finds_nothing_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Collector() as collector:
        monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", collector.url)
        monkeypatch.setenv("LLMOBSERVE_API_KEY", "lo_1234567890abcdefghij")
        status, report = examined(capsys)
        assert (status, report["problems"]) == (0, [])
        assert collector.events() == []
        assert doctor.main([]) == 0
    shown = capsys.readouterr().out
    assert "No problems." in shown
    assert report["settings"]["api_key"] == "lo_1…ghij"
    assert "1234567890" not in shown
    states = {(entry["library"], entry["state"]) for entry in report["libraries"]}
    assert ("httpx", "active") in states
    assert report["collector"] == {"reachable": True, "accepted": True, "detail": None}
    assert capture.health() == []


def test_short_keys_are_masked_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LLMOBSERVE_API_KEY", "secret99")
    _, report = examined(capsys)
    assert report["settings"]["api_key"] == "…"


def test_doctor_tells_that_nobody_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", "http://127.0.0.1:1")
    status, report = examined(capsys)
    assert status == 1
    assert "does not answer at http://127.0.0.1:1" in report["problems"][0]


def test_doctor_tells_that_providers_get_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMOBSERVE_PROPAGATE_TO", "api.openai.com, billing.internal")
    _, report = examined(capsys)
    told = [problem for problem in report["problems"] if "propagate_to" in problem]
    assert told == ["propagate_to: api.openai.com is a host of openai, to which nothing is ever added."]
    assert report["settings"]["propagate_to"] == ["api.openai.com", "billing.internal"]


def test_doctor_tells_that_the_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Collector(lambda number, batch: (401, {}, {})) as collector:
        monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", collector.url)
        status, report = examined(capsys)
    assert status == 1
    assert report["collector"]["reachable"]
    assert "does not accept the API key" in report["problems"][0]


def test_doctor_tells_of_losses_old_files_and_dead_letters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spool_dir: Path
) -> None:
    spool = Spool(str(spool_dir), lambda: {"process_id": "p"})
    spool.write([b'{"type":"call"}'])
    spool.seal()
    put_dead(spool_dir, "b", [("bad", b"{}")])
    put_status(
        spool_dir,
        {
            "script": "app.py",
            "lost": {"spool_full": 3},
            "state": "parked",
            "reason": "the key is wrong",
            "internal_errors": {"recorder.call": 2},
        },
    )
    os.utime(spool.sealed[0], (0, 0))
    with Collector() as collector:
        monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", collector.url)
        status, report = examined(capsys)
    assert status == 1
    told = "\n".join(report["problems"])
    for words in (
        "`llmobserve flush` sends them",
        "1 batches have records that were refused for good",
        f"app.py (process {os.getpid()}) lost 3 records: spool_full",
        "cannot send: the key is wrong",
        "had 2 internal errors in recorder.call",
    ):
        assert words in told


def test_doctor_tells_of_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LLMOBSERVE_DURABILITY", "maybe")
    assert doctor.main([]) == 2
    assert "LLMOBSERVE_DURABILITY" in capsys.readouterr().err
