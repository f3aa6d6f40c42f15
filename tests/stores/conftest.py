"""Stores of every engine for the tests that ask for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stores.engines import ENGINES, Place, stop_servers

from llmobserve_server.store.protocol import Store


@pytest.fixture(scope="session", autouse=True)
def servers() -> Iterator[None]:
    yield
    stop_servers()


@pytest.fixture(params=["duckdb", "parquet", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place for a store of each engine that has transactions."""
    with ENGINES[request.param](tmp_path) as found:
        yield found


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """An empty store of each of these engines."""
    with place.opened() as opened:
        yield opened
