"""The pages on example data: figures that agree with the store, addresses that hold the state, keys, themes."""

import re
from collections.abc import Generator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from e2e.browser import AXE, Scheme, WatchedPage, watched_page
from e2e.collector import Collector
from e2e.demo_window import QUERY, WINDOW
from e2e.test_pages_application import figure

pytestmark = pytest.mark.browser


@pytest.fixture
def watched(browser: Browser, demo: Collector) -> Generator[WatchedPage]:
    """A signed-in page."""
    with watched_page(browser, demo.url) as page:
        page.page.context.add_cookies(demo.session)
        yield page


def test_home_agrees_with_api_and_store(watched: WatchedPage, demo: Collector, stored: dict[str, Any]) -> None:
    total = demo.get("totals", from_=WINDOW["from"], to=WINDOW["to"])["total"]
    assert Decimal(total["spend"]["cost_usd"]) == stored["usd"]
    assert (total["spend"]["calls"], total["error_calls"]) == (stored["calls"], stored["errors"])
    page = watched.page
    page.goto(f"{demo.url}/?{QUERY}")
    expect(page.get_by_text("Spent")).to_be_visible()
    spent = re.sub(r"[^0-9.]", "", figure(page, "Spent"))
    assert stored["usd"] > 1, "above a dollar the page shows cents"
    assert Decimal(spent) == stored["usd"].quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert int(figure(page, "Calls").replace(",", "")) == stored["calls"]
    assert page.get_by_text(f"{stored['errors']:,} failed").is_visible()


def _links(page: Page) -> Locator:
    return page.get_by_role("table", name="Runs").get_by_role("link")


def _first_runs(page: Page, expected: list[str]) -> None:
    """Wait until the list begins with these runs."""
    for number, run_id in enumerate(expected):
        expect(_links(page).nth(number)).to_have_attribute("href", re.compile(run_id))


def test_filter_lives_in_the_address(watched: WatchedPage, demo: Collector) -> None:
    times = {"from_": WINDOW["from"], "to": WINDOW["to"], "limit": 5}
    everything = [run["run_id"] for run in demo.get("runs", **times)["runs"]]
    filtered = [run["run_id"] for run in demo.get("runs", q="provider:anthropic", **times)["runs"]]
    assert len(filtered) == 5
    assert filtered != everything
    page = watched.page
    page.goto(f"{demo.url}/runs?{QUERY}")
    _first_runs(page, everything)
    box = page.get_by_role("combobox", name="Filter")
    box.fill("provider:anthropic")
    box.press("Enter")
    page.wait_for_url("**q=provider:anthropic**")
    _first_runs(page, filtered)

    address = page.url
    page.reload()
    _first_runs(page, filtered)
    expect(box).to_have_value("provider:anthropic")
    assert page.url == address
    page.go_back()
    expect(box).to_have_value("")
    _first_runs(page, everything)


def test_a_wrong_filter_is_marked(browser: Browser, demo: Collector) -> None:
    with watched_page(browser, demo.url) as watched:
        page = watched.page
        page.context.add_cookies(demo.session)
        page.goto(f"{demo.url}/runs")
        box = page.get_by_role("combobox", name="Filter")
        box.fill("cost:>much")
        box.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(box).to_have_attribute("aria-invalid", "true")
        # The browser itself writes the refused request on the console.
        assert len(watched.troubles) == 1
        assert "400" in watched.troubles.pop()


def test_keyboard_alone(watched: WatchedPage, demo: Collector) -> None:
    failed = demo.get("runs", from_=WINDOW["from"], to=WINDOW["to"], q="status:error", limit=1)["runs"]
    page = watched.page
    page.goto(f"{demo.url}/?{QUERY}")
    expect(page.get_by_text("Spent")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/runs?**")
    expect(_links(page).first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("status:error")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=status:error**")
    _first_runs(page, [failed[0]["run_id"]])
    page.keyboard.press("Escape")
    if page.get_by_role("combobox", name="Filter").evaluate("box => box === document.activeElement"):
        page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.get_by_role("row", selected=True)).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{failed[0]['run_id']}*")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.get_by_role("tree").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("complementary", name="Event")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name="Event")).not_to_be_visible()


def test_key_is_created_used_and_revoked(watched: WatchedPage, demo: Collector) -> None:
    page = watched.page
    page.goto(f"{demo.url}/settings")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("billing production")
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_role("dialog").locator("code", has_text=re.compile("^llmo_")).first.inner_text()
    page.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="billing production")
    expect(row).to_be_visible()
    assert secret not in page.content()

    batch = b'{"version":1,"batch_id":"b","sent_at_us":0,"source":{"process_id":"p"},"events":[]}'
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
    assert demo.request("POST", "/v1/events", batch, headers)[0] == 200
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked")).to_be_visible()
    assert demo.request("POST", "/v1/events", batch, headers)[0] in {401, 403}


def test_prices_are_found_by_name_and_the_address_holds_the_search(watched: WatchedPage, demo: Collector) -> None:
    page = watched.page
    page.goto(f"{demo.url}/settings?tab=prices")
    expect(page.get_by_role("region", name="Models without a price")).to_contain_text("house-tuned-13b")
    page.get_by_role("search", name="Prices").get_by_label("Provider").select_option("openai")
    page.get_by_label("Model name").fill("GPT-4o-mini")
    page.wait_for_url("**provider=openai&q=GPT-4o-mini")
    page.reload()
    expect(page.get_by_label("Model name")).to_have_value("GPT-4o-mini")
    rows = page.get_by_role("table", name="Prices", exact=True).get_by_role("row")
    expect(rows.nth(1)).to_contain_text("gpt-4o-mini")
    # OpenAI's price page (2026-11): $0.15 for a million input tokens.
    listed = rows.filter(has=page.get_by_text("gpt-4o-mini", exact=True)).filter(has_text="list price")
    expect(listed.filter(has_text="Input tokens").first).to_contain_text("$0.15 per million")
    expect(listed.get_by_role("link").first).to_have_attribute("rel", "noopener noreferrer")
    page.get_by_role("region", name="Price rows").press("ArrowDown")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.get_by_label("Model name").fill("no such model")
    page.get_by_role("button", name="Show all prices").click()
    page.wait_for_url("**/settings?tab=prices")
    expect(rows.nth(1)).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_in_both_themes_is_accessible(browser: Browser, demo: Collector, scheme: Scheme, width: int) -> None:
    run = demo.get("runs", from_=WINDOW["from"], to=WINDOW["to"], limit=1, sort="-cost")["runs"][0]
    pages = {
        f"/?{QUERY}": "Recent runs",
        f"/runs?{QUERY}&sort=-cost": run["name"],
        f"/runs/{run['run_id']}": run["run_id"],
        "/data-health": "Coverage",
        "/settings": "API keys",
        "/settings?tab=prices": "per million",
    }
    found: list[str] = []
    with watched_page(browser, demo.url, scheme=scheme, width=width) as watched:
        page = watched.page
        page.context.add_cookies(demo.session)
        for path, text in pages.items():
            page.goto(demo.url + path)
            expect(page.locator("main").get_by_text(text).first).to_be_visible()
            assert page.locator("html").get_attribute("data-theme") == scheme
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{path} scrolls sideways by {overflow} px"] if overflow else []
            found += [f"{path} {violation}" for violation in _axe_violations(page)]
    assert not found, "\n".join(found)


def _axe_violations(page: Page) -> list[str]:
    # Evaluated, not added as a script: the policy of the page allows only its own.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    grave = [violation for violation in found if violation["impact"] in {"serious", "critical"}]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in grave]
