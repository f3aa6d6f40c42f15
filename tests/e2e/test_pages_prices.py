"""Settings → Prices in a browser: what an unknown name means, own prices, pricing again, history."""

from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from e2e.browser import AXE, Scheme, WatchedPage, watched_page
from e2e.calls import post_calls
from e2e.collector import Collector

pytestmark = pytest.mark.browser


def spend(collector: Collector) -> dict[str, Any]:
    return collector.get("totals")["total"]["spend"]


def own_rules(page: Page) -> Locator:
    return page.get_by_role("region", name="Price rules")


def test_an_unknown_name_is_mapped_and_its_calls_are_priced_again(watched: WatchedPage, collector: Collector) -> None:
    post_calls(collector, 4, provider="azure_openai", model="our-chat")
    assert (spend(collector)["calls"], spend(collector)["unpriced_calls"]) == (4, 4)
    page = watched.page
    page.goto(f"{collector.url}/settings?tab=prices")
    lacking = page.get_by_role("region", name="Models without a price")
    lacking.get_by_role("row").filter(has_text="our-chat").get_by_role("button", name="for our-chat").first.click()
    dialog = page.get_by_role("dialog", name="What this name means")
    dialog.get_by_label("Means, of provider").select_option("azure_openai")
    dialog.get_by_label("The model").fill("gpt-4o-mini")
    dialog.get_by_role("button", name="What would change?").click()
    # Azure's price page (2026-11), global: 0.15 and 0.60 a million. 4 x (1000 x 0.15 + 100 x 0.60) / 10^6 = 0.00084.
    expect(dialog.get_by_role("status")).to_contain_text("4 calls of the last 30 days would cost $0.00084")
    expect(dialog.get_by_role("status")).to_contain_text("4 of them have no known cost now")
    dialog.get_by_role("button", name="Add rule").click()
    expect(own_rules(page)).to_contain_text("azure_openai our-chat means gpt-4o-mini")
    expect(lacking).to_contain_text("Mapped to azure_openai/gpt-4o-mini")
    assert spend(collector)["unpriced_calls"] == 4, "stored costs stay until they are priced again"

    page.get_by_role("button", name="Show what would change").click()
    differences = page.get_by_role("region", name="Differences")
    expect(differences.get_by_role("row").filter(has_text="Total")).to_contain_text("+$0.00084")
    expect(differences.get_by_role("row").filter(has_text="Total")).to_contain_text("unknown")
    assert spend(collector)["unpriced_calls"] == 4, "a dry run changes nothing"
    page.get_by_role("button", name="Give 4 calls the new cost").click()
    expect(page.get_by_text("4 calls have a new cost.")).to_be_visible()
    expect(page.get_by_text("Every call has a cost")).to_be_visible()
    assert (Decimal(spend(collector)["cost_usd"]), spend(collector)["unpriced_calls"]) == (Decimal("0.00084"), 0)


def test_own_rates_hold_from_now_on_until_the_rule_ends(watched: WatchedPage, collector: Collector) -> None:
    page = watched.page
    page.goto(f"{collector.url}/settings?tab=prices")
    expect(page.get_by_text("List prices, as they are published")).to_be_visible()
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog", name="New price rule")
    dialog.get_by_label("Provider").select_option("openai")
    dialog.get_by_label("Model").fill("gpt-4o-mini")
    # The list prices stand where a rate is to be typed: 0.15 and 0.60 a million (OpenAI's price page, 2026-11).
    expect(dialog.get_by_role("textbox", name="Rate 1", exact=True)).to_have_attribute("placeholder", "0.15")
    dialog.get_by_role("textbox", name="Rate 1", exact=True).fill("0.10")
    dialog.get_by_role("textbox", name="Rate 2", exact=True).fill("0.4x")
    dialog.get_by_role("button", name="Add rule").click()
    expect(dialog.get_by_role("alert")).to_contain_text("rate_usd")
    assert all("400" in trouble for trouble in watched.troubles)
    watched.troubles.clear()
    dialog.get_by_role("textbox", name="Rate 2", exact=True).fill("0.40")
    dialog.get_by_label("Why").fill("contract 4711")
    dialog.get_by_role("button", name="Add rule").click()
    expect(own_rules(page)).to_contain_text("contract 4711")
    post_calls(collector, 1, provider="openai", model="gpt-4o-mini")
    # (1000 x 0.10 + 100 x 0.40) / 10^6
    assert Decimal(spend(collector)["cost_usd"]) == Decimal("0.00014")
    own_rules(page).get_by_role("button", name="End rule: openai gpt-4o-mini").click()
    page.get_by_role("dialog", name="End this rule?").get_by_role("button", name="End rule").click()
    expect(page.get_by_text("List prices, as they are published")).to_be_visible()
    page.get_by_role("button", name="Show past rules (1)").click()
    expect(own_rules(page)).to_contain_text("ended")
    post_calls(collector, 1, provider="openai", model="gpt-4o-mini")
    # and 0.00021 by the list
    assert Decimal(spend(collector)["cost_usd"]) == Decimal("0.00035")


def test_a_row_of_the_book_opens_the_history_of_its_model(watched: WatchedPage, collector: Collector) -> None:
    page = watched.page
    page.goto(f"{collector.url}/settings?tab=prices&q=gpt-4o-mini&provider=openai")
    region = page.get_by_role("region", name="Price rows")
    region.press("ArrowDown")
    region.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("region", name="Dated rates")).to_contain_text("$0.15 per million")
    dialog.get_by_role("button", name="Add a discount").click()
    form = page.get_by_role("dialog", name="New price rule")
    expect(form.get_by_label("Percent off")).to_be_visible()
    form.press("Escape")
    expect(form).not_to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_and_its_dialog_are_accessible(browser: Browser, collector: Collector, scheme: Scheme) -> None:
    post_calls(collector, 2, provider="azure_openai", model="our-chat")
    with watched_page(browser, collector.url, scheme=scheme) as watched:
        page = watched.page
        page.context.add_cookies(collector.session)
        page.goto(f"{collector.url}/settings?tab=prices")
        expect(page.get_by_role("region", name="Models without a price")).to_be_visible()
        page.get_by_role("button", name="New rule").click()
        expect(page.get_by_role("dialog", name="New price rule")).to_be_visible()
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa']})")
        serious = [one["id"] for one in found["violations"] if one["impact"] in ("serious", "critical")]
        assert not serious
