"""The live feed: what is stored is told at once, to those who may see it, until one side ends."""

import asyncio
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from server.live_server import LiveServer, batch, running
from starlette.requests import ClientDisconnect
from starlette.types import Message

from llmobserve_server.api import live


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with running(tmp_path) as started:
        yield started


def messages(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_an_event_comes_as_the_list_shows_it(server: LiveServer) -> None:
    with server.browser() as browser, browser.stream("GET", "/api/v1/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        sent = batch(1, context={"customer_id": "acme"})
        with server.client() as client:
            client.post("/v1/events", json=sent)
        name, shown = next(messages(lines))
        assert name == "event"
        assert shown["event_id"] == sent["events"][0]["event_id"]
        assert shown["customer_id"] == "acme"
        with server.browser() as other:
            listed = other.get("/api/v1/events").json()["events"]
        amount, listed_amount = shown.pop("cost_usd"), listed[0].pop("cost_usd")
        assert shown == listed[0]
        assert Decimal(str(amount)) == Decimal(listed_amount) > 0


def test_an_announced_span_comes_too(server: LiveServer) -> None:
    sent = batch()
    started = sent["events"][0]["start_time_us"]
    sent["events"] = [
        {
            "type": "span",
            "event_id": sent["events"][0]["event_id"],
            "kind": "run",
            "name": "answer",
            "start_time_us": started,
            "status": "running",
        }
    ]
    with server.browser() as browser, browser.stream("GET", "/api/v1/live") as stream:
        lines = stream.iter_lines()
        next(lines)
        with server.client() as client:
            assert client.post("/v1/events", json=sent).json()["accepted"] == 1
        _, shown = next(messages(lines))
    assert (shown["type"], shown["status"], shown["name"], shown["cost_usd"]) == ("span", "running", "answer", None)


def test_events_of_other_projects_stay_unseen(server: LiveServer) -> None:
    with server.browser() as browser:
        browser.post("/api/v1/projects", json={"name": "Other"})
    with (
        server.client(server.new_key("read", "other")) as reader,
        server.client(server.new_key("ingest", "other")) as sender,
        server.client() as local,
        reader.stream("GET", "/api/v1/live") as stream,
    ):
        lines = stream.iter_lines()
        next(lines)
        local.post("/v1/events", json=batch(model="secret"))
        own = batch()
        sender.post("/v1/events", json=own)
        _, shown = next(messages(lines))
    assert shown["event_id"] == own["events"][0]["event_id"]


def test_a_silent_stream_is_kept_open_by_comments(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    with server.browser() as browser, browser.stream("GET", "/api/v1/live") as stream:
        seen = [line for line, _ in zip((line for line in stream.iter_lines() if line), range(3), strict=False)]
    assert seen == ["retry: 2000", ": still here", ": still here"]


def test_a_closed_page_leaves_no_stream_behind(server: LiveServer) -> None:
    with server.browser() as browser:
        with browser.stream("GET", "/api/v1/live") as stream:
            lines = stream.iter_lines()
            next(lines)
            assert server.ingestor.stats().watchers == 1
        closed = threading.Event()
        for _ in range(200):
            if server.ingestor.stats().watchers == 0:
                break
            closed.wait(0.05)
        assert server.ingestor.stats().watchers == 0


def test_a_client_that_leaves_before_the_first_message_leaves_no_stream_behind(server: LiveServer) -> None:
    async def leave(message: Message) -> None:
        raise OSError("the client is gone")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def open_and_leave() -> None:
        watched = server.ingestor.subscribe("default")
        streams.add(watched)
        response = live.LiveResponse(watched, streams)
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/live",
            "headers": [],
            "asgi": {"spec_version": "2.4"},
        }
        await response(scope, receive, leave)

    streams = live.LiveStreams()
    with pytest.raises(ClientDisconnect):
        asyncio.run(open_and_leave())
    assert server.ingestor.stats().watchers == 0


def test_too_many_streams_are_refused(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAMS_MAX", 1)
    with server.browser() as browser, browser.stream("GET", "/api/v1/live") as stream:
        lines = stream.iter_lines()
        next(lines)
        with server.browser() as other:
            # As a stream, so that one which is let in does not hold up this test for ever.
            with other.stream("GET", "/api/v1/live") as refused:
                assert refused.status_code == 503
            assert server.ingestor.stats().watchers == 1


def test_a_stopping_server_ends_its_streams(tmp_path: Path) -> None:
    with running(tmp_path / "own") as server:
        client = server.client(server.new_key("read"))
        stream = client.send(client.build_request("GET", "/api/v1/live"), stream=True)
        lines = stream.iter_lines()
        next(lines)
    # The block above has waited for the server's end, which did not wait for this stream.
    assert list(messages(lines)) == []
    stream.close()
    client.close()
    with pytest.raises(httpx.ConnectError), server.client() as late:
        late.get("/health")
