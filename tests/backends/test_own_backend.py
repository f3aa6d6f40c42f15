"""A backend of somebody else: found by its scheme, and none of its errors reaches the application."""

import json
import os
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from docs.guide_page import read_page
from wheels import ROOT

import llmobserve
from backends.conftest import Provider
from backends.records import CALL_USD, batch, call, rows
from llmobserve.backends import BackendError, EventRefused, StorageBackend
from llmobserve.backends.delivery import BackendTransport
from llmobserve.backends.registry import storage_transport
from llmobserve.cli import dead_letters, doctor, flush
from llmobserve.settings import SettingError
from llmobserve.transport import Reply, TransportError


class Shelf(StorageBackend):
    """Keeps events in a list; `trouble` is asked before each write."""

    stored: ClassVar[list[Mapping[str, Any]]] = []
    steps: ClassVar[list[str]] = []
    trouble: ClassVar[Callable[[Sequence[Mapping[str, Any]]], None] | None] = None

    def __init__(self, address: str) -> None:
        if address == "shelf:/nowhere":
            raise ValueError("shelf:NAME of a shelf that is there")

    def initialize(self) -> None:
        self.steps.append("initialize")

    def write_batch(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.steps.append(f"write {len(events)}")
        trouble = type(self).trouble
        if trouble is not None:
            trouble(events)
        self.stored.extend(events)

    def close(self) -> None:
        self.steps.append("close")


class Queue:
    """Carries whole batches elsewhere."""

    sent: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, address: str) -> None:
        self.address = address

    def post(self, body: bytes) -> Reply:
        self.sent.append({"address": self.address, **json.loads(body)})
        return Reply(200)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with entry points, as pip would have laid it on the path."""
    Shelf.stored.clear()
    Shelf.steps.clear()
    Shelf.trouble = None
    Queue.sent.clear()
    metadata = tmp_path / "site" / "acme_storage-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-storage\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[llmobserve.backends]\nshelf = acme_storage:Shelf\nbroken = acme_storage:Missing\n"
        "parquet = acme_storage:Shelf\n"
        "[llmobserve.transports]\nqueue = acme_storage:Queue\n"
    )
    module = types.ModuleType("acme_storage")
    module.__dict__.update(Shelf=Shelf, Queue=Queue)
    monkeypatch.setitem(sys.modules, "acme_storage", module)
    monkeypatch.syspath_prepend(tmp_path / "site")


def status() -> Mapping[str, Any]:
    found = llmobserve.status()
    assert found is not None
    return found


def test_it_is_given_priced_events(provider: Provider) -> None:
    llmobserve.observe(backend="shelf:main")
    with llmobserve.run("report", customer_id="acme"):
        provider.ask()
    assert llmobserve.flush()
    (stored,) = (event for event in Shelf.stored if event["type"] == "call")
    assert (stored["cost_usd"], stored["cost_state"], stored["customer_id"]) == (CALL_USD, "priced", "acme")
    assert llmobserve.shutdown()
    assert Shelf.steps[0] == "initialize"
    assert Shelf.steps.count("initialize") == 1
    assert Shelf.steps[-1] == "close"


def test_a_queue_is_given_whole_batches(provider: Provider) -> None:
    llmobserve.observe(backend="queue://broker/topic")
    provider.ask()
    assert llmobserve.flush()
    assert {sent["address"] for sent in Queue.sent} == {"queue://broker/topic"}
    assert "call" in {event["type"] for sent in Queue.sent for event in sent["events"]}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tape:x", "no backend is known for tape: — there are broken, parquet, postgres, postgresql, queue, shelf"),
        ("shelf:/nowhere", "backend cannot be 'shelf:/nowhere': give shelf:NAME of a shelf that is there"),
        ("broken:x", "the backend of broken:.*cannot be loaded: .*Missing"),
        ("no address", "backend cannot be: give an address such as"),
        ("://x", "backend cannot be: give an address such as"),
    ],
)
def test_what_cannot_be_used_is_told_at_once(address: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        llmobserve.observe(backend=address)
    assert llmobserve.status() is None


def test_ours_are_not_replaced(tmp_path: Path) -> None:
    transport = storage_transport(f"parquet:{tmp_path}/events")
    transport.post(json.dumps(batch(call("e1"))).encode())
    assert Shelf.stored == []
    assert list(tmp_path.glob("events/*/*.parquet"))


@pytest.mark.parametrize(
    ("address", "library", "install"),
    [
        ("parquet:x", "pyarrow", "pip install 'llmobserve\\[parquet\\]'"),
        ("postgresql://localhost/x", "psycopg", "pip install 'llmobserve\\[postgresql\\]'"),
    ],
)
def test_a_missing_library_is_named(
    address: str, library: str, install: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SettingError, match=install):
        llmobserve.observe(backend=address)
    monkeypatch.setenv("LLMOBSERVE_BACKEND", address)
    assert flush.main([]) == 2
    assert library in capsys.readouterr().err


def test_one_that_is_away_is_tried_again(provider: Provider) -> None:
    def away(events: Sequence[Mapping[str, Any]]) -> None:
        raise BackendError("shelf is locked, key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789")

    Shelf.trouble = away
    llmobserve.observe(backend="shelf:main")
    assert status()["backend_healthy"] is None
    provider.ask()
    assert not llmobserve.flush()
    told = status()
    assert (told["backend_healthy"], told["state"], told["internal_errors"], told["lost"]) == (
        False,
        "backing_off",
        {},
        {},
    )
    assert told["reason"].startswith("shelf is locked")
    assert "abcdefghijklmnop" not in told["reason"]
    Shelf.trouble = None
    assert llmobserve.flush()
    assert status()["backend_healthy"] is True
    assert Shelf.steps.count("initialize") == 2
    assert [event["type"] for event in Shelf.stored].count("call") == 1


def test_a_defect_is_counted_and_loses_nothing(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(events: Sequence[Mapping[str, Any]]) -> None:
        raise ZeroDivisionError("their mistake")

    monkeypatch.delenv("LLMOBSERVE_RAISE_INTERNAL")
    Shelf.trouble = defect
    llmobserve.observe(backend="shelf:main")
    assert provider.ask() == "chatcmpl-0"
    assert not llmobserve.flush()
    told = status()
    assert told["internal_errors"]["backend.write"] >= 1
    assert (told["backend_healthy"], told["lost"], told["dead_letters"]) == (False, {}, {})
    Shelf.trouble = None
    assert llmobserve.flush()
    assert [event["type"] for event in Shelf.stored].count("call") == 1


def test_the_system_is_away_too() -> None:
    def away(events: Sequence[Mapping[str, Any]]) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    Shelf.trouble = away
    with pytest.raises(TransportError, match="Connection refused"):
        BackendTransport(Shelf("shelf:main")).post(json.dumps(batch(call("e1"))).encode())


def test_what_is_refused_becomes_a_dead_letter(
    provider: Provider, own_directories: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def strict(events: Sequence[Mapping[str, Any]]) -> None:
        if any(event["request_model"] == "gpt-9-mini" for event in events):
            raise EventRefused("this model has no shelf")

    Shelf.trouble = strict
    llmobserve.observe(backend="shelf:main")
    for model in ("gpt-4o-mini", "gpt-9-mini", "gpt-4o-mini"):
        provider.ask(model=model)
    assert llmobserve.flush()
    assert [event["cost_usd"] for event in Shelf.stored if event["type"] == "call"] == [CALL_USD, CALL_USD]
    assert (status()["dead_letters"], status()["backend_healthy"]) == ({"rejected": 1}, True)
    llmobserve.shutdown()

    monkeypatch.setenv("LLMOBSERVE_BACKEND", "shelf:main")
    assert dead_letters.main([]) == 0
    assert "this model has no shelf" in capsys.readouterr().out
    assert dead_letters.main(["retry"]) == 1
    assert "Refused again: 1 records" in capsys.readouterr().out
    Shelf.trouble = None
    assert dead_letters.main(["retry"]) == 0
    assert f"Sent 1 records to shelf:{Path.cwd()}/main." in capsys.readouterr().out
    assert [event["request_model"] for event in Shelf.stored if event["type"] == "call"][-1] == "gpt-9-mini"


def test_a_record_that_is_none_is_refused() -> None:
    body = json.dumps(batch(call("e1"), {"type": "surprise"})).encode()
    reply = json.loads(BackendTransport(Shelf("shelf:main")).post(body).body)
    assert (reply["accepted"], [entry["index"] for entry in reply["verdicts"]]) == (1, [1])
    assert [event["event_id"] for event in Shelf.stored] == ["e1"]


def test_reports_and_losses_alone_touch_nothing() -> None:
    body = json.dumps(batch(dropped={"spool_full": 3})).encode()
    assert BackendTransport(Shelf("shelf:main")).post(body).status == 200
    assert Shelf.steps == []


def test_one_event_is_a_batch_of_one() -> None:
    Shelf("shelf:main").write_event(rows(call("e1"))[0])
    assert Shelf.steps == ["write 1"]


def test_flush_brings_what_ended_processes_have_left(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(events: Sequence[Mapping[str, Any]]) -> None:
        raise BackendError("the shelf is locked")

    monkeypatch.setenv("LLMOBSERVE_BACKEND", "shelf:main")
    Shelf.trouble = away
    llmobserve.observe()
    provider.ask()
    assert not llmobserve.shutdown()
    assert flush.main([]) == 1
    assert "the shelf is locked" in capsys.readouterr().out
    Shelf.trouble = None
    assert flush.main([]) == 0
    assert "records to shelf:" in capsys.readouterr().out
    assert [event["type"] for event in Shelf.stored].count("call") == 1


def test_doctor_asks_storage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = "hunter2hunter2"
    monkeypatch.setenv("LLMOBSERVE_BACKEND", f"postgresql://llm:{secret}@127.0.0.1:1/shop")
    assert doctor.main([]) == 1
    told = capsys.readouterr().out
    assert "Problem: postgresql://127.0.0.1:1/shop cannot be written to: PostgreSQL: " in told
    assert secret not in told
    monkeypatch.setenv("LLMOBSERVE_BACKEND", f"parquet:{tmp_path}/events")
    doctor.main(["--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["backend"] == f"parquet:{tmp_path}/events"
    assert report["collector"] == {"reachable": True, "accepted": True, "detail": None}
    monkeypatch.setenv("LLMOBSERVE_BACKEND", "tape:x")
    assert doctor.main([]) == 1
    assert "no backend is known for tape" in capsys.readouterr().out


def test_the_environment_chooses_it_too(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMOBSERVE_BACKEND", "shelf:main")
    llmobserve.observe()
    assert status()["backend"] == f"shelf:{os.getcwd()}/main"  # noqa: PTH109
    provider.ask()
    assert llmobserve.flush()
    assert Shelf.stored


def test_tests_of_applications_need_no_storage(provider: Provider) -> None:
    from llmobserve.testing import captured

    with captured() as found:
        llmobserve.observe(backend="postgresql://127.0.0.1:1/shop")
        provider.ask()
        assert found.cost_usd == CALL_USD


def test_the_backend_of_the_guide(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "guides" / "backends.md").read_text("utf-8")
    (entry_points,) = re.findall(r'```toml\n\[project\.entry-points\."(.+)"\]\n(\w+) = "(.+)"\n```', text)
    group, scheme, target = entry_points
    site = tmp_path / "site"
    (site / "jsonl_store.py").write_text(read_page(ROOT / "docs" / "guides" / "backends.md").files["jsonl_store.py"])
    metadata = site / "jsonl_store-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: jsonl-store\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{scheme} = {target}\n")
    file = tmp_path / "events.jsonl"
    llmobserve.observe(backend=f"jsonl:{file}")
    provider.ask()
    assert llmobserve.flush()
    llmobserve.shutdown()
    llmobserve.observe(backend=f"jsonl:{file}")
    provider.ask()
    assert llmobserve.flush()
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["cost_usd"] for event in events if event["type"] == "call"] == ["0.000031200000"] * 2
    body = json.dumps(batch(call("e1"))).encode()
    for _ in range(2):
        storage_transport(f"jsonl:{file}").post(body)
    assert len(file.read_text().splitlines()) == len(events) + 1
