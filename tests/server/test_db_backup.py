"""A backup has all that was acknowledged before its point, and comes back as it was or not at all (D05)."""

import io
import json
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from server.event_rows import at, call, opened
from server.live_server import LiveServer, batch, get, running
from server.test_store_disk_full import largest_file
from sqlalchemy import func, select

from llmobserve_server.app import Databases
from llmobserve_server.cli.db import main
from llmobserve_server.errors import ServerError
from llmobserve_server.jobs.backup import Backups, restore
from llmobserve_server.settings import ServerSettings, load_settings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import WriteBatch
from llmobserve_server.store.tables import contents, events

KILLS = 4


def db(*arguments: str) -> int:
    """Exit status of `llmobserve db …`."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def settings_of(data_dir: Path) -> ServerSettings:
    return load_settings({}, data_dir=data_dir)


def stored(data_dir: Path) -> tuple[list[str], Decimal | None]:
    """The ids of all events, and the sum of what they cost."""
    store = open_store(settings_of(data_dir).db_url)
    try:
        ids = [row["event_id"] for row in store.fetch(select(events.c.event_id))]
        (row,) = store.fetch(select(func.sum(events.c.cost_usd).label("usd")))
    finally:
        store.close()
    return ids, row["usd"]


class Load:
    """Senders that post batches until the end of the block, and know when each was sent and acknowledged."""

    def __init__(self, server: LiveServer, senders: int = 3) -> None:
        self._server = server
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(senders)]
        self.sent: dict[str, float] = {}
        self.acknowledged: dict[str, float] = {}

    def _send(self) -> None:
        with self._server.client() as client:
            while not self._over.is_set():
                body = batch(10, usage={"units": {"input_text_tokens": 1000}, "source": "response"}, provider="openai")
                ids = [str(event["event_id"]) for event in body["events"]]
                self.sent.update(dict.fromkeys(ids, time.time()))  # noqa: TID251 (compared with the clock of the server)
                assert client.post("/v1/events", json=body).json()["accepted"] == 10
                self.acknowledged.update(dict.fromkeys(ids, time.time()))  # noqa: TID251

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_a_backup_under_load_has_what_was_acknowledged_before_its_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path / "data") as server, Load(server) as load:
        _until(lambda: len(load.acknowledged) > 500)
        files = [tmp_path / f"{number}.tar" for number in range(2)]
        for file in files:
            assert db("backup", str(file), "--data-dir", str(tmp_path / "data"), "--port", str(server.port)) == 0
            seen = len(load.acknowledged)
            _until(lambda seen=seen: len(load.acknowledged) > seen + 100)
    for number, file in enumerate(files):
        target = tmp_path / f"restored{number}"
        restored = restore(file, settings_of(target))
        point = restored.point.timestamp()
        ids, usd = stored(target)
        assert len(ids) == len(set(ids)) == restored.tables["events"].rows
        assert usd == restored.tables["events"].sums["cost_usd"]
        before = {event_id for event_id, moment in load.acknowledged.items() if moment < point}
        after = {event_id for event_id, moment in load.sent.items() if moment > point}
        assert len(before) > 500 and after
        assert before <= set(ids)
        assert not after & set(ids)
        # gpt-5: 1,000 input tokens at $1.25 a million are $0.00125 a call.
        assert usd == Decimal("0.00125") * len(ids)
    assert "all that was acknowledged before" in capsys.readouterr().out
    assert not list((tmp_path / "data").glob("*.part"))


def test_keys_projects_and_all_tables_come_back_and_the_restored_collector_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, target = tmp_path / "data", tmp_path / "new" / "place"
    with running(data) as server:
        with server.api() as api:
            assert api.post("projects", json={"name": "Second", "id": "second"}).status_code == 201
        key = server.new_key("admin", "second")
        with server.client(key) as client:
            said = {"type": "content", "event_id": "c1", "input": "Grüße 🌍"}
            body = batch(3, metadata={"plan": "gold"})
            body["events"].append(said)
            assert client.post("/v1/events", json=body).json()["accepted"] == 4
    (data / "prices").mkdir(exist_ok=True)
    (data / "prices" / "note.json").write_text("{}")
    folder = tmp_path / "backups"
    folder.mkdir()
    assert db("backup", str(folder), "--data-dir", str(data)) == 0
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert db("restore", str(file), "--data-dir", str(target)) == 0
    assert "Rows, values that are set and exact sums" in capsys.readouterr().out
    assert target.stat().st_mode & 0o077 == 0
    assert (target / "prices" / "note.json").read_text() == "{}"
    with running(target) as server, server.client(key) as client:
        assert get(client, "/api/v1/events", **{"from": "2026-01-01"})["events"]
        assert client.post("/v1/events", json=batch(2)).json()["accepted"] == 2
        assert server.app.state.store.fetch(select(contents.c.input))[0]["input"] == '"Grüße 🌍"'
    assert db("restore", str(file), "--data-dir", str(target)) == 1
    assert "exists. Restore into another --data-dir" in capsys.readouterr().err


def test_a_backup_goes_to_a_new_file_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path):
        pass
    (tmp_path / "control.db").touch()
    (tmp_path / "there.tar").write_text("mine")
    assert db("backup", str(tmp_path / "there.tar"), "--data-dir", str(tmp_path)) == 1
    assert (tmp_path / "there.tar").read_text() == "mine"
    assert db("backup", str(tmp_path / "none" / "b.tar"), "--data-dir", str(tmp_path)) == 1
    assert "No such file or directory" in capsys.readouterr().err
    assert db("backup", str(tmp_path / "b.tar"), "--data-dir", str(tmp_path / "nowhere")) == 1
    assert "There is no collector's data" in capsys.readouterr().err


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of 2,000 calls."""
    data = tmp_path_factory.mktemp("data")
    with opened(data) as store:
        store.write(WriteBatch(events=[call(f"c{n}", at(n / 100), cost="0.1", is_exchange=True) for n in range(2000)]))
    (data / "control.db").touch()
    assert db("backup", str(data / "b.tar"), "--data-dir", str(data)) == 0
    return data / "b.tar"


