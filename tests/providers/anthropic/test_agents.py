"""Managed agents: a session is one event, whose figures and charge only grow."""

import json
from decimal import Decimal
from typing import Any

from loopback.exchanges import recorded, units
from loopback.given import exchange, only

SESSIONS = "https://api.anthropic.com/v1/sessions"
USAGE: dict[str, Any] = {
    "input_tokens": 1000,
    "output_tokens": 500,
    "cache_read_input_tokens": 20_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 1000},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "active_seconds": 90.5,
}


def session(usage: Any, **fields: Any) -> dict[str, Any]:
    agent = {"id": "agent_1", "type": "agent", "model": {"id": "claude-opus-5-5"}}
    return {"type": "session", "id": "sesn_1", "status": "idle", "agent": agent, "usage": usage, **fields}


def look(usage: Any) -> Any:
    return exchange(SESSIONS + "/sesn_1", None, session(usage), method="GET")


def test_list_cost_in_cents_is_the_charge() -> None:
    seen = only(look({**USAGE, "list_cost": {"amount": "275", "currency": "USD"}}))
    assert (seen.cost.state, seen.usd) == ("provider_reported", "2.75")
    assert seen.units == {
        "input_text_tokens": 1000,
        "output_text_tokens": 500,
        "cache_read_text_tokens": 20_000,
        "cache_write_5m_tokens": 2000,
        "cache_write_1h_tokens": 1000,
        "web_search_calls": 2,
        "web_fetch_calls": 1,
        "session_seconds": Decimal("90.5"),
    }


def test_without_a_list_cost_tokens_tools_and_runtime_are_priced() -> None:
    # Opus 5.5: 1000 x 4 + 500 x 20 + 20000 x 0.2 + 2000 x 5 + 1000 x 8 = 36,000 $/M = 0.036; 2 searches at $10 a
    # thousand = 0.02; 90 s at $0.08 an hour = 0.002
    seen = only(look({**USAGE, "active_seconds": 90}))
    assert (seen.cost.state, seen.usd) == ("priced", "0.058")


def test_a_charge_that_rounds_to_nothing_is_told_by_the_tokens() -> None:
    # 10 x 4 + 10 x 20 = 240 $/M
    seen = only(look({"input_tokens": 10, "output_tokens": 10, "list_cost": {"amount": "0", "currency": "USD"}}))
    assert (seen.cost.state, seen.usd) == ("priced", "0.00024")


def test_later_looks_replace_earlier_ones_in_any_order() -> None:
    first = look({"input_tokens": 10, "output_tokens": 5, "list_cost": {"amount": "100", "currency": "USD"}})
    later = look({"input_tokens": 90, "output_tokens": 45, "list_cost": {"amount": "250", "currency": "USD"}})
    assert only(first, later).usd == "2.5"
    assert only(later, first).usd == "2.5"


def test_a_new_session_is_no_charge() -> None:
    assert exchange(SESSIONS, {"agent": "agent_1"}, session({"input_tokens": 0, "output_tokens": 0})) == []
    assert exchange(SESSIONS, {"agent": "agent_1"}, session({})) == []


def test_events_of_a_session() -> None:
    early = {"type": "session.usage", "id": "e1", "usage": {"input_tokens": 10, "output_tokens": 5}}
    late = {
        "type": "session.usage",
        "id": "e2",
        "usage": {**USAGE, "list_cost": {"amount": "31", "currency": "USD"}},
    }
    listed = {"data": [{"type": "agent.message", "content": []}, late, early], "next_page": None}
    seen = only(exchange(SESSIONS + "/sesn_1/events", None, listed, method="GET"))
    assert (seen.cost.state, seen.usd) == ("provider_reported", "0.31")

    rest = {"type": "session.status_idle"}
    stream = "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in ({"type": "session.status_running"}, early, {"type": "agent.message"}, late, rest)
    )
    told = recorded(SESSIONS + "/sesn_1/events/stream", body=stream, content_type="text/event-stream", method="GET")
    assert told["cost"]["usd"] == "0.31"
    assert told.get("status", "ok") == "ok"
    assert units(told)["output_text_tokens"] == 500


def test_what_says_nothing_of_usage_is_no_charge() -> None:
    assert exchange(SESSIONS + "/sesn_1/events", {"events": []}, {"data": [{"type": "user.message"}]}) == []
    assert exchange(SESSIONS + "?limit=2", None, {"data": [session(USAGE)], "next_page": None}, method="GET") == []
    refused = recorded(SESSIONS, body={"type": "error", "error": {"type": "not_found_error"}}, status=404)
    assert refused["cost"]["state"] == "free"
