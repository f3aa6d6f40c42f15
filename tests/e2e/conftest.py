"""A browser, and a collector with example data, each started once."""

import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from e2e.browser import WatchedPage, chromium, find_chromium, watched_page
from e2e.collector import LLMOBSERVE, Collector
from e2e.demo_window import stored_totals


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """Not for the session: while it runs, Playwright's event loop is the thread's, and `asyncio.run` is refused."""
    path = find_chromium()
    if path is None:
        pytest.skip("no chromium: install Debian's package of that name")
    with chromium(path) as running:
        yield running


@pytest.fixture(scope="session")
def demo_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directory with eight days of example data; no server runs on it yet."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    subprocess.run(
        [str(LLMOBSERVE), "demo", "--days", "8", "--data-dir", str(folder)],
        check=True,
        capture_output=True,
        env=os.environ | {"NO_COLOR": "1"},
        timeout=120,
    )
    return folder


@pytest.fixture(scope="session")
def stored(demo_dir: Path) -> dict[str, Any]:
    """What the store itself says of the window, by plain SQL."""
    totals = stored_totals(demo_dir)
    assert totals["calls"] > 0
    return totals


@pytest.fixture(scope="session")
def demo(demo_dir: Path, stored: dict[str, Any]) -> Generator[Collector]:
    """A collector on the example data, signed in. After `stored`: one process at a time has the store open."""
    with Collector(demo_dir) as running:
        running.sign_in()
        yield running


@pytest.fixture
def collector(tmp_path: Path) -> Generator[Collector]:
    """A collector with nothing in it, signed in."""
    with Collector(tmp_path / "data") as running:
        running.sign_in()
        yield running


@pytest.fixture
def watched(browser: Browser, collector: Collector) -> Generator[WatchedPage]:
    """A page of a browser that is signed in there."""
    with watched_page(browser, collector.url) as page:
        page.page.context.add_cookies(collector.session)
        yield page
