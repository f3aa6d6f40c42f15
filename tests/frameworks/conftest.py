"""Environments of frameworks, made once for all tests."""

import pytest

from frameworks.environments import Environments


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Environments by their packages."""
    return Environments(tmp_path_factory.mktemp("frameworks"))
