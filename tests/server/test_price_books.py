"""Newer price books: what they change, that they are taken as a whole or not at all, and that hostile ones are not."""

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from server import price_books
from server.batches import call
from server.live_server import LiveServer, batch, running
from sqlalchemy import select

from llmobserve.pricing import load_price_book, price_book_version
from llmobserve_server.control.models import AuditEntry
from llmobserve_server.errors import BadRequest, PayloadTooLarge
from llmobserve_server.pricing.book_file import read_book_file
from llmobserve_server.pricing.name_pattern import PatternRefused, check_pattern
from llmobserve_server.query.book_diff import diff_books

Change = Callable[[dict[str, Any]], None]


def cost_of_new_call(server: LiveServer, api: httpx.Client) -> tuple[str | None, str]:
    one = call()
    with server.client() as sender:
        assert sender.post("/v1/events", json={**batch(0), "events": [one]}).json()["accepted"] == 1
    detail = api.get(f"events/{one['event_id']}").json()
    return detail["row"]["cost_usd"], detail["price_book"]


def test_a_book_is_taken_while_the_server_runs_and_kept_over_a_restart(tmp_path: Path) -> None:
    # gpt-4o-mini, 1000 tokens in, 100 out: 0.00021 at the shipped 0.15 and 0.60, 0.00014 at 0.10 and 0.40.
    with running(tmp_path) as live, live.browser() as api:
        api.base_url = f"{live.url}/api/v1/"
        assert cost_of_new_call(live, api) == ("0.00021", price_book_version())
        content = price_books.book()
        shown = api.post("prices/book", params={"dry_run": True}, content=content)
        assert shown.status_code == 200, shown.text
        assert shown.json()["taken"] is False
        assert cost_of_new_call(live, api) == ("0.00021", price_book_version())
        taken = api.post("prices/book", content=content).json()
        assert taken == {**shown.json(), "taken": True}
        new = taken["new_version"]
        assert new.startswith(f"{price_books.DAY}.")
        assert cost_of_new_call(live, api) == ("0.00014", new)
        assert api.get("prices", params={"limit": 1}).json()["price_book"] == new
        assert api.get("meta").json()["price_book"] == new
        listed = api.get("prices", params={"provider": "openai", "q": "gpt-9"}).json()["prices"]
        assert {row["unit"]: row["rate_usd"] for row in listed} == {"input_text_tokens": "2", "output_text_tokens": "8"}
        with live.control.session() as session:
            (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "prices.load")).all()
        assert (entry.object_id, entry.detail and entry.detail["sha256"]) == (new, taken["sha256"])
    with running(tmp_path) as live, live.browser() as api:
        api.base_url = f"{live.url}/api/v1/"
        assert cost_of_new_call(live, api) == ("0.00014", new)
        assert live.app.state.books.named(price_book_version()) is load_price_book()
        assert live.app.state.books.named("2020-01-01.000000000000") is None
        assert live.app.state.books.named("../../etc/passwd") is None


def test_a_loaded_book_that_was_changed_on_disk_is_not_used(tmp_path: Path) -> None:
    with running(tmp_path) as live, live.browser() as api:
        taken = api.post("/api/v1/prices/book", content=price_books.book()).json()
    kept = tmp_path / "prices" / f"{taken['new_version']}.json.gz"
    kept.write_bytes(price_books.book(lambda openai: openai["models"].clear()))
    with running(tmp_path) as live, live.browser() as api:
        assert api.get("/api/v1/meta").json()["price_book"] == price_book_version()


def test_the_difference_is_told_by_rate_with_percent(server: LiveServer, api: httpx.Client) -> None:
    api.post("prices/book", content=price_books.book()).raise_for_status()

    def change(openai: dict[str, Any]) -> None:
        models = openai["models"]
        del models["gpt-9-mini"]
        until_us, from_us = 4_000_000_000_000_000, 4_000_000_000_000_000
        block = models["gpt-4o-mini"]["blocks"][0]
        models["gpt-4o-mini"] = {
            "aliases": ["mini"],
            "blocks": [[*block[:3], until_us, *block[4:-1], ["0.15", "0.4"]], [*block[:2], from_us, *block[3:]]],
        }
        models["gpt-10"] = {"free": "It costs nothing."}
        openai["prefixes"] = ["oai/"]

    diff = api.post("prices/book", params={"dry_run": "true"}, content=price_books.book(change)).json()
    said = {
        (row["model"], row["change"], row["what"], row["subject"], row["conditions"]): row for row in diff["changes"]
    }
    from_words = "from 2096-10-02 07:06"
    assert set(said) == {
        (None, "changed", "matching", "prefixes", ""),
        ("gpt-10", "added", "model", "free", ""),
        ("gpt-4o-mini", "added", "model", "aliases", ""),
        ("gpt-4o-mini", "changed", "rate", "input_text_tokens", ""),
        ("gpt-4o-mini", "changed", "rate", "output_text_tokens", ""),
        ("gpt-4o-mini", "added", "rate", "input_text_tokens", from_words),
        ("gpt-4o-mini", "added", "rate", "output_text_tokens", from_words),
        ("gpt-9-mini", "removed", "rate", "input_text_tokens", ""),
        ("gpt-9-mini", "removed", "rate", "output_text_tokens", ""),
    }
    raised = said["gpt-4o-mini", "changed", "rate", "input_text_tokens", ""]
    # 0.15 / 0.10 = 1.5
    assert (raised["old_usd"], raised["new_usd"], raised["per"], raised["percent"]) == ("0.1", "0.15", 1_000_000, "50")
    assert (raised["new"], raised["past"]) == ("until 2096-10-02 07:06", True)
    ends = said["gpt-4o-mini", "changed", "rate", "output_text_tokens", ""]
    assert (ends["percent"], ends["past"]) == ("0", False)
    (openai,) = diff["providers"]
    assert openai == {"provider": "openai", "added": 4, "removed": 2, "changed": 3}
    assert (diff["past_changes"], diff["truncated"]) == (3, False)


