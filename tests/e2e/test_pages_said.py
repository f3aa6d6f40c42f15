"""The run page in a browser: what was said of run, session and call, and other records of the same call."""

import json
from collections.abc import Generator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from e2e.browser import AXE, Scheme, WatchedPage, watched_page
from e2e.collector import Collector
from llmobserve.wire import new_event_id, new_span_id, now_us

pytestmark = pytest.mark.browser

NOW_US = now_us()
RUN, QUIET, ELSEWHERE = new_event_id(), new_event_id(), new_event_id()
ROOT, CALL = new_span_id(), new_event_id()


def call(event_id: str, run_id: str, tokens: int, **facts: Any) -> dict[str, Any]:
    usage = {"units": {"input_text_tokens": tokens, "output_text_tokens": 100}, "source": "response"}
    head = {"type": "call", "event_id": event_id, "kind": "llm", "provider": "openai", "operation": "chat.completions"}
    where = {"run_id": run_id, "run_name": "answer", "session_id": "s-1", "parent_span_id": ROOT}
    context = {**where, "span_id": new_span_id(), **facts.pop("context", {})}
    timing = {"start_time_us": NOW_US, "duration_ms": 800, "http_status": 200, "transport": "httpx2"}
    return {**head, "request_model": "gpt-4o-mini", "usage": usage, **timing, "context": context, **facts}


def told(run_id: str, **context: Any) -> dict[str, Any]:
    usage = {"units": {"input_text_tokens": 3000}, "source": "application"}
    return call(new_event_id(), run_id, 0, usage=usage, transport="manual", response_id="chatcmpl-1", context=context)


def score(target: tuple[str, str], name: str, **given: Any) -> dict[str, Any]:
    head = {"type": "score", "event_id": new_event_id(), "target_type": target[0], "target_id": target[1]}
    return {**head, "name": name, "data_type": "numeric", "at_us": NOW_US, **given}


def fact(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "fact",
        "event_id": new_event_id(),
        "target_event_id": CALL,
        "kind": kind,
        "data": data,
        "at_us": NOW_US,
    }


RECORDS = [
    {
        "type": "span",
        "event_id": RUN,
        "kind": "run",
        "name": "answer",
        "start_time_us": NOW_US,
        "duration_ms": 900,
        "context": {"run_id": RUN, "run_name": "answer", "session_id": "s-1", "span_id": ROOT},
    },
    call(CALL, RUN, 1000, response_id="chatcmpl-1"),
    call(new_event_id(), RUN, 2000, response_id="chatcmpl-2"),
    told(RUN, customer_id="acme"),
    told(ELSEWHERE),
    call(new_event_id(), QUIET, 1000, response_id="chatcmpl-3", context={"session_id": None}),
    score(("run", RUN), "helpful", data_type="boolean", value="1", source="user", comment="Solved at once."),
    score(("session", "s-1"), "satisfaction", value="4"),
    score(("event", CALL), "faithfulness", value="0.5", at_us=NOW_US - 1000),
    score(("event", CALL), "faithfulness", value="0.75", source="evaluator", comment="One claim has no source."),
    score(("event", CALL), "tone", data_type="categorical", label="polite"),
    fact("routing", {"chosen_model": "gpt-4o-mini", "alternatives": ["gpt-5-nano"], "estimated_cost_usd": "0.0002"}),
    fact("cache", {"hit": False, "cache_type": "semantic", "saved_latency_ms": 0}),
    fact("quality", {"judge_model": "gpt-6-sol", "passed": True}),
]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Generator[Collector]:
    head = {"version": 2, "batch_id": "b-1", "sent_at_us": now_us(), "source": {"process_id": "p-1"}}
    body = json.dumps({**head, "events": RECORDS}).encode()
    with Collector(tmp_path_factory.mktemp("said") / "data") as collector:
        collector.sign_in()
        status, answer = collector.request("POST", "/v1/events", body, {"content-type": "application/json"})
        assert (status, json.loads(answer)["accepted"]) == (200, len(RECORDS)), answer
        yield collector


@pytest.fixture
def watched(browser: Browser, full: Collector) -> Generator[WatchedPage]:
    with watched_page(browser, full.url) as page:
        page.page.context.add_cookies(full.session)
        yield page


def panel_of(watched: WatchedPage) -> Locator:
    return watched.page.get_by_role("complementary", name="Event")


