"""Debian's chromium under Playwright: pages that fail the test for errors on the console and requests elsewhere."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright, Request, expect, sync_playwright

__all__ = ["AXE", "WatchedPage", "chromium", "find_chromium", "watched_page"]

AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Sums on a page follow what arrives every six seconds, so what is expected of them must be let wait for longer.
expect.set_options(timeout=20_000)
Scheme = Literal["light", "dark"]


def find_chromium() -> str | None:
    """Path of a browser on this machine."""
    return os.environ.get("LLMOBSERVE_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def chromium(path: str) -> Generator[Browser]:
    """A running browser."""
    playwright: Playwright
    with sync_playwright() as playwright:
        # The sandbox needs a user other than root; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


class WatchedPage:
    """A page and what went wrong on it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.troubles: list[str] = []
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", self._check_origin)

    def _note(self, text: str) -> None:
        self.troubles.append(text)

    def _check_origin(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self._note(f"asked another origin: {request.url}")


@contextmanager
def watched_page(
    browser: Browser, origin: str, *, width: int = 1440, height: int = 900, scheme: Scheme = "light", **options: Any
) -> Generator[WatchedPage]:
    """A page in a profile of its own; nothing may have gone wrong on it when the block ends."""
    viewport: Any = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, timezone_id="UTC", locale="en-GB", **options)
    context.set_default_timeout(15_000)
    watched = WatchedPage(context.new_page(), origin)
    try:
        yield watched
    finally:
        context.close()
    assert not watched.troubles, watched.troubles
