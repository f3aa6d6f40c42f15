"""A trace whose spans come one by one, in every order: its call ends up where it would be if all had come at once."""

import itertools
import secrets
from typing import Any

import pytest
from server.live_server import LiveServer, get
from server.otlp_bodies import CALL, CALL_USD, PROTOBUF, pairs, request, span

AGENT = {**CALL, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer", "session.id": "s1"}
STEP = {"gen_ai.operation.name": "agent_step"}
ORDERS = list(itertools.permutations(range(3)))


def trace() -> list[Any]:
    """An agent that states the sum of what is below it, a step, and the call."""
    trace_id = secrets.token_bytes(16)
    ids = [secrets.token_bytes(8) for _ in range(3)]
    whole = [("invoke_agent", AGENT), ("step 1", STEP), ("chat", {**CALL, "gen_ai.response.id": trace_id.hex()})]
    return [
        span(
            trace_id=trace_id,
            span_id=ids[at],
            parent_span_id=ids[at - 1] if at else b"",
            name=name,
            attributes=pairs(attributes),
        )
        for at, (name, attributes) in enumerate(whole)
    ]


@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_call_is_in_its_agent_and_charged_once(server: LiveServer, together: bool) -> None:
    with server.client() as client:
        for order in ORDERS:
            spans = trace()
            parts = [[spans[at] for at in order]] if together else [[spans[at]] for at in order]
            for part in parts:
                answer = client.post("/v1/traces", content=request(*part).SerializeToString(), headers=PROTOBUF)
                assert answer.status_code == 200, answer.text
    with server.api() as api:
        rows = get(api, "events", limit=200)["events"]
        total = get(api, "totals")["total"]["spend"]
    charged = [row for row in rows if row["merged_into"] is None]
    assert {(row["agent"], row["section_path"], row["session_id"]) for row in charged} == {
        ("writer", "agent:writer/step:step 1", "s1")
    }
    assert [row["cost_usd"] for row in charged] == [CALL_USD] * len(ORDERS)
    assert total["calls"] == len(ORDERS)
