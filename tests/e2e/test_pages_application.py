"""The pages while an application runs: from nothing to its first run, then every call in its place."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.browser import WatchedPage, watched_page
from e2e.collector import Collector
from e2e.expected import CALLS
from e2e.providers import providers
from e2e.test_application import NUMBER_OF_CALLS, flush, run_application

pytestmark = pytest.mark.browser

NIGHTLY_TREE = [
    # level, name, cost with all below it: a tilde where part of it is estimated, three significant digits
    (1, "nightly report", "~$0.00019"),
    (2, "planner", "$0.0000732"),
    (3, "chat.completions", "$0.0000312"),
    (3, "search", "$0.000042"),
    (4, "chat.completions", "$0.000042"),
    (3, "chat.completions", "$0"),
    (2, "writer", "~$0.000116"),
    (3, "chat.completions", "$0.0000135"),
    (3, "chat.completions", "~$0.00000285"),
    (3, "messages", "$0.0001"),
]


@pytest.fixture
def first_page(browser: Browser, tmp_path: Path) -> Generator[tuple[Collector, WatchedPage]]:
    """An empty collector and a browser that has followed its sign-in link."""
    with Collector(tmp_path / "data") as collector, watched_page(browser, collector.url) as watched:
        watched.page.goto(collector.sign_in_url)
        yield collector, watched


def figure(page: Page, label: str) -> str:
    """Text of one of the figures on top of Home."""
    term = page.locator("dt").filter(has_text=re.compile(f"^{label}"))
    return term.locator("xpath=following-sibling::dd[1]").inner_text()


def test_from_nothing_to_every_call(first_page: tuple[Collector, WatchedPage]) -> None:
    collector, watched = first_page
    page = watched.page
    expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
    with providers() as services:
        assert run_application(services, collector.url).returncode == 0
    flush(collector)
    expect(page.get_by_text("Spent")).to_be_visible()
    expect(page.locator("dd").filter(has_text="$0.00405").first).to_be_visible()
    assert figure(page, "Spent") == "~$0.00405"
    assert figure(page, "Calls") == str(NUMBER_OF_CALLS)

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Runs").click()
    names = page.get_by_role("table", name="Runs").get_by_role("link")
    expect(names).to_have_count(4)
    assert sorted(names.all_inner_texts()) == ["chat", "chat", "nightly report", "review"]
    shown = 0
    for number in range(4):
        names.nth(number).click()
        expect(page.get_by_role("treeitem").first).to_be_visible()
        shown += len(page.get_by_role("treeitem").filter(has=page.get_by_text(_OPERATION)).all())
        page.go_back()
    assert shown == NUMBER_OF_CALLS


_OPERATION = re.compile("^(chat.completions|messages|embeddings)")


def test_run_and_receipt(first_page: tuple[Collector, WatchedPage]) -> None:
    collector, watched = first_page
    page = watched.page
    with providers() as services:
        assert run_application(services, collector.url).returncode == 0
    flush(collector)
    page.get_by_role("link", name="nightly report").click()
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(len(NIGHTLY_TREE))
    for row, (level, name, cost) in zip(rows.all(), NIGHTLY_TREE, strict=True):
        assert row.get_attribute("aria-level") == str(level)
        texts = row.inner_text().split("\n")
        assert name in texts[0]
        assert cost in texts

    rows.nth(2).click()
    event = page.get_by_role("complementary", name="Event")
    expect(event.get_by_text("$0.0000312").first).to_be_visible()
    amounts = event.locator("table").first.locator("tbody tr td:last-child").all_inner_texts()
    # 56 × 0.15, 64 × 0.075 and 30 × 0.60 millionths
    assert sorted(amounts) == ["$0.0000048", "$0.0000084", "$0.000018"]
    address = page.url
    assert "event=" in address
    page.reload()
    expect(page.get_by_role("complementary", name="Event").get_by_text("$0.0000312").first).to_be_visible()
    assert page.url == address

    rows.nth(8).click()
    estimated = page.get_by_role("complementary", name="Event")
    expect(estimated.get_by_text("estimated", exact=False).first).to_be_visible()
    expect(estimated.get_by_text("$0.00000285").first).to_be_visible()
    assert CALLS["leave"].cost_state == "estimated"
