"""A collector with nothing in it, and the client of somebody signed in, for the tests that ask for them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from server.live_server import LiveServer, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with running(tmp_path / "data") as live:
        yield live


@pytest.fixture
def api(server: LiveServer) -> Iterator[httpx.Client]:
    with server.api() as client:
        yield client
