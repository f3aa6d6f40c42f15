"""Prices over real HTTP: what the price lists say, page by page, and what was called without one."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from server.live_server import LiveServer, batch, get, running

from llmobserve.wire import now_us

OLDER_US = now_us() - 3_600_000_000
NEWER_US = now_us() - 60_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("prices")) as live:
        live.send(
            batch(1, request_model="gpt-4o-minni", start_time_us=OLDER_US),
            batch(2, request_model="gpt-4o-minni", start_time_us=NEWER_US),
            batch(1, request_model="zzzzzzzzzzzz", start_time_us=NEWER_US),
            batch(1, request_model="gpt-4o", usage={"units": {}, "source": "unknown"}, http_status=200),
            batch(4, request_model="gpt-4o"),
            batch(1, provider="acme_ai", request_model="gpt-4o", start_time_us=NEWER_US),
        )
        yield live


@pytest.fixture(scope="module")
def api(server: LiveServer) -> Iterator[httpx.Client]:
    with server.api() as client:
        yield client


def rates(api: httpx.Client, provider: str, model: str, **dimensions: str) -> dict[str, tuple[str, int]]:
    rows = get(api, "prices", provider=provider, q=model, limit=500)["prices"]
    return {
        row["unit"]: (row["rate_usd"], row["per"])
        for row in rows
        if row["model"] == model and row["dimensions"] == dimensions and row["above_input_tokens"] is None
    }


def test_rates_are_those_of_the_price_list(api: httpx.Client):
    # OpenAI's price page (2026-11): GPT-4o $2.50 input, $1.25 cached input, $10.00 output for a million tokens,
    # half of input and output in a batch; web search $10 for a thousand calls.
    listed = rates(api, "openai", "gpt-4o")
    million = 1_000_000
    assert listed["input_text_tokens"] == ("2.5", million)
    assert listed["cache_read_text_tokens"] == ("1.25", million)
    assert listed["output_text_tokens"] == ("10", million)
    assert listed["web_search_calls"] == ("10", 1000)
    batched = rates(api, "openai", "gpt-4o", batch="true")
    assert (batched["input_text_tokens"], batched["output_text_tokens"]) == (("1.25", million), ("5", million))


def test_a_row_has_its_source_and_conditions(api: httpx.Client):
    rows = get(api, "prices", provider="openai", q="gpt-4o", limit=500)["prices"]
    row = next(one for one in rows if one["model"] == "gpt-4o" and one["unit"] == "input_text_tokens")
    assert row == {
        "price_id": "openai/gpt-4o/input_text_tokens",
        "provider": "openai",
        "model": "gpt-4o",
        "state": "priced",
        "unit": "input_text_tokens",
        "unit_label": "Input tokens",
        "rate_usd": "2.5",
        "per": 1_000_000,
        "dimensions": {},
        "above_input_tokens": None,
        "hours": None,
        "least_quantity": None,
        "step": None,
        "valid_from": None,
        "valid_to": None,
        "rule": "list price",
        "source": "https://developers.openai.com/api/docs/pricing",
        "estimated": False,
    }


def test_hours_least_quantities_and_free_models_are_said(api: httpx.Client):
    # DeepSeek's discount of 2025: every day from 16:30 to 00:30 UTC. Groq bills at least ten seconds a request.
    chat = get(api, "prices", provider="deepseek", q="deepseek-chat", limit=500)["prices"]
    assert "daily 00:00–00:30, 16:30–24:00 UTC" in {row["hours"] for row in chat}
    assert any(row["valid_to"] and row["valid_to"].endswith("Z") for row in chat)
    whisper = get(api, "prices", provider="groq", q="whisper-large-v3")["prices"]
    assert {row["least_quantity"] for row in whisper if row["unit"] == "input_seconds"} == {"10"}
    (free,) = get(api, "prices", provider="openai", q="omni-moderation")["prices"]
    assert (free["state"], free["unit"], free["rate_usd"]) == ("free", None, None)
    assert free["rule"] == "OpenAI does not charge for moderation."


def test_pages_follow_each_other_without_gap_or_overlap(api: httpx.Client):
    whole = get(api, "prices", provider="anthropic", q="OPUS", limit=500)
    assert whole["total"] == len(whole["prices"]) > 20
    assert whole["next_cursor"] is None
    assert all("opus" in row["model"] for row in whole["prices"])
    assert whole["models"] == len({row["model"] for row in whole["prices"]})
    pages, cursor = [], None
    while True:
        page = get(api, "prices", provider="anthropic", q="opus", limit=7, **({"cursor": cursor} if cursor else {}))
        assert page["total"] == whole["total"]
        pages += page["prices"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["prices"]) == 7
    assert pages == whole["prices"]


def test_the_answer_names_book_and_providers(api: httpx.Client):
    answer = get(api, "prices", q="no such model")
    assert (answer["prices"], answer["total"], answer["next_cursor"]) == ([], 0, None)
    assert answer["price_book"] == get(api, "meta")["price_book"]
    models = {one["provider"]: one["models"] for one in answer["providers"]}
    assert list(models) == sorted(models)
    assert models["openai"] == get(api, "prices", provider="openai", limit=1)["models"] > 50


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "10~2001-01-01.aaaa"}, "cursor"),
        ({"cursor": f"{'9' * 5000}~x"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"q": "x" * 201}, "q"),
    ],
)
def test_what_cannot_be_understood_is_refused(api: httpx.Client, params: dict[str, Any], field: str):
    answer = api.get("prices", params=params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] == field
    assert answer.json()["message"]


def test_models_without_a_price(api: httpx.Client):
    answer = get(api, "prices/unpriced")
    # Three misspelt, one unknown, one without usage, one of an unknown provider; four calls are priced.
    assert (answer["calls"], answer["truncated"]) == (6, False)
    found = {(row["provider"], row["model"]): row for row in answer["models"]}
    said = {key: (row["calls"], row["missing"], row["nearest"]) for key, row in found.items()}
    assert said == {
        ("openai", "gpt-4o-minni"): (3, "model", "gpt-4o-mini"),
        ("openai", "zzzzzzzzzzzz"): (1, "model", None),
        ("openai", "gpt-4o"): (1, "other", None),
        ("acme_ai", "gpt-4o"): (1, "provider", None),
    }
    assert answer["models"][0]["model"] == "gpt-4o-minni"
    misspelt = found["openai", "gpt-4o-minni"]
    assert misspelt["first_seen"] < misspelt["last_seen"]
    assert all(row["reason"] for row in answer["models"])


def test_unpriced_models_of_a_time_range_and_of_the_own_project(server: LiveServer, api: httpx.Client):
    assert get(api, "prices/unpriced", to="2026-01-01T00:00:00Z") == {"models": [], "calls": 0, "truncated": False}
    assert api.get("prices/unpriced", params={"from": "yesterday"}).status_code == 400
    assert api.post("projects", json={"name": "Other", "id": "other"}).status_code == 201
    with server.client(server.new_key("read", "other")) as other:
        assert other.get("/api/v1/prices/unpriced").json()["calls"] == 0
        assert other.get("/api/v1/prices", params={"limit": 1}).status_code == 200
