"""What holds for every test: defects are raised, no file outside the test's folder, no socket beyond this machine."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmobserve import guard

# Inherited by every process that a test starts.
os.environ["LLMOBSERVE_RAISE_INTERNAL"] = "1"
for _name in [name for name in os.environ if name.startswith("LLMOBSERVE_")]:
    if _name not in {"LLMOBSERVE_RAISE_INTERNAL", "LLMOBSERVE_TEST_DATA", "LLMOBSERVE_CHROMIUM"}:
        del os.environ[_name]
for _name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(_name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser share one worker of pytest-xdist, those that install wheels another."""
    for item in items:
        for name in ("browser", "packaging"):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.xdist_group(name))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Short ids for bodies: they may hold times, and every worker of pytest-xdist must find the same ids."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 40) else None


@pytest.fixture(autouse=True)
def own_directories(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Spool and data directories of this test alone; returns the folder they are in."""
    base = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("LLMOBSERVE_SPOOL_DIR", str(base / "spool"))
    monkeypatch.setenv("LLMOBSERVE_DATA_DIR", str(base / "data"))
    return base


@pytest.fixture(autouse=True)
def own_internal_errors() -> None:
    """A process reports the errors that it swallowed: those of other tests are not this one's."""
    guard._counts.clear()
    guard._last.clear()


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Iterator[None]:
    """Refuse connections to other machines, so that no test can depend on one."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refuse_far(address: Any) -> None:
        if isinstance(address, tuple) and not _is_near(str(address[0])):
            raise AssertionError(f"a test tried to reach {address[0]}")

    def guarded(self: socket.socket, address: Any) -> None:
        refuse_far(address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        refuse_far(address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        yield


def _is_near(host: str) -> bool:
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
