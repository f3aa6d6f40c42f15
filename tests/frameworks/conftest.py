"""Environments of frameworks, made once for all tests."""

import pytest

from frameworks.environments import Environments, environments_in


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Environments by their packages."""
    return environments_in(tmp_path_factory.getbasetemp())
