"""GET /api/v1/storage: rows, bytes and times by table and project, and what retention deletes next."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from server.event_rows import call
from server.live_server import LiveServer, batch, get, running

from llmobserve_server.control.models import utc_now
from llmobserve_server.store.protocol import WriteBatch


def _table(storage: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [table for table in storage["tables"] if table["table"] == name]
    return found


def test_tables_and_projects_add_up_and_the_next_deletions_are_told(tmp_path: Path) -> None:
    now = utc_now().replace(tzinfo=None)
    with running(tmp_path, retention_events_days=10) as server, server.api() as api:
        assert api.post("projects", json={"name": "Second", "id": "second"}).status_code == 201
        store = server.app.state.store
        old = [call(f"old{n}", now - timedelta(days=11)) | {"project_id": "default"} for n in range(3)]
        own = [call(f"own{n}", now - timedelta(hours=n)) | {"project_id": "default"} for n in range(5)]
        other = [call(f"other{n}", now - timedelta(days=n)) | {"project_id": "second"} for n in range(2)]
        store.write(WriteBatch(events=[*old, *own, *other]))
        store.checkpoint()
        storage = get(api, "storage")

        events = _table(storage, "events")
        assert (events["rows"], [part["project_id"] for part in events["projects"]]) == (10, ["default", "second"])
        assert [part["rows"] for part in events["projects"]] == [8, 2]
        assert events["bytes"] > 0
        assert [part["bytes"] for part in events["projects"]] == [events["bytes"] * 8 // 10, events["bytes"] * 2 // 10]
        assert events["projects"][0]["oldest"] == f"{(now - timedelta(days=11)).isoformat()}Z"
        assert events["projects"][0]["newest"] == f"{now.isoformat()}Z"
        assert (storage["engine"], _table(storage, "contents")["rows"]) == ("duckdb", 0)
        assert storage["total_bytes"] >= sum(table["bytes"] for table in storage["tables"])
        assert storage["disk_free_bytes"] > 0

        kinds = {kind["kind"]: kind for kind in storage["retention"]}
        assert (kinds["events"]["kept_days"], kinds["events"]["rows_due"]) == (10, 3)
        assert (kinds["contents"]["kept_days"], kinds["dead_letters"]["kept_days"]) == (10, 30)
        assert kinds["events"]["setting"] == "LLMOBSERVE_RETENTION_EVENTS_DAYS"
        assert storage["next_run"] > utc_now().isoformat()

        server.app.state.retention.run_once()
        after = get(api, "storage")
        assert (_table(after, "events")["rows"], after["retention"][1]["rows_due"]) == (7, 0)


def test_a_key_sees_its_own_project_only(server: LiveServer) -> None:
    with server.api() as api:
        assert api.post("projects", json={"name": "Second", "id": "second"}).status_code == 201
    server.send(batch(3))
    with server.client(server.new_key("ingest", "second")) as sender:
        assert sender.post("/v1/events", json=batch(4)).json()["accepted"] == 4
    with server.client(server.new_key("read", "second")) as reader:
        storage = get(reader, "/api/v1/storage")
    events = _table(storage, "events")
    assert (events["rows"], [part["project_id"] for part in events["projects"]]) == (4, ["second"])
    assert (storage["total_bytes"], storage["disk_free_bytes"]) == (None, None)
    assert _table(storage, "receipts")["rows"] == 1
