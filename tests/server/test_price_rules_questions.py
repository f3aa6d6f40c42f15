"""What a rule would change, the history of a model, help for unpriced models, and rules that change elsewhere."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from alembic.config import Config
from server.live_server import LiveServer, batch, get, running
from sqlalchemy import create_engine, text

from llmobserve.wire import CallEvent, Usage, now_us
from llmobserve_server.control import price_rules
from llmobserve_server.control.audit import CONSOLE
from llmobserve_server.control.database import ControlDatabase, open_control
from llmobserve_server.control.models import PriceRule
from llmobserve_server.errors import Conflict, NotFound, StoreError
from llmobserve_server.pricing import Books, ProjectRules, pricer_of
from llmobserve_server.query import rule_preview

MILLION = 1_000_000
HOUR_US = 3_600_000_000
TOKENS = {"units": {"input_text_tokens": 1000, "output_text_tokens": 500}, "source": "response"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """With calls that cost, at list price for a million tokens: gpt-4o 2.50 and 10.00, gpt-4o-mini 0.15 and 0.60."""
    with running(tmp_path_factory.mktemp("questions")) as live:
        live.send(
            batch(3, request_model="gpt-4o", usage=TOKENS),  # 0.0075 each
            batch(2, request_model="gpt-4o-mini", usage=TOKENS),  # 0.00045 each
            batch(1, request_model="gpt-4o", usage=TOKENS, dimensions={"batch": "true"}),  # 0.00375
            batch(1, request_model="gpt-4o", usage=TOKENS, reported_cost_usd="0.02"),
            batch(1, request_model="gpt-4o", usage=TOKENS, start_time_us=now_us() - 31 * 24 * HOUR_US),
            batch(2, provider="azure_openai", request_model="prod-chat", usage=TOKENS),
            batch(1, provider="acme_ai", request_model="gpt-4o", usage=TOKENS),
        )
        yield live


@pytest.fixture(scope="module")
def api(server: LiveServer) -> Iterator[httpx.Client]:
    with server.api() as client:
        yield client


def preview(api: httpx.Client, body: dict[str, Any], **params: Any) -> dict[str, Any]:
    answer = api.post("price-rules/preview", json=body, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(changes: dict[str, Any]) -> tuple[Any, ...]:
    names = ("calls", "before_usd", "after_usd", "before_unpriced", "after_unpriced")
    return tuple(changes[name] for name in names)


def test_what_a_discount_would_have_changed(api: httpx.Client) -> None:
    changes = preview(api, {"kind": "discount", "provider": "openai", "percent": "10"})
    # Three at 0.0075, two at 0.00045 and the batch at 0.00375 are 0.02715; the reported charge stays.
    assert said(changes) == (6, "0.02715", "0.024435", 0, 0)
    assert (changes["examined"], changes["truncated"]) == (7, False)
    mini = preview(api, {"kind": "discount", "model": "gpt-4o-mini", "percent": "100"})
    assert said(mini) == (2, "0.0009", "0", 0, 0)
    assert mini["examined"] == 2
    assert get(api, "price-rules")["rules"] == []


def test_what_other_rules_would_have_changed(api: httpx.Client) -> None:
    rates = [{"unit": "input_text_tokens", "rate_usd": "2", "per": MILLION}]
    own = preview(api, {"kind": "override", "provider": "openai", "model": "gpt-4o", "rates": rates})
    # Three at 0.007; the provider's 0.02 gives way to 0.007 as well. The batch has another price.
    assert said(own) == (4, "0.0425", "0.028", 0, 0)
    to_4o = {"to_provider": "azure_openai", "to_model": "gpt-4o"}
    mapping = preview(api, {"kind": "mapping", "provider": "azure_openai", "model": "prod-chat", **to_4o})
    assert said(mapping) == (2, "0", "0.015", 2, 0)
    assert said(preview(api, {"kind": "free", "provider": "acme_ai"})) == (1, "0", "0", 1, 0)
    assert said(preview(api, {"kind": "free", "provider": "nobody"})) == (0, "0", "0", 0, 0)


def test_a_preview_knows_the_rules_that_are_there(api: httpx.Client) -> None:
    made = api.post(
        "price-rules", json={"kind": "discount", "provider": "openai", "percent": "10", "valid_from": "2020-01-01"}
    )
    assert made.status_code == 201, made.text
    rule_id = made.json()["id"]
    twenty = {"kind": "discount", "provider": "openai", "percent": "20"}
    changed = preview(api, twenty, replaces=rule_id)
    assert said(changed) == (6, "0.024435", "0.02172", 0, 0)  # 0.02715 × 0.9 and × 0.8
    assert api.post(f"price-rules/{rule_id}/end", json={"at": "2020-01-01"}).json()["state"] == "withdrawn"


def test_a_preview_looks_at_the_newest_calls_only(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_preview, "MAX_CALLS", 2)
    changes = preview(api, {"kind": "discount", "provider": "openai", "percent": "10"})
    assert (changes["examined"], changes["truncated"]) == (2, True)
    monkeypatch.setattr(rule_preview, "_MAX_NAMES", 1)
    assert preview(api, {"kind": "free", "provider": "nobody"})["examined"] == 2


def test_help_for_models_without_a_price(server: LiveServer, api: httpx.Client) -> None:
    def models() -> dict[str, tuple[Any, ...]]:
        rows = get(api, "prices/unpriced")["models"]
        return {f"{row['provider']}/{row['model']}": (row["nearest"], row["rule_id"], row["mapped_to"]) for row in rows}

    assert models() == {"azure_openai/prod-chat": ("gpt-5-chat", None, None), "acme_ai/gpt-4o": (None, None, None)}
    mapping = {"kind": "mapping", "provider": "azure_openai", "model": "prod-chat"}
    mapped = api.post("price-rules", json={**mapping, "to_provider": "openai", "to_model": "gpt-4o"}).json()
    free = api.post("price-rules", json={"kind": "free", "provider": "acme_ai"}).json()
    off = api.post("price-rules", json={"kind": "discount", "provider": "acme_ai", "percent": "5"}).json()
    assert models() == {
        "azure_openai/prod-chat": ("gpt-5-chat", mapped["id"], "openai/gpt-4o"),
        "acme_ai/gpt-4o": (None, free["id"], None),
    }
    for rule in (mapped, free, off):
        assert api.post(f"price-rules/{rule['id']}/end", json={"at": rule["valid_from"]}).status_code == 200


def test_the_history_of_a_model_has_past_and_announced_rates(api: httpx.Client) -> None:
    # Google raises Gemini 3.6 Flash on 2027-01-01 from 0.75 to 1.50 for a million input tokens (announced 2026).
    history = get(api, "prices/history", provider="google_gemini", model="models/gemini-3.6-flash")
    assert (history["provider"], history["model"]) == ("google_gemini", "gemini-3.6-flash")
    rows = [
        (row["rate_usd"], row["valid_from"], row["valid_to"])
        for row in history["prices"]
        if row["unit"] == "input_text_tokens" and not row["dimensions"]
    ]
    assert rows[-2:] == [("0.75", rows[-2][1], "2027-01-01T00:00:00Z"), ("1.5", "2027-01-01T00:00:00Z", None)]
    listed = get(api, "prices", provider="google_gemini", q="gemini-3.6-flash", limit=500)["prices"]
    assert sorted(row["price_id"] for row in history["prices"]) == sorted(
        row["price_id"] for row in listed if row["model"] == "gemini-3.6-flash"
    )


def test_the_history_of_a_model_has_the_rules_about_it(api: httpx.Client) -> None:
    bodies: list[dict[str, Any]] = [
        {"kind": "discount", "provider": "mistral", "percent": "5"},
        {"kind": "free", "provider": "mistral", "model": "mistral-small-latest"},
        {"kind": "mapping", "provider": "zeta_ai", "model": "small", "to_provider": "mistral"},
        {"kind": "discount", "provider": "mistral", "model": "codestral-latest", "percent": "5"},
        {"kind": "discount", "provider": "openai", "percent": "5"},
    ]
    bodies[2]["to_model"] = "mistral/mistral-small-latest"
    made = [api.post("price-rules", json=body).json()["id"] for body in bodies]
    history = get(api, "prices/history", provider="mistral", model="mistral-small-latest")
    assert history["prices"]
    assert {rule["id"] for rule in history["rules"]} == set(made[:3])
    private = get(api, "prices/history", provider="zeta_ai", model="small")
    assert (private["model"], private["prices"], [rule["id"] for rule in private["rules"]]) == (None, [], [made[2]])
    for rule_id in made:
        assert api.post(f"price-rules/{rule_id}/end", json={}).status_code == 200
    ended = get(api, "prices/history", provider="mistral", model="mistral-small-latest")["rules"]
    assert {rule["state"] for rule in ended} == {"ended"}


def test_an_unknown_model_has_no_history(api: httpx.Client) -> None:
    missing = api.get("prices/history", params={"provider": "openai", "model": "gpt-4oo"})
    assert (missing.status_code, missing.json()["field"]) == (404, "model")
    assert "'gpt-4o'" in missing.json()["message"]
    assert api.get("prices/history", params={"provider": "nobody", "model": "x"}).status_code == 404
    assert api.get("prices/history", params={"provider": "openai"}).json()["field"] == "model"


def test_a_search_has_the_exact_name_first_then_those_that_begin_with_it(api: httpx.Client) -> None:
    rows = get(api, "prices", q="GPT-4o", limit=500)["prices"]
    names = list(dict.fromkeys(row["model"] for row in rows))
    assert names[0] == "gpt-4o"
    distance = [0 if name == "gpt-4o" else 1 if name.lower().startswith("gpt-4o") else 2 for name in names]
    assert distance == sorted(distance)
    pages, cursor = [], None
    while True:
        page = get(api, "prices", provider="openai", q="4o-mini", limit=20, **({"cursor": cursor} if cursor else {}))
        pages += page["prices"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == get(api, "prices", provider="openai", q="4o-mini", limit=500)["prices"]
    assert len({row["price_id"] for row in pages}) == len(pages) > 20


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlDatabase]:
    database = open_control(f"sqlite:///{tmp_path / 'control.db'}")
    yield database
    database.close()


def new_rule(percent: str = "10", **facts: Any) -> PriceRule:
    now = datetime.now(UTC)
    chosen: dict[str, Any] = {
        "project_id": "default",
        "kind": "discount",
        "provider": "openai",
        "valid_from": now,
        **facts,
    }
    return PriceRule(percent=percent, created_at=now, rates=[], dimensions={}, note="", **chosen)


def call() -> CallEvent:
    usage = Usage(units={"input_text_tokens": 1000, "output_text_tokens": 500}, source="response")
    return CallEvent(
        event_id="e1",
        kind="llm",
        provider="openai",
        operation="chat.completions",
        request_model="gpt-4o",
        start_time_us=now_us(),
        usage=usage,
    )


def test_rules_that_another_process_changes_hold_here_within_seconds(control: ControlDatabase, tmp_path: Path) -> None:
    price = pricer_of(Books(), ProjectRules(control))
    assert price("default", call()).usd == Decimal("0.0075")
    other = open_control(f"sqlite:///{tmp_path / 'control.db'}")
    rule = price_rules.add_rule(other, new_rule(), CONSOLE)
    deadline = time.monotonic() + 20
    while price("default", call()).usd != Decimal("0.00675") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert price("default", call()).usd == Decimal("0.00675")
    price_rules.end_rule(other, "default", rule.id, datetime.now(UTC), CONSOLE)
    other.close()
    while price("default", call()).usd != Decimal("0.0075") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert price("default", call()).usd == Decimal("0.0075")
    assert price("another", call()).usd == Decimal("0.0075")


def test_without_a_look_at_its_rules_no_call_of_a_project_is_priced(control: ControlDatabase) -> None:
    price_rules.add_rule(control, new_rule(), CONSOLE)
    rules = ProjectRules(control)
    price = pricer_of(Books(), rules)
    assert price("default", call()).usd == Decimal("0.00675")
    with control.engine.begin() as connection:
        connection.execute(text("alter table price_rules rename to away"))
    with pytest.raises(StoreError, match="price rules of project 'another'"):
        price("another", call())
    known = rules.of("default")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert rules.of("default") is known, "what was known stays in use"
        time.sleep(0.2)


def test_of_many_rules_about_the_same_at_once_one_is_added(control: ControlDatabase) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def add() -> None:
        together.wait()
        try:
            price_rules.add_rule(control, new_rule(), CONSOLE)
        except Conflict:
            outcomes.append("refused")
        else:
            outcomes.append("added")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added"] + ["refused"] * 7
    assert len(price_rules.list_rules(control, "default")) == 1


def test_a_change_that_cannot_be_made_does_not_end_the_old_rule(control: ControlDatabase) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    first = price_rules.add_rule(control, new_rule(valid_to=soon), CONSOLE)
    price_rules.add_rule(control, new_rule(valid_from=soon), CONSOLE)
    with pytest.raises(Conflict):
        price_rules.replace_rule(control, first.id, new_rule("20"), CONSOLE)
    kept = price_rules.get_rule(control, "default", first.id)
    assert (kept.stops_at, kept.ended_at, kept.ended_by) == (None, None, None)


def test_a_rule_belongs_to_a_project_that_exists(control: ControlDatabase) -> None:
    with pytest.raises(NotFound):
        price_rules.add_rule(control, new_rule(project_id="nowhere"), CONSOLE)


def test_a_control_database_of_the_version_before_is_migrated_with_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    config = Config()
    config.set_main_option("script_location", str(Path(price_rules.__file__).parent / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("insert into organisations values ('o', 'O', '2026-01-01 00:00:00')"))
        connection.execute(text("insert into projects values ('kept', 'o', 'Kept', '2026-01-01 00:00:00')"))
    engine.dispose()
    database = open_control(f"sqlite:///{path}")
    price_rules.add_rule(database, new_rule(project_id="kept"), CONSOLE)
    assert [rule.percent for rule in price_rules.list_rules(database, "kept")] == ["10"]
    database.close()
    assert (tmp_path / "control.db.before-0001").is_file()
