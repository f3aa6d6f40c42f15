"""Videos, which are priced once they are finished, and hosts that keep data in one region."""

from decimal import Decimal
from typing import Any

import httpx2
import pytest
from loopback.exchanges import recorded, units
from loopback.rig import observed
from loopback.server import Loopback, json_answer

VIDEOS = "https://api.openai.com/v1/videos"
JOB: dict[str, Any] = {
    "id": "video_1",
    "object": "video",
    "model": "sora-2-pro",
    "status": "queued",
    "progress": 0,
    "created_at": 1,
    "seconds": "8",
    "size": "1024x1792",
}


def test_a_video_is_one_event_when_it_is_finished() -> None:
    asked = {"model": "sora-2-pro", "prompt": "x"}
    assert recorded(VIDEOS, request=asked, body=JOB)["recorded"] is False
    running = {**JOB, "status": "in_progress"}
    assert recorded(VIDEOS + "/video_1", method="GET", body=running)["recorded"] is False
    answers = [
        recorded(VIDEOS + "/video_1", method="GET", body={**JOB, "status": "completed", "progress": 100})
        for _ in range(2)
    ]
    assert answers[0]["event_id"] == answers[1]["event_id"]
    answer = answers[0]
    assert (units(answer), answer["dimensions"], answer["kind"]) == (
        {"output_seconds": 8},
        {"size": "1024x1792"},
        "video",
    )
    # 8 seconds at 0.50 dollars.
    assert Decimal(answer["cost"]["usd"]) == Decimal(4)


def test_a_failed_video_costs_nothing() -> None:
    body = {**JOB, "status": "failed", "error": {"code": "moderation_blocked", "message": "no"}}
    answer = recorded(VIDEOS + "/video_1", method="GET", body=body)
    assert (units(answer), answer["status"]) == ({"output_seconds": 0}, "error")
    assert answer["error"] == {"type": "moderation_blocked", "message": "no"}
    assert Decimal(answer["cost"]["usd"]) == 0


def test_video_on_the_wire() -> None:
    answers = (json_answer(JOB), json_answer({**JOB, "status": "completed"}))
    with (
        Loopback(*answers) as server,
        observed(server) as calls,
        httpx2.Client(base_url=f"{server.url}/v1") as client,
    ):
        video = client.post("/videos", json={"model": "sora-2-pro", "prompt": "x"}).json()
        client.get(f"/videos/{video['id']}")
    assert (calls.units, calls.one.operation) == ({"output_seconds": 8}, "videos")


@pytest.mark.parametrize(
    ("host", "dimensions"),
    [("api.openai.com", None), ("us.api.openai.com", {"region": "us"}), ("eu.api.openai.com", {"region": "eu"})],
)
def test_region_of_the_host(host: str, dimensions: dict[str, str] | None) -> None:
    body = {"id": "c", "model": "gpt-5.4", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    answer = recorded(f"https://{host}/v1/chat/completions", request={"model": "gpt-5.4"}, body=body)
    assert answer.get("dimensions") == dimensions