def _with_members(file: Path, changes: dict[str, bytes | None], target: Path, **named: bytes) -> Path:
    """The archive with other members: replaced, left out (`None`), or added."""
    with tarfile.open(file) as source, tarfile.open(target, "w") as made:
        for member in source:
            opened_member = source.extractfile(member)
            assert opened_member is not None
            content = changes.get(member.name, opened_member.read())
            if content is not None:
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
        for name, content in named.items():
            added = tarfile.TarInfo(name)
            added.size = len(content)
            made.addfile(added, io.BytesIO(content))
    return target


def _manifest(file: Path) -> dict[str, Any]:
    with tarfile.open(file) as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        return json.loads(member.read())


def test_what_is_not_whole_is_refused_and_leaves_nothing(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    said = _manifest(file)
    less = json.loads(json.dumps(said))
    less["tables"]["events"]["rows"] -= 1
    dearer = json.loads(json.dumps(said))
    dearer["tables"]["events"]["sums"]["cost_usd"] = "200.000000000001"
    flipped = bytearray(whole)
    flipped[1_000_000] ^= 1
    for number, (content, words) in enumerate(
        [
            (whole[: len(whole) // 2], "no complete backup"),
            (whole[:-2048], "no complete backup|damaged|no manifest"),
            (b"", "no complete backup"),
            (b"not an archive" * 1000, "no complete backup"),
            (bytes(flipped), "is damaged: events.duckdb"),
            (_with_members(file, {"manifest.json": None}, tmp_path / "a").read_bytes(), "has no manifest"),
            (_with_members(file, {"control.db": None}, tmp_path / "b").read_bytes(), "is damaged: control.db"),
            (_with_members(file, {}, tmp_path / "c", **{"../../evil": b"x"}).read_bytes(), "member '../../evil'"),
            (_with_members(file, {}, tmp_path / "d", **{"/etc/evil": b"x"}).read_bytes(), "member"),
            (
                _with_members(file, {"manifest.json": json.dumps(said | {"version": 2}).encode()}, tmp_path / "e"),
                "Upgrade llmobserve-server",
            ),
            (
                _with_members(file, {"manifest.json": json.dumps(less).encode()}, tmp_path / "f"),
                "1,999 rows and 2,000",
            ),
            (
                _with_members(file, {"manifest.json": json.dumps(dearer).encode()}, tmp_path / "g"),
                r"sum of cost_usd is 200\.000000000001 and 200\.0",
            ),
        ]
    ):
        spoiled = tmp_path / f"spoiled{number}.tar"
        spoiled.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        target = tmp_path / f"target{number}"
        with pytest.raises(ServerError, match=words):
            restore(spoiled, settings_of(target))
        assert not target.exists() or not list(target.iterdir())
    assert not (tmp_path / "evil").exists()


def test_one_backup_at_a_time_and_a_reader_who_leaves_lets_the_next_one_in(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.browser() as browser:
        server.app.state.store.write(
            WriteBatch(contents=[_said(n) for n in range(3000)]),
        )
        with browser.stream("POST", "/api/v1/backup") as first:
            assert first.status_code == 200
            assert first.headers["content-type"] == "application/x-tar"
            again = browser.post("/api/v1/backup")
            assert (again.status_code, again.json()["error"]) == (409, "conflict")
        _until(lambda: not list(tmp_path.glob("*.part")))
        answer = browser.post("/api/v1/backup")
        assert len(answer.content) == int(answer.headers["content-length"])
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            assert archive.getnames() == ["events.duckdb", "control.db", "manifest.json"]


def _said(number: int) -> dict[str, Any]:
    # 12 MB of text that cannot be made smaller: more than the buffers of the connection hold.
    noise = f"{number:04}" + "".join(chr(0x4E00 + (number * 7919 + n * 104729) % 20000) for n in range(1300))
    return {"project_id": "default", "event_id": f"c{number}", "received_at": at(1), "input": json.dumps(noise)}


def test_a_collector_killed_while_it_makes_a_backup_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for part in range(5):
            store.write(
                WriteBatch(
                    events=[call(f"{part}-{n}", at(n / 1000), cost="0.01", is_exchange=True) for n in range(4000)]
                )
            )
    (tmp_path / "control.db").touch()
    command = [sys.executable, str(Path(__file__).with_name("kill_backup.py")), str(tmp_path)]
    for kill in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(0.1 * kill)
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=60) == -signal.SIGKILL
        ids, usd = stored(tmp_path)
        assert (len(ids), usd) == (20_000, Decimal("200.00"))
    assert db("backup", str(tmp_path / "b.tar"), "--data-dir", str(tmp_path)) == 0
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "events.duckdb.backup").exists()
    assert restore(tmp_path / "b.tar", settings_of(tmp_path / "new")).tables["events"].sums["cost_usd"] == Decimal(200)


def test_no_backup_is_begun_that_the_disk_has_no_room_for(tmp_path: Path) -> None:
    with running(tmp_path, disk_reserve_mb=1_000_000) as server, server.browser() as browser:
        answer = browser.post("/api/v1/backup")
        assert (answer.status_code, "are free, of which" in answer.json()["message"]) == (503, True)
        assert browser.get("/health").status_code == 200
        assert not list(tmp_path.glob("*.part"))


def test_figures_and_exports_of_a_running_collector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path / "data") as server:
        server.send(batch(30), batch(12))
        place = ("--data-dir", str(tmp_path / "data"), "--port", str(server.port))
        assert db("info", *place) == 0
        assert re.search(r"events +42 ", capsys.readouterr().out)
        assert db("export", str(tmp_path / "export"), *place) == 0
        assert not list((tmp_path / "data").glob("*.part"))
        server.send(batch(5))
    assert db("import", str(tmp_path / "export"), "--data-dir", str(tmp_path / "new")) == 0
    assert len(stored(tmp_path / "new")[0]) == 42


def test_a_disk_that_is_full_in_the_middle_leaves_no_half_backup_and_the_store_well(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write(WriteBatch(contents=[_said(n) for n in range(1500)]))
    settings = replace(settings_of(tmp_path), disk_reserve_mb=0)
    databases = Databases(settings)
    try:
        backups = Backups(databases.store, databases.control, settings)
        with largest_file(2 * 1024 * 1024), pytest.raises(ServerError):
            backups.make()
        assert not list(tmp_path.glob("*.part"))
        assert not (tmp_path / "events.duckdb.backup").exists()
        databases.store.write(WriteBatch(contents=[_said(9000)]))
        made = backups.make()
        assert sum(map(len, iter(made.read, b""))) == made.size_bytes
        made.close()
    finally:
        databases.close()


def _until(holds: Any) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it has not come true")


def test_the_point_is_told_with_its_zone(file: Path) -> None:
    assert datetime.fromisoformat(_manifest(file)["point"]).tzinfo is not None
