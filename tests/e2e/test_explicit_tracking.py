"""What is reported by hand and captured as well costs what the provider's ledger says, in one process and in two."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from e2e.collector import Collector, wait_until
from llmobserve.demo_provider import DemoProvider

# openai.com/api/pricing, 2026-11: 56 × 0.15 + 64 × 0.075 + 30 × 0.60 = 31.2 millionths of a dollar a call.
CALL_USD = Decimal("0.0000312")
# 1000 × 0.15 + 500 × 0.60 = 450 millionths.
ELSEWHERE_USD = Decimal("0.00045")
CAPTURED = """
import sys
import llmobserve
llmobserve.observe()
import openai
from llmobserve.observatory import Observatory

client, observatory = openai.OpenAI(max_retries=0), Observatory("shop")
ask = lambda **more: client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}], **more
)
with observatory.start_session("answer") as session:
    ask()
    tracked = observatory.track_llm_call("gpt-4o-mini", 120, 30, routing_decision={"reason": "cheap"})
    assert tracked.merged_by == "usage", tracked
    with ask(stream=True, stream_options={"include_usage": True}) as stream:
        next(iter(stream))
        early = observatory.track_llm_call("gpt-4o-mini", 120, 30)
        assert early.merged_by is None, early
        list(stream)
    observatory.track_llm_call("gpt-4o-mini", 1000, 500, 20, agent_name="elsewhere")
    answer = ask()
session.score("resolved", True, source="user")
llmobserve.score("early", 0.25, event_id=early.event_id)
print(answer.id, session.run_id, tracked.event_id, early.event_id)
"""
TOLD = """
import sys
import llmobserve
llmobserve.observe()
from llmobserve.observatory import Observatory
tracked = Observatory("shop").track_llm_call("gpt-4o-mini", 120, 30, response_id=sys.argv[1], provider="openai")
assert tracked.merged_by is None
"""


def run(program: str, *arguments: str, environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_each_call_is_charged_once(tmp_path: Path, own_directories: Path) -> None:
    with Collector(tmp_path) as collector, DemoProvider() as provider:
        collector.sign_in()
        environment = {**provider.environment(), "LLMOBSERVE_COLLECTOR_URL": collector.url}
        response_id, run_id, tracked, early = run(CAPTURED, environment=environment)
        run(TOLD, response_id, environment=environment | {"LLMOBSERVE_SPOOL_DIR": str(own_directories / "second")})

        def charged() -> dict[str, Decimal]:
            found: list[dict[str, Any]] = collector.calls()
            return {row["event_id"]: Decimal(row["cost_usd"]) for row in found if row["merged_into"] is None}

        wanted = len(provider.ledger) * CALL_USD + ELSEWHERE_USD
        assert len(provider.ledger) == 3
        wait_until(lambda: len(collector.calls()) == 5 and sum(charged().values()) == wanted, 30)
        assert len(charged()) == 4
        assert charged()[early] == CALL_USD
        nodes = collector.get(f"runs/{run_id}")["nodes"]
        assert sum(Decimal(node["cost_usd"] or 0) for node in nodes) == wanted
        scores = collector.get("scores")["scores"]
        assert {(row["target_type"], row["target_id"], row["name"], row["value"]) for row in scores} == {
            ("run", run_id, "resolved", "1"),
            ("event", early, "early", "0.25"),
        }
        facts = collector.get(f"events/{tracked}")["facts"]
        assert {fact["kind"]: fact["data"].get("reason", fact["data"].get("merged_by")) for fact in facts} == {
            "routing": "cheap",
            "tracking": "usage",
        }
