"""What OpenAI bills beside the tokens of an answer: containers, searches, decisions, training."""

from typing import Any

import pytest
from loopback.exchanges import recorded, units
from loopback.given import exchange, only

API = "https://api.openai.com/v1"


def response(output: Any, tools: Any) -> dict[str, Any]:
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    fields = {"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-4.1"}
    return {**fields, "output": output, "tools": tools, "usage": usage}


def ask(output: Any, tools: Any) -> Any:
    return only(exchange(API + "/responses", {"model": "gpt-4.1", "tools": tools}, response(output, tools)))


def ran(container: str) -> dict[str, Any]:
    return {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "container_id": container}


def searched(action: str) -> dict[str, Any]:
    return {"type": "web_search_call", "id": f"ws_{action}", "status": "completed", "action": {"type": action}}


def test_only_searches_of_the_search_tool_cost() -> None:
    # 1000 x 2 + 100 x 8 = 2800 $/M, and one search at $10 a thousand
    seen = ask([searched("search"), searched("open_page"), searched("find_in_page")], [{"type": "web_search"}])
    assert (seen.units["web_search_calls"], seen.usd) == (1, "0.0128")


def test_a_container_is_charged_once_when_it_is_made() -> None:
    made = {"id": "cntr_1", "object": "container", "status": "running", "name": "mine"}
    seen = only(exchange(API + "/containers", {"name": "mine"}, made))
    assert (seen.cost.state, seen.usd) == ("priced", "0.03")
    named = ask([ran("cntr_1")], [{"type": "code_interpreter", "container": "cntr_1"}])
    assert (named.units.get("code_interpreter_sessions"), named.usd) == (None, "0.0028")
    automatic = ask([ran("cntr_2")], [{"type": "code_interpreter", "container": {"type": "auto"}}])
    assert automatic.usd == "0.0328"


def test_larger_containers_have_no_known_price() -> None:
    tools = [{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}]
    assert ask([ran("cntr_3")], tools).cost.state == "unpriced"
    assert ask([], tools).usd == "0.0028"
    made = {"id": "cntr_4", "object": "container", "memory_limit": "16g"}
    assert only(exchange(API + "/containers", {"name": "mine"}, made)).cost.state == "unpriced"
    ordinary = {"id": "cntr_5", "object": "container", "memory_limit": "1g"}
    assert only(exchange(API + "/containers", {"name": "mine"}, ordinary)).usd == "0.03"


def test_decisions_bill_their_input() -> None:
    usage = {
        "input_tokens": 5000,
        "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5003,
    }
    body = {"model": "gpt-6-luna", "answers": [{"type": "predicate", "probability": 0.9}], "usage": usage}
    seen = only(exchange(API + "/decisions", {"model": "gpt-6-luna", "questions": []}, body))
    # 5000 x 0.1 $/M, cached or not; output is free
    assert (seen.cost.state, seen.usd) == ("priced", "0.0005")
    told = recorded(API + "/decisions", request={"model": "gpt-6-luna", "input": "A" * 80}, body={"answers": []})
    assert (units(told), told["cost"]["state"]) == ({"input_text_tokens": 20}, "estimated")


JOB: dict[str, Any] = {"id": "ftjob-1", "object": "fine_tuning.job", "model": "gpt-4.1-mini-2025-04-14"}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"status": "succeeded", "trained_tokens": 43_210}, {"training_tokens": 43_210}),
        ({"status": "cancelled", "trained_tokens": 7}, {"training_tokens": 7}),
        ({"status": "failed", "trained_tokens": None, "error": {"code": "invalid_file"}}, {"training_tokens": 0}),
        ({"status": "succeeded", "method": {"type": "reinforcement"}}, {}),
    ],
)
def test_training_is_read_from_the_finished_job(job: Any, expected: Any) -> None:
    seen = only(exchange(API + "/fine_tuning/jobs/ftjob-1", None, {**JOB, **job}, method="GET"))
    assert seen.units == expected
    assert seen.call.response_model == "gpt-4.1-mini-2025-04-14"
    if expected.get("training_tokens") != 0:
        assert seen.cost.state == "unpriced"


def test_training_that_goes_on_is_no_charge_yet() -> None:
    running = {**JOB, "status": "running", "trained_tokens": None}
    assert exchange(API + "/fine_tuning/jobs", {"model": "gpt-4.1-mini"}, running) == []
    assert exchange(API + "/fine_tuning/jobs/ftjob-1", None, running, method="GET") == []
    listed = {"object": "list", "data": [{**JOB, "status": "succeeded", "trained_tokens": 5}], "has_more": False}
    assert exchange(API + "/fine_tuning/jobs", None, listed, method="GET") == []
