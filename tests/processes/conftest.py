"""One collector for all: each test has a service, a spool and a provider of its own."""

import itertools
from collections.abc import Generator
from pathlib import Path

import pytest
from e2e.collector import Collector
from loopback.server import Loopback

from processes.ledger import Case, Ledger

_numbers = itertools.count()


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Generator[Collector]:
    """A real one, in a process of its own."""
    with Collector(tmp_path_factory.mktemp("collector") / "data") as running:
        running.sign_in()
        yield running


@pytest.fixture
def case(collector: Collector, own_directories: Path) -> Generator[Case]:
    """An empty ledger, an empty spool."""
    ledger = Ledger()
    with Loopback(ledger) as server:
        yield Case(collector, server, ledger, f"case-{next(_numbers)}", own_directories / "spool")
