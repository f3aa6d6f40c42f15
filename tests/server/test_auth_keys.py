"""Life of an API key: form, creation, use, expiry, revocation, and what is kept of it."""

import asyncio
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from server.live_server import LiveServer, batch, running
from sqlalchemy import event, update

from llmobserve_server.auth.gate import Memory
from llmobserve_server.auth.secrets import is_well_formed_key, new_key_secret
from llmobserve_server.control.database import open_control
from llmobserve_server.control.models import ApiKey, AuditEntry, utc_now


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with running(tmp_path) as live:
        yield live


def test_keys_differ_and_a_wrong_character_shows() -> None:
    made = {new_key_secret("read") for _ in range(20_000)}
    assert len(made) == 20_000
    one = made.pop()
    assert one.startswith("llmo_read_")
    assert is_well_formed_key(one)
    for position in range(len("llmo_read_"), len(one)):
        changed = one[:position] + ("a" if one[position] != "a" else "b") + one[position + 1 :]
        assert not is_well_formed_key(changed)
    assert not is_well_formed_key(one[:-1])
    assert not is_well_formed_key(one.replace("read", "admin"))


def test_the_check_characters_are_the_crc32_in_base_62() -> None:
    body = "llmo_ingest_" + "0" * 24
    number, digits = zlib.crc32(body.encode()), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    check = "".join(digits[number // 62**power % 62] for power in range(5, -1, -1))
    assert is_well_formed_key(body + check)


def test_a_mistyped_key_is_refused_without_looking_it_up(server: LiveServer) -> None:
    statements: list[str] = []
    event.listen(server.control.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    good = new_key_secret("ingest")
    wrong = good[:-1] + ("a" if good[-1] != "a" else "b")
    with server.client(wrong) as client:
        assert client.post("/v1/events", json=batch()).status_code == 401
    assert statements == []
    with server.client(good) as client:
        answer = client.post("/v1/events", json=batch())
    assert answer.status_code == 401
    assert "revoked" in answer.json()["message"]
    assert statements


def test_a_key_is_shown_once_and_kept_as_a_hash(server: LiveServer) -> None:
    with server.browser() as browser:
        created = browser.post("/api/v1/keys", json={"name": "bot", "scope": "ingest"})
        listed = browser.get("/api/v1/keys")
    secret = created.json()["secret"]
    assert secret.startswith(created.json()["key"]["prefix"])
    assert secret not in listed.text
    assert [key["name"] for key in listed.json()] == ["bot"]
    random_part = secret.rpartition("_")[2]
    for file in server.settings.directory.glob("control.db*"):
        assert random_part.encode() not in file.read_bytes()


def test_a_key_sends_into_its_own_project(server: LiveServer) -> None:
    with server.browser() as browser:
        assert browser.post("/api/v1/projects", json={"name": "Other"}).status_code == 201
    key = server.new_key("ingest", "other")
    with server.client(key) as client:
        assert client.post("/v1/events", json=batch(2)).json()["accepted"] == 2
    with server.browser() as browser:
        counts = {project["id"]: project["event_count"] for project in browser.get("/api/v1/projects").json()}
    assert counts == {"default": 0, "other": 2}


def test_a_key_reads_no_other_project(server: LiveServer) -> None:
    with server.browser() as browser:
        browser.post("/api/v1/projects", json={"name": "Other"})
    with server.client() as client:
        client.post("/v1/events", json=batch())
    with server.client(server.new_key("read", "other")) as client:
        assert client.get("/api/v1/meta", params={"project": "default"}).status_code == 403
        own = client.get("/api/v1/meta").json()
    assert own["has_events"] is False
    assert [project["id"] for project in own["projects"]] == ["other"]
    with server.client(server.new_key("admin", "other")) as client:
        assert client.post("/api/v1/keys", json={"name": "x", "project_id": "default"}).status_code == 403
        assert client.get("/api/v1/keys", params={"project": "default"}).status_code == 403
        assert client.patch("/api/v1/projects/default", json={"name": "Mine"}).status_code == 403


def test_an_admin_key_of_one_project_revokes_none_of_another(server: LiveServer) -> None:
    with server.browser() as browser:
        browser.post("/api/v1/projects", json={"name": "Other"})
        theirs = browser.post("/api/v1/keys", json={"name": "theirs"}).json()["key"]["id"]
    with server.client(server.new_key("admin", "other")) as client:
        assert client.delete(f"/api/v1/keys/{theirs}").status_code == 404


def test_a_revoked_key_is_refused_at_once(server: LiveServer) -> None:
    with server.browser() as browser:
        created = browser.post("/api/v1/keys", json={"name": "bot"}).json()
        with server.client(created["secret"]) as client:
            assert client.post("/v1/events", json=batch()).status_code == 200
            assert browser.delete(f"/api/v1/keys/{created['key']['id']}").status_code == 204
            assert client.post("/v1/events", json=batch()).status_code == 401
        assert browser.delete(f"/api/v1/keys/{created['key']['id']}").status_code == 204
        assert browser.delete("/api/v1/keys/none").status_code == 404


def test_two_keys_live_side_by_side_while_one_replaces_the_other(server: LiveServer) -> None:
    old, new = server.new_key("ingest"), server.new_key("ingest")
    for key in (old, new):
        with server.client(key) as client:
            assert client.post("/v1/events", json=batch()).status_code == 200


def test_a_revocation_by_another_process_counts_within_five_seconds(server: LiveServer) -> None:
    key = server.new_key("ingest")
    with server.client(key) as client:
        assert client.post("/v1/events", json=batch()).status_code == 200
        other = open_control(server.settings.control_db_url)
        with other.session() as session, session.begin():
            session.execute(update(ApiKey).values(revoked_at=utc_now()))
        other.close()
        until = time.monotonic() + 5
        while (status := client.post("/v1/events", json=batch()).status_code) == 200 and time.monotonic() < until:
            time.sleep(0.1)
    assert status == 401


def test_a_key_is_good_where_its_use_cannot_be_written_down(server: LiveServer) -> None:
    key = server.new_key("read")

    def forbid_writing(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only=ON").close()

    event.listen(server.control.engine, "checkout", forbid_writing)
    with server.client(key) as client:
        assert client.get("/api/v1/runs").status_code == 200


def test_what_was_true_before_a_revocation_is_not_remembered_after_it() -> None:
    asked, revoked = threading.Event(), threading.Event()
    memory = Memory[str]()

    def find_slowly() -> str:
        asked.set()
        assert revoked.wait(10)
        return "valid"

    async def revoke_meanwhile() -> str | None:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(memory.get("key", find_slowly))
            assert await asyncio.to_thread(asked.wait, 10)
            memory.forget()
            revoked.set()
        assert first.result() == "valid"
        return await memory.get("key", lambda: None)

    assert asyncio.run(revoke_meanwhile()) is None


def test_an_expired_key_is_refused(server: LiveServer) -> None:
    with server.browser() as browser:
        created = browser.post("/api/v1/keys", json={"name": "bot", "expires_in_days": 1}).json()
        assert browser.post("/api/v1/keys", json={"name": "bot", "expires_in_days": 0}).status_code == 400
    assert created["key"]["expires_at"] is not None
    with server.control.session() as session, session.begin():
        session.execute(update(ApiKey).values(expires_at=utc_now() - timedelta(seconds=1)))
    with server.client(created["secret"]) as client:
        assert client.post("/v1/events", json=batch()).status_code == 401


def test_every_act_leaves_an_audit_entry_with_its_actor(server: LiveServer) -> None:
    with server.browser() as browser:
        created = browser.post("/api/v1/keys", json={"name": "bot"}).json()
        with server.client(created["secret"]) as client:
            client.post("/v1/events", json=batch())
            client.post("/v1/events", json=batch())
        browser.delete(f"/api/v1/keys/{created['key']['id']}")
        browser.delete("/api/v1/session")
    with server.control.session() as session:
        entries = session.query(AuditEntry).order_by(AuditEntry.id).all()
    acts = [entry.action for entry in entries]
    assert acts == ["sign_in.offer", "sign_in", "key.create", "key.first_use", "key.revoke", "sign_out"]
    by_action = {entry.action: entry for entry in entries}
    assert by_action["key.create"].actor == by_action["sign_in"].actor
    assert by_action["key.create"].actor.startswith("session:")
    assert by_action["key.create"].address == "127.0.0.1"
    assert by_action["key.first_use"].actor == f"key:{created['key']['id']}"
    assert created["secret"] not in repr([vars(entry) for entry in entries])
