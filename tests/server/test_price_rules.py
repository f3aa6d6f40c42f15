"""Price rules over real HTTP: made, changed, ended, refused, kept as history and in the audit record."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server.live_server import LiveServer, batch, running

from llmobserve.wire import now_us
from llmobserve_server.control import price_rules
from llmobserve_server.control.models import AuditEntry

MILLION = 1_000_000
TOKENS: dict[str, Any] = {"units": {"input_text_tokens": 1000, "output_text_tokens": 500}, "source": "response"}
# gpt-4o, list price of 2026-11 for a million tokens: 2.50 in, 10.00 out. A call of TOKENS: 0.0025 + 0.005.
DISCOUNT: dict[str, Any] = {"kind": "discount", "provider": "openai", "percent": "12"}
OVERRIDE: dict[str, Any] = {
    "kind": "override",
    "provider": "openai",
    "model": "gpt-4o",
    "rates": [{"unit": "input_text_tokens", "rate_usd": "2.00", "per": MILLION}],
}
MAPPING: dict[str, Any] = {
    "kind": "mapping",
    "provider": "azure_openai",
    "model": "prod-chat",
    "to_provider": "azure_openai",
    "to_model": "gpt-4o",
}
FREE: dict[str, Any] = {"kind": "free", "provider": "acme_ai"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("rules")) as live:
        yield live


@pytest.fixture
def project(server: LiveServer) -> str:
    """A project of this test alone."""
    project_id = f"p{next(_numbers)}"
    with server.browser() as browser:
        answer = browser.post("/api/v1/projects", json={"name": project_id, "id": project_id})
    assert answer.status_code == 201, answer.text
    return project_id


@pytest.fixture
def api(server: LiveServer, project: str) -> Iterator[httpx.Client]:
    with server.api(project=project) as client:
        yield client


_numbers = count(1)


def add(api: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("price-rules", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def end(api: httpx.Client, rule_id: str, **body: Any) -> dict[str, Any]:
    answer = api.post(f"price-rules/{rule_id}/end", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rules(api: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    answer = api.get("price-rules", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["rules"]


def sent(api: httpx.Client, server: LiveServer, **facts: Any) -> dict[str, Any]:
    """What is stored of a call that is sent now."""
    body = batch(1, **{"request_model": "gpt-4o", "usage": TOKENS, "http_status": 200, **facts})
    with server.client(server.new_key("ingest", api.params["project"])) as sender:
        answer = sender.post("/v1/events", json=body)
        assert answer.json()["accepted"] == 1, answer.text
    return api.get(f"events/{body['events'][0]['event_id']}").json()


def cost(detail: dict[str, Any]) -> tuple[str, str | None]:
    return detail["row"]["cost_state"], detail["row"]["cost_usd"]


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def test_the_next_call_is_priced_by_a_new_rule_and_its_receipt_names_it(server: LiveServer, api: httpx.Client) -> None:
    assert cost(sent(api, server)) == ("priced", "0.0075")
    rule = add(api, {**DISCOUNT, "valid_to": "2100-01-01T00:00:00Z", "note": "contract 7"})
    detail = sent(api, server)
    assert cost(detail) == ("priced", "0.0066")  # 0.0075 × 0.88
    assert detail["table_usd"] == "0.0075"
    line = detail["receipt"][0]
    assert (line["usd"], line["list_usd"], line["rate_usd"]) == ("0.0022", "0.0025", "2.2")
    assert line["rule_ids"] == [rule["id"]]
    assert line["rule"].endswith(f"project discount of 12 % until 2100-01-01 (rule {rule['id']})")
    assert line["rule"].endswith(rule["text"])
    end(api, rule["id"])
    after = sent(api, server)
    assert cost(after) == ("priced", "0.0075")
    assert (after["table_usd"], after["receipt"][0]["list_usd"], after["receipt"][0]["rule_ids"]) == (None, None, [])


def test_own_rates_mappings_and_free_models(server: LiveServer, api: httpx.Client) -> None:
    azure = {"provider": "azure_openai", "request_model": "prod-chat"}
    acme = {"provider": "acme_ai", "request_model": "big"}
    assert cost(sent(api, server, **azure)) == cost(sent(api, server, **acme)) == ("unpriced", None)
    for body in (OVERRIDE, MAPPING, FREE):
        add(api, body)
    assert cost(sent(api, server)) == ("priced", "0.007")  # 1000 × 2 / 1e6 + 0.005
    mapped = sent(api, server, **azure)
    assert (*cost(mapped), mapped["row"]["model"], mapped["row"]["provider"]) == (
        *("priced", "0.0075", "gpt-4o"),
        "azure_openai",
    )
    assert cost(sent(api, server, **acme)) == ("free", "0")


def test_the_figure_of_the_provider_stays_but_for_own_rates(server: LiveServer, api: httpx.Client) -> None:
    add(api, DISCOUNT)
    reported = sent(api, server, reported_cost_usd="0.01")
    assert (*cost(reported), reported["table_usd"]) == ("provider_reported", "0.01", "0.0075")
    add(api, OVERRIDE)
    own = sent(api, server, reported_cost_usd="0.01")
    assert cost(own) == ("priced", "0.00616")  # (0.002 + 0.005) × 0.88
    assert "0.01" in own["cost_reason"]


def test_rules_hold_by_the_start_of_the_call_whenever_it_arrives(server: LiveServer, api: httpx.Client) -> None:
    now = now_us()
    add(api, {**DISCOUNT, "valid_from": ago(hours=2), "valid_to": ago(hours=1)})
    assert cost(sent(api, server, start_time_us=now - 3 * 3_600_000_000))[1] == "0.0075"
    assert cost(sent(api, server, start_time_us=now - 90 * 60_000_000))[1] == "0.0066"
    assert cost(sent(api, server, start_time_us=now))[1] == "0.0075"


def test_a_change_ends_the_old_rule_and_adds_a_new_one(server: LiveServer, api: httpx.Client) -> None:
    old = add(api, {**DISCOUNT, "valid_from": ago(days=2), "valid_to": "2100-01-01T00:00:00Z", "note": "contract 7"})
    answer = api.patch(f"price-rules/{old['id']}", json={"percent": "20"})
    assert answer.status_code == 200, answer.text
    new = answer.json()
    assert (new["percent"], new["note"], new["valid_to"]) == ("20", "contract 7", "2100-01-01T00:00:00Z")
    assert (new["replaces"], new["state"]) == (old["id"], "in_force")
    listed = {rule["id"]: rule for rule in rules(api)}
    was = listed[old["id"]]
    assert (was["state"], was["percent"], was["valid_to"]) == ("ended", "12", old["valid_to"])
    assert (was["stops_at"], was["replaced_by"]) == (new["valid_from"], new["id"])
    assert was["ended_by"].startswith("session:")
    assert [rule["id"] for rule in rules(api, current=True)] == [new["id"]]
    day_us = 86_400_000_000
    assert cost(sent(api, server))[1] == "0.006"  # 0.0075 × 0.8
    assert cost(sent(api, server, start_time_us=now_us() - day_us))[1] == "0.0066"


def test_a_correction_from_the_beginning_takes_the_old_rule_out_of_force(server: LiveServer, api: httpx.Client) -> None:
    old = add(api, {**DISCOUNT, "valid_from": ago(days=2)})
    changed = api.patch(f"price-rules/{old['id']}", json={"percent": "20", "valid_from": old["valid_from"]})
    assert changed.status_code == 200, changed.text
    assert [(rule["percent"], rule["state"]) for rule in rules(api)] == [("20", "in_force"), ("12", "withdrawn")]
    assert cost(sent(api, server, start_time_us=now_us() - 86_400_000_000))[1] == "0.006"
    again = api.patch(f"price-rules/{old['id']}", json={"percent": "5"})
    assert (again.status_code, again.json()["error"]) == (409, "conflict")


def test_a_changed_rule_ends_when_the_old_one_would_have(api: httpx.Client) -> None:
    rule = add(api, {**DISCOUNT, "provider": " openai "})
    assert rule["provider"] == "openai"
    end(api, rule["id"], at="2090-01-01T00:00:00Z")
    changed = api.patch(f"price-rules/{rule['id']}", json={"percent": "20"}).json()
    assert changed["valid_to"] == "2090-01-01T00:00:00Z"
    forever = api.patch(f"price-rules/{changed['id']}", json={"valid_to": None}).json()
    assert (forever["valid_to"], forever["percent"]) == (None, "20")
    assert [(one["state"], one["percent"]) for one in rules(api)] == [
        ("in_force", "20"),
        ("ended", "20"),
        ("ended", "12"),
    ]


def test_minus_nothing_is_nothing(server: LiveServer, api: httpx.Client) -> None:
    rates = [{"unit": unit, "rate_usd": "-0.0", "per": 1} for unit in TOKENS["units"]]
    assert add(api, {**OVERRIDE, "rates": rates})["rates"][0]["rate_usd"] == "0"
    assert add(api, {**DISCOUNT, "percent": "-0"})["percent"] == "0"
    detail = sent(api, server)
    assert (*cost(detail), detail["receipt"][0]["usd"]) == ("priced", "0", "0")


def test_an_end_may_be_made_earlier_but_not_later(api: httpx.Client) -> None:
    rule = add(api, {**DISCOUNT, "valid_from": ago(days=2)})
    assert rule["state"] == "in_force"
    planned = end(api, rule["id"], at="2100-01-01T00:00:00Z")
    assert (planned["state"], planned["stops_at"]) == ("in_force", "2100-01-01T00:00:00Z")
    assert end(api, rule["id"])["state"] == "ended"
    later = api.post(f"price-rules/{rule['id']}/end", json={"at": "2100-01-01T00:00:00Z"})
    assert later.status_code == 409
    assert end(api, rule["id"], at="2001-01-01T00:00:00Z")["state"] == "withdrawn"
    future = add(api, {**DISCOUNT, "valid_from": "2090-01-01T00:00:00Z"})
    assert future["state"] == "planned"
    assert end(api, future["id"])["state"] == "withdrawn"


def audited(server: LiveServer, project: str) -> list[AuditEntry]:
    with server.control.session() as session:
        entries = session.query(AuditEntry).filter_by(project_id=project).order_by(AuditEntry.id)
        return [entry for entry in entries if entry.action.startswith("price_rule.")]


def test_every_change_is_in_the_audit_record(server: LiveServer, api: httpx.Client, project: str) -> None:
    first = add(api, {**DISCOUNT, "note": "contract 7"})
    second = api.patch(f"price-rules/{first['id']}", json={"percent": "20"}).json()
    end(api, second["id"])
    entries = audited(server, project)
    assert [(entry.action, entry.object_id) for entry in entries] == [
        ("price_rule.create", first["id"]),
        ("price_rule.change", second["id"]),
        ("price_rule.end", second["id"]),
    ]
    assert all(entry.actor.startswith("session:") and entry.address == "127.0.0.1" for entry in entries)
    created, changed, ended = (entry.detail or {} for entry in entries)
    assert (created["rule"]["percent"], created["rule"]["note"]) == ("12", "contract 7")
    assert (changed["before"]["percent"], changed["rule"]["percent"]) == ("12", "20")
    assert ended["stops_at"]


def test_what_is_refused_leaves_no_trace(server: LiveServer, api: httpx.Client, project: str) -> None:
    add(api, DISCOUNT)
    assert api.post("price-rules", json=DISCOUNT).status_code == 409
    assert api.post("price-rules", json={**DISCOUNT, "percent": "101"}).status_code == 400
    assert len(rules(api)) == 1
    assert len(audited(server, project)) == 1


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (DISCOUNT, DISCOUNT, 409),
        (DISCOUNT, {**DISCOUNT, "percent": "50"}, 409),
        (DISCOUNT, {**DISCOUNT, "units": ["output_text_tokens"]}, 201),
        ({**DISCOUNT, "units": ["images", "pages"]}, {**DISCOUNT, "units": ["pages", "requests"]}, 409),
        ({**DISCOUNT, "units": ["images"]}, {**DISCOUNT, "units": ["pages"]}, 201),
        (DISCOUNT, {**DISCOUNT, "model": "gpt-4o"}, 201),
        ({**DISCOUNT, "model": "gpt-4o"}, {**DISCOUNT, "model": "GPT-4o"}, 409),
        ({**DISCOUNT, "valid_to": "2090-01-01T00:00:00Z"}, {**DISCOUNT, "valid_from": "2090-01-01T00:00:00Z"}, 201),
        ({**DISCOUNT, "valid_to": "2090-01-01T00:00:01Z"}, {**DISCOUNT, "valid_from": "2090-01-01T00:00:00Z"}, 409),
        (OVERRIDE, {**OVERRIDE, "dimensions": {"batch": "true"}}, 201),
        (OVERRIDE, {**OVERRIDE, "above_input_tokens": 200_000}, 201),
        (OVERRIDE, {**OVERRIDE, "rates": [{"unit": "output_text_tokens", "rate_usd": "8", "per": MILLION}]}, 201),
        (
            {**OVERRIDE, "dimensions": {"batch": "true"}},
            {**OVERRIDE, "dimensions": {"region": "eu"}},
            409,  # a batch in that region would have two rates
        ),
        ({**OVERRIDE, "dimensions": {"region": "us"}}, {**OVERRIDE, "dimensions": {"region": "eu"}}, 201),
        ({"kind": "free", "provider": "openai", "model": "gpt-4o"}, OVERRIDE, 409),
        ({"kind": "free", "provider": "openai"}, OVERRIDE, 201),
        (MAPPING, {**MAPPING, "to_model": "gpt-4o-mini"}, 409),
    ],
)
def test_two_rules_of_which_neither_is_more_special_may_not_meet(
    api: httpx.Client, first: dict[str, Any], second: dict[str, Any], status: int
) -> None:
    one = add(api, first)
    answer = api.post("price-rules", json=second)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert one["id"] in answer.json()["message"]
        assert "End or change that rule" in answer.json()["message"]
        end(api, one["id"], at=one["valid_from"])
        assert api.post("price-rules", json=second).status_code == 201


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"kind": "discount", "provider": "openai"}, "percent", "needs percent"),
        ({"kind": "discount", "percent": "12"}, "provider", "whose price"),
        ({**DISCOUNT, "percent": "-1"}, "percent", "greater than or equal to 0"),
        ({**DISCOUNT, "percent": "100.1"}, "percent", "less than or equal to 100"),
        ({**DISCOUNT, "percent": 0.12}, "percent", "decimal string"),
        ({**DISCOUNT, "percent": "NaN"}, "percent", "finite"),
        ({**DISCOUNT, "percent": "1.0000001"}, "percent", "decimal places"),
        ({**DISCOUNT, "rates": OVERRIDE["rates"]}, "rates", "has no rates"),
        ({**DISCOUNT, "units": ["input_text_token"]}, "units", "'input_text_tokens'"),
        ({**DISCOUNT, "units": []}, "units", "at least 1"),
        ({**DISCOUNT, "valid_from": "2026-02-01", "valid_to": "2026-02-01"}, "valid_to", "after valid_from"),
        ({**DISCOUNT, "valid_to": "2001-01-01T00:00:00Z"}, "valid_to", "which is now"),
        ({**DISCOUNT, "valid_from": "yesterday"}, "valid_from", "datetime"),
        ({**DISCOUNT, "valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from", ""),
        ({**DISCOUNT, "note": "x" * 1001}, "note", "1000"),
        ({**DISCOUNT, "provider": "open\x00ai"}, "provider", "stored"),
        ({**DISCOUNT, "kind": "gift"}, "kind", "'override', 'discount', 'free' or 'mapping'"),
        ({**DISCOUNT, "rebate": 1}, "rebate", "Extra inputs"),
        ({**DISCOUNT, "provider": "OpenAI"}, "provider", "'openai'"),
        ({**DISCOUNT, "provider": "  "}, "provider", "at least 1"),
        ({**OVERRIDE, "rates": []}, "rates", "at least 1"),
        ({**OVERRIDE, "rates": OVERRIDE["rates"] * 2}, "rates", "twice"),
        ({**OVERRIDE, "rates": [{"unit": "images", "rate_usd": "-1", "per": 1}]}, "rates.0.rate_usd", "greater"),
        ({**OVERRIDE, "rates": [{"unit": "images", "rate_usd": 0.1, "per": 1}]}, "rates.0.rate_usd", "decimal string"),
        ({**OVERRIDE, "rates": [{"unit": "images", "rate_usd": "1", "per": 0}]}, "rates.0.per", "greater"),
        ({**OVERRIDE, "rates": [{"unit": "images", "rate_usd": "1"}]}, "rates.0.per", "required"),
        ({**OVERRIDE, "rates": [{"unit": "foo", "rate_usd": "1", "per": 1}]}, "rates", "not a billed unit"),
        ({**OVERRIDE, "provider": None}, "provider", "needs provider"),
        ({**OVERRIDE, "dimensions": {"batch": True}}, "dimensions.batch", "string"),
        ({**OVERRIDE, "percent": "1"}, "percent", "has no percent"),
        ({**FREE, "dimensions": {"batch": "true"}}, "dimensions", "has no dimensions"),
        ({**MAPPING, "model": None}, "model", "needs model"),
        ({**MAPPING, "to_model": "gpt-4oo"}, "to_model", "'gpt-4o'"),
        ({**MAPPING, "to_provider": "opnai"}, "to_provider", "'openai'"),
        ({**MAPPING, "model": "gpt-4o"}, "to_model", "leads to itself"),
        ({}, "kind", "required"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(
    api: httpx.Client, body: dict[str, Any], field: str, word: str
) -> None:
    for path in ("price-rules", "price-rules/preview"):
        answer = api.post(path, json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["field"] == field
        assert word in answer.json()["message"]
    assert rules(api) == []


def test_a_rule_that_is_not_there_cannot_be_changed(api: httpx.Client) -> None:
    for rule_id in ("nope", "0" * 300):
        assert api.patch(f"price-rules/{rule_id}", json={"percent": "1"}).status_code == 404
        assert api.post(f"price-rules/{rule_id}/end", json={}).status_code == 404
    rule = add(api, DISCOUNT)
    nothing = api.patch(f"price-rules/{rule['id']}", json={})
    assert (nothing.status_code, "Nothing is changed" in nothing.json()["message"]) == (400, True)
    wrong = api.patch(f"price-rules/{rule['id']}", json={"to_model": "gpt-4o"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "to_model")
    other = api.patch(f"price-rules/{rule['id']}", json={"provider": "anthropic"})
    assert (other.status_code, other.json()["field"]) == (400, "provider")
    assert [one["state"] for one in rules(api)] == ["in_force"]


def test_rules_of_one_project_are_nothing_to_another(server: LiveServer, api: httpx.Client, project: str) -> None:
    mine = add(api, DISCOUNT)
    assert api.post("projects", json={"name": "Other", "id": f"{project}-other"}).status_code == 201
    with server.client(server.new_key("admin", f"{project}-other")) as other:
        other.base_url = f"{server.url}/api/v1/"
        other.params = {"project": f"{project}-other"}
        assert rules(other) == []
        theirs = add(other, {**DISCOUNT, "percent": "50"})
        assert [rule["id"] for rule in rules(other)] == [theirs["id"]]
        assert other.patch(f"price-rules/{mine['id']}", json={"percent": "99"}).status_code == 404
        assert other.post(f"price-rules/{mine['id']}/end", json={}).status_code == 404
        assert other.post("price-rules", json=DISCOUNT, params={"project": project}).status_code == 403
        assert cost(sent(other, server)) == ("priced", "0.00375")
    assert cost(sent(api, server)) == ("priced", "0.0066")
    assert [rule["id"] for rule in rules(api)] == [mine["id"]]


def test_pages_of_other_sites_cannot_change_prices(server: LiveServer, api: httpx.Client) -> None:
    rule = add(api, DISCOUNT)
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for method, path, body in (
        ("POST", "price-rules", OVERRIDE),
        ("PATCH", f"price-rules/{rule['id']}", {"percent": "100"}),
        ("POST", f"price-rules/{rule['id']}/end", {}),
        ("POST", "price-rules/preview", OVERRIDE),
    ):
        assert api.request(method, path, json=body, headers=foreign).status_code == 403
    assert [one["percent"] for one in rules(api, current=True)] == ["12"]


def test_a_project_may_have_so_many_rules(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_rules, "MAX_RULES", 2)
    add(api, DISCOUNT)
    add(api, OVERRIDE)
    full = api.post("price-rules", json=MAPPING)
    assert (full.status_code, "at most 2" in full.json()["message"]) == (400, True)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["openai", "gpt-4o", "1e400", "-0", "0.5", "2026-01-01", "9999-12-31T23:59:59-14:00", "\ud800", "\x00"]
    ),
    st.lists(st.sampled_from(["images", "", "x"]), max_size=3),
    st.dictionaries(st.text(max_size=4), st.one_of(st.text(max_size=4), st.none()), max_size=2),
    st.lists(
        st.fixed_dictionaries(
            {"unit": st.sampled_from(["images", "nope"])},
            optional={
                "rate_usd": st.one_of(st.text(max_size=4), st.sampled_from(["1E+5", "1E-18", "1E-19", "Infinity"])),
                "per": st.integers(-1, 10**13),
            },
        ),
        max_size=2,
    ),
)
FIELDS = (
    *("provider", "model", "to_provider", "to_model", "rates", "dimensions", "above_input_tokens", "percent"),
    *("units", "valid_from", "valid_to", "note"),
)


@given(
    base=st.sampled_from([DISCOUNT, OVERRIDE, MAPPING, FREE, {}]),
    changes=st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=3),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_the_server(api: httpx.Client, base: dict[str, Any], changes: dict[str, Any]) -> None:
    body = json.dumps({**base, **changes}).encode()
    headers = {"Content-Type": "application/json"}
    answer = api.post("price-rules", content=body, headers=headers)
    assert answer.status_code in {201, 400, 409}, answer.text
    if answer.status_code == 201:
        rule_id = answer.json()["id"]
        assert rule_id in {rule["id"] for rule in rules(api)}
        assert api.post("price-rules/preview", content=body, headers=headers).status_code == 200
        change = json.dumps(changes).encode()
        assert api.patch(f"price-rules/{rule_id}", content=change, headers=headers).status_code in {200, 400, 409}
    else:
        assert answer.json()["message"]