def test_a_book_has_no_difference_from_itself() -> None:
    book = load_price_book()
    diff = diff_books(book, book, sha256="", taken=False, at_us=0)
    assert (diff.providers, diff.changes, diff.past_changes) == ([], [], 0)


def test_an_older_book_is_taken_only_when_that_is_said(server: LiveServer, api: httpx.Client) -> None:
    newer, older = price_books.book(day="2026-12-02"), price_books.book()
    assert api.post("prices/book", content=newer).status_code == 200
    refused = api.post("prices/book", content=older)
    assert (refused.status_code, refused.json()["field"]) == (400, "older")
    assert api.get("meta").json()["price_book"].startswith("2026-12-02")
    assert api.post("prices/book", params={"older": True}, content=older).status_code == 200
    assert api.get("meta").json()["price_book"].startswith(price_books.DAY)


def test_a_key_takes_a_book_only_where_its_project_is_the_only_one(server: LiveServer, api: httpx.Client) -> None:
    with server.client(server.new_key("admin")) as keyed:
        assert keyed.post("/api/v1/prices/book", content=price_books.book()).status_code == 200
        assert api.post("projects", json={"name": "Other"}).status_code == 201
        refused = keyed.post("/api/v1/prices/book", content=price_books.book(day="2026-12-03"))
        assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
    assert api.get("meta").json()["price_book"].startswith(price_books.DAY)


def test_the_shipped_book_packs_into_a_file_that_is_the_shipped_book(tmp_path: Path) -> None:
    path = tmp_path / "book.json.gz"
    tool = Path(__file__).resolve().parents[2] / "prices/tools/pack_book.py"
    subprocess.run([sys.executable, str(tool), str(path)], check=True, capture_output=True)
    file = read_book_file(path.read_bytes())
    assert file.book.version == price_book_version()
    diff = diff_books(load_price_book(), file.book, sha256=file.sha256, taken=False, at_us=0)
    assert diff.changes == []


def block(openai: dict[str, Any], index: int, value: Any) -> None:
    openai["models"]["gpt-4o-mini"]["blocks"][0][index] = value


