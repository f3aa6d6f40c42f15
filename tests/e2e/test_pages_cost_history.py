"""The page of an event in a browser: what was said of its cost before it was priced again."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect
from server import price_books

from e2e.browser import WatchedPage
from e2e.calls import post_calls
from e2e.collector import LLMOBSERVE, Collector
from llmobserve.wire import new_event_id

pytestmark = pytest.mark.browser


def command(collector: Collector, *arguments: str) -> None:
    here = ("--port", str(collector.port), "--data-dir", str(collector.data_dir))
    subprocess.run([str(LLMOBSERVE), *arguments, *here], check=True, capture_output=True, timeout=120)


def test_earlier_costs_stand_below_the_receipt(watched: WatchedPage, collector: Collector, tmp_path: Path) -> None:
    run_id = new_event_id()
    [event_id] = post_calls(collector, 1, provider="openai", model="gpt-4o-mini", context={"run_id": run_id})
    page = watched.page
    page.goto(f"{collector.url}/runs/{run_id}?event={event_id}")
    panel = page.get_by_role("complementary", name="Event")
    # OpenAI's price page (2026-11): 0.15 and 0.60 a million. (1000 x 0.15 + 100 x 0.60) / 10^6 = 0.00021.
    expect(panel).to_contain_text("$0.00021")
    expect(panel.get_by_role("region", name="Earlier costs")).to_have_count(0)

    file = tmp_path / "book.json.gz"
    file.write_bytes(price_books.book())
    command(collector, "prices", "load", str(file), "--yes")
    command(collector, "reprice", "--apply")
    page.reload()
    # 0.10 and 0.40 a million in the new book: 0.00014.
    expect(panel).to_contain_text("$0.00014")
    earlier = panel.get_by_role("region", name="Earlier costs")
    expect(earlier).to_contain_text("$0.00021")
    expect(earlier).to_contain_text("input text tokens at $0.15")
    expect(earlier.get_by_role("listitem")).to_have_count(1)
