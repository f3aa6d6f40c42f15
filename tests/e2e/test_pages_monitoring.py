"""What collectors measure arrives in the store as it was, and is shown with its step."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from e2e.browser import watched_page
from e2e.collector import Collector, wait_until
from llmobserve.demo_provider import DemoProvider

APPLICATION = Path(__file__).with_name("monitored.py")
# 1,000 times "Hello there" and a line feed.
TEXT = {
    "metrics.text.characters": 12_000,
    "metrics.text.words": 2_000,
    "metrics.text.lines": 1_000,
    "metrics.text.bytes": 12_000,
}
# 36,000 bytes, two a sample, 24,000 samples a second.
AUDIO = {
    "metrics.audio.count": 1,
    "metrics.audio.seconds": 0.75,
    "metrics.audio.sample_rate_hz": 24_000,
    "metrics.audio.channels": 1,
    "metrics.audio.bytes": 36_000,
    "metrics.audio.format": "pcm",
}


def steps(collector: Collector) -> dict[str, dict[str, Any]]:
    """The steps of the only run, by name."""
    runs = collector.get("runs", limit=5)["runs"]
    nodes = collector.get(f"runs/{runs[0]['run_id']}")["nodes"] if runs else []
    return {node["name"]: node for node in nodes if node["kind"] == "step" and node["status"] == "ok"}


@pytest.mark.browser
def test_figures_of_a_step(browser: Browser, tmp_path: Path) -> None:
    with Collector(tmp_path / "data") as collector, DemoProvider() as provider:
        done = subprocess.run(
            [sys.executable, str(APPLICATION)],
            env={**os.environ, **provider.environment(), "LLMOBSERVE_COLLECTOR_URL": collector.url},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        collector.sign_in()
        wait_until(lambda: set(steps(collector)) == {"answer", "speak"}, 20)
        found = steps(collector)
        detail = collector.get(f"events/{found['answer']['event_id']}")
        assert detail["attributes"] == {"team": "search", "temperature": 0.25, **TEXT}
        assert detail["row"]["session_id"] == "chat-42"
        assert collector.get(f"events/{found['speak']['event_id']}")["attributes"] == AUDIO

        with watched_page(browser, collector.url) as watched:
            page = watched.page
            page.context.add_cookies(collector.session)
            page.goto(f"{collector.url}/")
            page.get_by_role("link", name="monitored").first.click()
            rows = page.get_by_role("treeitem")
            expect(rows).to_have_count(4)
            rows.filter(has_text="answer").first.click()
            event = page.get_by_role("complementary", name="Event")
            metrics = event.get_by_role("table", name="Metrics")
            expect(metrics.get_by_role("row")).to_have_text(
                ["textbytes12,000", "textcharacters12,000", "textlines1,000", "textwords2,000"]
            )
            attributes = event.get_by_role("region", name="Attributes")
            assert attributes.get_by_role("term").all_inner_texts() == ["team", "temperature"]
            assert attributes.get_by_role("definition").all_inner_texts() == ["search", "0.25"]

            rows.filter(has_text="speak").first.click()
            expect(metrics.get_by_role("row").nth(4)).to_have_text("audiosample rate hz24,000")
            expect(metrics.get_by_role("row").nth(5)).to_have_text("audioseconds0.75")
            # A call has no attributes of a span: neither part is there.
            rows.filter(has_text="chat.completions").first.click()
            expect(event.get_by_role("tab", name="Usage & cost")).to_be_visible()
            event.get_by_role("tab", name="Details").click()
            expect(event.get_by_text("Event id")).to_be_visible()
            expect(event.get_by_role("table", name="Metrics")).to_have_count(0)
            expect(event.get_by_role("region", name="Attributes")).to_have_count(0)
