"""Refused records decided about again by the API: by whom it may be asked, and what it answers."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.live_server import batch, running

from llmobserve_server.store.protocol import WriteBatch


def test_replay(tmp_path: Path):
    (kept,) = batch()["events"]
    letter: dict[str, Any] = {
        "project_id": "default",
        "received_at": datetime.now(UTC).replace(tzinfo=None),
        "batch_id": "b-1",
        "position": 0,
        "event_id": kept["event_id"],
        "reason": "kind must be one of …",
        "body": json.dumps(kept),
    }
    with running(tmp_path) as live:
        letters = [letter, {**letter, "position": 1, "event_id": "bad", "body": '{"type": "call", "event_id": "bad"}'}]
        live.app.state.store.write(WriteBatch(dead_letters=letters))
        path = "/api/v1/health/dead-letters/replay"
        with live.client(live.new_key("read")) as reader, live.client(live.new_key("admin")) as admin:
            assert reader.post(path).status_code == 403
            first, again = (admin.post(path).json() for _ in range(2))
            assert admin.post(path, params={"after": "soon"}).status_code == 400
            later = admin.post(path, params={"after": "2100-01-01"}).json()
            assert admin.get(f"/api/v1/events/{kept['event_id']}").status_code == 200
    assert (first["letters"], first["stored"], first["duplicates"], first["next_after"]) == (2, 1, 0, None)
    assert [refused["event_id"] for refused in first["refused"]] == ["bad"]
    assert (again["stored"], again["duplicates"]) == (0, 1)
    assert later["letters"] == 0