HOSTILE: dict[str, Change] = {
    "negative": lambda o: block(o, 9, ["-0.1", "0.4"]),
    "not a number": lambda o: block(o, 9, ["NaN", "0.4"]),
    "exponent": lambda o: block(o, 9, ["1e9", "0.4"]),
    "float": lambda o: block(o, 9, [0.1, "0.4"]),
    "per zero": lambda o: block(o, 9, [["0.1", 0], "0.4"]),
    "step zero": lambda o: block(o, 9, [["0.1", 1, None, "0"], "0.4"]),
    "one price too few": lambda o: block(o, 9, ["0.1"]),
    "source beyond": lambda o: block(o, 5, 7),
    "rule beyond": lambda o: block(o, 6, -1),
    "hours unknown": lambda o: block(o, 4, "night"),
    "ends before it begins": lambda o: (block(o, 2, 10), block(o, 3, 10))[0],
    "condition": lambda o: block(o, 0, "batch"),
    "confidence": lambda o: block(o, 7, "certain"),
    "unknown unit": lambda o: o["shapes"].__setitem__(0, ["input_text_tokens", "output_smells"]),
    "unit twice": lambda o: o["shapes"].__setitem__(0, ["input_text_tokens", "input_text_tokens"]),
    "script as source": lambda o: o["sources"].__setitem__(0, "javascript:alert(1)"),
    "quotes in source": lambda o: o["sources"].__setitem__(0, 'https://x/"onclick=alert(1)'),
    "runaway pattern": lambda o: o["patterns"].append({"match": "(?P<name>(a+)+)b"}),
    "pattern of nothing": lambda o: o["patterns"].append({"match": "a.+"}),
    "broken pattern": lambda o: o["patterns"].append({"match": "(?P<name>a"}),
    "priced and free": lambda o: o["models"]["gpt-4o-mini"].update(free="yes"),
    "name twice": lambda o: o["models"]["gpt-9-mini"].update(aliases=["GPT-4o-mini"]),
    "unknown field": lambda o: o.update(surprise=1),
    "field missing": lambda o: o.pop("strict"),
    "other provider": lambda o: o.update(provider="anthropic"),
    "no date": lambda o: o.update(checked_on="today"),
    "consumes what has no price": lambda o: o["models"]["gpt-4o-mini"].update(per_call={"requests": 1}),
    "long text": lambda o: o["rules"].__setitem__(0, "x" * 3000),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_book_that_is_not_right_is_refused(kind: str) -> None:
    def change(openai: dict[str, Any]) -> None:
        HOSTILE[kind](openai)

    with pytest.raises(BadRequest, match="This price book cannot be used"):
        read_book_file(price_books.book(change))


GOOD = price_books.parts()
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "no book": b"{}",
    "a list": b"[]",
    "text": b"hello",
    "not utf-8": b'{"format": "\xff"}',
    "deep": b"[" * 100_000,
    "deep inside": b'{"format":"llmobserve-price-book","schema":1,"version":"x","files":{"units":' + b"[" * 100_000,
    "cut": price_books.packed(GOOD)[:-20],
    "something behind": price_books.packed(GOOD) + b"more",
    "gzip of nothing": b"\x1f\x8b\x08\x00",
    "other format": price_books.packed(GOOD, format="prices"),
    "newer schema": price_books.packed(GOOD, schema=2),
    "other version": price_books.packed(GOOD, version=f"{price_books.DAY}.000000000000"),
    "version is a path": price_books.packed(GOOD, version="../../../../x"),
    "other day": price_books.packed(GOOD, "2026-12-24"),
    "no units": price_books.packed({"openai": GOOD["openai"]}),
    "no provider": price_books.packed({"units": GOOD["units"]}),
    "provider is a path": price_books.packed({"units": GOOD["units"], "../x": GOOD["openai"]}),
    "changed after packing": price_books.packed(GOOD, compress=False).replace(b'["0.1","0.4"]', b'["0.0","0.0"]'),
    "unknown unit": price_books.packed({**GOOD, "units": {"units": {"smells": ["S", "s", 1]}}}),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_no_book_is_refused(kind: str) -> None:
    with pytest.raises(BadRequest, match="This price book cannot be used"):
        read_book_file(BROKEN[kind])


def test_files_that_are_or_become_too_large_are_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        read_book_file(b" " * (8 * 1024 * 1024 + 1))
    with pytest.raises(PayloadTooLarge):
        read_book_file(gzip.compress(b" " * (65 * 1024 * 1024)))


def test_a_plain_file_is_as_good_as_a_compressed_one() -> None:
    plain = read_book_file(price_books.packed(GOOD, compress=False))
    assert plain.book.version == read_book_file(price_books.packed(GOOD)).book.version


def test_what_is_refused_over_http_changes_nothing(server: LiveServer, api: httpx.Client) -> None:
    for content, status in ((b"{}", 400), (b" " * (8 * 1024 * 1024 + 1), 413), (BROKEN["deep"], 400)):
        answer = api.post("prices/book", content=content)
        assert answer.status_code == status, answer.text
        assert answer.json()["message"]
    assert api.get("meta").json()["price_book"] == price_book_version()
    with server.control.session() as session:
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "prices.load")).all() == []


@pytest.mark.parametrize(
    "pattern", ["(?:a|aa)" * 30, "a?" * 60 + "a" * 60, "[^/]+/?" * 5, ".*.*.*.*x", "(?=x).", "\\1"]
)
def test_patterns_that_could_run_away_are_refused(pattern: str) -> None:
    with pytest.raises(PatternRefused):
        check_pattern(pattern)


def test_patterns_of_the_shipped_book_are_accepted() -> None:
    book = load_price_book()
    patterns = [one for name in book.providers for one in book.read(name).patterns]
    assert len(patterns) > 30
    for one in patterns:
        check_pattern(one.spelling.pattern)


def test_calls_are_priced_by_one_book_or_the_other_while_books_are_swapped(
    server: LiveServer, api: httpx.Client
) -> None:
    def dearer(openai: dict[str, Any]) -> None:
        openai["models"]["gpt-4o-mini"] = price_books.list_price("1", "4")

    # 0.00014 and, at $1 and $4 a million, 0.001 + 0.0004 = 0.0014.
    books = {price_books.book(): Decimal("0.00014"), price_books.book(dearer): Decimal("0.0014")}
    expected = {read_book_file(content).book.version: usd for content, usd in books.items()}
    expected[price_book_version()] = Decimal("0.00021")
    ends_s = time.monotonic() + 2
    while time.monotonic() < ends_s:
        for content in books:
            assert api.post("prices/book", content=content).status_code == 200
            usd, version = cost_of_new_call(server, api)
            assert usd is not None
            assert Decimal(usd) == expected[version]


def test_the_file_says_what_it_is() -> None:
    head = json.loads(gzip.decompress(price_books.book()))
    assert (head["format"], head["schema"]) == ("llmobserve-price-book", 1)