def test_scores_facts_and_twins_of_a_call(watched: WatchedPage, full: Collector) -> None:
    page = watched.page
    page.goto(f"{full.url}/runs/{RUN}")
    expect(page.get_by_role("list", name="Scores of the run")).to_contain_text("helpful yes")
    expect(page.get_by_role("list", name="Scores of the session")).to_contain_text("satisfaction 4")
    # gpt-4o-mini: 0.15 and 0.60 dollars a million. 1,000 and 2,000 tokens in, 100 out each:
    # (1000 x 0.15 + 100 x 0.60) / 1e6 = 0.00021 and (2000 x 0.15 + 100 x 0.60) / 1e6 = 0.00036, together 0.00057.
    # What was told by hand, 3,000 x 0.15 / 1e6 = 0.00045, is in no sum, and is no row of the tree.
    expect(page.locator("dt", has_text="Cost").locator("xpath=following-sibling::dd[1]")).to_have_text("$0.00057")
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(3)
    assert "$0.00057" in rows.nth(0).inner_text().split("\n")

    page.goto(f"{full.url}/runs/{RUN}?event={CALL}")
    panel = panel_of(watched)
    expect(panel.get_by_role("list", name="Scores")).to_contain_text("faithfulness 0.75")
    same = panel.get_by_role("region", name="Same call")
    expect(same.get_by_role("heading")).to_have_count(2)
    expect(same).to_contain_text("also recorded by the application, by hand")
    expect(same).to_contain_text("$0.00045")
    expect(same).to_contain_text("From it: customer.")
    panel.get_by_role("tab", name="Details").click()
    expect(panel).to_contain_text("acme")

    panel.get_by_role("tab", name="Scores & facts").click()
    scores = panel.get_by_role("region", name="Scores")
    expect(scores.get_by_role("listitem")).to_have_count(3)
    expect(scores).to_contain_text("One claim has no source.")
    assert [row.split("\n")[0] for row in scores.get_by_role("listitem").all_inner_texts()] == [
        "faithfulness",
        "faithfulness",
        "tone",
    ]
    expect(panel.get_by_role("region", name="Routing")).to_contain_text("$0.0002")
    expect(panel.get_by_role("region", name="Cache")).to_contain_text("miss")
    expect(panel.get_by_role("region", name="Judged")).to_contain_text("gpt-6-sol")


def test_a_record_that_is_counted_elsewhere_says_so(watched: WatchedPage, full: Collector) -> None:
    page = watched.page
    page.goto(f"{full.url}/runs/{ELSEWHERE}")
    page.get_by_role("treeitem").filter(has_text="chat.completions").click()
    panel = panel_of(watched)
    expect(panel).to_contain_text("counted elsewhere")
    expect(panel.get_by_role("region", name="Same call").first).to_contain_text("charged as recorded by the SDK")
    # Its own cost is in no sum of the run.
    expect(page.locator("dt", has_text="Calls").first.locator("xpath=following-sibling::dd[1]")).to_have_text("0")
    panel.get_by_role("link", name="another run").first.click()
    expect(panel.get_by_role("region", name="Same call")).to_contain_text("also recorded by the application")


def test_nothing_is_shown_where_nobody_said_anything(watched: WatchedPage, full: Collector) -> None:
    page = watched.page
    page.goto(f"{full.url}/runs/{QUIET}")
    page.get_by_role("treeitem").filter(has_text="chat.completions").click()
    panel = panel_of(watched)
    expect(panel.get_by_role("tab", name="Usage & cost")).to_be_visible()
    expect(panel.get_by_role("tab", name="Scores & facts")).to_have_count(0)
    expect(panel.get_by_role("region", name="Same call")).to_have_count(0)
    expect(page.get_by_role("list", name="Scores")).to_have_count(0)


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light-wide", "dark-narrow"])
def themed(request: pytest.FixtureRequest, browser: Browser, full: Collector) -> Generator[WatchedPage]:
    chosen: tuple[Scheme, int] = request.param
    with watched_page(browser, full.url, scheme=chosen[0], width=chosen[1]) as page:
        page.page.context.add_cookies(full.session)
        yield page


def test_nothing_breaks_accessibility(themed: WatchedPage, full: Collector) -> None:
    page = themed.page
    for tab in ("cost", "said"):
        page.goto(f"{full.url}/runs/{RUN}?event={CALL}&tab={tab}")
        expect(panel_of(themed).get_by_role("tab", name="Scores & facts")).to_be_visible()
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
