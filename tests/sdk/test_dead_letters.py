"""`llmobserve dead-letters`: what was refused can be read, sent again under its own process, and dropped."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback.collector import Collector

from llmobserve.cli import dead_letters
from llmobserve.spool.dead_letters import dead_files, put_dead, read_dead
from llmobserve.spool.writer import Spool
from llmobserve.transport import Sender
from llmobserve.transport.http import HttpTransport


def call(number: int) -> bytes:
    return json.dumps({"type": "call", "event_id": f"e{number}"}, separators=(",", ":")).encode()


@pytest.fixture
def folder() -> Path:
    return Path(os.environ["LLMOBSERVE_SPOOL_DIR"])


@pytest.fixture
def refusing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bool]]:
    """Three records of two processes that the collector has refused; it takes them when `refusing["on"]` is off."""
    state: dict[str, Any] = {"on": True}

    def decide(number: int, batch: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return (422, {}, {"detail": "unknown field"}) if state["on"] else None

    with Collector(decide) as collector:
        monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", collector.url)
        for process, numbers in (("p1", (1, 2)), ("p2", (3,))):
            spool = Spool(str(folder), lambda process=process: {"process_id": process, "service": "shop"})
            spool.write([call(number) for number in numbers])
            transport = HttpTransport(collector.url, None)
            assert Sender(spool, transport).send_all(now=True)
            transport.close()
            assert dict(spool.lost) == {"refused": len(numbers)}
        state["collector"] = collector
        yield state


def run(*arguments: str) -> int:
    return dead_letters.main(list(arguments))


def test_list_and_show(refusing: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(entry["records"] for entry in listed) == [1, 2]
    assert all(list(entry["reasons"]) == ['HTTP 422: {"detail": "unknown field"}'] for entry in listed)
    assert run() == 0
    assert "2 records" in capsys.readouterr().out
    name = next(entry["name"] for entry in listed if entry["records"] == 1)
    assert run("show", name) == 0
    (shown,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (shown["record"]["event_id"], shown["source"]["process_id"]) == ("e3", "p2")


def test_sent_again_after_an_update_of_the_collector(
    refusing: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("retry") == 1
    assert "Refused again: 3 records" in capsys.readouterr().out
    assert sum(len(read_dead(path)) for path in dead_files(folder)) == 3
    refusing["on"] = False
    assert run("retry") == 0
    assert "Sent 3 records" in capsys.readouterr().out
    collector: Collector = refusing["collector"]
    found = {
        event["event_id"]: batch["source"]["process_id"] for batch in collector.batches for event in batch["events"]
    }
    assert found == {"e1": "p1", "e2": "p1", "e3": "p2"}
    assert dead_files(folder) == []
    assert run() == 0
    assert "No record was refused." in capsys.readouterr().out


def test_not_sent_while_the_collector_is_away(
    refusing: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMOBSERVE_COLLECTOR_URL", "http://127.0.0.1:1")
    assert run("retry") == 1
    assert "Not sent yet" in capsys.readouterr().out
    assert len(list(folder.glob("*.seg"))) == 2  # an ordinary flush brings them


def test_drop_asks_for_a_name(refusing: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = dead_files(folder)
    assert run("drop") == 2
    assert run("drop", "nothing") == 1
    assert run("drop", first.stem) == 0
    assert dead_files(folder) == [second]
    assert run("drop", "--all") == 0
    assert dead_files(folder) == []
    capsys.readouterr()


def test_letters_of_an_earlier_version_can_be_read(folder: Path) -> None:
    assert put_dead(folder, "b", [("bad", call(1))])
    (path,) = dead_files(folder)
    with path.open("a") as file:
        file.write('{"reason":"old","record":{"type":"call"}}\nnot json\n')
    assert [(letter.reason, dict(letter.source)) for letter in read_dead(path)] == [("bad", {}), ("old", {})]
