"""Takes a picture of every page, light and dark, wide and narrow, empty and full: `python -m e2e.screenshots DIR`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from e2e.browser import Scheme, chromium, find_chromium, watched_page
from e2e.collector import LLMOBSERVE, Collector

WIDTHS = {"wide": (1440, 900), "narrow": (390, 844)}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SETTLED_MS = 700
_EMPTY = {"empty-home": "/", "empty-health": "/data-health", "empty-settings": "/settings"}


def main(folder: Path) -> None:
    """Every picture of both collectors."""
    path = find_chromium()
    if path is None:
        sys.exit("no chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as base, chromium(path) as browser:
        full, empty = Path(base, "full"), Path(base, "empty")
        subprocess.run([str(LLMOBSERVE), "demo", "--data-dir", str(full)], check=True)
        with Collector(empty) as collector:
            collector.sign_in()
            _all_sizes(browser, collector, _EMPTY, folder)
        with Collector(full) as collector:
            collector.sign_in()
            _all_sizes(browser, collector, _pages(collector), folder)


def _pages(collector: Collector) -> dict[str, str]:
    runs = collector.get("runs", limit=200)["runs"]
    # One that shows much at once: several agents, and not too long to read.
    run = max((one for one in runs if one["span_count"] <= 40), key=lambda one: one["span_count"])["run_id"]
    nodes = collector.get(f"runs/{run}")["nodes"]
    call = next(node for node in nodes if node["type"] == "call" and node["status"] == "ok")
    told = next(row for row in collector.calls() if collector.get(f"events/{row['event_id']}")["content"])
    return {
        "home": "/?range=7d",
        "runs": "/runs?range=7d",
        "runs-filtered": "/runs?range=7d&q=status:error&sort=-cost",
        "run": f"/runs/{run}",
        "event": f"/runs/{run}?event={call['event_id']}",
        "event-messages": f"/runs/{told['run_id']}?event={told['event_id']}&tab=messages",
        "health": "/data-health?range=7d",
        "settings": "/settings",
        "settings-project": "/settings?tab=project",
        "settings-prices": "/settings?tab=prices",
        "settings-display": "/settings?tab=display",
    }


def _all_sizes(browser: Browser, collector: Collector, pages: dict[str, str], folder: Path) -> None:
    for scheme in SCHEMES:
        for size, (width, height) in WIDTHS.items():
            with watched_page(browser, collector.url, scheme=scheme, width=width, height=height) as watched:
                watched.page.context.add_cookies(collector.session)
                for name, path in pages.items():
                    _take(watched.page, collector.url + path, folder / f"{name}-{size}-{scheme}.png")


def _take(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    page.wait_for_selector("main :is(h1, h2, h3, [role=table])")
    # Placeholders of what is still being loaded pulse.
    expect(page.locator(".animate-pulse.bg-hover")).to_have_count(0, timeout=15_000)
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.environ.setdefault("NO_COLOR", "1")
    main(Path(sys.argv[1]).resolve())
