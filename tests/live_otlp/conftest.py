"""One collector for all programs, each of which has a project of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from frameworks.environments import Environments, environments_in

from live_otlp.billing import LiveCollector, Project


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Environments by their packages."""
    return environments_in(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def live_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    """A collector that runs to the end of the tests."""
    collector = LiveCollector(tmp_path_factory.mktemp("live") / "data")
    with collector:
        collector.sign_in()
        yield collector


@pytest.fixture(scope="session")
def npm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where npm installs."""
    return tmp_path_factory.mktemp("npm")


@pytest.fixture
def new_project(live_collector: LiveCollector) -> Callable[[str], Project]:
    """Function that makes a project with a key."""
    return live_collector.new_project
